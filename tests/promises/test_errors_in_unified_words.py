"""Promise 6: a closed set of classes and categories, the vendor's field in unified words, the raw answer kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from tests.members import PLUGINS, SLUGS, slug_of
from unilead import Category, Lead, LeadError, MissingFieldsError, Outcome, ProviderError, Registry
from unilead.testing.golden import read_case, response_of

REGISTRY = Registry(overrides=False)
NAMES_NO_FIELD = {"pipedrive"}  # its errors are sentences whose wording is documented nowhere
CASES = [
    (slug_of(plugin), file)
    for plugin in PLUGINS
    for file in sorted(plugin.glob("tests/cases/*.json"))
    if (read_case(file).get("outcome") or {}).get("status") == "refused" and read_case(file).get("response")
]


def refusal(slug: str, file: Path) -> tuple[ProviderError, dict[str, Any]]:
    """The error that a vendor's answer in a golden case becomes."""
    case = read_case(file)
    provider = REGISTRY.get(slug)
    settings = provider.settings({**provider.simulator().sample_settings, **case.get("settings", {})})
    request = provider.build_request(Lead.parse(json.dumps(case["lead"])), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(response_of(case["response"]), request, settings)
    return caught.value, case


@pytest.mark.parametrize(("slug", "file"), CASES, ids=[f"{slug}-{file.stem}" for slug, file in CASES])
def test_every_vendor_error_is_one_of_the_closed_set(slug: str, file: Path) -> None:
    error, case = refusal(slug, file)
    assert error.category in get_args(Category)
    assert error.outcome in get_args(Outcome)
    assert error.provider == slug
    assert error.message.strip()
    assert error.response is not None
    if case["response"]["status"] != 200:  # else the refused part of a compound answer has a status of its own
        assert error.response.status == case["response"]["status"]
    for path in error.fields:
        assert path.partition(".")[0].partition("[")[0] in Lead.model_fields, path


@pytest.mark.parametrize("plugin", PLUGINS, ids=slug_of)
def test_every_provider_names_fields_in_unified_words(plugin: Path) -> None:
    slug = slug_of(plugin)
    named = {path for of, file in CASES if of == slug for path in refusal(slug, file)[0].fields}
    assert bool(named) != (slug in NAMES_NO_FIELD), "no vendor error of this provider is mapped back to a field"


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if REGISTRY.get(slug).required])
def test_our_own_refusals_are_told_from_the_vendors(slug: str) -> None:
    provider = REGISTRY.get(slug)
    settings = provider.settings(provider.simulator().sample_settings)
    with pytest.raises(LeadError) as caught:
        provider.build_request(Lead(), settings)
    assert isinstance(caught.value, MissingFieldsError)
    assert caught.value.response is None
