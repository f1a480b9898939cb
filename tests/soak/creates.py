"""L003: single creates through the host, 32 connections, a CRM that takes 20 ms, SQLite."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from tests.soak.stage import BrokenError, Goal, Host, Stage, check_once, client, crm, lead, stage
from unilead_host.lead_call import PATH

CONNECTIONS = 32


def run(*, full: bool) -> list[Goal]:
    with crm(0.02) as sell, stage("sqlite", ["sell"], sell=sell) as made, made.host() as host:
        latencies, errors, seconds = asyncio.run(load(made, host, 60 if full else 15))
        told = sell.tell(tell=True)
    check_once(told["names"], len(latencies) + errors)
    if errors:
        raise BrokenError(f"{errors} of {len(latencies) + errors} creates failed")
    rate, p99 = len(latencies) / seconds, sorted(latencies)[int(len(latencies) * 0.99)]
    return [
        Goal("L003", "creates through the host ≥ 150/s", f"{rate:.0f}/s, no error", rate / 150),
        Goal("L003", "p99 ≤ 600 ms", f"{p99 * 1e3:.0f} ms", 0.6 / p99),
    ]


async def load(made: Stage, host: Host, length: float) -> tuple[list[float], int, float]:
    latencies: list[float] = []
    failed: list[int] = []
    begun = time.monotonic()

    async def lane(session: aiohttp.ClientSession, number: int) -> None:
        url = f"{host.url}{PATH}?integrated_account_id={made.accounts[0]}"
        count = 0
        while (start := time.monotonic()) < begun + length:
            count += 1
            async with session.post(url, json=lead(f"{number}-{count}")) as answer:
                await answer.read()
                latencies.append(time.monotonic() - start) if answer.status == 200 else failed.append(answer.status)

    async with client(made) as session:
        await asyncio.gather(*(lane(session, number) for number in range(CONNECTIONS)))
    return latencies, len(failed), time.monotonic() - begun
