"""httpx and httpx2 through their connection pools, without the layers above that a create has no use for.

No redirects, no cookies, no proxies from the environment, no decoding beyond the cap: what is absent cannot surprise.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from unilead.message import Request, Response
from unilead.transport.answer import (
    CONNECT_TIMEOUT,
    KEEPALIVE,
    MAX_ANSWER,
    MAX_CONNECTIONS,
    WRITE_TIMEOUT,
    CallState,
    current_call,
    failure,
    make_response,
    outgoing_headers,
    tls_context,
)
from unilead.transport.network import backend_classes


@lru_cache(maxsize=1024)
def _address(origin: str) -> tuple[bytes, bytes, int | None, bytes]:
    """Scheme, host, port and ``Host`` header of an origin."""
    parts = urlsplit(origin)
    host = (parts.hostname or "").encode("ascii")
    return parts.scheme.encode(), host, parts.port, parts.netloc.encode("ascii")


def _pool_options(engine: str, *, is_async: bool, allow_private: bool) -> dict[str, Any]:
    return {
        "ssl_context": tls_context(),
        "max_connections": MAX_CONNECTIONS,
        "max_keepalive_connections": MAX_CONNECTIONS,
        "keepalive_expiry": KEEPALIVE,
        "network_backend": backend_classes(engine)[is_async](allow_private=allow_private),
    }


class _Base:
    def __init__(self, engine: str = "httpcore", *, allow_private: bool = False) -> None:
        self._core: Any = import_module(engine)
        self._engine = engine
        self._allow_private = allow_private
        self._pool: Any = None
        self._opening = threading.Lock()

    def _outgoing(self, request: Request, credentials: Mapping[str, str], call: CallState) -> Any:
        cut = request.url.find("/", 8)
        origin, target = (request.url, "/") if cut < 0 else (request.url[:cut], request.url[cut:])
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
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers]
        reason = answer.extensions.get("reason_phrase", b"").decode("latin-1")
        return make_response(answer.status, headers, body, reason, truncated=not whole)

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
            answer = self._opened().handle_request(self._outgoing(request, credentials, call))
            return self._read(answer)
        except Exception as fault:
            error = failure(fault, call, request)
        finally:
            current_call.reset(token)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def _opened(self) -> Any:
        with self._opening:  # several threads may send first at once: one pool for all, or some would never be closed
            if self._pool is None:
                options = _pool_options(self._engine, is_async=False, allow_private=self._allow_private)
                self._pool = self._core.ConnectionPool(**options)
            return self._pool

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
        if self._pool is not None:
            self._pool.close()
            self._pool = None


class AsyncPoolTransport(_Base):
    """As `PoolTransport`, asynchronously."""

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all."""
        call = CallState(time.monotonic() + timeout)
        token = current_call.set(call)
        try:
            async with asyncio.timeout(timeout):
                answer = await self._opened().handle_async_request(self._outgoing(request, credentials, call))
            return await self._read(answer, call)
        except Exception as fault:
            error = failure(fault, call, request)
        finally:
            current_call.reset(token)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def _opened(self) -> Any:
        if self._pool is None:
            options = _pool_options(self._engine, is_async=True, allow_private=self._allow_private)
            self._pool = self._core.AsyncConnectionPool(**options)
        return self._pool

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
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None
