"""The server's connections: an answer leaves in one piece, and nobody holds a connection who makes no use of it.

uvicorn writes head and body of an answer one after the other, and each write is a call of the system that wakes the
client up: a tenth of the CPU time of a create. It also waits for ever for the head of a request, and for a client that
does not read: a thousand such connections, which is what a process may have open by default, and nobody else is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0  # until the head of a request is there; its body has a time of its own
READING_SECONDS = 60.0  # in which a client reads something of its answer, be it little


class Joining:
    """A transport that passes on together what is written in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold this until the end of the turn."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def flush(self) -> None:
        """Pass on what is held, unless the client has gone since it was written."""
        held, self._held = self._held, []
        if held and not self._transport.is_closing():  # uvloop raises what asyncio passes over
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Close, once everything is written."""
        self.flush()
        self._transport.close()


class Protocol(HttpToolsProtocol):
    """uvicorn's own, on such a transport; it knows since when its client makes no use of it.

    Attributes:
        most: connections at a time. With one more, those that have waited longest for a request are closed.
        idle_since: when it was made, or its last answer was complete, by the event loop's clock.
    """

    most = 10_000
    idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
        self.idle_since = self._read_at = self.loop.time()
        self._unread = 0
        if len(self.connections) > self.most:
            make_room(known for known in self.connections if isinstance(known, Protocol))

    def on_response_complete(self) -> None:
        """The client has its answer."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, or for the rest of one's head."""
        return self.cycle is None or self.cycle.response_complete

    def let_go(self, now: float) -> None:
        """Close the connection if its client has kept it waiting for too long, reading nothing or asking nothing."""
        unread = self.transport.get_write_buffer_size()
        if not unread or unread != self._unread:
            self._unread, self._read_at = unread, now
        if unread and now - self._read_at > READING_SECONDS:
            self.transport.abort()  # a client that does not read never lets it close
        elif not unread and self.is_idle and now - self.idle_since > HEAD_SECONDS:
            self.transport.close()

    def give_way(self) -> None:
        """Close the connection for another; at once, where it waits for its client to be closed."""
        if self.transport.is_closing():
            self.transport.abort()
        else:
            self.transport.close()


def make_room(connections: Iterable[Protocol]) -> None:
    """Close the tenth of the idle connections that has waited longest, so that not each newcomer has to look."""
    idle = sorted((known for known in connections if known.is_idle), key=lambda known: known.idle_since)
    for known in idle[: len(idle) // 10 + 1]:
        known.give_way()
