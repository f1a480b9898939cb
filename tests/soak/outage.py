"""L010: a CRM that is down for a minute in the middle of a bulk job: it answers 503, or takes no connection."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from tests.soak.stage import BrokenError, Crm, Goal, Host, Stage, check_once, client, crm, job_of, post_job, stage
from unilead_host.lead_call import BULK_PATH

OUTAGE = 60.0
NORMAL = 5.0
ROWS = 10_000
MOODS = {"failing": "answers 503", "gone": "takes no connection"}


def run(*, full: bool) -> list[Goal]:
    goals: list[Goal] = []
    for mood, said in MOODS.items():
        with crm(0.02) as sell, stage("sqlite", ["sell"], sell=sell) as made, made.host() as host:
            goals += asyncio.run(outage(made, host, sell, mood, said))
    return goals


async def outage(made: Stage, host: Host, sell: Crm, mood: str, said: str) -> list[Goal]:
    async with client(made) as session:
        job = await post_job(session, host, made.accounts[0], [str(number) for number in range(ROWS)])
        while not sell.tell()["created"]:
            await asyncio.sleep(0.1)
        before = sell.tell()["requests"]
        await asyncio.sleep(NORMAL)
        normal = (sell.tell()["requests"] - before) / NORMAL
        before = sell.tell(mood=mood)["requests"]
        await asyncio.sleep(OUTAGE)
        told = sell.tell(mood="well")
        share = max(1, told["requests"] - before) / (normal * OUTAGE)
        recovery = await recovered(sell, told["created"])
        rows = await ended(session, host, job)
        names = sell.tell(tell=True)["names"]
    if sum(rows.values()) != ROWS or rows["sending"]:
        raise BrokenError(f"rows without a verdict: {rows}")
    check_once(names, rows["created"] + rows["unknown"])
    if len(names) < rows["created"]:
        raise BrokenError(f"{rows['created'] - len(names)} leads are called created and are not there")
    return [
        Goal("L010", f"CRM {said} for 60 s: ≤ 5 % of the usual requests", f"{share:.2%}", 0.05 / share, is_ratio=True),
        Goal("L010", "a row is created < 30 s after its end", f"{recovery:.0f} s", 30 / recovery, is_ratio=True),
        Goal("L010", "leads that have to be looked up", f"{rows['unknown']} of {ROWS:,}", 1),
    ]


async def recovered(sell: Crm, created: int) -> float:
    begun = time.monotonic()
    while sell.tell()["created"] == created:
        if time.monotonic() - begun > 180:
            raise BrokenError("the job does not go on by itself")
        await asyncio.sleep(0.2)
    return max(0.1, time.monotonic() - begun)


async def ended(session: aiohttp.ClientSession, host: Host, job: str) -> dict[str, int]:
    """Let it work for some seconds more, then cancel it. Returns: its rows by state."""
    await asyncio.sleep(NORMAL)
    async with session.post(f"{host.url}{BULK_PATH}/{job}/cancel") as answer:
        assert answer.status == 200
    while (found := await job_of(session, host, job))["rows"]["sending"]:
        await asyncio.sleep(0.2)
    rows: dict[str, int] = found["rows"]
    return rows
