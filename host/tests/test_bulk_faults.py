"""Bulk jobs whose account, plugin, clock or database changes in the middle."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from host_bulk import act, counted, ended, job_of, lead, posted, rows_of
from host_stage import Stage, staged
from unilead import ConfigurationError, CreatedLead, Lead, Provider, Request
from unilead_host.bulk.claims import Claims, Ending
from unilead_host.storage import StorageError, now
from unilead_host.storage.tables import bulk_jobs

pytestmark = pytest.mark.anyio
SELL = "zendesk-sell"


async def begun(stage: Stage, count: int) -> str:
    """A job that is being worked on, slowly."""
    crm = stage.simulators[SELL]
    crm.faults.latency = 0.05
    job_id = await posted(stage, SELL, [lead(number) for number in range(count)])
    async with asyncio.timeout(10):
        while len(crm.calls) < 8:
            await asyncio.sleep(0.01)
    return job_id


async def change(stage: Stage, statement: Any) -> None:
    async with stage.host.database.transaction() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_blocked": True}, "The integrated account is blocked"),
        ({"is_sandbox": True}, "Sandbox integrated accounts are read-only"),
    ],
)
async def test_an_account_that_is_blocked_meanwhile_gets_no_more_leads(
    stage: Stage, change: dict[str, bool], reason: str
) -> None:
    job_id = await begun(stage, 200)
    if "is_blocked" in change:
        await stage.host.accounts.set_blocked(stage.tenant_id, stage.accounts[SELL], True)
    else:
        await stage.host.accounts.update(stage.tenant_id, stage.accounts[SELL], **change)
    calls = len(stage.simulators[SELL].calls)
    job = await ended(stage, job_id)
    assert (job["status"], job["reason"]["message"]) == ("stopped", reason)
    assert len(stage.simulators[SELL].calls) <= calls + 8
    assert job["rows"] == counted(created=stage.simulators[SELL].count, pending=200 - stage.simulators[SELL].count)


async def test_credentials_that_change_meanwhile_are_used_from_then_on(stage: Stage) -> None:
    job_id = await begun(stage, 60)
    crm = stage.simulators[SELL]
    new = "another-token-of-the-account"
    settings = {name: new if name == "access_token" else value for name, value in crm.sample_settings.items()}
    assert await stage.host.accounts.update(stage.tenant_id, stage.accounts[SELL], settings=settings)
    crm.calls.clear()
    await ended(stage, job_id)
    assert "another-token" in str(crm.calls[-1].headers)


async def test_f082_a_row_that_a_plugin_fails_on_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    compose = Provider.compose

    def composed(self: Provider, one: Lead, settings: Any) -> Request:
        request = compose(self, one, settings)
        return request.changed(headers={"X-Odd": "a\r\nb"}) if one.last_name == "Lead 2" else request

    monkeypatch.setattr(Provider, "compose", composed)
    job_id = await posted(stage, SELL, [lead(1), lead(2), lead(3)])
    job = await ended(stage, job_id)
    assert (job["status"], job["rows"]) == ("done", counted(created=2, rejected=1))
    [row] = await rows_of(stage, job_id, "status=rejected")
    assert (row["row"], row["attempts"]) == (2, 1)


async def test_the_guard_knows_of_rows_that_a_dead_host_left_on_their_way(host_url: str) -> None:
    async with staged(host_url) as stage:
        await stage.host.runner.stop()
        job_id = await posted(stage, SELL, [lead(1)])
        lease = await stage.host.claims.take()
        assert lease is not None
        assert len(await stage.host.claims.claim(lease, 1)) == 1
        await change(stage, sa.update(bulk_jobs).values(lease_until=now() - 1))
    async with staged(host_url) as stage:
        assert (await ended(stage, job_id))["rows"] == counted(unknown=1)
        assert (await stage.post(SELL, lead(1))).status_code == 500
        assert stage.simulators[SELL].count == 0


async def test_f066_a_job_is_kept_while_its_crm_is_slower_than_a_lease(stage: Stage) -> None:
    stage.host.claims.lease = 2
    stage.simulators[SELL].faults.latency = 4
    job_id = await posted(stage, SELL, [lead(1)])
    while not (await job_of(stage, job_id))["rows"]["sending"]:
        await asyncio.sleep(0.01)
    await asyncio.sleep(2.5)
    assert await Claims(stage.host.database).take() is None
    assert (await ended(stage, job_id))["rows"] == counted(created=1)


async def test_an_account_that_cannot_sign_in_stops_its_job(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer plugin may want more of the settings than the one that they were checked by."""

    def refuse(*_: Any) -> None:
        raise ConfigurationError("there is no way to sign in")

    monkeypatch.setattr("unilead.bulk.check_sign_in", refuse)
    job = await ended(stage, await posted(stage, SELL, [lead(1)]))
    assert (job["status"], job["rows"]) == ("stopped", counted(pending=1))
    assert job["reason"]["message"] == "there is no way to sign in"


async def test_f083_a_clock_that_jumps_takes_no_job_from_its_own_worker(stage: Stage) -> None:
    job_id = await begun(stage, 20)
    stage.simulators[SELL].faults.latency = 0.5
    await asyncio.sleep(0.1)
    await change(stage, sa.update(bulk_jobs).values(lease_until=now() - 1))
    stage.host.runner.wake()
    await asyncio.sleep(0.2)
    assert (await job_of(stage, job_id))["rows"]["unknown"] == 0
    assert (await ended(stage, job_id, ["done"]))["rows"] == counted(created=20)
    assert stage.simulators[SELL].count == 20


async def test_f085_rows_that_were_taken_for_a_batch_when_the_host_ends_are_pending(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third batch is not full yet: the guard is still being asked about one of its rows."""
    asked: list[Any] = []

    async def find(*body: Any) -> None:
        asked.append(body)
        if len(asked) == 205:
            await asyncio.sleep(4)

    monkeypatch.setattr(type(stage.host.repeats), "may_hold", True)
    monkeypatch.setattr(stage.host.repeats, "find", find)
    stage.simulators["hubspot"].faults.latency = 1.5
    job_id = await posted(stage, "hubspot", [lead(number) for number in range(210)])
    async with asyncio.timeout(10):
        while len(asked) < 205:
            await asyncio.sleep(0.01)
    await stage.host.runner.stop()
    assert (await job_of(stage, job_id))["rows"] == counted(created=200, pending=10)


async def test_f085_rows_that_are_claimed_while_the_host_ends_are_pending(stage: Stage) -> None:
    """It ends while they are committed, so that nobody waits for them any more."""
    claimed, waits, go_on = set[int](), threading.Event(), threading.Event()

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE bulk_rows") and "attempt +" in statement:
            claimed.add(id(connection))

    def hold(connection: Any) -> None:
        if id(connection) in claimed and len(stage.simulators[SELL].calls) >= 2:
            waits.set()
            go_on.wait(10)

    sa.event.listen(stage.host.database.engine, "after_cursor_execute", note)
    sa.event.listen(stage.host.database.engine, "commit", hold)
    stage.simulators[SELL].faults.latency = 0.5
    job_id = await posted(stage, SELL, [lead(number) for number in range(9)])
    await asyncio.to_thread(waits.wait, 10)
    stopping = asyncio.create_task(stage.host.runner.stop())
    await asyncio.sleep(1)
    go_on.set()
    await stopping
    created = stage.simulators[SELL].count
    assert (await job_of(stage, job_id))["rows"] == counted(created=created, pending=9 - created)
    assert 0 < created < 9


async def test_f071_a_verdict_that_is_written_late_is_the_one_that_was_given(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job is given back with its verdicts, or not yet."""
    judge, refusals = Claims.judge, [1, 2, 3]

    async def judged(self: Claims, *given: Any) -> None:
        if refusals:
            refusals.pop()
            raise StorageError("locked")
        await judge(self, *given)

    monkeypatch.setattr("unilead_host.verdict_writes.PAUSE", 0.1)
    monkeypatch.setattr(Claims, "judge", judged)
    job_id = await posted(stage, SELL, [{"first_name": "F"}])
    assert (await ended(stage, job_id))["rows"] == counted(rejected=1)


async def test_a_job_that_waits_goes_on_waiting_when_its_lost_rows_are_judged(stage: Stage) -> None:
    claims = stage.host.claims
    await stage.host.runner.stop()
    job_id = await posted(stage, SELL, [lead(1), lead(2)])
    lease = await claims.take()
    assert lease is not None
    await claims.claim(lease, 1)
    await claims.release(lease, Ending({"message": "later"}, 600))
    stage.host.runner._draining.clear()
    stage.host.runner.start()
    stage.host.runner.wake()
    async with asyncio.timeout(10):
        while (await job_of(stage, job_id))["rows"] != counted(unknown=1, pending=1):
            await asyncio.sleep(0.02)
    job = await ended(stage, job_id, ["waiting"])
    assert (job["reason"], stage.simulators[SELL].count) == ({"message": "later"}, 0)
    await act(stage, job_id, "cancel")


async def test_what_was_not_sent_is_tried_again_later_and_says_why(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once, again and again."""
    tried: list[str | None] = []

    def broken(self: Provider, request: Request, *_: Any, **__: Any) -> Request:
        tried.append(request.lead.last_name if request.lead else None)
        raise ConfigurationError("the credential store failed")

    monkeypatch.setattr(Provider, "finish", broken)
    job_id = await posted(stage, SELL, [lead(number) for number in range(40)])
    job = await ended(stage, job_id)
    assert (job["status"], job["rows"], len(tried)) == ("waiting", counted(pending=40), 40)
    assert job["reason"]["message"] == "the credential store failed"


async def test_a_lead_id_that_a_database_cannot_store_costs_no_verdict(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = Provider.parse_response

    def parsed(self: Provider, *given: Any) -> CreatedLead:
        return parse(self, *given).model_copy(update={"id": "7\x00\ud8007"})

    monkeypatch.setattr(Provider, "parse_response", parsed)
    job_id = await posted(stage, SELL, [lead(1), {}])
    assert (await ended(stage, job_id))["rows"] == counted(created=1, rejected=1)
    assert (await rows_of(stage, job_id))[0]["id"] == "7\ufffd\ufffd7"
