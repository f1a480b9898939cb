"""Jobs: bulk jobs as those see them who post them, and their rows with what became of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from unilead_host.bulk.statements import LOCK
from unilead_host.bulk.upkeep import DELETED, cancel_rows, counts_of, purge
from unilead_host.paging import place_of
from unilead_host.storage import Connection, Database, StorageError, now
from unilead_host.storage.tables import bulk_jobs, bulk_rows

JobStatus: TypeAlias = Literal["queued", "running", "waiting", "stopped", "cancelled", "done"]
RowState: TypeAlias = Literal["pending", "sending", "created", "rejected", "unknown", "cancelled"]
ROW_STATES: tuple[RowState, ...] = ("pending", "sending", "created", "rejected", "unknown", "cancelled")
CHUNK = 500  # rows given to the database at a time: others have their turn in between


@dataclass(frozen=True, slots=True)
class Job:
    """One bulk job. Times are seconds since 1970.

    Attributes:
        status: ``queued`` for a worker, ``running``, ``waiting`` until ``not_before``, ``stopped`` until somebody
            resumes it, ``cancelled``, or ``done``: every row has a verdict.
        reason: why it waits or was stopped: an error's body.
        total: number of rows.
        counts: rows by state.
    """

    id: str
    tenant_id: str
    account_id: str
    status: JobStatus
    reason: dict[str, Any] | None
    total: int
    not_before: float | None
    created_at: float
    updated_at: float
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One lead of a job, and what became of it.

    Attributes:
        row: its place, from 1.
        attempt: how often it was taken to be sent.
        lead_id: the created lead's.
        error: an error's body.
        warnings: ``{"dropped": […], "unknown": […]}``: fields that did not reach the CRM, keys that nobody knows.
    """

    row: int
    state: RowState
    attempt: int
    lead_id: str | None
    error: dict[str, Any] | None
    warnings: dict[str, list[str]]
    sent_at: float | None
    judged_at: float | None


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of posting a job.

    Attributes:
        state: ``new``; ``repeated`` for the job that was posted with this key before; ``mismatch`` where that was
            another request; ``gone`` where the account was deleted meanwhile.
        job: the job, where there is one.
    """

    state: Literal["new", "repeated", "mismatch", "gone"]
    job: Job | None = None


class Jobs:
    """The bulk jobs of all tenants. All methods raise StorageError.

    Args:
        days: how long a job is kept once it is over.
    """

    def __init__(self, database: Database, *, days: float) -> None:
        self._database = database
        self._seconds = days * 86_400

    # --- posting ------------------------------------------------------------------------------------------------------

    async def post(
        self, tenant_id: str, account_id: str, leads: Sequence[str], *, key: str = "", fingerprint: str = ""
    ) -> Posted:
        """Store a job with all its rows, or nothing of it.

        Args:
            leads: JSON texts.
            key: makes a repetition find the job of the first request.
            fingerprint: of the request, to tell another one with the same key.
        Raises: StorageError; with ``may_be_written`` nobody can say whether the job is there, and `get` tells.
        """
        job_id = str(uuid4())
        columns = {
            "id": job_id, "tenant_id": tenant_id, "account_id": account_id, "key": key or None,
            "fingerprint": fingerprint, "state": "queued", "total": len(leads), "created_at": now(),
            "updated_at": now(),
        }  # fmt: skip
        wanted = self._database.insert(bulk_jobs).values(columns).on_conflict_do_nothing().returning(bulk_jobs.c.id)
        try:
            async with self._database.transaction() as connection:
                if await connection.scalar(wanted) is None:
                    return await self._posted_before(connection, tenant_id, account_id, key, fingerprint)
                await self._insert_rows(connection, job_id, leads)
                # asked before the commit: once it is stored, nothing may fail that would be taken for "not stored"
                stored = await _find(connection, tenant_id, job_id)
        except sa.exc.IntegrityError:
            return Posted("gone")
        except StorageError as error:
            if error.may_be_written:
                with suppress(StorageError):  # which says nothing about the commit
                    stored = await self.get(tenant_id, job_id)
                    if stored is not None:
                        return Posted("new", stored)
            raise
        return Posted("new", stored)

    async def _insert_rows(self, connection: Connection, job_id: str, leads: Sequence[str]) -> None:
        for start in range(0, len(leads), CHUNK):
            rows = [
                {"job_id": job_id, "row": row, "state": "pending", "attempt": 0, "send_again": False, "lead": lead}
                for row, lead in enumerate(leads[start : start + CHUNK], start + 1)
            ]
            await connection.execute(sa.insert(bulk_rows), rows)

    async def _posted_before(
        self, connection: Connection, tenant_id: str, account_id: str, key: str, fingerprint: str
    ) -> Posted:
        columns = bulk_jobs.c
        same = (columns.tenant_id == tenant_id) & (columns.account_id == account_id) & (columns.key == key)
        found = (await connection.execute(_JOB.where(same))).one()
        if found.fingerprint != fingerprint:
            return Posted("mismatch")
        return Posted("repeated", *await _jobs_from(connection, [found]))

    # --- asking -------------------------------------------------------------------------------------------------------

    async def get(self, tenant_id: str, job_id: str) -> Job | None:
        """The tenant's job of this id; ``None`` for an unknown one and for another tenant's alike."""
        async with self._database.reading() as connection:
            return await _find(connection, tenant_id, job_id)

    async def page(
        self, tenant_id: str, *, account_id: str | None = None, limit: int, after: str | None = None
    ) -> list[Job]:
        """The tenant's jobs, newest first.

        Args:
            after: a cursor, as `unilead_host.paging` makes it of the last job before them.
        """
        columns = bulk_jobs.c
        wanted = _JOB.where(columns.tenant_id == tenant_id)
        if account_id is not None:
            wanted = wanted.where(columns.account_id == account_id)
        if after is not None:
            wanted = wanted.where(sa.tuple_(columns.created_at, columns.id) < place_of(after))
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit))
            return await _jobs_from(connection, rows.all())

    async def rows(self, job: Job, *, state: RowState | None = None, limit: int, after: int = 0) -> list[Row]:
        """Rows of a job, in order.

        Args:
            state: only those.
            after: only those behind this row.
        """
        columns = bulk_rows.c
        wanted = sa.select(*_ROW).where(columns.job_id == job.id, columns.row > after)
        if state is not None:
            wanted = wanted.where(columns.state == state)
        async with self._database.reading() as connection:
            return [_row_from(found) for found in await connection.execute(wanted.order_by(columns.row).limit(limit))]

    # --- changing -----------------------------------------------------------------------------------------------------

    async def cancel(self, job: Job) -> Job | None:
        """Send nothing more of a job; rows that are on their way get their verdict. A finished one stays as it is."""
        open_jobs = (bulk_jobs.c.id == job.id) & bulk_jobs.c.state.in_(("queued", "stopped"))
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(bulk_jobs).where(open_jobs).values(state="cancelled", updated_at=now()))
            await cancel_rows(connection, job.id)
            return await _find(connection, job.tenant_id, job.id)

    async def resume(self, job: Job) -> Job | None:
        """Go on now with a job that was stopped or waits."""
        waiting = (bulk_jobs.c.id == job.id) & bulk_jobs.c.state.in_(("queued", "stopped"))
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(bulk_jobs).where(waiting).values(_QUEUED))
            return await _find(connection, job.tenant_id, job.id)

    async def send_again(self, job: Job, rows: Iterable[int]) -> tuple[Job | None, list[int]]:
        """Send unknown rows once more, on the word of somebody who looked: their leads are not in the CRM.

        Returns: the job, and those of the rows that are not unknown; where there is one, nothing was changed.
        """
        wanted = set(rows)
        columns = bulk_rows.c
        unknown = (columns.job_id == job.id) & (columns.state == "unknown") & columns.row.in_(wanted)
        async with self._database.transaction() as connection:
            await connection.execute(LOCK, {"this_job": job.id})  # the same job's other changes wait for this one
            found = {row.row for row in await connection.execute(sa.select(columns.row).where(unknown))}
            if others := sorted(wanted - found):
                return None, others
            await connection.execute(
                sa.update(bulk_rows).where(unknown).values(state="pending", send_again=True, judged_at=None)
            )
            await connection.execute(sa.update(bulk_jobs).where(bulk_jobs.c.id == job.id).values(_QUEUED))
            return await _find(connection, job.tenant_id, job.id), []

    async def purge(self) -> int:
        """Delete jobs that have been over for long. Returns how many."""
        return await purge(self._database, self._seconds)


_QUEUED = {"state": "queued", "reason": None, "not_before": None, "counts": None, "updated_at": now()}
_JOB = sa.select(
    bulk_jobs,
    (bulk_jobs.c.lease_until > now()).label("is_leased"),
    (bulk_jobs.c.not_before > now()).label("is_early"),
).where(bulk_jobs.c.state != DELETED)
_ROW = [bulk_rows.c[name] for name in Row.__dataclass_fields__]


async def _find(connection: Connection, tenant_id: str, job_id: str) -> Job | None:
    mine = (bulk_jobs.c.id == job_id) & (bulk_jobs.c.tenant_id == tenant_id)
    found = (await connection.execute(_JOB.where(mine))).one_or_none()
    return (await _jobs_from(connection, [found]))[0] if found else None


async def _jobs_from(connection: Connection, found: Sequence[Any]) -> list[Job]:
    """The jobs of some rows, with what they count of theirs."""
    counted = {job.id: json.loads(job.counts) for job in found if job.counts}
    counted |= await counts_of(connection, [job.id for job in found if not job.counts])
    return [_job_from(job, {state: counted[job.id].get(state, 0) for state in ROW_STATES}) for job in found]


def _job_from(found: Any, counts: Mapping[str, int]) -> Job:
    return Job(
        id=found.id,
        tenant_id=found.tenant_id,
        account_id=found.account_id,
        status=_status(found),
        reason=json.loads(found.reason) if found.reason else None,
        total=found.total,
        not_before=found.not_before,
        created_at=found.created_at,
        updated_at=found.updated_at,
        counts=counts,
    )


def _status(found: Any) -> JobStatus:
    if found.state != "queued":
        state: JobStatus = found.state
        return state
    return "running" if found.is_leased else "waiting" if found.is_early else "queued"


def _row_from(found: Any) -> Row:
    values = {**found._mapping}
    for name, empty in (("error", None), ("warnings", {})):
        values[name] = json.loads(values[name]) if values[name] else empty
    return Row(**values)
