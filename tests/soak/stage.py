"""What the soak runs share: CRMs and hosts in processes of their own, fresh databases, a client, and the table."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from tests.soak.provider import SLUG
from unilead import Registry
from unilead_host.accounts import Accounts
from unilead_host.crypto import Vault
from unilead_host.lead_call import BULK_PATH
from unilead_host.storage import Database, migrate
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens

DSN = os.environ.get("UNILEAD_TEST_DSN", "")


class BrokenError(Exception):
    """A promise is broken: a lead is lost, or there twice, or has no verdict."""


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes:
        part: how much of the goal was reached; 1 is all of it.
        is_ratio: measured side by side, so that half of it is a defect on any machine.
    """

    name: str
    text: str
    measured: str
    part: float
    is_ratio: bool = False

    @property
    def is_far(self) -> bool:
        return self.is_ratio and self.part < 0.5

    def __str__(self) -> str:
        return f"| {'✓' if self.part >= 1 else '✗'} | {self.name} | {self.text} | {self.measured} |"


def lead(number: int | str) -> dict[str, Any]:
    return {"last_name": f"Lead {number}", "first_name": "Ada", "title": "CTO"}


class Crm:
    """A CRM in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}"

    def tell(self, **wanted: Any) -> dict[str, Any]:
        """Change its mood or latency. Returns: what it has seen."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@contextlib.contextmanager
def crm(latency: float = 0.0) -> Iterator[Crm]:
    command = [sys.executable, "-m", "tests.soak.crm"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        served = Crm(process)
        served.tell(latency=latency)
        try:
            yield served
        finally:
            process.kill()


@contextlib.contextmanager
def database(kind: str) -> Iterator[str]:
    """A migrated database of this run's own. Yields: its URL."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'host.sqlite'}"
            asyncio.run(migrate(url))
            yield url
        return
    import psycopg

    name = f"unilead_soak_{uuid4().hex}"
    with psycopg.connect(DSN, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            url = f"{DSN.rsplit('/', 1)[0]}/{name}"
            asyncio.run(migrate(url))
            yield url
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def kinds() -> list[str]:
    return ["sqlite", "postgresql"] if DSN else ["sqlite"]


@dataclass
class Stage:
    """A database with accounts, and the hosts on it.

    Attributes:
        accounts: ids.
    """

    url: str
    crms: Mapping[str, str]
    key: str
    token: str = ""
    accounts: list[str] = field(default_factory=list)

    async def prepare(self, accounts: Sequence[str]) -> None:
        """Make accounts. Args: accounts: for each, the name of its CRM."""
        opened = Database(self.url)
        tenant = await Tenants(opened).create("soak")
        store = Accounts(opened, Vault([self.key]), Registry(overrides=False))
        self.accounts = [(await store.create(tenant.id, SLUG, {"access_token": name})).id for name in accounts]
        self.token, _ = await Tokens(opened).create(tenant.id)
        await opened.close()

    @contextlib.contextmanager
    def host(self) -> Iterator[Host]:
        """Start a host. It is killed in the end."""
        process = self.start()
        try:
            yield process
        finally:
            process.kill()

    def start(self) -> Host:
        named = {"UNILEAD_HOST_DATABASE_URL": self.url, "UNILEAD_HOST_ENCRYPTION_KEYS": self.key}
        command = [sys.executable, "-m", "tests.soak.host", json.dumps(self.crms)]
        return Host(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | named))


class Host:
    """A host in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.url = process.stdout.readline().strip()
        if not self.url:
            raise BrokenError("the host did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def memory(self) -> float:
        """Resident MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE") / 2**20

    @property
    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextlib.contextmanager
def stage(kind: str, accounts: Sequence[str], **crms: Crm) -> Iterator[Stage]:
    """A database with accounts; no host yet."""
    with database(kind) as url:
        made = Stage(url, {name: one.url for name, one in crms.items()}, Vault.new_key())
        asyncio.run(made.prepare(accounts))
        yield made


@contextlib.asynccontextmanager
async def client(made: Stage) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {made.token}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield session


# --- bulk jobs --------------------------------------------------------------------------------------------------------


async def post_job(session: aiohttp.ClientSession, host: Host, account: str, names: Sequence[str]) -> str:
    body = {"leads": [lead(name) for name in names]}
    async with session.post(f"{host.url}{BULK_PATH}?integrated_account_id={account}", json=body) as answer:
        assert answer.status == 202, await answer.text()
        return str((await answer.json())["id"])


async def job_of(session: aiohttp.ClientSession, host: Host, job: str) -> dict[str, Any]:
    async with session.get(f"{host.url}{BULK_PATH}/{job}") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def finished(session: aiohttp.ClientSession, host: Host, jobs: Sequence[str], *, within: float) -> float:
    """Wait for jobs to be done. Returns: seconds. Raises: BrokenError."""
    begun = time.monotonic()
    left = list(jobs)
    while left:
        if time.monotonic() - begun > within:
            raise BrokenError(f"{len(left)} jobs have no verdict for each row after {within:.0f} s")
        await asyncio.sleep(0.1)
        if (await job_of(session, host, left[0]))["status"] == "done":
            left.pop(0)
    return time.monotonic() - begun


def check_once(names: Sequence[str], at_most: int | None = None) -> None:
    """No lead is at the CRM twice, and there are no more of them than were created or may have been."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise BrokenError(f"{len(twice)} leads are there twice, the first is {twice[0]}")
    if at_most is not None and len(names) > at_most:
        raise BrokenError(f"{len(names)} leads are there, and verdicts allow {at_most}")
