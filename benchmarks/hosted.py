"""The host that `benchmarks.host` measures: one worker as ``unilead-host serve`` runs it, its CRM a stub on a port.

A process of its own that imports nothing but what serves, since its memory is measured.

Run ``python -m benchmarks.hosted PORT FOLDER``: it prints where it serves, a token and an account, until it is ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from socket import socket

import uvicorn

from unilead import AsyncClient
from unilead_host.app import Host, create_app
from unilead_host.crypto import Vault
from unilead_host.logs import configure_logs
from unilead_host.serving import config_of, settle_memory
from unilead_host.settings import HostSettings

SLUG = "zendesk-sell"


class Server(uvicorn.Server):
    """Makes a tenant with a token and an account before it serves."""

    def __init__(self, config: uvicorn.Config, host: Host) -> None:
        super().__init__(config)
        self._host = host

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        tenant = await self._host.tenants.create("bench")
        token, _ = await self._host.tokens.create(tenant.id)
        sample = self._host.registry.get(SLUG).simulator().sample_settings
        account = await self._host.accounts.create(tenant.id, SLUG, dict(sample))
        settle_memory()
        port = self.servers[0].sockets[0].getsockname()[1]
        print(json.dumps({"port": port, "token": token, "account": account.id}), flush=True)


def main(stub: int, folder: str) -> None:
    url = f"sqlite:///{folder}/host.sqlite"
    named = os.environ | {"UNILEAD_HOST_DATABASE_URL": url}
    subprocess.run([sys.executable, "-m", "unilead_host.cli", "migrate"], env=named, stdout=sys.stderr, check=True)
    settings = HostSettings(database_url=url, encryption_keys=Vault.new_key())
    configure_logs(settings)
    app = create_app(settings)
    host: Host = app.state.host
    host.targets._client = AsyncClient(
        registry=host.registry,
        backend="aiohttp",
        base_url=f"http://127.0.0.1:{stub}",
        allow_private=True,
        send_once=True,
    )
    config = config_of(app, settings)
    config.port = 0
    Server(config, host).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
