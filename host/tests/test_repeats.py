"""The guard against blind repetitions, on each kind of database, and over HTTP while others are at work."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from host_stage import Stage, staged
from host_storage import locked, losing_commits, pausing
from unilead_host.accounts import Accounts
from unilead_host.idempotency import Scope, fingerprint
from unilead_host.repeats import Repeats
from unilead_host.storage import Database, now
from unilead_host.storage.tables import unknown_outcomes
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
SELL = "zendesk-sell"
BODY = {"last_name": "L"}
AGAIN = {"Unified-Send-Again": "true"}


@pytest.fixture
async def scope(database: Database, accounts: Accounts) -> Scope:
    tenant = await Tenants(database).create("ours")
    account = await accounts.create(tenant.id, "acme", {"token": "t"})
    return Scope(tenant.id, account.id, "POST", "/unified/crm/leads")


async def age(database: Database) -> None:
    """Let more time pass than the guard remembers."""
    async with database.transaction() as connection:
        await connection.execute(sa.update(unknown_outcomes).values(at=now() - 901))


async def restarted(database: Database) -> Repeats:
    """The guard of a host that starts."""
    guard = Repeats(database, minutes=15)
    await guard.load()
    return guard


async def assert_found_and_forgotten(database: Database, scope: Scope) -> None:
    """What is in the database is known to a host that starts, until it forgets it; then the next one does not know."""
    guard = await restarted(database)
    outcome = await guard.find(scope, BODY)
    assert outcome is not None
    await guard.forget(outcome)
    assert await guard.find(scope, BODY) is None
    assert await (await restarted(database)).find(scope, BODY) is None


async def test_the_guard_remembers_and_forgets(database: Database, scope: Scope) -> None:
    guard = await restarted(database)
    assert await guard.find(scope, BODY) is None
    await guard.write(guard.note(scope, BODY))
    await guard.write(guard.note(scope, BODY))
    assert await guard.find(scope, dict(reversed(BODY.items())))
    assert await guard.find(scope, {}) is None
    assert await guard.find(Scope(scope.tenant_id, scope.account_id, "POST", "/other"), BODY) is None
    await assert_found_and_forgotten(database, scope)


async def test_the_guard_ends_with_its_time(database: Database, scope: Scope) -> None:
    guard = Repeats(database, minutes=15)
    await guard.write(guard.note(scope, BODY))
    await age(database)
    assert await guard.find(scope, BODY) is None
    assert await guard.purge() == 1
    async with database.reading() as connection:
        assert (await connection.execute(sa.select(unknown_outcomes))).first() is None


async def test_the_guard_can_be_switched_off(database: Database, scope: Scope) -> None:
    guard = Repeats(database, minutes=0)
    await guard.write(guard.note(scope, BODY))
    assert await guard.find(scope, BODY) is None


async def test_what_was_forgotten_before_it_was_written_is_not_written_any_more(
    database: Database, scope: Scope
) -> None:
    guard = await restarted(database)
    noted = guard.note(scope, BODY)
    await guard.forget(noted)
    await guard.write(noted)
    assert await guard.find(scope, BODY) is None
    assert await (await restarted(database)).find(scope, BODY) is None


async def test_forgetting_an_outcome_spares_a_later_one_that_is_not_written_yet(
    database: Database, scope: Scope
) -> None:
    guard = await restarted(database)
    first = guard.note(scope, BODY)
    await guard.write(first)
    second = guard.note(scope, BODY)
    await guard.forget(first)
    assert await guard.find(scope, BODY) is second
    await guard.write(second)
    await assert_found_and_forgotten(database, scope)


async def test_an_outcome_noted_while_an_earlier_one_is_written_is_written_too(
    database: Database, scope: Scope
) -> None:
    guard = await restarted(database)
    first = guard.note(scope, BODY)
    with pausing(database, "INSERT", "unknown_outcomes") as (waits, go_on):
        writing = asyncio.create_task(guard.write(first))
        await until(waits, writing)
        second = guard.note(scope, BODY)
        go_on.set()
        await writing
    await guard.forget(first)
    await guard.write(second)
    await assert_found_and_forgotten(database, scope)


async def test_what_was_never_written_ends_with_its_time_too(database: Database, scope: Scope) -> None:
    guard = Repeats(database, minutes=0.0005)
    guard.note(scope, BODY)
    await asyncio.sleep(0.05)
    assert await guard.find(scope, BODY) is None


async def test_a_row_of_the_last_release_is_found_and_forgotten(database: Database, scope: Scope) -> None:
    row = {**scope.columns, "fingerprint": fingerprint(BODY), "at": now()}
    async with database.transaction() as connection:
        await connection.execute(unknown_outcomes.insert().values(row))
    await assert_found_and_forgotten(database, scope)


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is written again a moment later."""
    monkeypatch.setattr("unilead_host.verdict_writes.PAUSE", 0.2)
    monkeypatch.setattr("unilead_host.storage.database.LOCK_TIMEOUT", 0.1)


@pytest.fixture
async def alone(sqlite_url: str, anyio_backend: str, later: None) -> AsyncIterator[Stage]:
    """A host that serves an SQLite file alone."""
    async with staged(sqlite_url) as stage:
        yield stage


def calls(stage: Stage) -> int:
    return len(stage.simulators[SELL].calls)


async def lose(stage: Stage, **headers: str) -> None:
    """Send the lead; the CRM makes it and its answer is lost."""
    stage.simulators[SELL].faults.drop_after_commit = 1
    assert (await stage.post(SELL, BODY, headers=headers)).status_code == 500


async def is_held(stage: Stage) -> bool:
    """Whether a blind repetition is answered without sending it."""
    before = calls(stage)
    answer = await stage.post(SELL, BODY)
    held = calls(stage) == before
    assert held == (answer.status_code == 500)
    return held


async def until(event: threading.Event, task: asyncio.Task[Any]) -> None:
    while not event.is_set() and not task.done():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("word", ["SELECT", "DELETE"])
async def test_what_is_remembered_while_a_purge_runs_is_not_forgotten(alone: Stage, word: str) -> None:
    await lose(alone)
    await age(alone.host.database)
    with pausing(alone.host.database, word, "unknown_outcomes") as (waits, go_on):
        purging = asyncio.create_task(alone.host.repeats.purge())
        await until(waits, purging)
        losing = asyncio.create_task(lose(alone))
        while calls(alone) < 2 or not (losing.done() or waits.is_set()):
            await asyncio.sleep(0.01)
        if word == "SELECT":
            await losing
        go_on.set()
        await asyncio.gather(purging, losing)
    assert await is_held(alone)


async def test_what_cannot_be_written_yet_is_remembered_all_the_same(alone: Stage, sqlite_url: str) -> None:
    with locked(sqlite_url):
        await lose(alone)
        assert await is_held(alone)
    await alone.host.writes.drain()
    assert await is_held(alone)


async def test_a_late_forgetting_spares_what_was_remembered_since(stage: Stage) -> None:
    await lose(stage)
    with losing_commits(stage.host.database):
        assert (await stage.post(SELL, BODY, headers=AGAIN)).status_code == 200
    await lose(stage)
    await stage.host.writes.drain()
    assert await is_held(stage)


async def test_a_late_remembering_does_not_undo_a_forgetting(stage: Stage) -> None:
    with losing_commits(stage.host.database):
        await lose(stage)
    assert (await stage.post(SELL, BODY, headers=AGAIN)).status_code == 200
    await stage.host.writes.drain()
    assert not await is_held(stage)


async def test_of_two_that_are_sent_again_the_lost_one_is_remembered(stage: Stage) -> None:
    await lose(stage)
    answers = stage.simulators[SELL].send_async
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(request: Any, **options: Any) -> Any:
        asked.set()
        await go_on.wait()
        return await answers(request, **options)

    stage.simulators[SELL].send_async = waiting  # type: ignore[method-assign]
    first = asyncio.create_task(stage.post(SELL, BODY, headers=AGAIN))
    await asked.wait()
    stage.simulators[SELL].send_async = answers  # type: ignore[method-assign]
    await lose(stage, **AGAIN)
    go_on.set()
    assert (await first).status_code == 200
    assert await is_held(stage)


async def test_an_account_that_is_deleted_while_its_lead_is_lost(stage: Stage) -> None:
    answers = stage.simulators[SELL].send_async

    async def deleting(request: Any, **options: Any) -> Any:
        await stage.host.accounts.delete(stage.tenant_id, stage.accounts[SELL])
        return await answers(request, **options)

    stage.simulators[SELL].send_async = deleting  # type: ignore[method-assign]
    stage.simulators[SELL].faults.drop_after_commit = 1
    answer = await stage.post(SELL, BODY)
    assert (answer.status_code, answer.json()["details"]) == (500, {"outcome": "unknown", "safe_to_retry": False})
