"""Callers of a host in the tests' own process: a tenant with its token; and a token endpoint for the host to call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx

from unilead import AsyncClient, Registry, Response
from unilead_host.app import Application, Host, create_app
from unilead_host.settings import HostSettings

ACCOUNTS = "/integrated-account"
CANARY = "canary-91ab-secret"


@dataclass
class Tenant:
    """Calls the host with a tenant's token."""

    host: Host
    http: httpx.AsyncClient
    id: str
    token: str

    async def __call__(self, method: str, path: str = "", body: Any = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return await self.http.request(method, ACCOUNTS + path, headers=headers, json=body, **more)

    async def made(self, **body: Any) -> dict[str, Any]:
        answer = await self("POST", body={"provider": "acme", "settings": {"token": CANARY}, **body})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def with_token(self, **options: Any) -> Tenant:
        clear, _ = await self.host.tokens.create(self.id, **options)
        return Tenant(self.host, self.http, self.id, clear)


async def tenant(app: Application, http: httpx.AsyncClient, name: str) -> Tenant:
    """A new tenant."""
    host: Host = app.state.host
    made = await host.tenants.create(name)
    return Tenant(host, http, made.id, (await host.tokens.create(made.id))[0])


@asynccontextmanager
async def hosting(settings: HostSettings, registry: Registry | None = None, **client: Any) -> AsyncIterator[Tenant]:
    """A host on a migrated database, and a tenant of it."""
    app = create_app(settings, registry)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, **{"base_url": "http://host", **client}) as http:
            yield await tenant(app, http, "ours")


class TokenEndpoint:
    """A transport that answers as a token endpoint does."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        self.forms: list[dict[str, str]] = []

    async def send_async(self, request: Any, *, credentials: Any, timeout: float) -> Response:
        self.forms.append(dict(parse_qsl(request.body.decode())))
        return Response.of(self.status, self.body)

    async def aclose(self) -> None: ...

    def take_the_place_of_the_network(self, host: Host) -> None:
        """From now on, everything the host sends comes here."""
        host.targets._client = AsyncClient(
            registry=host.registry, transport=self, timeout=20, send_once=True, credential_store=host.credentials
        )
