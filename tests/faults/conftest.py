"""Every back end, synchronous where it has it and asynchronous, against every fault."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unilead import Account, AsyncClient, Client, Registry, Result

SERVER = Path(__file__).parent / "server.py"
WAYS = ["httpx sync", "httpx async", "httpx2 sync", "httpx2 async", "aiohttp async"]
ACCOUNT = Account("zendesk-sell", {"access_token": "canary-token-" + "5" * 51})


class Server:
    """The fault server's process, and the requests it has read."""

    def __init__(self, fault: str) -> None:
        command = [sys.executable, str(SERVER), fault]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def stop(self) -> list[str]:
        """Kill the process; the request lines it had read."""
        self.process.kill()
        lines = self.process.communicate()[0].splitlines()
        return [line for line in lines if line.startswith(("POST", "GET"))]


@pytest.fixture
def serve() -> Iterator[Callable[[str], Server]]:
    running: list[Server] = []

    def start(fault: str) -> Server:
        running.append(Server(fault))
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.stop()


def create(way: str, url: str, *, timeout: float = 2.0, times: int = 1, **options: Any) -> list[Result | Exception]:
    """Create leads one after the other over one client; each outcome is a result or the error."""
    backend, kind = way.split()
    settings = {"registry": Registry(overrides=False), "backend": backend, "base_url": url, "allow_private": True}
    if kind == "sync":
        with Client(**settings, timeout=timeout, **options) as client:
            return [_outcome(lambda: client.create({"last_name": "Okafor"}, ACCOUNT)) for _ in range(times)]

    async def run() -> list[Result | Exception]:
        async with AsyncClient(**settings, timeout=timeout, **options) as client:
            found: list[Result | Exception] = []
            for _ in range(times):
                try:
                    found.append(await client.create({"last_name": "Okafor"}, ACCOUNT))
                except Exception as error:
                    found.append(error)
            return found

    return asyncio.run(run())


def _outcome(call: Callable[[], Result]) -> Result | Exception:
    try:
        return call()
    except Exception as error:
        return error
