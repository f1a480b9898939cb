"""Promise 3: every part of a lead that did not reach the CRM is named; the policy ``raise`` refuses such a lead."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.members import SLUGS
from unilead import Account, Client, InvalidLeadError, Lead, LeadError, Registry

REGISTRY = Registry(overrides=False)
PARTS = {
    "email_addresses": ("email",),
    "phone_numbers": ("number", "extension", "email"),
    "addresses": ("street_1", "street_2", "city", "state", "postal_code", "country"),
}
TEXTS = ("title", "first_name", "last_name", "description", "industry", "website", "name", "lead_type", "status")
NUMBERS = {"phone_numbers.number": "+44 20 7946 {:04}", "phone_numbers.extension": "{:05}"}
ID_FORMS = (
    "44770{:02}",
    "9f1c0b6e-5a54-4a2e-8c11-0000000000{:02}",
    "005Ws00000A{:02}ZZ",
)  # each CRM takes one of these
NEEDED = {
    "title": "T",
    "name": "N",
    "first_name": "F",
    "last_name": "L",
    "contact": {"id": "1"},
    "account": {"id": "2"},
}


@cache
def references(slug: str) -> dict[str, dict[str, str]]:
    """Owner, contact and account by ids of a form that the CRM takes, each different from the others."""
    provider = REGISTRY.get(slug)
    account_settings = provider.settings(provider.simulator().sample_settings)
    found = {}
    for number, name in enumerate(("owner", "contact", "account"), start=1):
        for form in ID_FORMS:
            lead = Lead.model_validate({**NEEDED, **found, name: {"id": form.format(number)}})
            try:
                provider.build_request(lead, account_settings)
            except InvalidLeadError:
                continue
            found[name] = {"id": form.format(number)}
            break
    return found


def _item(field: str, parts: set[str], number: Iterator[int]) -> dict[str, str]:
    forms = {part: NUMBERS.get(f"{field}.{part}", f"mark-{part}-{{}}") for part in PARTS[field]}
    return {part: forms[part].format(next(number)) for part in PARTS[field] if part in parts}


@st.composite
def marked_leads(draw: st.DrawFn) -> dict[str, Any]:
    """A lead in which every value is a mark of its own."""
    number = itertools.count(1001)
    fields: dict[str, Any] = {name: f"mark-{name}-{next(number)}" for name in draw(st.sets(st.sampled_from(TEXTS)))}
    fields |= {"title": "mark-title", "name": "mark-name", "first_name": "mark-first", "last_name": "mark-last"}
    for name, parts in PARTS.items():
        items = draw(st.lists(st.sets(st.sampled_from(parts), min_size=1), max_size=4))
        fields[name] = [_item(name, chosen, number) for chosen in items]
    if draw(st.booleans()):
        fields["account"] = {"name": "mark-company"}
    return fields


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every mark of a lead with its unified path."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, str(value)


def is_named(path: str, dropped: tuple[str, ...]) -> bool:
    """Whether the path or something it is a part of is in the list."""
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in dropped)


@pytest.mark.parametrize("slug", SLUGS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(fields=marked_leads())
def test_what_is_not_sent_is_named_and_what_is_named_is_not_sent(slug: str, fields: dict[str, Any]) -> None:
    provider = REGISTRY.get(slug)
    account = Account(slug, provider.simulator().sample_settings)
    chosen = references(slug)
    fields = {**fields, **chosen, "account": {**fields.get("account", {}), **chosen["account"]}}
    request = provider.build_request(Lead.model_validate(fields), provider.settings_of(account))
    body = json.dumps(json.loads(request.body), ensure_ascii=False)
    for path, mark in leaves(fields):
        assert (mark in body) != is_named(path, request.dropped), (path, request.dropped)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_policy_raise_refuses_a_lead_that_would_lose_something(slug: str) -> None:
    """Nothing is sent, and each path is named; without a loss the same policy creates the lead."""
    provider = REGISTRY.get(slug)
    simulator = provider.simulator()
    account = Account(slug, simulator.sample_settings)
    needed = {**NEEDED, **references(slug)}
    fitting = {name: value for name, value in needed.items() if name in provider.supported and name != "owner"}
    if any(row.source == "account.name" for row in provider.info.fields.fields):
        fitting["account"] = {"name": "Engine Works"}
    with Client(registry=REGISTRY, transport=simulator, on_unsupported="raise") as client:
        with pytest.raises(LeadError) as caught:
            client.create({**fitting, "phone_numbers": [{"extension": "12"}], "no_such_field": 1}, account)
        assert caught.value.outcome == "rejected"
        assert caught.value.fields[-1] == "no_such_field"
        assert caught.value.fields[0].startswith("phone_numbers")
        assert len(simulator.calls) == 0
        assert client.create(fitting, account).dropped == ()
