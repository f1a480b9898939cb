"""L011: twenty accounts, of one of which the CRM lets every request hang: what it takes from the other nineteen.

Each of these has a bulk job; the dead one has too, and single creates that hang until their time is over.
"""

from __future__ import annotations

import asyncio
import time

import aiohttp

from tests.soak.stage import Goal, check_once, client, crm, finished, lead, post_job, stage
from unilead_host.lead_call import PATH

ALIVE = 19
SINGLES = 5  # a second, to the dead one: more than a hundred hang at a time
ROWS = 50
LATENCY = 1.0  # so long that waiting dominates, and not this machine


def run(*, full: bool) -> list[Goal]:
    rows = ROWS * (4 if full else 1)
    alone, beside = (measured(rows, is_dead=is_dead) for is_dead in (False, True))
    share = beside / alone
    text = f"{share:.0%} ({alone:.0f}/s, {beside:.0f}/s)"
    return [Goal("L011", "one dead account of twenty: the others keep ≥ 90 %", text, share / 0.9, is_ratio=True)]


def measured(rows: int, *, is_dead: bool) -> float:
    """Leads per second of the nineteen."""
    with crm(LATENCY) as well, crm() as dead:
        dead.tell(mood="hanging")
        accounts = ["dead", *["well"] * ALIVE]
        with stage("sqlite", accounts, well=well, dead=dead) as made, made.host() as host:

            async def work() -> float:
                async with client(made) as session:
                    first, *others = made.accounts
                    hanging: asyncio.Task[None] | None = None
                    if is_dead:
                        await post_job(session, host, first, [f"dead-{number}" for number in range(rows)])
                        hanging = asyncio.create_task(hang(session, f"{host.url}{PATH}?integrated_account_id={first}"))
                        await asyncio.sleep(30)  # until as many hang as ever will
                    begun = time.monotonic()
                    jobs = [
                        await post_job(session, host, account, [f"{number}-{row}" for row in range(rows)])
                        for number, account in enumerate(others)
                    ]
                    await finished(session, host, jobs, within=600)
                    seconds = time.monotonic() - begun
                    if hanging is not None:
                        hanging.cancel()
                    return seconds

            seconds = asyncio.run(work())
        names = well.tell(tell=True)["names"]
    check_once(names, ALIVE * rows)
    return len(names) / seconds


async def hang(session: aiohttp.ClientSession, url: str) -> None:
    async def create(number: int) -> None:
        async with session.post(url, json=lead(f"hangs-{number}")) as answer:
            await answer.read()

    async with asyncio.TaskGroup() as group:
        for number in range(10_000):
            group.create_task(create(number))
            await asyncio.sleep(1 / SINGLES)
