"""F051 to F053 with the host's store: four processes share one account, on both databases."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_oauth_processes import Crm
from unilead import Registry
from unilead_host.accounts import Accounts
from unilead_host.crypto import Vault
from unilead_host.storage import Database
from unilead_host.storage.tables import credentials
from unilead_host.stored import StoredAccount
from unilead_host.tenants import Tenants
from unilead_zendesk_sell.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

CHILD = Path(__file__).with_name("refresh_child.py")
KEY = Vault.new_key()


class Child:
    """One process of ``refresh_child.py``."""

    def __init__(self, url: str, stored: StoredAccount, crm: str, calls: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), url, stored.tenant_id, stored.id, crm, str(calls)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "KEY": KEY},
        )

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@pytest.fixture
def crm() -> Iterator[Crm]:
    found = Crm()
    yield found
    found.process.kill()
    found.process.communicate()


@pytest.fixture
def stored(database_url: str) -> StoredAccount:
    return asyncio.run(_made(database_url))


async def _made(url: str) -> StoredAccount:
    database = Database(url)
    tenant = await Tenants(database).create("ours")
    settings = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    accounts = Accounts(database, Vault([KEY]), Registry())
    made = await accounts.create(tenant.id, "zendesk-sell", settings)
    await database.close()
    return made


async def _seen(url: str, stored: StoredAccount) -> StoredAccount:
    database = Database(url)
    found = await Accounts(database, Vault([KEY]), Registry()).get(stored.tenant_id, stored.id)
    await database.close()
    assert found is not None
    return found


@pytest.fixture
def child(database_url: str, stored: StoredAccount, crm: Crm) -> Iterator[Callable[[int], Child]]:
    started: list[Child] = []

    def start(calls: int) -> Child:
        started.append(Child(database_url, stored, crm.url, calls))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_f051_f052_four_processes_refresh_once_a_round(crm: Crm, child: Callable[[int], Child]) -> None:
    children = [child(10) for _ in range(4)]
    for number in (1, 2, 3):
        for one in children:
            one.go()
        assert [one.result() for one in children] == [{"created": 10, "errors": []}] * 4
        state = crm.state()
        assert (state["granted"], state["refused"], state["revoked"]) == (number, 0, False)
        crm.tell("expire")
    assert state["count"] == 120


def test_f053_a_host_killed_between_the_rotation_and_the_store(
    crm: Crm, child: Callable[[int], Child], stored: StoredAccount, database_url: str
) -> None:
    crm.tell("hang/after")
    victim = child(1)
    victim.go()
    crm.wait_until_asked(1)
    victim.process.kill()
    asyncio.run(_end_leases(database_url))
    heir = child(3)
    for _ in range(2):
        heir.go()
        assert heir.result() == {"created": 0, "errors": ["AuthError"] * 3}
    state = crm.state()
    assert (state["asked"], state["refused"], state["count"]) == (2, 1, 0)
    noted = asyncio.run(_seen(database_url, stored))
    assert noted.status == "needs_reauth"
    assert "invalid_grant" in noted.last_error["message"]


async def _end_leases(url: str) -> None:
    """What thirty seconds would do."""
    database = Database(url)
    async with database.transaction() as connection:
        await connection.execute(credentials.update().values(lease_until=credentials.c.lease_until - 31))
    await database.close()
