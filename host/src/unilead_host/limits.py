"""What one client may ask of the host: the size and the time of a body, and requests in ten seconds."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping

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

    Args:
        larger: bytes of a body by path, where they are others; it may take longer as it is larger.
    """

    def __init__(
        self, app: ASGIApp, *, max_body: int, seconds: float = BODY_SECONDS, larger: Mapping[str, int] | None = None
    ) -> None:
        self.app = app
        self.max_body = max_body
        self.seconds = seconds
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            most = self.larger.get(scope["path"], self.max_body)
            seconds = self.seconds * max(1.0, most / self.max_body)
            receive = LimitedBody(scope, receive, most, seconds).receive
        await self.app(scope, receive, send)


class LimitedBody:
    """One request's body, read within the limits."""

    def __init__(self, scope: Scope, receive: Receive, max_body: int, seconds: float = BODY_SECONDS) -> None:
        self._receive = receive
        self._declared = _declared_length(scope)
        self._max = max_body
        self._seconds = seconds
        self._deadline: float | None = None
        self._read = 0
        self._complete = False

    async def receive(self) -> Message:
        """The next part. Raises: Refusal with status 413, or 400 when it does not arrive, or not in time."""
        if self._complete:
            return await self._receive()
        if self._declared > self._max:
            raise self._too_large()
        message = await self._next()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The request body did not arrive")
        self._read += len(message.get("body", b""))
        if self._read > self._max:
            raise self._too_large()
        self._complete = not message.get("more_body", False)
        return message

    async def read(self) -> bytes:
        """All of it. Raises: Refusal with status 413 or 400."""
        chunks = []
        while not self._complete:
            message = await self.receive()
            chunks.append(message.get("body", b""))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _next(self) -> Message:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            raise Refusal(400, f"The request body did not arrive within {self._seconds:g} s", headers=CLOSE) from None

    def _too_large(self) -> Refusal:
        return Refusal(413, f"Request body exceeds {self._max} bytes", headers=CLOSE)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 19 else 0
    return 0


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
