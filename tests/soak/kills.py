"""L012: fifty creates a second and a bulk job, while hosts are killed; on PostgreSQL a second host lives on.

Without ``--full`` three minutes with a kill each thirty seconds; with it two hours, and a kill each five minutes. On
SQLite there is one host, which is killed, so nothing is said of memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.soak.stage import (
    BrokenError,
    Goal,
    Host,
    Stage,
    check_once,
    client,
    crm,
    finished,
    job_of,
    kinds,
    lead,
    post_job,
    stage,
)
from unilead_host.lead_call import PATH

RATE = 50  # creates a second, where the machine can
MOST_OPEN = 400  # creates without a verdict, at a time
TRIES = 60  # of one create, a second apart
JOB_ROWS = 2_000


@dataclass
class Soak:
    """What is going on.

    Attributes:
        hosts: those that serve; the last one is never killed where there are two.
        verdicts: by name: ``created`` or ``unknown``.
        sizes: seconds, MiB and descriptors of the host that lives on.
    """

    made: Stage
    session: aiohttp.ClientSession
    hosts: list[Host]
    verdicts: dict[str, str] = field(default_factory=dict)
    sizes: list[tuple[float, float, int]] = field(default_factory=list)
    kills: int = 0

    async def create(self, number: int) -> None:
        """Create a lead as a careful client does: with a key, again after a lost answer."""
        name = f"Lead {number}"
        for turn in range(TRIES):
            host = self.hosts[(number + turn) % len(self.hosts)]
            found = await self._ask(host, number)
            if found is not None:
                self.verdicts[name] = found
                return
            await asyncio.sleep(1)

    async def _ask(self, host: Host, number: int) -> str | None:
        """Returns: what became of the lead; ``None`` to ask again."""
        url = f"{host.url}{PATH}?integrated_account_id={self.made.accounts[0]}"
        headers = {"Idempotency-Key": f"key-{number}"}
        try:
            async with self.session.post(url, json=lead(number), headers=headers) as answer:
                body: dict[str, Any] = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError):
            return None
        if answer.status == 200:
            return "created"
        return "unknown" if (body.get("details") or {}).get("outcome") == "unknown" else None

    async def load(self, seconds: float) -> None:
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            number = 0
            while (passed := time.monotonic() - begun) < seconds:
                while number < passed * RATE and number - len(self.verdicts) < MOST_OPEN:
                    group.create_task(self.create(number))
                    number += 1
                await asyncio.sleep(0.01)
        if len(self.verdicts) != number:
            raise BrokenError(f"{number - len(self.verdicts)} of {number} creates have no verdict")

    async def kill(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            self.hosts[0].kill()
            self.kills += 1
            self.hosts[0] = await asyncio.to_thread(self.made.start)

    async def measure(self, seconds: float) -> None:
        """Note the size of the host that lives on, once it is warm."""
        begun = time.monotonic()
        await asyncio.sleep(seconds / 4)
        while True:
            self.sizes.append((time.monotonic() - begun, self.hosts[-1].memory, self.hosts[-1].descriptors))
            await asyncio.sleep(seconds / 40)


def run(*, full: bool) -> list[Goal]:
    seconds, pause = (7_200.0, 300.0) if full else (180.0, 30.0)
    kind = kinds()[-1]
    with crm(0.02) as sell, stage(kind, ["sell", "sell"], sell=sell) as made:
        hosts = [made.start() for _ in range(2 if kind == "postgresql" else 1)]
        try:
            soak, rows = asyncio.run(work(made, hosts, seconds, pause))
        finally:
            for host in hosts:
                host.kill()
        names = sell.tell(tell=True)["names"]
    singles = list(soak.verdicts.values())
    check_once(names, singles.count("created") + singles.count("unknown") + rows["created"] + rows["unknown"])
    missing = {name for name, verdict in soak.verdicts.items() if verdict == "created"} - set(names)
    if missing:
        raise BrokenError(f"{len(missing)} leads are called created and are not there")
    total, unknown = len(singles) + JOB_ROWS, singles.count("unknown") + rows["unknown"]
    rate = len(singles) / seconds
    text = f"{total:,} leads, {rate:.0f} creates/s, {soak.kills} kills: 0 twice, 0 missing, {unknown} unknown"
    return [Goal("L012", f"{kind}: 0 twice, 0 missing", text, 1), *growth(soak.sizes, full=full)]


async def work(made: Stage, hosts: list[Host], seconds: float, pause: float) -> tuple[Soak, dict[str, int]]:
    async with client(made) as session:
        soak = Soak(made, session, hosts)
        job = await post_job(session, hosts[-1], made.accounts[1], [f"row {number}" for number in range(JOB_ROWS)])
        aside = [asyncio.create_task(soak.kill(pause))]
        if len(hosts) > 1:
            aside.append(asyncio.create_task(soak.measure(seconds)))
        await soak.load(seconds)
        for task in aside:
            task.cancel()
        await asyncio.gather(*aside, return_exceptions=True)
        await finished(session, hosts[-1], [job], within=300)
        return soak, (await job_of(session, hosts[-1], job))["rows"]


def growth(sizes: Sequence[tuple[float, float, int]], *, full: bool) -> list[Goal]:
    """Whether the host that lives on grows: the middles of the first and the last quarter of its figures compared."""
    quarter = len(sizes) // 4
    if not quarter:
        return []
    first, last = (sorted(part)[quarter // 2] for part in (sizes[:quarter], sizes[-quarter:]))
    per_hour = (last[1] - first[1]) / (last[0] - first[0]) * 3_600
    memory = f"{first[1]:.1f} → {last[1]:.1f} MiB" + (f", {per_hour:.2f} MiB/h" if full else "")
    flat = f"{first[2]} → {last[2]}"
    return [
        Goal("L012", "memory < 1 MiB/h (over two hours)", memory, 1 if last[1] - first[1] < 1 else 0),
        Goal("L012", "descriptors flat", flat, 1 if last[2] <= first[2] * 1.2 + 5 else 0),
    ]
