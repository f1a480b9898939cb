"""httpx and httpx2 through their connection pools, without the layers above that a create has no use for.

No redirects, no cookies, no proxies from the environment, no decoding beyond the cap: what is absent cannot surprise.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from unilead.message import Request, Response
from unilead.transport.answer import MAX_ANSWER, make_response
from unilead.transport.call import (
    CONNECT_TIMEOUT,
    HOSTS,
    KEEPALIVE,
    MAX_CONNECTIONS,
    WRITE_TIMEOUT,
    CallState,
    current_call,
    outgoing_headers,
    split_url,
    tls_context,
)
from unilead.transport.failure import failure
from unilead.transport.network import backend_classes
from unilead.transport.pools import Pools


@lru_cache(maxsize=1024)
def _address(origin: str) -> tuple[bytes, bytes, int | None, bytes]:
    """Scheme, host, port and ``Host`` header of an origin."""
    parts = urlsplit(origin)
    host = (parts.hostname or "").encode("ascii")
    return parts.scheme.encode(), host, parts.port, parts.netloc.encode("ascii")


class _Base:
    _is_async = False

    def __init__(self, engine: str = "httpcore", *, allow_private: bool = False) -> None:
        self._core: Any = import_module(engine)
        self._engine = engine
        self._allow_private = allow_private
        self._pools = Pools(self._open, MAX_CONNECTIONS, HOSTS)

    def _open(self, connections: int) -> Any:
        kind = self._core.AsyncConnectionPool if self._is_async else self._core.ConnectionPool
        return kind(
            ssl_context=tls_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEPALIVE,
            network_backend=backend_classes(self._engine)[self._is_async](allow_private=self._allow_private),
        )

    def _outgoing(self, request: Request, credentials: Mapping[str, str], call: CallState) -> Any:
        origin, target = split_url(request.url)
        scheme, host, port, netloc = _address(origin)
        headers = [(b"Host", netloc)]
        headers += [
            (name.encode("ascii"), value.encode("ascii")) for name, value in outgoing_headers(request, credentials)
        ]
        if request.body or request.method != "GET":
            headers.append((b"Content-Length", b"%d" % len(request.body)))
        connect = min(CONNECT_TIMEOUT, call.left)
        timeout = {"connect": connect, "pool": connect, "write": min(WRITE_TIMEOUT, call.left), "read": call.left}
        url = self._core.URL(scheme=scheme, host=host, port=port, target=target.encode("ascii"))
        return self._core.Request(
            request.method, url, headers=headers, content=request.body, extensions={"timeout": timeout}
        )

    @staticmethod
    def _incoming(answer: Any, body: bytes, *, whole: bool) -> Response:
        reason = answer.extensions.get("reason_phrase", b"").decode("latin-1")
        return make_response(answer.status, answer.headers, body, reason, truncated=not whole)

    @staticmethod
    def _inspect(answer: Any) -> None:
        """Keep a connection from being reused when more arrived on it than this answer."""
        stream = answer.extensions.get("network_stream")
        length = next((v.decode("latin-1") for n, v in answer.headers if n.lower() == b"content-length"), None)
        if stream is not None and not stream.meter.is_exact(length):
            stream.spoiled = True


class PoolTransport(_Base):
    """Sends synchronously over a pool.

    Args:
        engine: the pool's module, ``httpcore`` or ``httpcore2``.
        allow_private: connect to addresses that are not public; for simulators.
    """

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send; each read waits at most for what is left of ``timeout``, so dripping answers end in time too."""
        call = CallState(time.monotonic() + timeout)
        token = current_call.set(call)
        try:
            with self._pools.one_for(split_url(request.url)[0]) as pool:
                return self._read(pool.handle_request(self._outgoing(request, credentials, call)))
        except Exception as fault:
            error = failure(fault, call, request)
        finally:
            current_call.reset(token)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def _read(self, answer: Any) -> Response:
        body = bytearray()
        whole = False
        try:
            for chunk in answer.stream:
                body += chunk
                if len(body) > MAX_ANSWER:
                    break
            else:
                whole = True
                self._inspect(answer)
        except (OSError, self._core.NetworkError, self._core.ProtocolError, self._core.TimeoutException):
            whole = False  # the status is known, the body is not: the status decides
        finally:
            answer.close()
        return self._incoming(answer, bytes(body), whole=whole)

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.taken():
            pool.close()


class AsyncPoolTransport(_Base):
    """As `PoolTransport`, asynchronously."""

    _is_async = True

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all."""
        call = CallState(time.monotonic() + timeout)
        token = current_call.set(call)
        try:
            with self._pools.one_for(split_url(request.url)[0]) as pool:
                async with asyncio.timeout(timeout):
                    answer = await pool.handle_async_request(self._outgoing(request, credentials, call))
                return await self._read(answer, call)
        except Exception as fault:
            error = failure(fault, call, request)
        finally:
            current_call.reset(token)
        raise error  # outside, so that no library error with our headers in it rides along as context

    async def _read(self, answer: Any, call: CallState) -> Response:
        body = bytearray()
        whole = False
        try:
            async with asyncio.timeout(call.left):
                async for chunk in answer.stream:
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        break
                else:
                    whole = True
                    self._inspect(answer)
        except (OSError, self._core.NetworkError, self._core.ProtocolError, self._core.TimeoutException):
            whole = False  # the status is known, the body is not: the status decides
        finally:
            await answer.aclose()
        return self._incoming(answer, bytes(body), whole=whole)

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.taken():
            await pool.aclose()
