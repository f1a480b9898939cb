"""ProviderStage: what each promise of a provider is tried on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unilead.account import Account
from unilead.message import Response
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.schema import CreatedLead, Lead
from unilead.settings import Settings
from unilead.simulator import Simulator
from unilead.testing.canaries import CANARIES, put, top


class ProviderStage:
    """Inherit, and name the slug and the folder of golden cases.

    Attributes:
        slug: the provider under test.
        cases: folder of golden cases, one JSON file each.
        canaries: values for paths of the schema where this CRM checks the form, by path as in `CANARIES`.
        fixed_fields: values that generated leads always have, so that the CRM's checks do not refuse all of them.
        minimum: what the CRM wants beyond the contract before it creates a lead.
    """

    slug: ClassVar[str]
    cases: ClassVar[Path]
    canaries: ClassVar[Mapping[str, tuple[Any, str]]] = {}
    fixed_fields: ClassVar[Mapping[str, Any]] = {}
    minimum: ClassVar[Mapping[str, Any]] = {}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each golden case."""
        if "case_file" in metafunc.fixturenames:
            files = sorted(self.cases.glob("*.json"))
            metafunc.parametrize("case_file", files, ids=[file.stem for file in files])

    @pytest.fixture
    def provider(self) -> Provider:
        """The provider alone: an installed override must not change what it is tested for."""
        return self.load()

    @pytest.fixture
    def simulator(self, provider: Provider) -> Simulator:
        """A fresh simulator."""
        return provider.simulator()

    @pytest.fixture
    def settings(self, provider: Provider, simulator: Simulator) -> Settings:
        """The simulator's sample account."""
        return provider.settings(simulator.sample_settings)

    @pytest.fixture
    def account(self, simulator: Simulator) -> Account:
        """The simulator's sample account, for a client."""
        return Account(self.slug, simulator.sample_settings)

    def load(self) -> Provider:
        """Load the provider without overrides."""
        return _loaded(self.slug)

    def canary(self, path: str) -> tuple[Any, str]:
        """The value for a path, and the text it must leave in the bytes."""
        return self.canaries.get(path) or CANARIES[path]

    def lead_with(self, *paths: str) -> Lead:
        """A lead with what the contract and the CRM require, and the canaries of the paths."""
        values: dict[str, Any] = json.loads(json.dumps(dict(self.minimum)))
        for path in (*self._required_paths(), *paths):
            put(values, path, self.canary(path)[0])
        return Lead.model_validate(values)

    def _required_paths(self) -> list[str]:
        return [path for path in CANARIES if top(path) in self.load().required and not path.endswith(".name")]

    def pair(self) -> tuple[Provider, Settings]:
        """The provider and the simulator's sample account, for tests that hypothesis calls."""
        provider = self.load()
        return provider, provider.settings(provider.simulator().sample_settings)

    def parse(self, provider: Provider, settings: Settings, response: Response) -> CreatedLead:
        """What the provider reads in an answer to the least lead."""
        request = provider.build_request(self.lead_with(), settings)
        return provider.parse_response(response, request, settings)


@cache
def _loaded(slug: str) -> Provider:
    return Registry(overrides=False).get(slug)
