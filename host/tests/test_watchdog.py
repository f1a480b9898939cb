"""A hook that hangs cannot be stopped, but it is named, and the host calls itself not ready: F095."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from acme import EmptyRegistry, make_plugin
from host_stage import log_lines
from unilead import Lead, Provider, Request
from unilead_host import watchdog as module
from unilead_host.watchdog import Watchdog


def provider_with(build_request: Callable[..., Any]) -> Provider:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(build_request=build_request))
    return registry.get("acme")


def build_slowly(lead: Lead) -> Request:
    time.sleep(0.8)
    return Request("POST", "/v1/prospects", json={})


def build_at_once(lead: Lead) -> Request:
    return Request("POST", "/v1/prospects", json={})


def watched(build_request: Callable[..., Any]) -> tuple[list[Any], bool]:
    """Build one request under an impatient watchdog. Returns: the log, and whether the host is shy now."""
    provider = provider_with(build_request)
    settings = provider.settings({"token": "t"})

    async def run() -> bool:
        watchdog = Watchdog(limit=0.2)
        async with watchdog.watching():
            provider.build_request(Lead(last_name="Okafor"), settings)
            await asyncio.sleep(0.3)
        return watchdog.is_shy

    with log_lines() as log:
        is_shy = asyncio.run(run())
    return list(log), is_shy


def test_f095_a_hook_that_hangs_is_named_once() -> None:
    log, is_shy = watched(build_slowly)
    assert [(line["event"], line["provider"]) for line in log] == [("loop.stands_still", "acme")]
    assert "test_watchdog.py" in log[0]["where"]
    assert is_shy


def test_f095_a_hook_that_ends_is_not() -> None:
    assert watched(build_at_once) == ([], False)


def test_f095_the_host_is_ready_again_after_a_while() -> None:
    now = 1000.0
    watchdog = Watchdog(clock=lambda: now)
    watchdog._last_hang = now
    assert watchdog.is_shy
    now += module.SHY
    assert not watchdog.is_shy
