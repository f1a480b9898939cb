"""Many leads: one by one, many in flight, and in the CRM's batches, against a CRM that answers after 50 ms.

Also the CPU that one lead of a batch costs, against HubSpot's own client, and the calls that 10,000 leads take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from pydantic_core import from_json

from benchmarks import rivals
from benchmarks.cases import Case, case_of
from benchmarks.measure import Choice, Rounds, Sample, choice, head, interleave, row, timed
from benchmarks.slow_stub import slow_stub
from unilead import Account, AsyncClient, Client, LeadError, Registry

LATENCY = 50  # ms
V3 = {"api_version": "v3"}  # the version that HubSpot's own client speaks
LEADS: dict[str, dict[str, Any]] = {  # what a batch of each CRM takes
    "hubspot": {"title": "Lead", "contact": {"id": "214550193"}, "account": {"id": "9887120045"}},
    "pipeliner": {"name": "Lead"},
    "salesforce": {"last_name": "Lead", "account": {"name": "Harbor Coffee"}},
    "zoho-crm": {"first_name": "Amara", "last_name": "Lead"},
}


def copies(lead: bytes, count: int) -> Iterator[bytes]:
    return (lead for _ in range(count))


def one_by_one(registry: Registry, case: Case, url: str, count: int) -> None:
    account = Account(case.slug, case.settings)
    with Client(registry=registry, base_url=url, allow_private=True) as client:
        for lead in copies(case.lead, count):
            client.create(lead, account)


def in_flight(registry: Registry, case: Case, url: str, count: int, width: int) -> None:
    async def run() -> None:
        account, leads = Account(case.slug, case.settings), copies(case.lead, count)
        async with AsyncClient(registry=registry, backend="aiohttp", base_url=url, allow_private=True) as client:

            async def some() -> None:
                for lead in leads:
                    await client.create(lead, account)

            await asyncio.gather(*(some() for _ in range(width)))

    asyncio.run(run())


def in_batches(registry: Registry, case: Case, url: str, count: int, width: int) -> None:
    async def run() -> None:
        account = Account(case.slug, case.settings)
        async with AsyncClient(registry=registry, backend="aiohttp", base_url=url, allow_private=True) as client:
            creating = client.create_many(copies(case.lead, count), account, concurrency=width)
            async for _, verdict in creating:
                if isinstance(verdict, LeadError):
                    raise verdict

    asyncio.run(run())


def speed(run: Choice, registry: Registry) -> None:
    """Leads per second against 50 ms."""
    case = case_of(registry.get("hubspot"), "ordinary", V3)
    batches = 20_000 if run.is_full else 8_000
    with slow_stub(LATENCY) as url:
        plan: dict[str, tuple[Callable[..., None], int, tuple[int, ...]]] = {
            "one by one": (one_by_one, 40, ()),
            "50 single creates in flight": (in_flight, 4_000, (50,)),
            "batches of 100, four in flight": (in_batches, batches, (4,)),
            "batches of 100, ten in flight": (in_batches, batches, (10,)),
        }
        contenders: dict[str, Callable[[], Sample]] = {
            name: partial(timed, partial(way, registry, case, url, count, *width), count)
            for name, (way, count, width) in plan.items()
        }
        found = interleave(contenders, run.rounds)
    head("HubSpot, 50 ms latency", "leads/s", "times one by one", "CPU µs per lead")
    for name in contenders:
        row(name, found.rate(name), found.rate_ratio(name, "one by one"), found.cpu(name))


def cost(run: Choice, registry: Registry) -> None:
    """CPU per lead of a batch, without latency."""
    case = case_of(registry.get("hubspot"), "ordinary", V3)
    count = 10_000 if run.is_full else 3_000
    with slow_stub(0) as url, ExitStack() as opened:
        account = Account("hubspot", case.settings)
        contenders: dict[str, Callable[[], Sample]] = {}
        for backend in ("httpx2", "httpx"):
            options: dict[str, Any] = {"registry": registry, "backend": backend, "base_url": url}
            client = opened.enter_context(Client(**options, allow_private=True))
            contenders[f"unilead, {backend}"] = partial(
                timed, partial(_drained, client, case.lead, count, account), count
            )
        contenders["unilead, aiohttp"] = partial(timed, partial(in_batches, registry, case, url, count, 1), count)
        theirs = rivals.hubspot_batches(url, from_json(case.request.body))
        contenders["hubspot-api-client"] = partial(timed, partial(_repeat, theirs, count // 100), count)
        found = interleave(contenders, run.rounds)
    _show_cost(found)


def _drained(client: Client, lead: bytes, count: int, account: Account) -> None:
    for _, verdict in client.create_many(copies(lead, count), account, concurrency=1):
        if isinstance(verdict, LeadError):
            raise verdict


def _repeat(call: Callable[[], object], count: int) -> None:
    for _ in range(count):
        call()


def _show_cost(found: Rounds) -> None:
    head("HubSpot, batches of 100", "CPU µs per lead", "times hubspot-api-client")
    for name in found.samples:
        row(name, found.cpu(name), found.cpu_ratio(name, "hubspot-api-client"))


def calls(registry: Registry, leads: Mapping[str, Mapping[str, Any]], count: int = 10_000) -> None:
    """How many calls so many leads take, by the simulators' count."""
    head("CRM", f"calls for {count:,} leads", "leads stored")
    for slug, lead in leads.items():
        simulator = registry.get(slug).simulator()
        with Client(registry=registry, transport=simulator) as client:
            creating = client.create_many(
                ({**lead} for _ in range(count)), Account(slug, simulator.sample_settings), concurrency=4
            )
            for _, verdict in creating:
                if isinstance(verdict, LeadError):
                    raise verdict
            row(slug, creating.calls, simulator.count)


def main() -> None:
    run = choice("Many leads: one by one, in flight, in batches")
    registry = Registry()
    speed(run, registry)
    cost(run, registry)
    calls(registry, LEADS)


if __name__ == "__main__":
    main()
