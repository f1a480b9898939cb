"""Which providers a host serves: S040."""

from __future__ import annotations

from typing import Any

import pytest

import unilead.registry
from unilead import Registry
from unilead_host.providers import registry_of, simulators_of
from unilead_host.settings import HostSettings


class EntryPoints:
    """Installed distributions, as metadata tells them: a provider, and an override of it by somebody else."""

    def select(self, group: str) -> list[Any]:
        class Distribution:
            def __init__(self, name: str) -> None:
                self.metadata = {"Name": name, "Version": "1.0"}

        class EntryPoint:
            name, value = "acme", "acme"

            def __init__(self, distribution: str) -> None:
                self.dist = Distribution(distribution)

        return [EntryPoint("acme-eu" if group == unilead.registry.OVERRIDES else "acme")]


@pytest.mark.parametrize(("named", "active"), [((), []), (("Acme_EU",), ["acme-eu"])])
def test_s040_an_override_acts_only_when_the_operator_names_it(
    monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...], active: list[str]
) -> None:
    monkeypatch.setattr("unilead.registry.importlib_metadata.entry_points", EntryPoints)
    registry = registry_of(HostSettings(overrides=named))
    assert registry.slugs == ("acme",)
    assert [plugin.distribution for plugin in registry.overrides("acme")] == active


def test_s040_an_override_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.registry.importlib_metadata.entry_points", EntryPoints)
    with pytest.raises(ValueError, match="names acme-us, which is not an installed override"):
        registry_of(HostSettings(overrides=("acme-eu", "acme-us")))


def test_every_installed_provider_is_served_and_has_a_simulator() -> None:
    registry = registry_of(HostSettings())
    assert registry.slugs == Registry().slugs
    assert tuple(simulators_of(registry)) == registry.slugs
