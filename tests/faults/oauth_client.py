"""A process that creates leads over a shared credential store; for tests that run several of it, or kill it.

Run as ``python -m tests.faults.oauth_client URL STORE LEASE CALLS``. For each line on its input it creates CALLS leads
at once, and prints how many succeeded and which errors there were, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

import unilead.refresh
from unilead import Account, AsyncClient, Registry, SqliteCredentialStore
from unilead_zendesk_sell.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

ACCOUNT = Account(
    "zendesk-sell",
    {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN},
    id="62f44730-dd91-461e-bd6a-aedd9e0ad79d",
)


async def run(url: str, store: str, calls: int) -> None:
    client = AsyncClient(
        registry=Registry(overrides=False),
        backend="aiohttp",
        base_url=url,
        allow_private=True,
        credential_store=SqliteCredentialStore(store),
    )
    async with client:
        while await asyncio.to_thread(sys.stdin.readline):
            creates = (client.create({"last_name": "Okafor"}, ACCOUNT) for _ in range(calls))
            outcomes = await asyncio.gather(*creates, return_exceptions=True)
            errors = [repr(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
            print(json.dumps({"created": calls - len(errors), "errors": errors}), flush=True)


if __name__ == "__main__":
    unilead.refresh.LEASE = float(sys.argv[3])
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[4])))
