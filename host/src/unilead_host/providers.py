"""Which providers a host serves, and their simulators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unilead import Registry
from unilead_host.settings import HostSettings

if TYPE_CHECKING:
    from unilead import Simulator


def registry_of(settings: HostSettings) -> Registry:
    """All installed providers; an override acts only when the settings name its distribution.

    Raises: ValueError when they name one that is not installed.
    """
    if not settings.overrides:
        return Registry(overrides=False)
    named = {_normal(name) for name in settings.overrides}
    installed = Registry()
    present = {_normal(plugin.distribution) for slug in installed.slugs for plugin in installed.overrides(slug)}
    if absent := named - present:
        raise ValueError(
            f"UNILEAD_HOST_OVERRIDES names {', '.join(sorted(absent))}, which is not an installed override"
        )
    return Registry(order=settings.overrides, disable=present - named)


def _normal(name: str) -> str:
    """A distribution's name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def simulators_of(registry: Registry) -> dict[str, Simulator]:
    """A simulator of every provider that has one, by slug."""
    return {one.slug: one.simulator() for one in registry.all() if one.implements("simulator")}
