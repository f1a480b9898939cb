"""Which providers a host serves: S040."""

from __future__ import annotations

from collections.abc import Collection

import importlib_metadata
import pytest

import unilead.registry
from unilead import Plugin, Registry
from unilead_host.providers import registry_of, simulators_of
from unilead_host.settings import HostSettings


def installed(groups: Collection[str]) -> dict[str, list[Plugin]]:
    """A provider, and an override of it by somebody else."""
    names = {unilead.registry.PROVIDERS: "acme", unilead.registry.OVERRIDES: "acme-eu"}
    point = importlib_metadata.EntryPoint("acme", "acme", "")
    return {group: [Plugin("acme", names[group], "1.0", "acme", point)] for group in groups}


@pytest.mark.parametrize(("named", "active"), [((), []), (("Acme_EU",), ["acme-eu"])])
def test_s040_an_override_acts_only_when_the_operator_names_it(
    monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...], active: list[str]
) -> None:
    monkeypatch.setattr("unilead.registry.installed_plugins", installed)
    registry = registry_of(HostSettings(overrides=named))
    assert registry.slugs == ("acme",)
    assert [plugin.distribution for plugin in registry.overrides("acme")] == active


def test_s040_an_override_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.registry.installed_plugins", installed)
    with pytest.raises(ValueError, match="names acme-us, which is not an installed override"):
        registry_of(HostSettings(overrides=("acme-eu", "acme-us")))


def test_every_installed_provider_is_served_and_has_a_simulator() -> None:
    registry = registry_of(HostSettings())
    assert registry.slugs == Registry().slugs
    assert tuple(simulators_of(registry)) == registry.slugs
