"""The host, one worker, forwarding creates to a stub of a CRM, against the bare HTTP library it sends with.

Three processes: the stub, whoever sends, and for the host a load generator with 50 keep-alive connections. Machines are
noisy and have few cores, so the ratio is of CPU time per request; the rates are printed beside it.

Run ``python -m benchmarks.host [requests]``; ``python -m benchmarks.host steady [requests]`` shows whether memory or
latency grows. The host's database is a fresh SQLite file.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

IN_FLIGHT = 50
ROUNDS = 5
LEAD = {
    "last_name": "Okafor", "first_name": "Ada", "title": "CTO",
    "email_addresses": [{"email": "ada@example.com", "type": "work"}],
    "phone_numbers": [{"number": "+44 20 7946 0000", "type": "work"}],
}  # fmt: skip
SLUG = "zendesk-sell"


# --- the stub: answers every POST like the CRM, as fast as Python can -------------------------------------------------


class Stub(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.transport.write(self.answer)


async def serve_stub() -> None:
    from unilead import Call, Lead, Registry

    provider = Registry().get(SLUG)
    simulator = provider.simulator()
    settings = provider.settings(dict(simulator.sample_settings))
    request = provider.build_request(Lead.parse(LEAD), settings)
    from unilead.auth import credential_headers

    headers = {**request.headers, **credential_headers(provider.info, settings)}
    answer = simulator.respond(Call.of("POST", request.url, headers, request.body))
    head = f"HTTP/1.1 {answer.status} Created\r\nContent-Type: application/json\r\nContent-Length: {len(answer.body)}"
    whole = head.encode() + b"\r\n\r\n" + answer.body
    server = await asyncio.get_running_loop().create_server(lambda: Stub(whole), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


# --- the bare client: the same bytes, fifty at a time -----------------------------------------------------------------


async def send_bare(stub: int, count: int) -> None:
    import aiohttp

    from unilead import Lead, Registry

    provider = Registry().get(SLUG)
    settings = provider.settings(dict(provider.simulator().sample_settings))
    request = provider.build_request(Lead.parse(LEAD), settings, base_url=f"http://127.0.0.1:{stub}")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:

        async def send() -> None:
            async with session.post(request.url, data=request.body, headers=dict(request.headers)) as answer:
                await answer.read()

        await _spread(send, count // 10)
        start, cpu = time.perf_counter(), time.process_time()
        await _spread(send, count)
        print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}))


async def _spread(send: Any, count: int) -> None:
    left = iter(range(count))

    async def lane() -> None:
        for _ in left:
            await send()

    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))


# --- the load generator -----------------------------------------------------------------------------------------------


async def load(port: int, token: str, account: str, count: int) -> None:
    body = json.dumps(LEAD).encode()
    head = (
        f"POST /unified/crm/leads?integrated_account_id={account} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    left = iter(range(count))
    latencies: list[float] = []
    failures: list[bytes] = []

    async def lane() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            start = time.perf_counter()
            writer.write(head + body)
            answered = await reader.readuntil(b"\r\n\r\n")
            length = int(answered.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            answer = await reader.readexactly(length)
            latencies.append(time.perf_counter() - start)
            if not answered.startswith(b"HTTP/1.1 200"):
                failures.append(answer)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))
    seconds = time.perf_counter() - start
    latencies.sort()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "median": median(latencies),
                "p99": latencies[int(len(latencies) * 0.99)],
                "failures": len(failures),
            }
        )
    )


# --- the run ----------------------------------------------------------------------------------------------------------


@contextmanager
def child(module: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.terminate()


@contextmanager
def forwarding() -> Iterator[tuple[str, subprocess.Popen[str], list[str]]]:
    """A stub and a host in front of it: the stub's port, the host, and what the load generator wants to know."""
    with (
        tempfile.TemporaryDirectory() as folder,
        child("host", "stub") as (_, stub),
        child("hosted", stub.strip(), folder) as (host, told),
    ):
        where = json.loads(told)
        yield stub.strip(), host, [str(where["port"]), where["token"], where["account"]]


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    """Resident memory in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def ask(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.host", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def steady(count: int) -> None:
    """Send many requests to one host, in ten portions: neither memory nor latency may grow."""
    with forwarding() as (_, host, target):
        for portion in range(1, 11):
            served = ask("load", *target, str(count // 10))
            print(
                f"{portion * count // 10:>7} requests: median {served['median'] * 1e3:.1f} ms, "
                f"p99 {served['p99'] * 1e3:.1f} ms, {served['failures']:.0f} failures, {memory_of(host.pid):.1f} MB"
            )


def main(count: int) -> None:
    with forwarding() as (stub, host, target):
        ask("load", *target, str(count // 10))
        bare: list[float] = []
        ours: list[float] = []
        for number in range(ROUNDS):
            alone = ask("bare", stub, str(count))
            before = cpu_of(host.pid)
            served = ask("load", *target, str(count))
            used = cpu_of(host.pid) - before
            bare.append(alone["cpu"] / count * 1e6)
            ours.append(used / count * 1e6)
            print(
                f"round {number + 1}: bare {count / alone['seconds']:.0f}/s {bare[-1]:.0f} us CPU | "
                f"host {count / served['seconds']:.0f}/s {ours[-1]:.0f} us CPU, "
                f"median {served['median'] * 1e3:.1f} ms, p99 {served['p99'] * 1e3:.1f} ms, "
                f"{served['failures']:.0f} failures, {memory_of(host.pid):.1f} MB"
            )
        ratios = [b / o for b, o in zip(bare, ours, strict=True)]
        print(f"host against bare client: {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}), target 0.3")


if __name__ == "__main__":
    role, *rest = sys.argv[1:] or ["run"]
    if role == "stub":
        asyncio.run(serve_stub())
    elif role == "bare":
        asyncio.run(send_bare(int(rest[0]), int(rest[1])))
    elif role == "load":
        asyncio.run(load(int(rest[0]), rest[1], rest[2], int(rest[3])))
    elif role == "steady":
        steady(int(rest[0]) if rest else 20_000)
    else:
        main(int(role) if role.isdigit() else 2_000)
