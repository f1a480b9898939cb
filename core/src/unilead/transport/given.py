"""A transport of httpx or httpx2 that the application hands in: a mock, an ASGI or WSGI application, a recorder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from unilead.message import Request, Response
from unilead.transport.answer import MAX_ANSWER, make_response
from unilead.transport.call import CallState, outgoing_headers, split_url
from unilead.transport.failure import failure

_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL", "LocalProtocolError")


@cache
def _body_class(http: Any) -> type:
    """The class of request bodies for one library, which note when the transport takes them."""

    class Body(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, data: bytes) -> None:
            self._data, self.taken = data, False

        def __iter__(self) -> Iterator[bytes]:
            self.taken = True
            yield self._data

        async def __aiter__(self) -> AsyncIterator[bytes]:
            self.taken = True
            yield self._data

    return Body


class _Base:
    _method = ""

    def __init__(self, given: Any, backend: str) -> None:
        if not hasattr(given, self._method):
            kind = "asynchronously" if "async" in self._method else "synchronously"
            raise ValueError(
                f"a {type(given).__name__} cannot send {kind}; transport wants a simulator, a transport of httpx or"
                " httpx2, or an object like unilead.transport.Transport"
            )
        self._given = given
        self._http: Any = import_module(backend if backend in ("httpx", "httpx2") else "httpx")

    def _outgoing(self, request: Request, credentials: Mapping[str, str], timeout: float) -> Any:
        origin, _ = split_url(request.url)
        headers = [("Host", origin.partition("://")[2]), *outgoing_headers(request, credentials)]
        if request.body or request.method != "GET":
            headers.append(("Content-Length", str(len(request.body))))
        extensions = {"timeout": self._http.Timeout(timeout).as_dict()}
        body = _body_class(self._http)(request.body)
        return self._http.Request(request.method, request.url, headers=headers, stream=body, extensions=extensions)

    @staticmethod
    def _was_sent(fault: Exception, outgoing: Any) -> bool:
        """Whether it may have been sent: only what the library calls *not connected* says no.

        There is no wire to watch, and not every transport keeps these words apart (httpx-aiohttp calls a reset after
        the CRM read the request a connect time-out). So a body that was taken counts as sent all the same; one that was
        read ahead, as mocks do, is another object by then.
        """
        if outgoing is None:
            return False
        return type(fault).__name__ not in _NOT_SENT or getattr(outgoing.stream, "taken", False)


def _incoming(answer: Any, body: bytes, *, whole: bool) -> Response:
    return make_response(answer.status_code, answer.headers.raw, body, answer.reason_phrase, truncated=not whole)


class GivenTransport(_Base):
    """Sends synchronously through the given transport. Raises: ValueError where that cannot."""

    _method = "handle_request"

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send; the time limit is up to the given transport."""
        call = CallState(time.monotonic() + timeout)
        outgoing = None
        try:
            outgoing = self._outgoing(request, credentials, timeout)
            answer = self._given.handle_request(outgoing)
            body = bytearray()
            for chunk in answer.stream:
                body += chunk
                if len(body) > MAX_ANSWER:
                    break
            answer.close()
            return _incoming(answer, bytes(body), whole=len(body) <= MAX_ANSWER)
        except Exception as fault:
            call.sent = self._was_sent(fault, outgoing)
            error = failure(fault, call, request)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def close(self) -> None:
        """Close the given transport."""
        self._given.close()


class AsyncGivenTransport(_Base):
    """Sends asynchronously through the given transport. Raises: ValueError where that cannot."""

    _method = "handle_async_request"

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all."""
        call = CallState(time.monotonic() + timeout)
        outgoing = None
        try:
            outgoing = self._outgoing(request, credentials, timeout)
            async with asyncio.timeout(timeout):
                answer = await self._given.handle_async_request(outgoing)
                body = bytearray()
                async for chunk in answer.stream:
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        break
                await answer.aclose()
            return _incoming(answer, bytes(body), whole=len(body) <= MAX_ANSWER)
        except Exception as fault:
            call.sent = self._was_sent(fault, outgoing)
            error = failure(fault, call, request)
        raise error  # outside, so that no library error with our headers in it rides along as context

    async def aclose(self) -> None:
        """Close the given transport."""
        await self._given.aclose()
