"""aiohttp below its client: connections from its pool and answers from its parser.

The client around them builds a request, a response, a writer task and a timer for each send, which costs twice as much
as all the rest. What is used here instead are names that aiohttp does not document; they are the same since 3.12,
nothing else in unilead uses them, and `core/tests/test_wire.py` fails by name when a release lacks one.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import aiohttp

from unilead.message import Response
from unilead.transport.answer import MAX_ANSWER, make_response
from unilead.transport.call import CallState

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection


class Outgoing(bytes):
    """A request as it is sent. It shows nothing of its credentials, not even in a traceback with local variables."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


class Wire:
    """Sends bytes over an aiohttp connector's connections, each of which serves one request at a time.

    Args:
        connect_timeout: seconds that getting a connection may take, waiting for a free one included.
    """

    def __init__(self, connector: aiohttp.BaseConnector, connect_timeout: float) -> None:
        self._connector = connector
        self._loop = asyncio.get_running_loop()
        self._connect_timeout = connect_timeout
        self._patience = _patience(connect_timeout)
        self._lines: WeakKeyDictionary[ResponseHandler, _Line] = WeakKeyDictionary()

    async def send(self, origin: aiohttp.ClientRequest, data: Outgoing, call: CallState) -> Response:
        """Send one whole request and read its answer.

        Args:
            origin: any request to the same scheme, host and port.
        Raises: what aiohttp raises, TimeoutError at the call's deadline; ``call.sent`` tells whether anything left.
        """
        connection, protocol, line = await self._connected(origin, call)
        pipe = protocol.transport
        if pipe is None or pipe.is_closing() or protocol.should_close:
            connection.close()
            raise ConnectionResetError("closed, or spoken on, before anything was sent")
        if call.over:  # the loop was busy for too long
            connection.release()
            raise TimeoutError("nothing was sent in time")
        whole = False
        try:
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            call.sent = True
            pipe.write(data)
            head, content = await line.answer(protocol, call.deadline)
            if content.is_eof():  # as with most answers: it came with the head, so there is nothing to wait for
                body, whole = content.read_nowait(), True
            else:
                body, whole = await _read_on(content, call)
        finally:
            if whole and not pipe.is_closing() and not pipe.get_write_buffer_size():
                line.is_readable = line.is_readable or _readability(pipe)
                connection.release()
            else:
                line.close()
                pipe.abort()  # nothing of what is still to be written leaves any more
                connection.close()
        return make_response(head.code, head.raw_headers, body, head.reason or "", truncated=not whole)

    async def _connected(
        self, origin: aiohttp.ClientRequest, call: CallState
    ) -> tuple[Connection, ResponseHandler, _Line]:
        """A connection that is not spoiled: nothing arrived on it that nobody asked for, nor did its end."""
        left = call.left
        patience = self._patience if left >= self._connect_timeout else _patience(left)
        while True:
            connection = await self._connector.connect(origin, [], patience)
            protocol = cast("ResponseHandler", connection.protocol)  # ``None`` only once it was given back
            line = self._lines.get(protocol)
            if line is None:
                line = self._lines[protocol] = _Line(self._loop)
            if line.is_readable is None or not (protocol.should_close or line.is_readable()):
                return connection, protocol, line
            line.close()
            connection.close()


class _Line:
    """What `Wire` keeps of one connection.

    One timer serves all its sends, since setting and cancelling one for each costs more than the parser does. It goes
    off at the earliest deadline it was set for, and is then set for the one that holds by that time.

    Attributes:
        is_readable: whether anything waits that was not read yet; ``None`` until the first answer: TLS servers talk
            before they are asked.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_readable: Callable[[], bool] | None = None
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = self._deadline = inf  # on the monotonic clock

    async def answer(self, protocol: ResponseHandler, deadline: float) -> tuple[Any, aiohttp.StreamReader]:
        """Wait for the head of the final answer. Raises: TimeoutError at the deadline."""
        self._deadline = deadline
        if deadline < self._rings_at:
            self._set_timer(protocol)
        try:
            while True:
                head, content = await protocol.read()
                if not 100 <= head.code < 200 or head.code == 101:
                    return head, content
        finally:
            self._deadline = inf

    def _set_timer(self, protocol: ResponseHandler) -> None:
        self.close()
        self._rings_at = self._deadline
        self._timer = self._loop.call_later(max(0.0, self._deadline - time.monotonic()), self._ring, protocol)

    def _ring(self, protocol: ResponseHandler) -> None:
        self._rings_at = inf
        if self._deadline <= time.monotonic():
            protocol.set_exception(TimeoutError("no answer in time"))
        elif self._deadline < inf:
            self._set_timer(protocol)

    def close(self) -> None:
        """Let go of the connection."""
        if self._timer is not None:
            self._timer.cancel()


def _patience(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=seconds)


def _readability(pipe: asyncio.Transport) -> Callable[[], bool]:
    """What tells whether anything, be it the end, waits on an idle connection that the event loop has not seen yet."""
    if not hasattr(select, "poll"):
        return bool  # Windows: an `unknown` more often
    poller = select.poll()
    poller.register(pipe.get_extra_info("socket").fileno(), select.POLLIN)
    return lambda: bool(poller.poll(0))


async def _read_on(content: aiohttp.StreamReader, call: CallState) -> tuple[bytes, bool]:
    """Read the rest of a body. Returns: what there is of it, and whether that is all."""
    body = bytearray()
    try:
        async with asyncio.timeout(call.left):
            async for chunk in content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER:
                    return bytes(body), False
    except (OSError, aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError):
        return bytes(body), False  # the status is known, the body is not: the status decides
    return bytes(body), True
