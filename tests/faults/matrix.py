"""Runs every fault over every back end and prints what came out, as a table.

``python -m tests.faults.matrix`` prints the page ``docs/fault-matrix.md``; with names of faults it runs these alone.
Each cell is one create of one lead by a client of its own. Its request goes through a broken network in a second
process to a CRM in a third, which tells the leads that it really stored.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

from tests.faults.catalogue import FAULTS, Fault
from unilead import Account, AsyncClient, Client, LeadError, RateLimitError, Registry, Result

ROOT = Path(__file__).parents[2]
WAYS = ("httpx sync", "httpx async", "httpx2 sync", "httpx2 async", "aiohttp async")
AHEAD = 8  # faults that run at once
REGISTRY = Registry(overrides=False)
LEADS: dict[str, dict[str, Any]] = {
    "hubspot": {"contact": {"id": "7"}, "account": {"id": "8"}},
    "pipedrive": {"contact": {"id": "7"}},
    "salesforce": {"account": {"name": "Fjord"}},
    "zoho-crm": {"first_name": "Ngozi"},
}
_tags = count(1)


@dataclass(frozen=True)
class Cell:
    """What came out of one create.

    Attributes:
        outcome: in one word.
        requests: how many the network saw for this lead.
        leads: how many of it the CRM stored.
        seconds: how long the create took.
        gap: seconds between the first and the second request.
        next: outcome of the next create by the same client, once the network was well, and the requests it took.
        error: what was raised.
        secrets: the account's.
    """

    outcome: str
    requests: int
    leads: int
    seconds: float
    gap: float | None
    next: tuple[str, int]
    error: Exception | None
    secrets: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.outcome} {self.requests}/{self.leads}"

    def problems(self, fault: Fault) -> list[str]:
        """What is wrong with it."""
        checks = {
            f"outcome {self.outcome}, not {' or '.join(fault.outcome)}: {self.error!r}": self.outcome in fault.outcome,
            f"{self.requests} requests": fault.requests[0] <= self.requests <= fault.requests[1],
            f"{self.leads} leads": fault.leads[0] <= self.leads <= fault.leads[1] and self.leads <= 1,
            f"waited {self.gap} s": self.gap is None or self.gap >= fault.wait,
            f"took {self.seconds:.1f} s": self.seconds < fault.timeout + 4,
            f"the next lead was {self.next}": self.next == (fault.then, int(fault.then == "created")),
        }
        return [text for text, fine in checks.items() if not fine]


class Stand:
    """The processes: the CRMs and the network."""

    def __init__(self) -> None:
        self._crm = self._start("tests.faults.crms")
        self.ports: dict[str, int] = json.loads(self._line(self._crm))
        self._network = self._start("tests.faults.server", json.dumps(self.ports))
        self.trust = ssl.create_default_context(cafile=json.loads(self._line(self._network)))
        self._lock = threading.Lock()

    @staticmethod
    def _start(*arguments: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, encoding="utf-8", **pipes)  # type: ignore[call-overload, no-any-return]

    @staticmethod
    def _line(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline()

    def tell(self, command: str) -> Any:
        """Send the network a command. Returns: its answer."""
        with self._lock:
            assert self._network.stdin is not None
            self._network.stdin.write(command + "\n")
            self._network.stdin.flush()
            return json.loads(self._line(self._network))

    def leads(self, tag: str) -> list[str]:
        """The ids of the leads with this tag that the CRMs stored."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['count']}/{tag}", timeout=20) as answer:
            found: list[str] = json.load(answer)
        return found

    def close(self) -> None:
        for process in (self._network, self._crm):
            process.kill()
            process.communicate()


def run(fault: Fault, stand: Stand, ways: Sequence[str] = WAYS) -> dict[str, Cell]:
    """Run one fault over the back ends, all at once; inside `world`."""
    with _patched(fault.patches), ThreadPoolExecutor(len(ways)) as pool:
        cells = pool.map(lambda way: _Cell(fault, stand, way).run(), ways)
        return dict(zip(ways, cells, strict=True))


class Runs:
    """Runs faults some ahead of when they are asked for, as most of them only wait.

    Args:
        names: the faults, in the order in which they will be asked for.
    """

    def __init__(self, stand: Stand, names: Sequence[str]) -> None:
        self._stand = stand
        self._names = list(names)
        self._pool = ThreadPoolExecutor(AHEAD)
        self._begun: dict[str, Future[dict[str, Cell]]] = {}

    def cells(self, name: str) -> dict[str, Cell]:
        """What came out of a fault."""
        if FAULTS[name].patches:  # changes the library for everybody, so it runs alone
            wait(self._begun.values())
            return run(FAULTS[name], self._stand)
        place = self._names.index(name)
        following = itertools.takewhile(lambda name: not FAULTS[name].patches, self._names[place : place + AHEAD])
        for other in following:
            if other not in self._begun:
                self._begun[other] = self._pool.submit(run, FAULTS[other], self._stand)
        return self._begun[name].result()

    def close(self) -> None:
        self._pool.shutdown()


@contextmanager
def world(stand: Stand) -> Iterator[None]:
    """Trust the stand's authority, and resolve its names."""
    resolve = socket.getaddrinfo

    def with_names(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        if host == "hanging.test":
            time.sleep(6)
        if host != "two-addresses.test":
            return resolve(host, port, *arguments, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{end}", int(port))) for end in (2, 1)]

    trusted = {f"transport.{name}": lambda: stand.trust for name in ("pool.tls_context", "native.trust")}
    with mock.patch("socket.getaddrinfo", with_names), _patched(trusted):
        yield


@contextmanager
def _patched(changes: Mapping[str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in changes.items():
            stack.enter_context(mock.patch(f"unilead.{name}", value))
        yield


class _Cell:
    """One create over one back end."""

    def __init__(self, fault: Fault, stand: Stand, way: str) -> None:
        self.fault, self.stand = fault, stand
        self.backend, self.kind = way.split()
        self.port: int = stand.tell(f"open {fault.name} {fault.slug}")
        settings = {**REGISTRY.get(fault.slug).simulator().sample_settings, **fault.settings}
        self.account = Account(fault.slug, settings)
        self.tag = self._tag()

    @staticmethod
    def _tag() -> str:
        return f"case{next(_tags)}x"

    def _lead(self, tag: str, more: dict[str, Any]) -> dict[str, Any]:
        marked: dict[str, Any] = json.loads(json.dumps(more).replace("{tag}", tag))
        return {"title": tag, "last_name": tag} | LEADS.get(self.fault.slug, {}) | marked

    def _url(self) -> str:
        return {
            "": f"http://127.0.0.1:{self.port}",
            "tls": f"https://127.0.0.1:{self.port}",
            "two addresses": f"http://two-addresses.test:{self.port}",
            "hanging name": "http://hanging.test",
            "no name": "http://no-such-host.invalid",
            "refused": "http://127.0.0.1:1",
        }[self.fault.url]

    def run(self) -> Cell:
        options = {"registry": REGISTRY, "base_url": self._url(), "allow_private": True, "backend": self.backend}
        timeout = self.fault.timeout
        if self.kind == "async":
            return asyncio.run(self._async(options, timeout))
        with Client(**options, timeout=timeout) as client, ThreadPoolExecutor(2) as pool:
            return asyncio.run(self._play(lambda *given: asyncio.wrap_future(pool.submit(client.create, *given))))

    async def _async(self, options: dict[str, Any], timeout: float) -> Cell:
        async with AsyncClient(**options, timeout=timeout) as client:
            return await self._play(client.create)

    async def _play(self, create: Callable[..., Awaitable[Result]]) -> Cell:
        fault = self.fault
        before = 0
        if fault.warm:
            await self._create(create, self._tag(), {})
            before = 1
        hanging = None
        if fault.crowded:
            hanging = asyncio.ensure_future(self._create(create, self._tag(), {}))
            while not self._seen():
                await asyncio.sleep(0.02)
            before = 1
        started = time.monotonic()
        outcome, error = await self._create(create, self.tag, fault.lead)
        seconds = time.monotonic() - started
        seen = self._seen()[before:]
        if hanging is not None:
            await hanging
        leads = self.stand.leads(self.tag)
        after = ""
        before += len(seen)
        if fault.then:
            self.stand.tell(f"heal {self.port}")
            after, _ = await self._create(create, self._tag(), {})
        following = after, len(self._seen()) - before
        gap = seen[1] - seen[0] if len(seen) > 1 else None
        secrets = REGISTRY.get(fault.slug).settings_of(self.account).secrets()
        return Cell(outcome, len(seen), len(leads), seconds, gap, following, error, secrets)

    def _seen(self) -> list[float]:
        found: list[float] = self.stand.tell(f"seen {self.port}")
        return found

    async def _create(
        self, create: Callable[..., Awaitable[Result]], tag: str, more: dict[str, Any]
    ) -> tuple[str, Exception | None]:
        try:
            result = await create(self._lead(tag, more), self.account)
        except RateLimitError as error:
            return "throttled", error
        except LeadError as error:
            return error.outcome, error
        except Exception as error:  # a defect of ours: its name is a wrong outcome
            return type(error).__name__, error
        own = self.fault.changes_id or result.id in await asyncio.to_thread(self.stand.leads, tag)
        return "created" if own else "another lead's", None


PAGE = """\
# What each fault does to a lead

One create for each cell, over every HTTP back end. The request goes through a broken network in a second process to a
CRM in a third, which counts what it really stored. A cell reads *outcome requests/leads*: how the create ended, how
many requests the network saw, how many leads the CRM stored. **No cell has two leads.** Where a row's cells differ,
both outcomes are right: the fault looks different from each library's side of the connection.

This page is made by `python -m tests.faults.matrix > docs/fault-matrix.md`; a test runs every cell again.

"""


def table(rows: dict[str, dict[str, Cell]]) -> str:
    """The matrix in Markdown."""
    lines = [f"| fault | what happens | {' | '.join(WAYS)} |", f"| --- | --- |{' --- |' * len(WAYS)}"]
    for name, cells in rows.items():
        fault = FAULTS[name]
        lines.append(f"| {fault.number} | {fault.text} | {' | '.join(str(cells[way]) for way in WAYS)} |")
    return "\n".join(lines)


def main(names: Sequence[str]) -> int:
    """Print the page; exit code 1 when a cell is wrong."""
    stand = Stand()
    wrong: list[str] = []
    try:
        with world(stand), closing(Runs(stand, names or list(FAULTS))) as runs:
            rows = {name: runs.cells(name) for name in names or FAULTS}
        for name, cells in rows.items():
            for way, cell in cells.items():
                wrong += [f"{name}, {way}: {problem}" for problem in cell.problems(FAULTS[name])]
    finally:
        stand.close()
    print((PAGE if not names else "") + table(rows))
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
