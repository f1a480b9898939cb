"""What is left of a CRM's quotas, in one form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unilead import QuotaHeaders, Registry, Response
from unilead.quota import quota_headers

BURST = QuotaHeaders("x-limit", "x-remaining", "x-reset", seconds=2.0, window="x-milliseconds")
DAILY = QuotaHeaders(usage="x-usage", seconds=86_400)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, {}),
        ({"x-limit": "80", "x-remaining": "79", "x-reset": "2"}, {"limit": "80;w=2", "remaining": "79", "reset": "2"}),
        ({"x-limit": "110", "x-milliseconds": "10000"}, {"limit": "110;w=10"}),
        ({"x-remaining": "5"}, {"remaining": "5"}),
        ({"x-usage": "api-usage=18/15000"}, {"limit": "15000;w=86400", "remaining": "14982"}),
        ({"x-usage": "20/10"}, {"limit": "10;w=86400", "remaining": "0"}),
        ({"x-limit": "10", "x-remaining": "9", "x-usage": "5/10"}, {"limit": "10;w=86400", "remaining": "5"}),
        ({"x-limit": "10", "x-remaining": "4", "x-usage": "5/10"}, {"limit": "10;w=2", "remaining": "4"}),
        ({"x-limit": "ten", "x-remaining": "-1", "x-usage": "soon"}, {}),
    ],
)
def test_the_tightest_quota_is_told(sent: dict[str, str], told: dict[str, str], registry: Registry) -> None:
    info = replace(registry.get("acme").info, quotas=(BURST, DAILY))
    expected = {f"ratelimit-{name}": value for name, value in told.items()}
    assert quota_headers(info, Response.of(200, {}, sent)) == expected
    assert quota_headers(replace(info, quotas=()), Response.of(200, {}, sent)) == {}
