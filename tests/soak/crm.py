"""A CRM that outlives whoever sends to it, in a process of its own: Zendesk Sell's create, in good and bad moods.

Run as ``python -m tests.soak.crm``. It prints its port, then answers each line of its input, a JSON object of what is
to change, with a JSON object of what it has seen.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_left
from typing import Any

HEAD = "HTTP/1.1 {} Fine\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
LIMITS = ((10, 1.0), (100, 10.0))  # requests, seconds; what it allows where its mood is ``limited``


class Crm:
    """What it has stored, and how it fares.

    Attributes:
        mood: ``well``; ``failing`` answers 503; ``hanging`` answers nothing; ``busy`` answers 429 to every other
            request; ``limited`` to those beyond its limits; ``gone`` takes no connections.
        seen: when each request arrived, on the monotonic clock that all processes share.
    """

    def __init__(self) -> None:
        self.mood = "well"
        self.latency = 0.0
        self.seen: list[float] = []
        self.taken: list[float] = []
        self.refused = 0
        self.names: list[str] = []

    def answer(self, body: bytes) -> bytes | None:
        """Answer a create; ``None`` for no answer at all."""
        now = time.monotonic()
        self.seen.append(now)
        if self.mood == "hanging":
            return None
        if self.mood == "failing":
            return _answer(503, {})
        is_over = any(len(self.taken) - bisect_left(self.taken, now - seconds) >= most for most, seconds in LIMITS)
        if (self.mood == "busy" and len(self.seen) % 2) or (self.mood == "limited" and is_over):
            self.refused += 1
            return _answer(429, {})
        self.taken.append(now)
        record = json.loads(body)["data"]
        self.names.append(record["last_name"])
        return _answer(200, {"data": {**record, "id": len(self.names)}, "meta": {"type": "lead"}})


def _answer(status: int, document: Any) -> bytes:
    body = json.dumps(document).encode()
    return HEAD.format(status, len(body)).encode() + body


class Line(asyncio.Protocol):
    """One connection."""

    open: set[Line] = set()

    def __init__(self, crm: Crm) -> None:
        self.crm = crm
        self.received = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        end = self.received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = bytes(self.received[:end]).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self.received) < end + length:
            return
        answer = self.crm.answer(bytes(self.received[end:]))
        self.received.clear()
        if answer is not None:
            asyncio.get_running_loop().call_later(self.crm.latency, self.say, answer)

    def say(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def main() -> None:
    crm = Crm()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(crm), "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        crm.latency = wanted.get("latency", crm.latency)
        before, crm.mood = crm.mood, wanted.get("mood", crm.mood)
        if crm.mood == "gone" != before:
            server.close()
            for open_line in [*Line.open]:
                open_line.transport.abort()
        elif before == "gone" != crm.mood:
            server = await loop.create_server(lambda: Line(crm), "127.0.0.1", port, backlog=1024)
        told: dict[str, Any] = {"requests": len(crm.seen), "refused": crm.refused, "created": len(crm.names)}
        if wanted.get("tell"):
            told |= {"names": crm.names, "seen": crm.seen}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
