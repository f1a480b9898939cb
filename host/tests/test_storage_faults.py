"""A database that is locked, full or gone, seen over HTTP: nothing is sent, and it gets better by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from host_callers import Tenant, hosting
from host_storage import locked
from unilead import Registry
from unilead_host.crypto import Vault
from unilead_host.settings import HostSettings
from unilead_host.storage import Database, StorageError, now
from unilead_host.storage.tables import accounts, idempotency_keys

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ours(sqlite_url: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenant]:
    monkeypatch.setattr("unilead_host.storage.database.LOCK_TIMEOUT", 0.2)
    settings = HostSettings(database_url=sqlite_url, encryption_keys=Vault.new_key(), simulated=True)
    async with hosting(settings, registry) as caller:
        yield caller


async def account(ours: Tenant) -> str:
    return str((await ours.made(is_simulated=True, settings=None))["id"])


async def create(ours: Tenant, account_id: str, key: str, **lead: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {ours.token}", "Idempotency-Key": key}
    query = {"integrated_account_id": account_id}
    return await ours.http.post("/unified/crm/leads", params=query, headers=headers, json={"last_name": "L", **lead})


@contextmanager
def full(database: Database, pages: int) -> Iterator[None]:
    """The file may not grow beyond this many pages."""

    def keep_small(connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(database.engine, "connect", keep_small)
    yield
    sa.event.remove(database.engine, "connect", keep_small)


async def pages_of(database: Database) -> int:
    async with database.reading() as connection:
        return int(await connection.scalar(sa.text("PRAGMA page_count")) or 0)


def count(ours: Tenant) -> int:
    return ours.host.simulators["acme"].count


async def test_f070_while_the_database_is_locked_nothing_is_sent(ours: Tenant, sqlite_url: str) -> None:
    account_id = await account(ours)
    with locked(sqlite_url):
        answer = await create(ours, account_id, "one")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "locked" in answer.json()["message"]
        for method, path, body in (
            ("POST", "", {"provider": "acme", "settings": {"token": "t"}}),
            ("PATCH", f"/{account_id}", {"label": "x"}),
            ("DELETE", f"/{account_id}", None),
        ):
            assert (await ours(method, path, body)).status_code == 503
        assert (await ours("GET", f"/{account_id}")).status_code == 200
    assert count(ours) == 0
    assert (await create(ours, account_id, "one")).status_code == 200
    assert count(ours) == 1


async def test_f072_on_a_full_disk_nothing_is_sent(ours: Tenant) -> None:
    account_id = await account(ours)
    database = ours.host.database
    pages = await pages_of(database)
    await database.close()
    with full(database, pages):
        await fill(database)
        answer = await create(ours, account_id, "one")
        assert answer.status_code == 503
        assert "full" in answer.json()["message"]
        assert count(ours) == 0
    await database.close()
    assert (await create(ours, account_id, "one")).status_code == 200
    assert count(ours) == 1


async def fill(database: Database) -> None:
    """Use up what is left of the last pages, with rows that become smaller than any real one."""
    async with database.reading() as connection:
        found = (await connection.execute(sa.select(accounts.c.tenant_id, accounts.c.id))).one()
    row = {"tenant_id": found.tenant_id, "account_id": found.id, "method": "POST", "path": "/", "state": "done"}
    for size in (200, 0):
        while True:
            values = {"key": uuid4().hex, "fingerprint": "x" * size, "created_at": now(), "expires_at": now() + 99}
            try:
                async with database.transaction() as connection:
                    await connection.execute(idempotency_keys.insert().values(**row, **values, boot_id=""))
            except StorageError:
                break


async def test_an_unreachable_database_is_said_at_readyz(ours: Tenant, sqlite_url: str, monkeypatch: Any) -> None:
    assert (await ours.http.get("/readyz")).status_code == 200

    async def fail(database: Database) -> None:
        raise StorageError("unreachable")

    monkeypatch.setattr(Database, "check", fail)
    answer = await ours.http.get("/readyz")
    assert (answer.status_code, "unreachable" in answer.json()["message"]) == (503, True)
    assert (await ours.http.get("/healthz")).status_code == 200
