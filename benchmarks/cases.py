"""The leads that are measured: for every installed provider one ordinary lead, and its golden case ``full``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unilead import Lead, Provider, Registry, Request, Response, Settings
from unilead.auth import credential_headers
from unilead.testing.golden import read_case, response_of

PLUGINS = Path(__file__).parent.parent / "plugins"
LISTS = {"email_addresses": slice(1), "phone_numbers": slice(2), "addresses": slice(-1, None)}  # of an ordinary lead


@dataclass(frozen=True)
class Case:
    """One lead on its way to one CRM.

    Attributes:
        kind: ``ordinary``: what the CRM takes, one e-mail address, two phones, one postal address, and the simulator's
            answer. ``full``: every field there is, with what overflows, and the golden answer.
        lead: the caller's JSON.
        request: what it becomes.
        answer: what the CRM answers.
    """

    kind: str
    provider: Provider
    settings: Settings
    lead: bytes
    request: Request
    answer: Response

    @property
    def slug(self) -> str:
        return self.provider.slug


def cases(*kinds: str) -> Iterator[Case]:
    """Every provider's leads of these kinds, compact as programs write JSON."""
    registry = Registry()
    for slug in registry.slugs:
        for kind in kinds:
            yield case_of(registry.get(slug), kind)


def case_of(provider: Provider, kind: str, more: Mapping[str, Any] | None = None) -> Case:
    """One provider's lead of this kind, for an account with these settings over the simulator's own."""
    golden = read_case(PLUGINS / provider.slug / "tests" / "cases" / "full.json")
    simulator = provider.simulator()
    own = golden.get("settings", {}) if kind == "full" else more or {}
    settings = provider.settings({**simulator.sample_settings, **own})
    values = golden["lead"] if kind == "full" else _ordinary(golden["lead"], provider.supported)
    lead = json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()
    request = provider.build_request(Lead.parse(lead), settings)
    if kind == "full":
        return Case(kind, provider, settings, lead, request, response_of(golden["response"]))
    answer = simulator.send(request, credentials=credential_headers(provider.info, settings), timeout=5)
    provider.parse_response(answer, request, settings)  # must be a success
    return Case(kind, provider, settings, lead, request, answer)


def _ordinary(lead: Mapping[str, Any], supported: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: value for name, value in lead.items() if name in supported}
    return kept | {name: kept[name][some] for name, some in LISTS.items() if name in kept}
