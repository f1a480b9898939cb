"""What happens to every request before and after its route: paths that clients write oddly, errors, and crashes."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unilead_host.headers import HEADERS
from unilead_host.logs import LOG
from unilead_host.storage import StorageError
from unilead_host.wire import Answer, Refusal, error_body, phrase, unavailable

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_SLASHES = re.compile(r"^//+")
_ALWAYS = [(name.encode(), value.encode()) for name, value in {**HEADERS, "cache-control": "no-store"}.items()]


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer as it is, with the headers that every answer has; header values in UTF-8."""
    body = answer.body
    headers = [(b"content-type", answer.media_type.encode()), (b"content-length", b"%d" % len(body)), *_ALWAYS]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def crashed(scope: Scope, fault: Exception) -> Answer:
    """The answer to what nobody expected: a line in the log, and nothing about it for the caller."""
    LOG.error("request.crashed", path=scope["path"], fault=type(fault).__name__, exc_info=fault)
    return Answer(500, error_body(500, "Internal server error"))


class PlainPaths:
    """Middleware: ``//a`` and ``/a/`` mean ``/a``, because clients join a base URL and a path without looking."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        if path[:2] == "//" or (path[-1:] == "/" and len(path) > 1):
            plain = _SLASHES.sub("/", path)
            scope = {**scope, "path": plain.rstrip("/") or "/"}
        await self.app(scope, receive, send)


class Boundary:
    """Middleware: whatever nobody else caught becomes a 500 of the API's own shape, and one line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as fault:
            if started:
                raise
            await send_answer(send, crashed(scope, fault))


# --- errors outside the lead endpoints, in the same shape -------------------------------------------------------------


def response_of(answer: Answer) -> Response:
    """An answer as the framework's handlers give it."""
    return Response(answer.body, answer.status, answer.headers, answer.media_type)


async def _http_error(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return response_of(error.answer)
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    message = error.detail if isinstance(error.detail, str) else phrase(error.status_code)
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else dict(error.headers or {})
    return response_of(Answer(error.status_code, error_body(error.status_code, message), headers))


def _allowed(request: Request) -> str:
    """The methods that a path takes; the framework names those of its first route alone."""

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(filter(takes, METHODS))


async def _storage_error(request: Request, error: Exception) -> Response:
    return response_of(unavailable(error))


EXCEPTION_HANDLERS = {HTTPException: _http_error, StorageError: _storage_error}
