"""Claims: bulk jobs as a worker sees them: a job is leased, a row is claimed before it is sent, and judged after.

Every change of a row names the state and the attempt that it ends, so that a verdict that comes late, or is written
twice, changes nothing it must not; that a lead was created is news at any time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from unilead_host.bulk.statements import CLAIM, EXTEND, FORGET_COUNTS, LOCK, VERDICTS
from unilead_host.bulk.upkeep import OPEN, cancel_rows, counts_of
from unilead_host.storage import Connection, Database, now
from unilead_host.storage.tables import accounts, bulk_jobs, bulk_rows
from unilead_host.wire import UNKNOWN, error_body

Found: TypeAlias = Literal["pending", "created", "rejected", "unknown"]

NOT_DONE = ("queued", "stopped", "cancelled")  # jobs that may have a worker, and rows on their way
LEASE = 60.0  # seconds after which a worker that says nothing is dead


class LeaseLostError(Exception):
    """The job is not this worker's any more, or nobody's: it was cancelled, stopped or deleted."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that a worker may work on.

    Attributes:
        id: tells this lease from every other one.
        is_due: whether leads may be sent; otherwise only what an earlier worker left behind was judged.
        orphans: leads that it left on their way, as JSON text; they are ``unknown`` now.
    """

    job_id: str
    tenant_id: str
    account_id: str
    id: str
    is_due: bool = True
    orphans: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A row that is on its way.

    Attributes:
        attempt: which one this is, from 1.
        lead: JSON text.
        send_again: somebody looked, and says that the lead of an earlier attempt is not there.
    """

    row: int
    attempt: int
    lead: str = field(repr=False)
    send_again: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one attempt; ``pending`` where it was surely not sent."""

    row: int
    attempt: int
    state: Found
    lead_id: str | None = None
    error: Mapping[str, Any] | None = None
    warnings: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a worker gave a job back before every row had a verdict.

    Attributes:
        reason: an error's body; without ``wait`` the job is stopped until somebody resumes it.
        wait: seconds until it may be taken again; ``None`` for at once.
    """

    reason: Mapping[str, Any] | None = None
    wait: float | None = None


class Claims:
    """The leases and claims of one process. All methods raise StorageError.

    Args:
        lease: seconds.
    """

    def __init__(self, database: Database, *, lease: float = LEASE) -> None:
        self._database = database
        self.lease = lease

    async def recover(self) -> None:
        """At the start: nobody works on anything. One process owns an SQLite file; other hosts' leases tell."""
        if self._database.is_sqlite:
            async with self._database.transaction() as connection:
                await connection.execute(sa.update(bulk_jobs).values(owner=None, lease_until=None))

    # --- jobs ---------------------------------------------------------------------------------------------------------

    async def take(self, busy: Collection[str] = ()) -> Lease | None:
        """Lease the oldest job that can be worked on; of each account one at a time. ``None`` for none.

        What an earlier worker of it left ``sending`` is ``unknown`` from now on.

        Args:
            busy: accounts that this process works for already, whatever a clock that jumped says of its leases.
        """
        wanted = _takeable().where(bulk_jobs.c.account_id.not_in(busy)).limit(1)
        async with self._database.reading() as connection:
            if (await connection.execute(wanted)).one_or_none() is None:
                return None
        async with self._database.transaction() as connection:
            locked = wanted.with_for_update(of=accounts, skip_locked=True, key_share=True)
            found = (await connection.execute(locked)).one_or_none()
            if found is None:
                return None
            lease_id = uuid4().hex
            until = now() + self.lease
            # asked again, for another host may have taken a job of the account just before it was locked
            mine = (bulk_jobs.c.id == found.id) & _is_free() & ~_is_worked_on(bulk_jobs.c.account_id)
            taken = sa.update(bulk_jobs).where(mine).values(owner=lease_id, lease_until=until, updated_at=now())
            if not (await connection.execute(taken)).rowcount:
                return None
            orphans = (bulk_rows.c.job_id == found.id) & (bulk_rows.c.state == "sending")
            lost = {"state": "unknown", "error": json.dumps(_ORPHANED), "judged_at": now()}
            buried = sa.update(bulk_rows).where(orphans).values(lost).returning(bulk_rows.c.lead)
            leads = tuple(row.lead for row in await connection.execute(buried))
            return Lease(found.id, found.tenant_id, found.account_id, lease_id, bool(found.is_due), leads)

    async def extend(self, lease: Lease) -> None:
        """Keep a job. Raises: LeaseLostError."""
        async with self._database.transaction() as connection:
            await self._extend(connection, lease)

    async def release(self, lease: Lease, ending: Ending | None) -> None:
        """Give a job back; it is done when every row has a verdict. Safe to do again.

        Args:
            ending: ``None`` where it waits, or is stopped, as before.
        """
        columns = bulk_jobs.c
        mine = (columns.id == lease.job_id) & (columns.owner == lease.id)
        values: dict[str, Any] = {"owner": None, "lease_until": None, "updated_at": now()}
        is_open = sa.exists().where((bulk_rows.c.job_id == lease.job_id) & bulk_rows.c.state.in_(OPEN))
        async with self._database.transaction() as connection:
            state = await connection.scalar(sa.select(columns.state).where(mine).with_for_update(key_share=True))
            if state is None:
                return
            if state == "queued":
                is_over = not await connection.scalar(sa.select(is_open))
                values |= await _done(connection, lease.job_id) if is_over else _later(ending)
            # the only update of the job: PostgreSQL takes a second one for an insert, and locks its account
            await connection.execute(sa.update(bulk_jobs).where(mine).values(values))

    # --- rows ---------------------------------------------------------------------------------------------------------

    async def claim(self, lease: Lease, count: int, *, after: int = 0) -> list[ClaimedRow]:
        """Take the next rows: on disk as ``sending`` when this returns, so that they may be sent.

        Args:
            after: only those behind this row.
        Raises: LeaseLostError, StorageError; nothing may be sent then.
        """
        wanted = {"this_job": lease.job_id, "after": after, "most": count}
        async with self._database.transaction() as connection:
            await self._extend(connection, lease)
            given = await connection.execute(CLAIM, wanted)
            return sorted((ClaimedRow(*found) for found in given), key=lambda claimed: claimed.row)

    async def judge(self, lease: Lease, found: Iterable[Judged]) -> None:
        """Write verdicts; safe to write again."""
        verdicts = [
            (VERDICTS[state], [_values(lease.job_id, one) for one in alike])
            for state, alike in groupby(found, key=lambda one: one.state)
        ]
        async with self._database.transaction() as connection:
            # the job before its rows, as whoever cancels or deletes it: they wait for each other, and never in a circle
            job = (await connection.execute(LOCK, {"this_job": lease.job_id})).one_or_none()
            for statement, values in verdicts:
                await connection.execute(statement, values)
            if job is not None and job.state == "cancelled":
                await cancel_rows(connection, lease.job_id)
            if job is not None and job.counts is not None:  # another worker has done it meanwhile
                await connection.execute(FORGET_COUNTS, {"this_job": lease.job_id})

    async def _extend(self, connection: Connection, lease: Lease) -> None:
        values = {"this_job": lease.job_id, "by": lease.id, "seconds": self.lease}
        if not (await connection.execute(EXTEND, values)).rowcount:
            raise LeaseLostError(lease.job_id)


_ORPHANED = error_body(
    500, "The host ended while this lead was on its way: look it up in the CRM", details=dict(UNKNOWN)
)


def _takeable() -> Any:
    """Jobs that wait for a worker: those with something to send, and those with rows that nobody sends any more.

    Jobs that are done are named in no way: there may be a week of them, and none has a row on its way.
    """
    job, row = bulk_jobs.c, bulk_rows.c
    is_due = (job.state == "queued") & (job.not_before.is_(None) | (job.not_before <= now()))
    has_orphans = sa.exists().where((row.job_id == job.id) & (row.state == "sending"))
    return (
        sa.select(job.id, job.tenant_id, job.account_id, is_due.label("is_due"))
        .join(accounts, accounts.c.id == job.account_id)
        .where(job.state.in_(NOT_DONE), is_due | has_orphans, ~_is_worked_on(job.account_id))
        .order_by(job.created_at, job.id)
    )


def _is_free() -> sa.ColumnElement[bool]:
    return bulk_jobs.c.lease_until.is_(None) | (bulk_jobs.c.lease_until <= now())


def _is_worked_on(account_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether somebody works on a job of this account; asked once for all jobs, of which there may be thousands."""
    other = bulk_jobs.alias()
    leased = other.c.state.in_(NOT_DONE) & (other.c.lease_until > now())
    return account_id.in_(sa.select(other.c.account_id).where(leased))


async def _done(connection: Connection, job_id: str) -> dict[str, Any]:
    """What becomes of a job whose every row has a verdict; they are counted for the last time."""
    counts = await counts_of(connection, [job_id])
    return {"state": "done", "reason": None, "not_before": None, "counts": json.dumps(counts[job_id])}


def _later(ending: Ending | None) -> dict[str, Any]:
    """What becomes of a job that is not done."""
    if ending is None:
        return {}
    later: dict[str, Any] = {"reason": json.dumps(ending.reason) if ending.reason else None, "not_before": None}
    if ending.wait is not None:
        later["not_before"] = now() + ending.wait
    elif ending.reason:
        later["state"] = "stopped"
    return later


def _values(job_id: str, found: Judged) -> dict[str, Any]:
    """What a verdict's statement is given."""
    return {
        "this_job": job_id,
        "this_row": found.row,
        "this_attempt": found.attempt,
        "found_id": found.lead_id,
        "found_error": json.dumps(found.error) if found.error else None,
        "found_warnings": json.dumps(found.warnings) if found.warnings else None,
    }
