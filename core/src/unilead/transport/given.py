"""A transport of httpx or httpx2 that the application hands in: a mock, an ASGI or WSGI application, a recorder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from unilead.message import Request, Response
from unilead.transport.answer import MAX_ANSWER, CallState, failure, make_response, outgoing_headers

_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "InvalidURL", "LocalProtocolError")


class _Base:
    def __init__(self, given: Any, backend: str) -> None:
        self._given = given
        self._http: Any = import_module(backend if backend in ("httpx", "httpx2") else "httpx")

    def _outgoing(self, request: Request, credentials: Mapping[str, str], timeout: float) -> Any:
        headers = outgoing_headers(request, credentials)
        extensions = {"timeout": self._http.Timeout(timeout).as_dict()}
        return self._http.Request(
            request.method, request.url, headers=headers, content=request.body, extensions=extensions
        )

    @staticmethod
    def _note(fault: Exception, call: CallState) -> None:
        """There is no wire to watch: only what the library itself calls *not connected* counts as not sent."""
        call.sent = type(fault).__name__ not in _NOT_SENT


def _incoming(answer: Any, body: bytes, *, whole: bool) -> Response:
    return make_response(
        answer.status_code, answer.headers.multi_items(), body, answer.reason_phrase, truncated=not whole
    )


class GivenTransport(_Base):
    """Sends synchronously through the given transport."""

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send; the time limit is up to the given transport."""
        call = CallState(time.monotonic() + timeout)
        try:
            answer = self._given.handle_request(self._outgoing(request, credentials, timeout))
            body = bytearray()
            for chunk in answer.stream:
                body += chunk
                if len(body) > MAX_ANSWER:
                    break
            answer.close()
            return _incoming(answer, bytes(body), whole=len(body) <= MAX_ANSWER)
        except Exception as fault:
            self._note(fault, call)
            error = failure(fault, call, request)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def close(self) -> None:
        """Close the given transport."""
        self._given.close()


class AsyncGivenTransport(_Base):
    """Sends asynchronously through the given transport."""

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all."""
        call = CallState(time.monotonic() + timeout)
        try:
            async with asyncio.timeout(timeout):
                answer = await self._given.handle_async_request(self._outgoing(request, credentials, timeout))
                body = bytearray()
                async for chunk in answer.stream:
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        break
                await answer.aclose()
            return _incoming(answer, bytes(body), whole=len(body) <= MAX_ANSWER)
        except Exception as fault:
            self._note(fault, call)
            error = failure(fault, call, request)
        raise error  # outside, so that no library error with our headers in it rides along as context

    async def aclose(self) -> None:
        """Close the given transport."""
        await self._given.aclose()
