"""aiohttp below its client: connections from its pool and answers from its parser.

The client around them builds a request, a response, a writer task and a timer for each send, which costs twice as much
as all the rest. What is used here instead are names that aiohttp does not document; they are the same since 3.12,
nothing else in unilead uses them, and `core/tests/test_wire.py` fails by name when a release lacks one.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import aiohttp

from unilead.message import Response
from unilead.transport.answer import MAX_ANSWER, CallState, make_response

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
        self._used: WeakKeyDictionary[ResponseHandler, Callable[[], bool]] = WeakKeyDictionary()

    async def send(self, origin: aiohttp.ClientRequest, data: Outgoing, call: CallState) -> Response:
        """Send one whole request and read its answer.

        Args:
            origin: any request to the same scheme, host and port.
        Raises: what aiohttp raises, TimeoutError at the call's deadline; ``call.sent`` tells whether anything left.
        """
        connection, protocol = await self._connected(origin, call)
        pipe = protocol.transport
        if pipe is None or pipe.is_closing():
            connection.close()
            raise ConnectionResetError("closed before anything was sent")
        whole = False
        try:
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            call.sent = True
            pipe.write(data)
            head, content = await self._answer(protocol, call)
            if content.is_eof():  # as with most answers: it came with the head, so there is nothing to wait for
                body, whole = content.read_nowait(), True
            else:
                body, whole = await _read_on(content, call)
        finally:
            if whole and not pipe.is_closing() and not pipe.get_write_buffer_size():
                self._keep(connection, protocol, pipe)
            else:
                pipe.abort()  # nothing of what is still to be written leaves any more
                connection.close()
        return make_response(head.code, head.raw_headers, body, head.reason or "", truncated=not whole)

    async def _connected(self, origin: aiohttp.ClientRequest, call: CallState) -> tuple[Connection, ResponseHandler]:
        """A connection that is not spoiled: nothing arrived on it that nobody asked for, nor did its end."""
        left = call.left
        patience = self._patience if left >= self._connect_timeout else _patience(left)
        while True:
            connection = await self._connector.connect(origin, [], patience)
            protocol = cast("ResponseHandler", connection.protocol)  # ``None`` only once it was given back
            is_readable = self._used.get(protocol)  # a new one may well be: TLS servers talk first
            if is_readable is None or not (protocol.should_close or is_readable()):
                return connection, protocol
            connection.close()

    async def _answer(self, protocol: ResponseHandler, call: CallState) -> tuple[Any, aiohttp.StreamReader]:
        """Wait for the head of the final answer; at a fraction of the cost of ``asyncio.timeout``."""
        alarm = self._loop.call_later(call.left, protocol.set_exception, TimeoutError("no answer in time"))
        try:
            while True:
                head, content = await protocol.read()
                if not 100 <= head.code < 200 or head.code == 101:
                    return head, content
        finally:
            alarm.cancel()

    def _keep(self, connection: Connection, protocol: ResponseHandler, pipe: asyncio.Transport) -> None:
        """Give the connection back for the next request: this one is over and done with."""
        if protocol not in self._used:
            self._used[protocol] = _readability(pipe)
        connection.release()


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
