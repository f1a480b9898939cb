"""Jobs, leases and claims on each kind of database: whoever works on a row, and however often, it is sent once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from host_storage import locked, losing_commits, pausing
from unilead import Registry
from unilead_host.accounts import Accounts
from unilead_host.bulk.claims import Claims, Ending, Judged, Lease, LeaseLostError
from unilead_host.bulk.jobs import Job, Jobs
from unilead_host.bulk.statements import CLAIM
from unilead_host.crypto import Vault
from unilead_host.storage import Database, StorageError, now
from unilead_host.storage.tables import accounts as accounts_table
from unilead_host.storage.tables import bulk_jobs, bulk_rows
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
LEADS = ['{"last_name": "A"}', '{"last_name": "B"}', '{"last_name": "C"}']
CREATED = Judged(1, 1, "created", "77")
REJECTED = Judged(1, 1, "rejected", error={"message": "no"})


class Board:
    """Jobs of two accounts, and workers of several processes.

    Attributes:
        jobs: as callers see them.
    """

    def __init__(self, database: Database, tenant_id: str, account_ids: list[str]) -> None:
        self.database = database
        self.tenant_id = tenant_id
        self.account_ids = account_ids
        self.jobs = Jobs(database, days=2)
        self.claims = Claims(database)

    async def post(self, account: int = 0, **more: Any) -> Job:
        posted = await self.jobs.post(self.tenant_id, self.account_ids[account], LEADS, **more)
        assert posted.job is not None
        return posted.job

    async def take(self) -> Lease:
        lease = await self.claims.take()
        assert lease is not None
        return lease

    async def on_its_way(self) -> tuple[Job, Lease]:
        """A job whose first row is claimed."""
        job = await self.post()
        lease = await self.take()
        [row] = await self.claims.claim(lease, 1)
        assert (row.row, row.attempt, row.lead) == (1, 1, LEADS[0])
        return job, lease

    async def die(self, lease: Lease) -> None:
        """The worker says nothing for as long as its lease."""
        over = sa.update(bulk_jobs).where(bulk_jobs.c.owner == lease.id).values(lease_until=now() - 1)
        async with self.database.transaction() as connection:
            await connection.execute(over)

    async def states(self, job: Job) -> list[str]:
        return [row.state for row in await self.jobs.rows(job, limit=10)]

    async def seen(self, job: Job) -> Job:
        found = await self.jobs.get(self.tenant_id, job.id)
        assert found is not None
        return found


@pytest.fixture
async def board(database: Database, accounts: Accounts) -> Board:
    return await board_of(database, accounts)


async def board_of(database: Database, accounts: Accounts) -> Board:
    tenant = await Tenants(database).create("ours")
    made = [await accounts.create(tenant.id, "acme", {"token": "t"}) for _ in range(2)]
    return Board(database, tenant.id, [account.id for account in made])


# --- posting ----------------------------------------------------------------------------------------------------------


async def test_f061_a_job_is_stored_with_its_rows_or_not_at_all(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Jobs, "_insert_rows", fail)
        with pytest.raises(RuntimeError):
            await board.post()
    async with board.database.reading() as connection:
        assert [await connection.scalar(sa.select(sa.func.count()).select_from(t)) for t in (bulk_jobs, bulk_rows)] == [
            0,
            0,
        ]
    assert await board.claims.take() is None
    job = await board.post()
    assert (job.status, job.total, job.counts["pending"]) == ("queued", 3, 3)


async def test_f061_every_lead_of_a_long_job_is_a_row_of_it(board: Board) -> None:
    leads = [f'{{"last_name": "{number}"}}' for number in range(1, 1_203)]
    posted = await board.jobs.post(board.tenant_id, board.account_ids[0], leads)
    assert posted.job is not None and posted.job.counts["pending"] == posted.job.total == 1_202
    rows = await board.claims.claim(await board.take(), 2_000)
    assert [(row.row, row.attempt, row.lead) for row in rows] == [(row, 1, lead) for row, lead in enumerate(leads, 1)]


async def test_f069_a_job_whose_commit_was_lost_and_happened_is_there(board: Board) -> None:
    with losing_commits(board.database):
        posted = await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS)
    assert posted.state == "new"
    assert posted.job is not None and posted.job.counts["pending"] == 3


async def test_f069_a_job_whose_commit_did_not_happen_is_not_called_stored(board: Board) -> None:
    with losing_commits(board.database, happen=False), pytest.raises(StorageError):
        await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS)
    assert await board.jobs.page(board.tenant_id, limit=9) == []


async def test_f069_a_job_that_is_stored_is_never_called_not_stored(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever hears that nothing was stored posts it again, and each lead would be there twice."""

    async def fail(*_: Any) -> None:
        raise StorageError("unreachable")

    monkeypatch.setattr(Jobs, "get", fail)
    assert (await board.post()).counts["pending"] == 3
    with losing_commits(board.database), pytest.raises(StorageError) as caught:
        await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS)
    assert caught.value.may_be_written


async def test_a_job_of_an_account_that_is_gone(board: Board, accounts: Accounts) -> None:
    job = await board.post()
    await accounts.delete(board.tenant_id, board.account_ids[0])
    assert (await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS)).state == "gone"
    assert await board.jobs.get(board.tenant_id, job.id) is None
    assert await board.claims.take() is None
    other = await board.post(1)
    assert (await board.take()).job_id == other.id


async def test_a_key_is_of_one_request_and_one_account(board: Board) -> None:
    first = await board.post(key="k", fingerprint="a")
    assert (await board.post(key="k", fingerprint="a")).id == first.id
    assert (await board.post(1, key="k", fingerprint="a")).id != first.id
    assert (await board.post(key="l", fingerprint="b")).id != first.id
    assert (await board.post(key="k", fingerprint="a")).id == first.id
    other = await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS, key="k", fingerprint="b")
    assert (other.state, other.job) == ("mismatch", None)


async def test_f087_ten_who_post_with_one_key_post_one_job(board: Board) -> None:
    jobs = await asyncio.gather(*(board.post(key="k", fingerprint="a") for _ in range(10)))
    assert len({job.id for job in jobs}) == 1


# --- leases -----------------------------------------------------------------------------------------------------------


async def test_f065_a_job_is_taken_once_and_of_each_account_one(board: Board) -> None:
    first, second = await board.post(), await board.post()
    third = await board.post(1)
    taken = await asyncio.gather(*(Claims(board.database).take() for _ in range(8)))
    leases = [lease for lease in taken if lease is not None]
    assert {lease.job_id for lease in leases} == {first.id, third.id}
    assert len(leases) == 2
    mine = next(lease for lease in leases if lease.job_id == first.id)
    await board.claims.release(mine, Ending(reason={"message": "stop"}))
    assert (await board.take()).job_id == second.id


async def test_a_job_is_found_soon_among_thousands_of_one_account(board: Board) -> None:
    first = await board.post()
    others = [
        {"id": f"{number}", "tenant_id": board.tenant_id, "account_id": board.account_ids[0], "fingerprint": "",
         "state": "queued", "total": 0, "created_at": 1e12, "updated_at": 1e12}
        for number in range(4_000)
    ]  # fmt: skip
    async with board.database.transaction() as connection:
        await connection.run_sync(lambda inner: inner.execute(sa.insert(bulk_jobs), others))
    before = time.monotonic()
    assert (await board.take()).job_id == first.id
    assert time.monotonic() - before < 1  # it took four to ten when each was compared with all


@pytest.mark.parametrize("same", [True, False], ids=["the same job", "another job of its account"])
async def test_f065_a_job_that_another_host_takes_at_the_same_moment_is_its_own(board: Board, same: bool) -> None:
    """What is looked for, and what is there when it is taken, are two moments: PostgreSQL locks in between."""
    if board.database.is_sqlite:
        pytest.skip("writers of an SQLite file come one after the other")
    first, second = await board.post(), await board.post()
    theirs = sa.update(bulk_jobs).where(bulk_jobs.c.id == (first if same else second).id)
    with pausing(board.database, "SELECT", "FOR NO KEY UPDATE") as (waits, go_on):
        taking = asyncio.create_task(board.claims.take())
        await asyncio.to_thread(waits.wait, 10)
        async with board.database.transaction() as connection:
            await connection.execute(theirs.values(owner="theirs", lease_until=now() + 60))
        go_on.set()
        assert await taking is None


async def test_f066_a_slow_worker_keeps_its_rows(board: Board) -> None:
    job, _ = await board.on_its_way()
    assert await board.claims.take() is None
    assert (await board.seen(job)).status == "running"
    assert await board.states(job) == ["sending", "pending", "pending"]


async def test_f066_a_worker_that_speaks_up_at_the_last_moment_keeps_its_rows(board: Board) -> None:
    """Its word is on its way to the database while another worker finds that it said nothing for long."""
    job, lease = await board.on_its_way()
    ends = sa.update(bulk_jobs).where(bulk_jobs.c.id == job.id).values(lease_until=now() + 1)
    async with board.database.transaction() as connection:
        await connection.execute(ends)
    with pausing(board.database, "UPDATE", "bulk_jobs") as (waits, go_on):
        extending = asyncio.create_task(board.claims.extend(lease))
        await asyncio.to_thread(waits.wait, 10)
        await asyncio.sleep(1.1)
        taking = asyncio.create_task(Claims(board.database).take())
        await asyncio.sleep(0.3)
        go_on.set()
        assert await taking is None
    await extending
    assert await board.states(job) == ["sending", "pending", "pending"]


async def test_f064_what_a_dead_worker_had_on_its_way_is_unknown(board: Board) -> None:
    job, dead = await board.on_its_way()
    await board.die(dead)
    with pytest.raises(LeaseLostError):
        await board.claims.claim(dead, 1)  # for as long as nobody has it, too
    alive = await board.take()
    assert alive.job_id == job.id
    assert await board.states(job) == ["unknown", "pending", "pending"]
    [orphan] = await board.jobs.rows(job, limit=1)
    assert orphan.error is not None and orphan.error["details"] == {"outcome": "unknown", "safe_to_retry": False}
    assert orphan.judged_at is not None
    assert [row.row for row in await board.claims.claim(alive, 9)] == [2, 3]
    with pytest.raises(LeaseLostError):
        await board.claims.claim(dead, 1)
    with pytest.raises(LeaseLostError):
        await board.claims.extend(dead)
    await board.claims.release(dead, Ending())
    assert (await board.seen(job)).status == "running"  # whoever lost a job gives nothing back


async def test_f064_rows_of_a_stopped_or_cancelled_job_are_not_left_on_their_way(board: Board) -> None:
    job, dead = await board.on_its_way()
    await board.jobs.cancel(job)
    await board.die(dead)
    await board.claims.release(await board.take(), Ending())
    assert await board.states(job) == ["unknown", "cancelled", "cancelled"]
    assert (await board.seen(job)).status == "cancelled"
    assert await board.claims.take() is None


async def test_f063_at_the_start_nobody_works_on_a_file_of_ones_own(board: Board) -> None:
    """Hosts that share a database go by the leases."""
    job, _ = await board.on_its_way()
    again = Claims(board.database)
    await again.recover()
    taken = await again.take()
    assert (taken is not None) == board.database.is_sqlite
    expected = ["unknown", "pending", "pending"] if taken else ["sending", "pending", "pending"]
    assert await board.states(job) == expected


async def test_a_job_that_waits_is_taken_when_its_time_has_come(board: Board) -> None:
    job = await board.post(1)
    await board.claims.release(await board.take(), Ending(reason={"message": "later"}, wait=600))
    await board.on_its_way()  # another job's rows are no reason to take this one
    assert ((await board.seen(job)).status, await board.claims.take()) == ("waiting", None)
    await board.jobs.resume(job)
    await board.claims.release(await board.take(), Ending(reason={"message": "later"}, wait=0.5))
    assert ((await board.seen(job)).status, await board.claims.take()) == ("waiting", None)
    await asyncio.sleep(0.6)
    lease = await board.take()
    assert lease.job_id == job.id
    await board.claims.release(lease, Ending(reason={"message": "stop"}))
    assert ((await board.seen(job)).status, (await board.seen(job)).not_before) == ("stopped", None)


async def test_who_works_on_a_job_changes_no_other_job(board: Board) -> None:
    """Rows of all jobs have the same numbers."""
    mine, lease = await board.on_its_way()
    theirs, third = await board.post(1), await board.post(1)
    on_its_way, untouched = ["sending", "pending", "pending"], ["pending"] * 3
    other = await board.take()
    assert (other.job_id, other.orphans, await board.states(mine)) == (theirs.id, (), on_its_way)
    assert (await board.seen(third)).status == "queued"
    rows = await board.claims.claim(other, 9)
    assert [row.lead for row in rows] == LEADS
    await board.claims.judge(other, [Judged(1, 1, "unknown"), Judged(2, 1, "unknown"), Judged(3, 1, "created", "7")])
    assert (await board.states(mine), await board.states(third)) == (on_its_way, untouched)
    await board.claims.judge(lease, [Judged(1, 1, "unknown")])
    await board.jobs.cancel(mine)
    await board.jobs.send_again(theirs, [1, 2])
    assert await board.states(mine) == ["unknown", "cancelled", "cancelled"]
    [first] = await board.claims.claim(other, 1)
    await board.claims.judge(other, [Judged(1, first.attempt, "rejected")])
    assert await board.states(theirs) == ["rejected", "pending", "created"]
    [second] = await board.claims.claim(other, 9)
    await board.claims.judge(other, [Judged(2, second.attempt, "rejected")])
    await board.claims.release(other, Ending())
    assert [(await board.seen(job)).status for job in (mine, theirs, third)] == ["cancelled", "done", "queued"]
    assert (await board.states(third), (await board.seen(third)).counts["pending"]) == (untouched, 3)


async def test_rows_are_claimed_one_after_the_other(board: Board) -> None:
    """What was not sent is nothing for the same worker once more."""
    job, lease = await board.on_its_way()
    await board.claims.judge(lease, [Judged(1, 1, "pending")])
    assert [row.row for row in await board.claims.claim(lease, 1, after=1)] == [2]
    assert [row.row for row in await board.claims.claim(lease, 9, after=2)] == [3]
    assert await board.states(job) == ["pending", "sending", "sending"]


async def test_a_job_is_done_once_every_row_has_a_verdict(board: Board) -> None:
    job, lease = await board.on_its_way()
    await board.claims.judge(lease, [CREATED])
    await board.claims.release(lease, Ending())
    assert (await board.seen(job)).status == "queued"
    lease = await board.take()
    rows = await board.claims.claim(lease, 9)
    await board.claims.judge(lease, [Judged(row.row, row.attempt, "rejected") for row in rows])
    await board.claims.release(lease, Ending(reason={"message": "too late"}))
    found = await board.seen(job)
    assert (found.status, found.reason, found.counts["rejected"]) == ("done", None, 2)


async def test_a_job_that_is_done_stays_done(board: Board) -> None:
    job = await board.post()
    lease = await board.take()
    rows = await board.claims.claim(lease, 9)
    await board.claims.judge(lease, [Judged(row.row, row.attempt, "created", "7") for row in rows])
    await board.claims.release(lease, Ending())
    for change in (board.jobs.cancel, board.jobs.resume):
        changed = await change(job)
        assert changed is not None and changed.status == "done"
    assert await board.claims.take() is None


# --- verdicts ---------------------------------------------------------------------------------------------------------


async def test_f067_a_late_answer_may_only_say_that_the_lead_is_there(board: Board) -> None:
    job, slow = await board.on_its_way()
    await board.die(slow)
    await board.take()
    await board.claims.judge(slow, [REJECTED])
    await board.claims.judge(slow, [Judged(1, 1, "pending")])
    assert (await board.states(job))[0] == "unknown"
    await board.claims.judge(slow, [CREATED])
    await board.claims.judge(slow, [CREATED, REJECTED])
    [row, *_] = await board.jobs.rows(job, limit=1)
    assert (row.state, row.lead_id, row.error) == ("created", "77", None)


async def test_a_row_tells_when_it_was_sent_and_when_its_verdict_came(board: Board) -> None:
    job, lease = await board.on_its_way()
    await board.claims.claim(lease, 1)
    kept = {"dropped": ["status"], "unknown": ["colour"]}
    await board.claims.judge(lease, [Judged(1, 1, "created", "77", warnings=kept), Judged(2, 1, "pending")])
    judged, given_back, untouched = await board.jobs.rows(job, limit=9)
    assert judged.sent_at is not None and judged.judged_at is not None and judged.sent_at <= judged.judged_at
    assert (judged.warnings, given_back.warnings) == (kept, {})
    assert (given_back.judged_at, untouched.sent_at, untouched.judged_at) == (None, None, None)
    await board.jobs.cancel(job)
    assert [row.judged_at is None for row in await board.jobs.rows(job, limit=9)] == [False] * 3


async def test_a_verdict_is_about_its_own_attempt(board: Board) -> None:
    job, lease = await board.on_its_way()
    await board.claims.judge(lease, [Judged(1, 1, "unknown")])
    await board.jobs.send_again(job, [1])
    [again] = [row for row in await board.claims.claim(lease, 9) if row.row == 1]
    assert (again.attempt, again.send_again) == (2, True)
    await board.claims.judge(lease, [REJECTED, Judged(1, 1, "pending"), Judged(1, 1, "unknown")])
    assert (await board.states(job))[0] == "sending"


async def test_a_lead_that_is_there_after_all_is_not_sent_again(board: Board) -> None:
    """Somebody looked too early, and the answer came after that."""
    job, lease = await board.on_its_way()
    await board.claims.judge(lease, [Judged(1, 1, "unknown")])
    await board.jobs.send_again(job, [1])
    await board.claims.judge(lease, [REJECTED, Judged(1, 1, "unknown")])
    assert (await board.states(job))[0] == "pending"
    await board.claims.judge(lease, [CREATED])
    assert [row.row for row in await board.claims.claim(lease, 9)] == [2, 3]
    assert (await board.states(job))[0] == "created"


async def test_what_was_not_sent_is_pending_or_cancelled_with_its_job(board: Board) -> None:
    job, lease = await board.on_its_way()
    await board.claims.judge(lease, [Judged(1, 1, "pending")])
    assert (await board.states(job))[0] == "pending"
    await board.claims.claim(lease, 1)
    await board.jobs.cancel(job)
    assert await board.states(job) == ["sending", "cancelled", "cancelled"]
    with pytest.raises(LeaseLostError):
        await board.claims.claim(lease, 1)
    await board.claims.judge(lease, [Judged(1, 2, "pending")])
    assert await board.states(job) == ["cancelled"] * 3


async def test_a_verdict_that_comes_while_its_job_is_cancelled_leaves_nothing_pending(board: Board) -> None:
    job, lease = await board.on_its_way()
    with pausing(board.database, "UPDATE", "bulk_rows") as (waits, go_on):
        cancelling = asyncio.create_task(board.jobs.cancel(job))
        await asyncio.to_thread(waits.wait, 10)
        judging = asyncio.create_task(board.claims.judge(lease, [Judged(1, 1, "pending")]))
        await asyncio.sleep(0.2)
        go_on.set()
        await asyncio.gather(cancelling, judging)
    assert await board.states(job) == ["cancelled"] * 3


async def test_send_again_changes_all_rows_or_none(board: Board) -> None:
    job, lease = await board.on_its_way()
    await board.claims.claim(lease, 1)
    await board.claims.judge(lease, [Judged(1, 1, "unknown"), Judged(2, 1, "unknown")])
    await board.claims.release(lease, Ending(reason={"message": "later"}, wait=600))
    assert await board.jobs.send_again(job, [1, 3, 9]) == (None, [3, 9])
    assert await board.states(job) == ["unknown", "unknown", "pending"]
    found, others = await board.jobs.send_again(job, [1])
    assert found is not None and (found.status, found.reason, others) == ("queued", None, [])
    assert await board.states(job) == ["pending", "unknown", "pending"]


async def test_who_works_on_a_job_waits_for_nobody_who_deletes_its_account(board: Board) -> None:
    """PostgreSQL locks the account first then, and its jobs after that: else both wait in a circle."""
    job, lease = await board.on_its_way()
    held = sa.select(accounts_table.c.id).with_for_update()
    async with board.database.reading() as deleting:
        await deleting.execute(held)
        async with asyncio.timeout(4):
            await board.claims.judge(lease, [Judged(1, 1, "unknown")])
            await board.jobs.send_again(job, [1])
            await board.claims.release(lease, Ending(reason={"message": "stop"}))
    assert (await board.seen(job)).status == "stopped"


# --- a database out of order ------------------------------------------------------------------------------------------


async def test_f070_a_locked_database_lets_nothing_be_claimed(board: Board, database_url: str) -> None:
    if not board.database.is_sqlite:
        pytest.skip("only SQLite is locked as a whole")
    job = await board.post()
    impatient = Database(database_url, lock_timeout=0.1)
    lease = await board.take()
    with locked(database_url), pytest.raises(StorageError):
        await Claims(impatient).claim(lease, 1)
    await impatient.close()
    assert await board.states(job) == ["pending"] * 3


async def test_what_is_written_twice_changes_nothing(board: Board) -> None:
    """A commit that was reported as lost, and happened."""
    job, lease = await board.on_its_way()
    with losing_commits(board.database), pytest.raises(StorageError):
        await board.claims.judge(lease, [CREATED])
    await board.claims.judge(lease, [CREATED])
    with losing_commits(board.database), pytest.raises(StorageError):
        await board.claims.release(lease, Ending(reason={"message": "stop"}))
    await board.jobs.resume(job)
    await board.claims.release(lease, Ending(reason={"message": "stop"}))
    assert ((await board.seen(job)).status, (await board.states(job))[0]) == ("queued", "created")


async def test_a_job_that_took_long_is_kept_from_its_end_on(board: Board) -> None:
    stopped = await board.post()
    await board.claims.release(await board.take(), Ending(reason={"message": "stop"}))
    job = await board.post()
    lease = await board.take()
    rows = await board.claims.claim(lease, 9)
    await board.claims.judge(lease, [Judged(row.row, row.attempt, "created", "7") for row in rows])
    async with board.database.transaction() as connection:
        await connection.execute(sa.update(bulk_jobs).values(updated_at=now() - 2 * 86_400 - 1))
    await board.claims.release(lease, Ending())
    await board.jobs.cancel(stopped)
    assert [(await board.seen(one)).status for one in (job, stopped)] == ["done", "cancelled"]
    assert (await board.states(stopped), await board.jobs.purge()) == (["cancelled"] * 3, 0)
    async with board.database.transaction() as connection:
        await connection.execute(sa.update(bulk_jobs).values(updated_at=now() - 2 * 86_400 - 1))
    assert await board.jobs.purge() == 2


async def test_jobs_that_have_been_over_for_long_are_deleted(board: Board) -> None:
    over, pending = await board.post(), await board.post(1)
    await board.jobs.cancel(over)
    for days, deleted in ((1.99, 0), (2, 1)):
        async with board.database.transaction() as connection:
            await connection.execute(sa.update(bulk_jobs).values(updated_at=now() - days * 86_400))
        assert await board.jobs.purge() == deleted
    assert await board.jobs.get(board.tenant_id, over.id) is None
    assert (await board.seen(pending)).counts["pending"] == 3


async def _grow_old(board: Board) -> None:
    async with board.database.transaction() as connection:
        await connection.execute(sa.update(bulk_jobs).values(updated_at=now() - 3 * 86_400))


async def test_l016_jobs_are_deleted_in_portions_and_others_write_in_between(board: Board) -> None:
    board.database.portion_size = 4
    for _ in range(3):
        await board.jobs.cancel(await board.post())
    large = await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS * 5)
    assert large.job is not None
    await board.jobs.cancel(large.job)
    await _grow_old(board)
    kept = await board.post()
    sizes: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM bulk_rows"):
            sizes.append(cursor.rowcount)

    sa.event.listen(board.database.engine, "after_cursor_execute", note)
    purging = asyncio.create_task(board.jobs.purge())
    while not (sizes or purging.done()):
        await asyncio.sleep(0)
    await board.post(key="in between")
    assert not purging.done()
    assert await purging == 4
    assert (sum(sizes), max(sizes)) == (3 * 3 + 15, 4)
    assert (await board.seen(kept)).counts["pending"] == 3


async def test_a_job_that_is_half_deleted_is_seen_by_nobody_and_deleted_the_next_time(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await board.post(key="k")
    await board.jobs.cancel(job)
    await _grow_old(board)

    async def fail(*_: Any) -> int:
        raise StorageError("full")

    with monkeypatch.context() as broken:
        broken.setattr(board.database, "delete", fail)
        with pytest.raises(StorageError):
            await board.jobs.purge()
    assert await board.jobs.get(board.tenant_id, job.id) is None
    assert await board.jobs.page(board.tenant_id, limit=9) == []
    again = await board.post(key="k")
    assert again.id != job.id
    assert await board.jobs.purge() == 1
    assert (await board.seen(again)).counts["pending"] == 3


async def test_l016_a_job_that_is_done_is_counted_once_and_anew_when_a_row_changes(board: Board) -> None:
    job, lost = await board.on_its_way()
    await board.die(lost)
    lease = await board.take()
    rest = await board.claims.claim(lease, 9)
    await board.claims.judge(lease, [Judged(row.row, row.attempt, "rejected") for row in rest])
    await board.claims.release(lease, Ending())
    counted: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "count(" in statement:
            counted.append(statement)

    sa.event.listen(board.database.engine, "after_cursor_execute", note)
    assert {state: number for state, number in (await board.seen(job)).counts.items() if number} == {
        "unknown": 1, "rejected": 2,
    }  # fmt: skip
    assert not counted
    await board.claims.judge(lost, [CREATED])
    assert (await board.seen(job)).counts["created"] == 1


# --- what the database does for it ------------------------------------------------------------------------------------


async def test_postgresql_looks_for_the_next_rows_once_whatever_it_knows_of_the_job(
    postgresql_url: str, vault: Vault, registry: Registry
) -> None:
    """It has counted nothing of a job that was just posted, and plans for one row."""
    database = Database(postgresql_url)
    board = await board_of(database, Accounts(database, vault, registry))
    await board.jobs.post(board.tenant_id, board.account_ids[0], LEADS * 300)
    compiled = CLAIM.compile(dialect=database.engine.dialect)
    values = compiled.construct_params({"this_job": (await board.take()).job_id, "after": 0, "most": 100})
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    async with database.transaction() as connection:
        [[[plan]]] = await connection.run_sync(lambda inner: inner.exec_driver_sql(explain, values).all())
    await database.close()
    steps = list(steps_of(plan["Plan"]))
    assert max(step["Actual Loops"] for step in steps) == 1
    assert max(step["Actual Rows"] for step in steps) == 100


def steps_of(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", ()):
        yield from steps_of(below)
