"""The demonstration: a database of its own that ends with it, one tenant, one token, and every CRM simulated."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unilead import LeadError, Provider, Registry
from unilead_host.accounts import Accounts
from unilead_host.crypto import Vault
from unilead_host.lead_call import PATH
from unilead_host.settings import HostSettings
from unilead_host.storage import Database, migrate
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens

SAMPLE = {
    "title": "Analytical engines, 40 seats",
    "name": "Analytical engines, 40 seats",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works Ltd"},
}


@dataclass(frozen=True)
class Demo:
    """What the demonstration is made of.

    Attributes:
        token: a token of its only tenant.
        accounts: slug to account id.
        broken: providers that are installed and cannot be simulated.
    """

    settings: HostSettings
    registry: Registry
    token: str = field(repr=False)
    accounts: dict[str, str]
    broken: tuple[str, ...]

    @classmethod
    async def prepare(cls, registry: Registry, settings: HostSettings) -> Demo:
        """Make the database, the tenant, the token and an account for each provider that loads.

        Args:
            settings: as `demo_settings` makes them.
        """
        await migrate(settings.database_url.get_secret_value())
        database = Database(settings.database_url.get_secret_value())
        try:
            tenant = await Tenants(database).create("demo")
            token, _ = await Tokens(database).create(tenant.id, label="demo")
            stored = Accounts(database, Vault(settings.encryption_keys), registry)
            made = {}
            for slug in registry.slugs:
                with suppress(LeadError):
                    made[slug] = (await stored.create(tenant.id, slug, is_simulated=True)).id
        finally:
            await database.close()
        broken = tuple(slug for slug in registry.slugs if slug not in made)
        return cls(settings, registry, token, made, broken)

    def document(self, url: str) -> dict[str, Any]:
        """The demonstration as programs read it."""
        return {"url": url, "token": self.token, "accounts": self.accounts}

    def curl(self, url: str) -> str:
        """A command line that creates a lead, ready to be pasted."""
        provider = min(map(self.registry.get, self.accounts), key=_simplicity)
        account_id = self.accounts[provider.slug]
        return "\n".join(
            [
                f"curl -s '{url}{PATH}?integrated_account_id={account_id}' \\",
                f"  -H 'Authorization: Bearer {self.token}' -H 'Content-Type: application/json' \\",
                f"  -d {shlex.quote(json.dumps(sample_for(provider)))}",
            ]
        )


def demo_settings(folder: Path, *, host: str, port: int) -> dict[str, Any]:
    """What the demonstration sets, whatever the environment says."""
    return {
        "database_url": f"sqlite:///{folder / 'demo.sqlite'}",
        "encryption_keys": Vault.new_key(),
        "host": host,
        "port": port,
        "simulated": True,
        "public_matrix": True,
        "log_format": "text",
        "log_level": "warning",
    }


def _simplicity(provider: Provider) -> tuple[bool, int, str]:
    """Orders providers by how little a lead needs; where nothing is required the CRM itself will want something."""
    return not provider.required, len(provider.required), provider.slug


def sample_for(provider: Provider) -> dict[str, Any]:
    """A short lead with everything that the provider requires."""
    wanted = {*provider.required, *({"title", "first_name", "last_name"} & {*provider.supported})}
    return {name: value for name, value in SAMPLE.items() if name in wanted}
