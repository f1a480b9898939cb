"""Keys and the guard on each kind of database, without anything around them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from unilead_host.accounts import Accounts
from unilead_host.idempotency import Claim, Key, Keys, Repeats, Scope, fingerprint
from unilead_host.storage import Database, now
from unilead_host.storage.tables import idempotency_keys, unknown_outcomes
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
BODY = {"last_name": "L"}
STORED = {"lead": {"id": "7"}, "body": "a\0b\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")}


def keys_of(database: Database) -> Keys:
    return Keys(database, hours=24, lease=30)


@pytest.fixture
async def scope(database: Database, accounts: Accounts) -> Scope:
    tenant = await Tenants(database).create("ours")
    account = await accounts.create(tenant.id, "acme", {"token": "t"})
    return Scope(tenant.id, account.id, "POST", "/unified/crm/leads")


@pytest.fixture
def key(scope: Scope) -> Key:
    return Key(scope, "k", fingerprint(BODY))


async def test_a_key_goes_from_started_to_done(database: Database, key: Key) -> None:
    keys = keys_of(database)
    assert await keys.claim(key) == Claim("started")
    assert await keys.claim(key) == Claim("running")
    assert await keys.claim(Key(key.scope, "k", fingerprint({}))) == Claim("mismatch")
    await keys.finish(key, 200, STORED)
    assert await keys.claim(key) == Claim("done", STORED)
    assert await keys_of(database).claim(key) == Claim("done", STORED)


async def test_a_released_key_may_be_used_for_anything(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    await keys.release(key)
    assert await keys.claim(Key(key.scope, "k", fingerprint({}))) == Claim("started")


async def test_an_unknown_key_stays_so(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    await keys.mark_unknown(key)
    assert await keys.claim(key) == Claim("unknown")
    assert await keys_of(database).claim(key) == Claim("unknown")


async def test_f088_what_a_dead_process_left_running_is_unknown_after_a_restart(database: Database, key: Key) -> None:
    """On SQLite, where one process owns the file; hosts that share a database go by the lease."""
    dead, alive = keys_of(database), keys_of(database)
    await dead.claim(key)
    await alive.recover()
    assert await alive.claim(key) == Claim("unknown" if database.is_sqlite else "running")


async def test_f088_what_a_dead_process_left_running_is_unknown_after_its_lease(database: Database, key: Key) -> None:
    dead, alive = keys_of(database), keys_of(database)
    await dead.claim(key)
    assert await alive.claim(key) == Claim("running")
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(lease_until=now() - 1))
    assert await alive.claim(key) == Claim("unknown")
    await alive.release(key)
    assert await alive.claim(key) == Claim("unknown"), "only who claimed it may end it"
    await dead.finish(key, 200, STORED)
    assert await alive.claim(key) == Claim("done", STORED)


async def test_f087_of_many_at_once_one_starts(database: Database, key: Key) -> None:
    keys = [keys_of(database) for _ in range(4)]
    claims = await asyncio.gather(*(keys[number % 4].claim(key) for number in range(20)))
    assert sorted(claim.state for claim in claims) == ["running"] * 19 + ["started"]


async def test_a_key_is_forgotten_when_its_time_is_over_unless_it_runs(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1))
    assert await keys.claim(key) == Claim("running")
    await keys.finish(key, 200, STORED)
    assert await keys.claim(key) == Claim("started")


async def test_the_guard_remembers_and_forgets(database: Database, scope: Scope) -> None:
    guard = Repeats(database, minutes=15)
    await guard.load()
    assert not await guard.hold(scope, BODY)
    await guard.remember(scope, BODY)
    await guard.remember(scope, BODY)
    assert await guard.hold(scope, dict(reversed(BODY.items())))
    assert not await guard.hold(scope, {})
    assert not await guard.hold(Scope(scope.tenant_id, scope.account_id, "POST", "/other"), BODY)
    restarted = Repeats(database, minutes=15)
    await restarted.load()
    assert await restarted.hold(scope, BODY)
    await restarted.forget(scope, BODY)
    assert not await restarted.hold(scope, BODY)


async def test_the_guard_ends_with_its_time(database: Database, scope: Scope) -> None:
    guard = Repeats(database, minutes=15)
    await guard.remember(scope, BODY)
    async with database.transaction() as connection:
        await connection.execute(update(unknown_outcomes).values(at=now() - 901))
    assert not await guard.hold(scope, BODY)
    assert await guard.purge() == 1
    async with database.reading() as connection:
        assert (await connection.execute(select(unknown_outcomes))).first() is None


async def test_the_guard_can_be_switched_off(database: Database, scope: Scope) -> None:
    guard = Repeats(database, minutes=0)
    await guard.remember(scope, BODY)
    assert not await guard.hold(scope, BODY)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
def test_equal_content_and_nothing_else_has_an_equal_fingerprint(one: object, other: object) -> None:
    same = repr(_sorted(one)) == repr(_sorted(other))
    assert (fingerprint(one) == fingerprint(other)) == same


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
