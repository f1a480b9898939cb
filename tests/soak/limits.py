"""L008, L009: many leads below a CRM's limits, and past a CRM that answers 429 to half of the calls.

The pacer counts within one process: four processes that send for one account send four times as much, which is said in
docs/rate-limits.md and not measured here.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Sequence

from tests.soak.crm import LIMITS
from tests.soak.provider import SLUG, provider_of
from tests.soak.stage import BrokenError, Crm, Goal, check_once, crm, lead
from unilead import Account, AsyncClient, LeadError, Pacer, RateLimit, RatePacer

RATE = min(most / seconds for most, seconds in LIMITS)


def run(*, full: bool) -> list[Goal]:
    return [*paced(60 if full else 25), *busy(300 if full else 60)]


class Noting:
    """A pacer that notes when it lets a request go."""

    def __init__(self) -> None:
        self.gone: list[float] = []
        self._pacer = RatePacer()

    def wait(self, account_id: str, limits: Sequence[RateLimit]) -> float:
        left = self._pacer.wait(account_id, limits)
        if not left:
            self.gone.append(time.monotonic())
        return left


def paced(seconds: int) -> list[Goal]:
    """Between the pacer and the CRM lies the way there: on a busy machine requests catch up with each other on it."""
    pacer, leads = Noting(), int(RATE * seconds)
    with crm(0.02) as sell:
        sell.tell(mood="limited")
        not_created = asyncio.run(create(sell, range(leads), pacer))
        told = sell.tell(tell=True)
    if not_created:
        raise BrokenError(f"{len(not_created)} of {leads} leads were not created")
    seen, gone = told["seen"], pacer.gone
    over, arrived = (max(most_in_any(times, length) - most for most, length in LIMITS) for times in (gone, seen))
    used = len(gone) / (gone[-1] - gone[0] + LIMITS[0][1]) / RATE
    refused, calls = told["refused"], len(seen)
    text = f"{over:+d}; {arrived:+d} as they arrive"
    return [
        Goal("L008", "in no window more than the limit and one", text, 1 if over <= 1 else 0, is_ratio=True),
        Goal("L008", "≥ 90 % of what is allowed is used", f"{used:.0%}", used / 0.9, is_ratio=True),
        Goal("L008", "< 1 % of the calls see a 429", f"{refused} of {calls}", 1 if refused < calls / 100 else 0),
    ]


def most_in_any(seen: list[float], seconds: float) -> int:
    return max(number - bisect_left(seen, moment - seconds) for number, moment in enumerate(seen, 1))


def busy(leads: int) -> list[Goal]:
    """What was given up after five tries is sent again, as a bulk job does."""
    with crm(0.02) as sell:
        sell.tell(mood="busy")
        left = list(range(leads))
        while left:
            left = asyncio.run(create(sell, left, None))
        told = sell.tell(tell=True)
    check_once(told["names"], leads)
    if len(told["names"]) != leads:
        raise BrokenError(f"{leads - len(told['names'])} leads are missing")
    times = told["requests"] / leads
    text = "a CRM that refuses half of the calls: ≤ 2.5 requests a lead"
    return [Goal("L009", text, f"{times:.2f}", 2.5 / times, is_ratio=True)]


async def create(sell: Crm, numbers: range | list[int], pacer: Pacer | None) -> list[int]:
    """Create leads. Returns: those that were surely not sent. Raises: BrokenError for any other failure."""
    registry = provider_of({"sell": sell.url}, *(RateLimit(most, seconds) for most, seconds in LIMITS))
    left = []
    async with AsyncClient(registry=registry, backend="aiohttp", allow_private=True, pacer=pacer) as client:
        numbered = [(number, lead(number)) for number in numbers]
        account = Account(SLUG, {"access_token": "sell"})
        async for number, verdict in client.create_many(numbered, account, numbered=True):
            if isinstance(verdict, LeadError):
                if verdict.outcome != "not_sent":
                    raise BrokenError(f"lead {number} is {verdict.outcome}: {verdict.message}")
                left.append(number)
    return left
