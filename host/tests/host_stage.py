"""A host in the tests' own process, with a simulated account of every provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from unilead import Registry, Simulator
from unilead_host.app import Host, create_app
from unilead_host.crypto import Vault
from unilead_host.logs import LOG
from unilead_host.settings import HostSettings

LEADS = "/unified/crm/leads"
KEY = Vault.new_key()


@contextmanager
def log_lines() -> Iterator[list[dict[str, Any]]]:
    """What the host says meanwhile."""
    lines: list[dict[str, Any]] = []
    before, LOG.write = LOG.write, lines.append
    try:
        yield lines
    finally:
        LOG.write = before


@dataclass
class Stage:
    """A host in this process with a simulated account of every provider, and a client that calls it.

    Attributes:
        accounts: ids by slug.
    """

    app: Any
    host: Host
    http: httpx.AsyncClient
    token: str
    tenant_id: str
    accounts: dict[str, str] = field(default_factory=dict)

    @property
    def simulators(self) -> Mapping[str, Simulator]:
        return self.host.simulators

    async def post(
        self,
        slug: str,
        lead: Any = None,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        account: str | None = None,
        path: str = LEADS,
    ) -> httpx.Response:
        """Create a lead; ``content`` instead of ``lead`` is sent as it is."""
        url = f"http://host{path}?integrated_account_id={account or self.accounts[slug]}{'&' if query else ''}{query}"
        body = {"content": content} if content is not None else {"json": lead}
        named = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **(headers or {})}
        return await self.http.post(url, headers=named, **body)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {self.token}", **headers})


@asynccontextmanager
async def staged(url: str, registry: Registry | None = None, **settings: Any) -> AsyncIterator[Stage]:
    """Start a host on a migrated database that may be in use before and afterwards."""
    named = {"encryption_keys": KEY, "simulated": True, **settings}
    app = create_app(HostSettings(database_url=url, **named), registry)
    async with app.router.lifespan_context(app):
        host: Host = app.state.host
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as http:
            tenant = await host.tenants.find("first") or await host.tenants.create("first")
            token, _ = await host.tokens.create(tenant.id)
            stage = Stage(app, host, http, token, tenant.id)
            stage.accounts |= {one.provider: one.id for one in await host.accounts.list(tenant.id)}
            for slug in host.simulators.keys() - stage.accounts.keys():
                stage.accounts[slug] = (await host.accounts.create(tenant.id, slug, is_simulated=True)).id
            yield stage
