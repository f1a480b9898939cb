"""aiohttp, natively: the back end for many leads in flight. Asynchronous only, bound to one event loop."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from unilead.message import Request, Response
from unilead.origin import is_public
from unilead.transport.answer import (
    CONNECT_TIMEOUT,
    KEEPALIVE,
    MAX_ANSWER,
    MAX_CONNECTIONS,
    CallState,
    ForbiddenAddressError,
    current_call,
    failure,
    make_response,
    outgoing_headers,
    tls_context,
)


class _CheckedResolver(AbstractResolver):
    """Resolves names to public addresses only; the connection goes to the very address that was checked."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(entry["host"]) for entry in found):
            raise ForbiddenAddressError(f"{host} leads to an address that is not public", hint="nothing was sent")
        return found

    async def close(self) -> None:
        await self._inner.close()


class _Request(aiohttp.ClientRequest):
    """Notes the moment from which on bytes may leave, as aiohttp's tracing would at a multiple of the cost."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        current_call.get().sent = True
        return await super().send(conn)


class _Connector(aiohttp.TCPConnector):
    """A pool that never reuses a spoiled connection: something arrived on it that nobody asked for, or its end did."""

    async def _get(self, key: Any, traces: Any) -> Any:
        waiting = self._conns.get(key)
        while waiting and self._is_spoiled(waiting[-1][0]):
            protocol, _ = waiting.pop()
            protocol.close()
        return await super()._get(key, traces)

    @staticmethod
    def _is_spoiled(protocol: Any) -> bool:
        return bool(protocol.should_close) or _is_readable(protocol.transport)


def _is_readable(pipe: asyncio.Transport | None) -> bool:
    """Whether anything, be it the end, waits on an idle connection that the event loop has not seen yet."""
    if pipe is None or pipe.is_closing():
        return True
    if not hasattr(select, "poll"):
        return False  # Windows: an `unknown` more often
    poller = select.poll()
    poller.register(pipe.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poller.poll(0))


class AiohttpTransport:
    """Sends asynchronously over aiohttp's own pool.

    Args:
        allow_private: connect to addresses that are not public; for simulators.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._session: aiohttp.ClientSession | None = None

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all."""
        call = CallState(time.monotonic() + timeout)
        token = current_call.set(call)
        try:
            url = URL(request.url, encoded=True)
            self._check_literal(url.host or "")
            async with asyncio.timeout(timeout):
                answer = await self._opened().request(
                    request.method,
                    url,
                    data=request.body or None,
                    headers=outgoing_headers(request, credentials),
                    allow_redirects=False,
                )
            return await self._read(answer, call)
        except Exception as fault:
            error = failure(fault, call, request)
        finally:
            current_call.reset(token)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def _check_literal(self, host: str) -> None:
        """Addresses written as such bypass the resolver, so they are checked here."""
        is_literal = ":" in host or host.replace(".", "").isdigit()
        if is_literal and not self._allow_private and not is_public(host):
            raise ForbiddenAddressError(f"{host} is not a public address", hint="nothing was sent")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = None if self._allow_private else _CheckedResolver()
            self._session = aiohttp.ClientSession(
                connector=_Connector(
                    limit=MAX_CONNECTIONS, keepalive_timeout=KEEPALIVE, ssl=tls_context(), resolver=resolver
                ),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                request_class=_Request,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            )
        return self._session

    async def _read(self, answer: aiohttp.ClientResponse, call: CallState) -> Response:
        body = bytearray()
        whole = False
        try:
            if answer.content.is_eof():  # as with most answers: it came with the head, so there is nothing to wait for
                body += answer.content.read_nowait()
                whole = True
            else:
                whole = await _read_on(answer.content, body, call.left)
        except (OSError, aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError):
            whole = False  # the status is known, the body is not: the status decides
        finally:
            if not whole:
                answer.close()
            answer.release()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers]
        return make_response(answer.status, headers, bytes(body), answer.reason or "", truncated=not whole)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _read_on(content: aiohttp.StreamReader, body: bytearray, seconds: float) -> bool:
    """Read the rest of a body. Returns: whether it is all there."""
    async with asyncio.timeout(seconds):
        async for chunk in content.iter_any():
            body += chunk
            if len(body) > MAX_ANSWER:
                return False
    return True
