"""S055: a thousand idle connections, 200 slow bodies and a hundred large jobs: what they take from single creates.

Run as ``python -m tests.soak.crowd URL TOKEN ACCOUNT`` it is the crowd, in a process of its own; it prints a line once
all of it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.soak.stage import BrokenError, Goal, Host, Stage, check_once, client, crm, lead, stage
from unilead_host.lead_call import BULK_PATH, PATH
from unilead_host.serving import most_connections

ACCOUNTS = 10_000
IDLE, SLOW, JOBS = 1_000, 200, 100
JOB = b'{"leads": [' + b",".join(b'{"last_name": "%s"}' % (b"x" * 1_500) for _ in range(9_000)) + b"]}"  # 14 MB
PART = 65_536
PAUSE = 0.02  # seconds between two creates


def run(*, full: bool) -> list[Goal]:
    with crm(0.02) as well, crm() as gone:
        gone.tell(mood="gone")  # its jobs are stored, and then wait: this is about taking them
        with stage("sqlite", ["gone", *["well"] * (ACCOUNTS - 1)], well=well, gone=gone) as made, made.host() as host:
            alone, beside = asyncio.run(measured(made, host, 60 if full else 20))
            memory = host.memory
        check_once(well.tell(tell=True)["names"], len(alone) + len(beside))
    before, after = (sorted(latencies)[int(len(latencies) * 0.99)] for latencies in (alone, beside))
    text = f"{before * 1e3:.0f} → {after * 1e3:.0f} ms; the host had {memory:.0f} MiB in the end"
    return [Goal("S055", "p99 of creates beside a crowd < 2 times that without", text, 2 * before / after)]


async def measured(made: Stage, host: Host, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds that creates took before the crowd came, and while it is there."""
    alone = await creates(made, host, seconds, "alone")
    with crowd(host.url, made.token, made.accounts[0]) as arrived:
        assert arrived.stdout is not None
        if await asyncio.to_thread(arrived.stdout.readline) != "here\n":
            raise BrokenError("the crowd did not come")
        return alone, await creates(made, host, seconds, "beside")


async def creates(made: Stage, host: Host, seconds: float, name: str) -> list[float]:
    """Fifty a second, each with the next account. Raises: BrokenError when one fails."""
    latencies: list[float] = []

    async def create(number: int) -> None:
        account = made.accounts[1 + number % (ACCOUNTS - 1)]
        begun = time.monotonic()
        url = f"{host.url}{PATH}?integrated_account_id={account}"
        async with session.post(url, json=lead(f"{name} {number}")) as answer:
            await answer.read()
            if answer.status != 200:
                raise BrokenError(f"a create {name} was answered {answer.status}")
        latencies.append(time.monotonic() - begun)

    async with client(made) as session, asyncio.TaskGroup() as group:
        for number in range(int(seconds / PAUSE)):
            group.create_task(create(number))
            await asyncio.sleep(PAUSE)
    return latencies


# --- the crowd --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def crowd(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.soak.crowd", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


class Crowd:
    """Clients that want much and give little."""

    def __init__(self, url: str, token: str, account: str) -> None:
        self.address = urlsplit(url)
        self.query = f"integrated_account_id={account}"
        self.token = token

    async def come(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(IDLE):
                group.create_task(self.again(b"", b"", 60.0))
            for _ in range(SLOW):
                group.create_task(self.again(self.head(PATH, 1_000_000), b"{" * 1_000, 1.0))
            for _ in range(JOBS):
                group.create_task(self.again(self.head(BULK_PATH, len(JOB)), JOB, 0.0))
            await asyncio.sleep(3)
            print("here", flush=True)

    def head(self, path: str, length: int) -> bytes:
        lines = (f"POST {path}?{self.query} HTTP/1.1", "Host: host", f"Authorization: Bearer {self.token}")
        return "\r\n".join([*lines, "Content-Type: application/json", f"Content-Length: {length}", "", ""]).encode()

    async def again(self, head: bytes, body: bytes, pause: float) -> None:
        """Connect, send, wait until the host has had enough, and come again."""
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(self.address.hostname, self.address.port)
                sending = asyncio.create_task(self.send(writer, head, body, pause))
                await reader.read(PART)
                sending.cancel()
                writer.transport.abort()
            await asyncio.sleep(0.1)

    async def send(self, writer: asyncio.StreamWriter, head: bytes, body: bytes, pause: float) -> None:
        """Send a body, as fast as it is read; with a pause one byte after the other."""
        size = 1 if pause else PART
        with contextlib.suppress(OSError):
            writer.write(head)
            for start in range(0, len(body), size):
                writer.write(body[start : start + size])
                await writer.drain()
                await asyncio.sleep(pause)


if __name__ == "__main__":
    most_connections()  # each of the crowd is an open file
    asyncio.run(Crowd(*sys.argv[1:]).come())
