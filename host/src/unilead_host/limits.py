"""What one client may ask of the host: the size and the time of a body, and requests in ten seconds."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unilead_host.wire import Refusal

BODY_SECONDS = 10.0
WINDOW = 10.0
MAX_NAMES = 10_000
CLOSE = {"Connection": "close"}


class BodyLimit:
    """Middleware: a body may have so many bytes and take so many seconds, whoever reads it.

    A declared length beyond the limit is refused without waiting for the body; the connection is closed then, because
    what is still to come on it is not read.
    """

    def __init__(self, app: ASGIApp, *, max_body: int, seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self.max_body = max_body
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = _Body(receive, self._declared(scope), self.max_body, self.seconds)
        await self.app(scope, body.receive, send)

    @staticmethod
    def _declared(scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == b"content-length":
                return int(value) if value.isdigit() else 0
        return 0


class _Body:
    def __init__(self, receive: Receive, declared: int, max_body: int, seconds: float) -> None:
        self._receive = receive
        self._declared = declared
        self._max = max_body
        self._seconds = seconds
        self._deadline: float | None = None
        self._read = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        if self._declared > self._max:
            raise self._too_large()
        message = await self._next()
        self._read += len(message.get("body", b""))
        if self._read > self._max:
            raise self._too_large()
        self._complete = not message.get("more_body", False)
        return message

    async def _next(self) -> MutableMapping[str, Any]:
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            raise Refusal(400, f"The request body did not arrive within {self._seconds:g} s", headers=CLOSE) from None

    def _too_large(self) -> Refusal:
        return Refusal(413, f"Request body exceeds {self._max} bytes", headers=CLOSE)


class RateLimit:
    """At most ``requests`` in any ten seconds for one name; 0 is no limit. Counts in this process."""

    def __init__(self, requests: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests = requests
        self._clock = clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Count one request. Raises: Refusal with status 429."""
        if not self.requests:
            return
        now = self._clock()
        times = self._seen.setdefault(name, deque())
        self._seen.move_to_end(name)
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if len(times) >= self.requests:
            raise Refusal(429, "Rate limit exceeded", headers={"Retry-After": "10"})
        times.append(now)
        if len(self._seen) > MAX_NAMES:
            self._seen.popitem(last=False)
