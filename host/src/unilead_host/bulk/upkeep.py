"""Upkeep: what is done to stored jobs by callers, workers and the cleaning alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import sqlalchemy as sa

from unilead_host.storage import Connection, Database, now
from unilead_host.storage.tables import bulk_jobs, bulk_rows

OPEN = ("pending", "sending")
DELETED = "deleted"  # a job that nobody sees any more, until all its rows are gone


async def cancel_rows(connection: Connection, job_id: str) -> None:
    """What is pending of a cancelled job is cancelled."""
    is_cancelled = sa.exists().where((bulk_jobs.c.id == job_id) & (bulk_jobs.c.state == "cancelled"))
    pending = (bulk_rows.c.job_id == job_id) & (bulk_rows.c.state == "pending") & is_cancelled
    await connection.execute(sa.update(bulk_rows).where(pending).values(state="cancelled", judged_at=now()))


async def counts_of(connection: Connection, job_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """The rows of some jobs by state, in one statement for all of them."""
    counts: dict[str, dict[str, int]] = {job_id: {} for job_id in job_ids}
    if not counts:
        return counts
    job_id, state = bulk_rows.c.job_id, bulk_rows.c.state
    number = sa.func.count().label("number")
    wanted = sa.select(job_id, state, number).where(job_id.in_(job_ids)).group_by(job_id, state)
    for row in await connection.execute(wanted):
        counts[row.job_id][row.state] = row.number
    return counts


async def purge(database: Database, seconds: float) -> int:
    """Delete jobs that have been over for so long, in portions: others go on in between. Returns how many.

    Whoever asks does not see a job any more when the first of its rows is deleted.
    Raises: StorageError; the next time goes on.
    """
    job = bulk_jobs.c
    over = job.state.in_(("done", "cancelled")) & (job.updated_at <= now() - seconds)
    total, count = 0, database.portion_size
    while count == database.portion_size:
        count = await database.portion(bulk_jobs, over, sa.update(bulk_jobs).values(state=DELETED, key=None))
        async with database.reading() as connection:
            deleted = (await connection.execute(sa.select(job.id, job.total).where(job.state == DELETED))).all()
        for rows in _portions([(found.id, found.total) for found in deleted], database.portion_size):
            async with database.transaction() as connection:
                await connection.execute(sa.delete(bulk_rows).where(rows))
        total += await database.delete(bulk_jobs, job.state == DELETED)
    return total


def _portions(jobs: Iterable[tuple[str, int]], size: int) -> Iterator[sa.ColumnElement[bool]]:
    """The rows of some jobs, about so many at a time: several small jobs together, a large one piece by piece."""
    job_id, row = bulk_rows.c.job_id, bulk_rows.c.row
    small: list[str] = []
    room = size
    for one, total in jobs:
        if total > size:
            for start in range(0, total, size):
                yield (job_id == one) & (row > start) & (row <= start + size)
            continue
        if total > room:
            yield job_id.in_(small)
            small, room = [], size
        small.append(one)
        room -= total
    if small:
        yield job_id.in_(small)
