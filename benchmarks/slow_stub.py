"""A CRM that takes its time: HubSpot's create and batch create, answered after a delay of so many milliseconds.

It understands nothing: it counts the inputs of a batch and gives so many records back, so that it costs little beside
the client that is measured.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST = 100
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def record(number: int) -> dict[str, Any]:
    """A lead as HubSpot answers it."""
    moment = "2026-11-23T10:14:05.311Z"
    properties = {
        "hs_createdate": moment, "hs_lastmodifieddate": moment, "hs_lead_name": "Fjord Analytics - renewal",
        "hs_lead_type": "NEW_BUSINESS", "hs_lead_label": "WARM", "hubspot_owner_id": "81490377",
        "hs_object_id": f"48219334{number:04}", "hs_object_source": "INTEGRATION", "seat_estimate": "45",
        "hs_object_source_label": "INTEGRATION", "preferred_region": "nordics",
    }  # fmt: skip
    return {
        "id": f"48219334{number:04}", "properties": properties, "createdAt": moment, "updatedAt": moment,
        "archived": False, "objectWriteTraceId": f"row-{number}",
    }  # fmt: skip


def answers() -> list[bytes]:
    """The answer to a create, and to batches of 1, 2, … inputs."""
    rows = [record(number) for number in range(MOST)]
    bodies: list[Any] = [rows[0]]
    bodies += [{"status": "COMPLETE", "results": rows[:count]} for count in range(1, MOST + 1)]
    return [HEAD % len(body) + body for body in (json.dumps(body).encode() for body in bodies)]


class Crm(asyncio.Protocol):
    """Answers each request on a connection after the delay."""

    def __init__(self, prepared: list[bytes], delay: float) -> None:
        self._prepared, self._delay = prepared, delay
        self._received = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        at = head.index(b"content-length:") + len(b"content-length:")
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self._received) < end + 4 + length:
            return
        inputs = self._received.count(b'"associations"') if b"/batch/" in head else 0
        self._received.clear()
        self._loop.call_later(self._delay, self._answer, self._prepared[inputs])

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(delay: float) -> None:
    """Serve until the input ends."""
    loop, prepared = asyncio.get_running_loop(), answers()
    server = await loop.create_server(lambda: Crm(prepared, delay), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def slow_stub(milliseconds: int) -> Iterator[str]:
    """Serve in a process of its own. Yields: its origin."""
    command = [sys.executable, "-m", "benchmarks.slow_stub", str(milliseconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.communicate()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) / 1000))
