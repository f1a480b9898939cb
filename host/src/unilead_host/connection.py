"""The server's connections: an answer leaves in one piece.

uvicorn writes head and body of an answer one after the other, and each write is a call of the system that wakes the
client up: a tenth of the CPU time of a create.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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
    """uvicorn's own, on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(Joining(transport, self.loop))  # type: ignore[arg-type]
