"""Each provider's golden cases hold enough of what its CRM answers when it says no: refusals, and 2xx that are none.

The cases themselves assert category, vendor code, unified field, time to wait, outcome and message; see the contract
suite's golden cases.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from tests.members import PLUGINS, slug_of

REFUSALS, NO_SUCCESSES = 10, 5
EVERYWHERE = {"authentication", "permission", "validation", "rate_limited", "provider_unavailable"}
FOLDERS = {slug_of(plugin): plugin / "tests" / "cases" for plugin in PLUGINS}
NAMES_NO_FIELDS = {"pipedrive"}  # its refusals hold a sentence, and no place


@cache
def answered(slug: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Name, status and error of each case in which the CRM answered and no lead was created."""
    cases = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDERS[slug].glob("*.json"))}
    return [
        (name, case["response"]["status"], case["outcome"]["error"])
        for name, case in cases.items()
        if case.get("response") and case["outcome"]["status"] == "refused"
    ]


@pytest.mark.parametrize("slug", FOLDERS)
def test_ten_refusals_at_least_and_every_kind(slug: str) -> None:
    refusals = [(name, error) for name, status, error in answered(slug) if status >= 400]
    assert len(refusals) >= REFUSALS
    assert {error["category"] for _, error in refusals} >= EVERYWHERE
    assert all(error["message"].strip() for _, error in refusals)
    assert any(error["retry_after"] is not None for _, error in refusals)
    assert any(error["fields"] for _, error in refusals) or slug in NAMES_NO_FIELDS


@pytest.mark.parametrize("slug", FOLDERS)
def test_five_successes_that_are_none_at_least(slug: str) -> None:
    found = [(name, error) for name, status, error in answered(slug) if 200 <= status < 300]
    assert len(found) >= NO_SUCCESSES
    assert any(error["outcome"] == "unknown" for _, error in found)
    assert all(error["message"].strip() for _, error in found)


@pytest.mark.parametrize("slug", FOLDERS)
def test_a_server_fault_is_never_a_refusal(slug: str) -> None:
    faults = [(name, error) for name, status, error in answered(slug) if status >= 500]
    assert faults
    assert {error["outcome"] for _, error in faults} == {"unknown"}
