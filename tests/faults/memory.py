"""How much a process grows by an answer: ``python -m tests.faults.memory BACKEND KIND GOOD_PORT BAD_PORT``, in KiB."""

from __future__ import annotations

import asyncio
import resource
import sys

from unilead import Account, AsyncClient, Client, LeadError, Registry

ACCOUNT = Account("zendesk-sell", Registry(overrides=False).get("zendesk-sell").simulator().sample_settings)
LEAD = {"last_name": "Okafor"}


def create(backend: str, kind: str, port: str) -> str:
    """Create a lead. Returns: the outcome."""
    options = {"base_url": f"http://127.0.0.1:{port}", "allow_private": True, "backend": backend}
    try:
        if kind == "async":
            asyncio.run(_create(options))
        else:
            with Client(**options) as client:  # type: ignore[arg-type]
                client.create(LEAD, ACCOUNT)
    except LeadError as error:
        return error.outcome
    return "created"


async def _create(options: dict[str, object]) -> None:
    async with AsyncClient(**options) as client:
        await client.create(LEAD, ACCOUNT)


def main(backend: str, kind: str, good: str, bad: str) -> None:
    first = create(backend, kind, good)  # loads what a create needs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    second = create(backend, kind, bad)
    print(first, second, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


if __name__ == "__main__":
    main(*sys.argv[1].split(), *sys.argv[2:])
