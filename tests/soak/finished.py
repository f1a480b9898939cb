"""L016: a database with a million finished rows: finding work, claiming, the list of jobs, and deleting them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any

import sqlalchemy as sa

from tests.soak.stage import BrokenError, Goal, Stage, kinds, stage
from unilead_host.bulk.claims import Claims, Ending
from unilead_host.bulk.jobs import Jobs
from unilead_host.idempotency import Key, Keys, Scope
from unilead_host.storage import Database
from unilead_host.tenants import Tenants

SHAPES = ((10_000, 80), (10, 20_000))  # rows of a job, jobs
NUMBERS = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n)"
JOBS = """
INSERT INTO bulk_jobs (id, tenant_id, account_id, fingerprint, state, total, counts, created_at, updated_at)
SELECT '{size}-' || j.i, :tenant, :account, '', 'done', {size}, :counts, :at + j.i * {size}, :at FROM {jobs} AS j
"""
ROWS = """
INSERT INTO bulk_rows (job_id, row, state, attempt, send_again, lead, lead_id, sent_at, judged_at)
SELECT '{size}-' || j.i, r.i, 'created', 1, :no, :lead, '4821933' || r.i, :at, :at FROM {jobs} AS j, {rows} AS r
"""
LEAD = '{"last_name": "Lead of a finished job", "first_name": "Ada", "title": "CTO"}'
WEEK = 7 * 86_400


def run(*, full: bool) -> list[Goal]:
    goals = []
    for kind in kinds():
        with stage(kind, ["x", "x"]) as made:
            goals += asyncio.run(measured(kind, made))
    return goals


async def fill(database: Database, tenant: str, account: str) -> int:
    """Store a million rows of jobs that were done more than a week ago. Returns: how many."""
    given = {"tenant": tenant, "account": account, "at": time.time() - 2 * WEEK, "no": False, "lead": LEAD}
    for size, count in SHAPES:
        names = {"size": size, "jobs": NUMBERS.format(count), "rows": NUMBERS.format(size)}
        given["counts"] = f'{{"created": {size}}}'
        async with database.transaction() as connection:
            for text in (JOBS, ROWS):
                await connection.execute(sa.text(text.format(**names)).bindparams(**_used(text, given)))
    if not database.is_sqlite:
        async with database.transaction() as connection:
            await connection.execute(sa.text("ANALYZE"))
    return sum(size * count for size, count in SHAPES)


def _used(text: str, given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if f":{name}" in text}


async def measured(kind: str, made: Stage) -> list[Goal]:
    database = Database(made.url)
    tenant = await Tenants(database).find("soak")
    assert tenant is not None
    finished, fresh = made.accounts
    await fill(database, tenant.id, finished)
    jobs, claims = Jobs(database, days=7), Claims(database)

    async def take() -> None:
        lease = await claims.take()
        assert lease is not None
        await claims.release(lease, Ending())

    idle = await milliseconds(claims.take)
    page = await milliseconds(lambda: jobs.page(tenant.id, limit=100))
    await jobs.post(tenant.id, fresh, [LEAD] * 100)
    found = await milliseconds(take)
    lease = await claims.take()
    assert lease is not None
    claim = await milliseconds(lambda: claims.claim(lease, 1))
    waits, seconds, count = await cleaned(database, jobs, Scope(tenant.id, fresh, "POST", "/soak"))
    await database.close()
    if count != sum(number for _, number in SHAPES):
        raise BrokenError(f"{count} jobs were deleted")
    worst, usual = max(waits), sorted(waits)[int(len(waits) * 0.99)]
    cleaning = f"{worst:.0f} ms at worst, p99 {usual:.0f}; {seconds:.0f} s in all"
    return [
        Goal("L016", f"{kind}, 1,000,000 finished rows: claim ≤ 10 ms", f"{claim:.1f} ms", 10 / claim),
        Goal("L016", f"{kind}: looking for work", f"{idle:.1f} ms; {found:.1f} with one job, taken and given back", 1),
        Goal("L016", f"{kind}: list of 100 jobs ≤ 100 ms", f"{page:.0f} ms", 100 / page),
        Goal("L016", f"{kind}: cleaning blocks nobody > 100 ms", cleaning, 100 / worst),
    ]


async def milliseconds(work: Callable[[], Awaitable[Any]]) -> float:
    """The median of eleven."""
    took = []
    for _ in range(11):
        start = time.perf_counter()
        await work()
        took.append((time.perf_counter() - start) * 1e3)
    return median(took)


async def cleaned(database: Database, jobs: Jobs, scope: Scope) -> tuple[Sequence[float], float, int]:
    """Delete the jobs. Returns: what the creates of others waited meanwhile, in ms; seconds; jobs."""
    keys = Keys(database, hours=24, lease=30)
    purging = asyncio.create_task(jobs.purge())
    waits: list[float] = []
    begun = time.perf_counter()
    while not purging.done():
        start = time.perf_counter()
        await keys.claim(Key(scope, f"key {len(waits)}", "f"))
        waits.append((time.perf_counter() - start) * 1e3)
        await asyncio.sleep(0.02)
    return waits, time.perf_counter() - begun, await purging
