"""The host's credential store: F050 to F060 for what a store has to do with them."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import acme
from unilead import CredentialKey, Credentials, MemoryCredentialStore
from unilead_host.accounts import Accounts
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import SealError, Vault
from unilead_host.storage import Database
from unilead_host.storage.tables import credentials as table
from unilead_host.stored import StoredAccount
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
CANARY = "canary-88d0-fresh"
FRESH = Credentials({"access_token": CANARY, "refresh_token": "next"}, renew_at=1_800_000_000.0)


@pytest.fixture
def store(database: Database, vault: Vault) -> HostCredentialStore:
    return HostCredentialStore(database, vault)


@pytest.fixture
async def stored(accounts: Accounts, database: Database) -> StoredAccount:
    tenant = await Tenants(database).create("ours")
    return await accounts.create(tenant.id, "globex", {"client_id": "app", "refresh_token": "first"})


@pytest.fixture
async def key(accounts: Accounts, stored: StoredAccount) -> CredentialKey:
    return CredentialKey.of(stored.id, (await accounts.account_of(stored)).settings)  # type: ignore[arg-type]


async def test_what_is_saved_is_loaded(store: HostCredentialStore, key: CredentialKey) -> None:
    assert await store.load(key) is None
    assert await store.save(key, FRESH)
    assert await store.load(key) == dataclasses.replace(FRESH, version=1)
    assert await store.load(key._replace(seed="0" * 32)) is None


async def test_f060_an_older_version_is_not_stored(store: HostCredentialStore, key: CredentialKey) -> None:
    assert await store.save(key, FRESH)
    assert not await store.save(key, dataclasses.replace(FRESH, values={"access_token": "late"}))
    assert await store.load(key) == dataclasses.replace(FRESH, version=1)


async def test_f051_one_of_twenty_on_four_hosts_gets_the_lease(
    store: HostCredentialStore, key: CredentialKey, database_url: str, vault: Vault
) -> None:
    hosts = [Database(database_url) for _ in range(4)]
    stores = [HostCredentialStore(database, vault) for database in hosts]
    granted = await asyncio.gather(*(stores[n % 4].lease(key, 0, f"owner {n}", 30) for n in range(20)))
    for database in hosts:
        await database.close()
    assert sum(granted) == 1
    owner = f"owner {granted.index(True)}"
    assert await store.lease(key, 0, owner, 30)  # its own, again
    assert not await store.lease(key, 0, "late", 30)


async def test_f053_saving_ends_the_lease_and_the_old_version(store: HostCredentialStore, key: CredentialKey) -> None:
    assert await store.lease(key, 0, "one", 30)
    assert await store.save(key, FRESH)
    assert not await store.lease(key, 0, "two", 30)
    assert await store.lease(key, 1, "two", 30)


async def test_f054_a_lease_ends_by_itself(store: HostCredentialStore, key: CredentialKey, database: Database) -> None:
    assert await store.lease(key, 0, "killed", 30)
    assert not await store.lease(key, 0, "next", 30)
    async with database.transaction() as connection:  # half a minute later
        await connection.execute(table.update().values(lease_until=table.c.lease_until - 30))
    assert await store.lease(key, 0, "next", 30)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_f083_a_clock_set_by_an_hour_blocks_nobody_for_an_hour(
    store: HostCredentialStore, key: CredentialKey, database: Database, hours: int
) -> None:
    assert await store.lease(key, 0, "before", 30)
    async with database.transaction() as connection:  # the lease, as it looks after the clock was set
        await connection.execute(table.update().values(lease_until=table.c.lease_until - hours * 3600))
    assert await store.lease(key, 0, "after", 30)


async def test_f056_a_refused_refresh_is_noted_on_the_account(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount
) -> None:
    assert await store.save(key, Credentials(state="needs_reauth", reason="invalid_grant: the token was revoked"))
    noted = await accounts.get(stored.tenant_id, stored.id)
    assert noted is not None
    assert (noted.status, noted.last_error) == ("needs_reauth", {"message": "invalid_grant: the token was revoked"})


async def test_f060_a_refusal_of_what_the_operator_replaced_does_not_count(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount
) -> None:
    changed = await accounts.update(stored.tenant_id, stored.id, settings={"refresh_token": "second"})
    await store.save(key, Credentials(state="needs_reauth", reason="invalid_grant"))
    assert await accounts.get(stored.tenant_id, stored.id) == changed


async def test_f055_a_failed_refresh_leaves_the_account_active(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount
) -> None:
    assert await store.save(key, dataclasses.replace(FRESH, retry_at=1_900_000_000.0))
    assert (await store.load(key) or FRESH).retry_at == 1_900_000_000.0
    assert await accounts.get(stored.tenant_id, stored.id) == stored


async def test_new_settings_forget_what_grew_from_the_old(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount, database: Database
) -> None:
    await store.save(key, FRESH)
    await accounts.update(stored.tenant_id, stored.id, settings={"refresh_token": "second"})
    async with database.reading() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


async def test_nothing_that_happens_to_one_account_touches_the_tokens_of_another(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount
) -> None:
    """Both were made with the same settings."""
    twin = await accounts.create(stored.tenant_id, "globex", {"client_id": "app", "refresh_token": "first"})
    other = CredentialKey.of(twin.id, (await accounts.account_of(twin)).settings)  # type: ignore[arg-type]
    assert await store.save(other, FRESH)
    assert await store.lease(key, 0, "one", 30)
    assert await store.lease(other, 1, "two", 30)
    assert await store.save(key, Credentials(state="needs_reauth", reason="invalid_grant"))
    await store.reopen(stored.id)
    await accounts.update(stored.tenant_id, stored.id, settings={"refresh_token": "second"})
    await store.forget(stored.id)
    await accounts.delete(stored.tenant_id, stored.id)
    assert await store.load(other) == dataclasses.replace(FRESH, version=1)
    assert await accounts.get(twin.tenant_id, twin.id) == twin


async def test_a_deleted_account_keeps_nothing_and_takes_nothing(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount
) -> None:
    await store.save(key, FRESH)
    await accounts.delete(stored.tenant_id, stored.id)
    assert await store.load(key) is None
    assert not await store.lease(key, 0, "one", 30)
    assert not await store.save(key, FRESH)


async def test_forgetting(store: HostCredentialStore, key: CredentialKey) -> None:
    await store.save(key, FRESH)
    await store.forget(key.account_id)
    assert await store.load(key) is None


async def test_s021_s022_fresh_tokens_are_sealed_for_their_account(
    store: HostCredentialStore, key: CredentialKey, accounts: Accounts, stored: StoredAccount, database: Database
) -> None:
    await store.save(key, FRESH)
    other = await accounts.create(stored.tenant_id, "globex", {"client_id": "app", "refresh_token": "first"})
    async with database.transaction() as connection:
        row = (await connection.execute(sa.select(table))).one()
        assert CANARY not in str(row)
        await connection.execute(table.insert().values({**row._asdict(), "account_id": other.id}))
    with pytest.raises(SealError, match="another account"):
        await store.load(key._replace(account_id=other.id))


OWNERS = st.sampled_from(["one", "two"])
CALLS = st.one_of(
    st.tuples(st.just("lease"), st.integers(0, 3), OWNERS, st.just(30.0)),
    st.tuples(st.just("save"), st.integers(0, 3), st.sampled_from(["a", "b"])),
    st.tuples(st.just("load")),
    st.tuples(st.just("forget")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=12))
def test_the_store_answers_as_the_one_in_memory_does(calls: list[Any], sqlite_url: str) -> None:
    asyncio.run(_compare(calls, sqlite_url))


async def _compare(calls: list[Any], url: str) -> None:
    database, vault = Database(url), Vault([Vault.new_key()])
    registry = acme.EmptyRegistry()
    registry.register("acme", acme.make_plugin())
    tenant = await Tenants(database).create(uuid4().hex)
    account = await Accounts(database, vault, registry).create(tenant.id, "acme", {"token": "t"})
    key = CredentialKey(account.id, "0" * 32)
    ours, theirs = HostCredentialStore(database, vault), MemoryCredentialStore()
    for name, *arguments in calls:
        if name == "save":
            fresh = Credentials({"access_token": arguments[1]}, version=arguments[0])
            answers = await ours.save(key, fresh), theirs.save(key, fresh)
        elif name == "lease":
            answers = await ours.lease(key, *arguments), theirs.lease(key, *arguments)
        elif name == "forget":
            answers = await ours.forget(key.account_id), theirs.forget(key.account_id)  # type: ignore[func-returns-value]
        else:
            answers = await ours.load(key), theirs.load(key)  # type: ignore[assignment]
        assert answers[0] == answers[1], (name, arguments)
    await database.close()
