"""L004, L005: bulk jobs of many accounts: one host on either database, and a second one beside it on PostgreSQL.

Jobs have four requests in flight each and a host works on twelve, so that one host has 48 in flight.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from tests.soak.stage import Goal, check_once, client, crm, finished, kinds, post_job, stage

JOBS = 12


def run(*, full: bool) -> list[Goal]:
    rows = 500 if full else 200
    goals = []
    for kind in kinds():
        rate = measured(kind, hosts=1, latency=0.02, jobs=JOBS, rows=rows)
        goals.append(Goal("L004", f"bulk, {kind}, 48 in flight, CRM 20 ms: ≥ 150 leads/s", f"{rate:.0f}/s", rate / 150))
    if "postgresql" in kinds():
        one, two = (measured("postgresql", hosts=n, latency=0.5, jobs=2 * JOBS, rows=rows // 2) for n in (1, 2))
        text = f"{two / one:.2f} ({one:.0f}/s, {two:.0f}/s)"
        goals.append(Goal("L005", "two hosts ≥ 1.7 times one, CRM 500 ms", text, two / one / 1.7, is_ratio=True))
    return goals


def measured(kind: str, *, hosts: int, latency: float, jobs: int, rows: int) -> float:
    """Leads per second."""
    with ExitStack() as opened:
        sell = opened.enter_context(crm(latency))
        made = opened.enter_context(stage(kind, ["sell"] * jobs, sell=sell))
        serving = [opened.enter_context(made.host()) for _ in range(hosts)]

        async def work() -> float:
            async with client(made) as session:
                posted = [
                    await post_job(
                        session, serving[number % hosts], account, [f"{number}-{row}" for row in range(rows)]
                    )
                    for number, account in enumerate(made.accounts)
                ]
                return await finished(session, serving[0], posted, within=600)

        seconds = asyncio.run(work())
        names = sell.tell(tell=True)["names"]
    check_once(names, jobs * rows)
    return len(names) / seconds
