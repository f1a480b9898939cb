"""Zendesk Sell, whose accounts lead to CRMs of ours, with limits of our choice."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Generator, Mapping
from typing import Any

from unilead import Provider, ProviderInfo, RateLimit, Registry, hookimpl

SLUG = "zendesk-sell"


def provider_of(crms: Mapping[str, str], *limits: RateLimit) -> Registry:
    """A registry for this process alone.

    Args:
        crms: an access token names its CRM's address. A real base URL would have to be public and ``https``.
    """

    @hookimpl(wrapper=True)
    def describe() -> Generator[None, ProviderInfo, ProviderInfo]:
        info = yield
        return dataclasses.replace(info, rate_limits=limits)

    def base_url(self: Provider, settings: Any) -> str:
        return crms[settings.access_token.get_secret_value()]

    Provider.base_url = base_url  # type: ignore[method-assign]
    module = types.ModuleType("limits")
    module.describe = describe  # type: ignore[attr-defined]
    registry = Registry(overrides=False)
    registry.register(SLUG, module)
    return registry
