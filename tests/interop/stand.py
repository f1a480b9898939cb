"""Stand: a served simulator, unilead pointed at it, and what it has stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from unilead import Account, Client, LeadError, Registry, Request, Response, Result, Simulator
from unilead.auth import credential_headers
from unilead.transport.call import tls_context


@dataclass
class Stand:
    """One simulator on the loopback interface.

    Attributes:
        simulator: what stores the leads.
        url: its origin, for a foreign client.
        settings: settings of an account that it accepts.
        client: unilead, sending to it over HTTP.
    """

    simulator: Simulator
    url: str
    settings: dict[str, Any]
    client: Client

    def create(self, lead: Mapping[str, Any], *, read_back: bool = False, **settings: Any) -> Result:
        """Create a lead with unilead; ``settings`` go over the simulator's own."""
        account = Account(self.simulator.slug, {**self.settings, **settings})
        return self.client.create(lead, account, read_back=read_back)

    def answer_to(self, request: Request) -> Response:
        """What the simulator answers to a request of a provider's, with the credentials of its own account."""
        provider = self.client.registry.get(self.simulator.slug)
        credentials = credential_headers(provider.info, provider.settings(self.settings))
        return self.simulator.send(request, credentials=credentials, timeout=10)

    def refusal(self, lead: Mapping[str, Any], **settings: Any) -> LeadError:
        """The error with which unilead's create ends."""
        try:
            self.create(lead, **settings)
        except LeadError as error:
            return error
        raise AssertionError("the lead was created")

    @property
    def stored(self) -> list[dict[str, Any]]:
        """What the simulator holds, oldest first."""
        return list(self.simulator.leads.values())

    def stored_without(self, *names: str) -> list[Any]:
        """The stored leads without the names that may differ between two creates of the same lead."""
        return [_without(record, frozenset(names)) for record in self.stored]


@contextmanager
def stand_for(slug: str, *, tls: bool = False) -> Iterator[Stand]:
    """Serve a provider's simulator, without overrides and with the environment's proxies out of the way."""
    registry = Registry(overrides=False)
    simulator = registry.get(slug).simulator()
    with simulator.serve(tls=tls) as served, patch.dict(os.environ, {"NO_PROXY": "127.0.0.1"}):
        if served.ca_file is not None:
            os.environ |= {"SSL_CERT_FILE": str(served.ca_file), "REQUESTS_CA_BUNDLE": str(served.ca_file)}
            tls_context.cache_clear()  # a process trusts what it read first
        with Client(registry=registry, base_url=served.url, allow_private=True, timeout=10) as client:
            yield Stand(simulator, served.url, dict(simulator.sample_settings), client)
    tls_context.cache_clear()


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(item, names) for name, item in value.items() if name not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value
