"""Keys on each kind of database, without anything around them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from host_storage import pausing
from unilead_host.accounts import Accounts
from unilead_host.idempotency import Claim, Key, Keys, Scope, fingerprint
from unilead_host.storage import Database, now
from unilead_host.storage.tables import idempotency_keys
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
BODY = {"last_name": "L"}
STORED = {"lead": {"id": "7"}, "body": "a\0b\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")}


def again(key: Key) -> Key:
    """Another use of a key, by an equal request."""
    return Key(key.scope, key.name, key.fingerprint)


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
    assert await keys.claim(again(key)) == Claim("running")
    assert await keys.claim(Key(key.scope, "k", fingerprint({}))) == Claim("mismatch")
    await keys.finish(key, 200, STORED)
    assert await keys.claim(again(key)) == Claim("done", STORED)
    assert await keys_of(database).claim(again(key)) == Claim("done", STORED)


async def test_a_released_key_may_be_used_for_anything(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    await keys.release(key)
    assert await keys.claim(Key(key.scope, "k", fingerprint({}))) == Claim("started")


async def test_an_unknown_key_stays_so(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    await keys.mark_unknown(key)
    assert await keys.claim(again(key)) == Claim("unknown")
    assert await keys_of(database).claim(again(key)) == Claim("unknown")


async def test_f088_what_a_dead_process_left_running_is_unknown_after_a_restart(database: Database, key: Key) -> None:
    """On SQLite, where one process owns the file; hosts that share a database go by the lease."""
    dead, alive = keys_of(database), keys_of(database)
    await dead.claim(key)
    await alive.recover()
    assert await alive.claim(again(key)) == Claim("unknown" if database.is_sqlite else "running")


async def test_f088_what_a_dead_process_left_running_is_unknown_after_its_lease(database: Database, key: Key) -> None:
    dead, alive, use = keys_of(database), keys_of(database), again(key)
    await dead.claim(key)
    assert await alive.claim(use) == Claim("running")
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(lease_until=now() - 1))
    assert await alive.claim(use) == Claim("unknown")
    await alive.release(use)
    assert await alive.claim(use) == Claim("unknown"), "only who claimed it may end it"
    await dead.finish(key, 200, STORED)
    assert await alive.claim(use) == Claim("done", STORED)


async def test_f087_of_many_at_once_one_starts(database: Database, key: Key) -> None:
    keys = [keys_of(database) for _ in range(4)]
    claims = await asyncio.gather(*(keys[number % 4].claim(again(key)) for number in range(20)))
    assert sorted(claim.state for claim in claims) == ["running"] * 19 + ["started"]


async def expire(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1))


async def test_a_key_is_forgotten_when_its_time_is_over_unless_it_runs(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    await expire(database)
    assert await keys.purge() == 0
    assert await keys.claim(again(key)) == Claim("running")
    await keys.finish(key, 200, STORED)
    assert await keys.claim(again(key)) == Claim("started")


async def test_what_a_use_writes_late_is_about_that_use_alone(database: Database, key: Key) -> None:
    keys, next_use = keys_of(database), again(key)
    await keys.claim(key)
    await keys.mark_unknown(key)
    await expire(database)
    assert await keys.claim(next_use) == Claim("started")
    for write in (keys.release(key), keys.mark_unknown(key), keys.finish(key, 200, STORED)):
        await write
        assert await keys.claim(again(key)) == Claim("running")


@pytest.mark.parametrize("cleaning", [True, False])
async def test_f083_a_clock_that_jumps_does_not_free_a_key_in_use(database: Database, key: Key, cleaning: bool) -> None:
    """Whoever cleans up then knows no better than that its outcome is unknown; its end may still say more."""
    keys = keys_of(database)
    await keys.claim(key)
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1, lease_until=now() - 1))
    if cleaning:
        await keys.purge()
    for _ in range(2):
        assert await keys.claim(again(key)) == Claim("unknown")
    await keys.finish(key, 200, STORED)
    assert await keys.claim(again(key)) == Claim("done", STORED)


async def test_a_dead_use_goes_when_its_time_is_over(database: Database, key: Key) -> None:
    keys = keys_of(database)
    await keys.claim(key)
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1, lease_until=now() - 1))
    assert [await keys.purge(), await keys.purge()] == [0, 0]
    await expire(database)
    assert await keys.purge() == 1


@pytest.mark.parametrize("end", ["finish", "release"])
async def test_f088_an_end_at_the_moment_of_a_claim_is_not_lost(database: Database, key: Key, end: str) -> None:
    """A claim that finds the lease over, and an end that is written before the claim's last statement."""
    dead, alive = keys_of(database), keys_of(database)
    await dead.claim(key)
    async with database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(lease_until=now() - 1))
    with pausing(database, "INSERT", "idempotency_keys") as (waits, go_on):
        claiming = asyncio.create_task(alive.claim(again(key)))
        await asyncio.to_thread(waits.wait, 10)
        ending = asyncio.create_task(dead.finish(key, 200, STORED) if end == "finish" else dead.release(key))
        await asyncio.wait([ending], timeout=0.3)
        go_on.set()
        await asyncio.gather(claiming, ending)
    assert await alive.claim(again(key)) == (Claim("done", STORED) if end == "finish" else Claim("started"))


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
