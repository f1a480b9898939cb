"""Run by test_refresh_processes.py in processes of their own: creates leads with one account of the host's database.

Arguments: database, tenant, account, address of the CRM, how many leads. For each line on its input it creates that
many at once, and prints how many succeeded and which errors there were, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from unilead import AsyncClient, Registry
from unilead_host.accounts import Accounts
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import Vault
from unilead_host.storage import Database


async def main(url: str, tenant_id: str, account_id: str, crm: str, calls: int) -> None:
    database, vault = Database(url), Vault([os.environ["KEY"]])
    registry = Registry(overrides=False)
    accounts = Accounts(database, vault, registry)
    client = AsyncClient(
        registry=registry,
        backend="aiohttp",
        base_url=crm,
        allow_private=True,
        credential_store=HostCredentialStore(database, vault),
    )
    async with client:
        while await asyncio.to_thread(sys.stdin.readline):
            stored = await accounts.get(tenant_id, account_id)
            assert stored is not None
            account = await accounts.account_of(stored)
            creates = (client.create({"last_name": "Okafor"}, account) for _ in range(calls))
            outcomes = await asyncio.gather(*creates, return_exceptions=True)
            errors = [type(outcome).__name__ for outcome in outcomes if isinstance(outcome, BaseException)]
            os.write(1, json.dumps({"created": calls - len(errors), "errors": errors}).encode() + b"\n")
    await database.close()


asyncio.run(main(*sys.argv[1:5], int(sys.argv[5])))
