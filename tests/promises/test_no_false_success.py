"""Promise 4: a 2xx counts only with an id and without an embedded error; a damaged answer is never success."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.members import SLUGS
from unilead import Account, Client, CreatedLead, Provider, ProviderError, Registry, Result

REGISTRY = Registry(overrides=False)
LEAD = {
    "title": "T",
    "name": "N",
    "first_name": "F",
    "last_name": "L",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works"},
}
NO_IDS: list[Any] = [None, "", " ", 0, False, {}, [], {"id": {}}]


@cache
def created(slug: str) -> tuple[Provider, Account, Result]:
    """A real create, whose answer is then damaged."""
    provider = REGISTRY.get(slug)
    simulator = provider.simulator()
    account = Account(slug, simulator.sample_settings)
    with Client(registry=REGISTRY, transport=simulator) as client:
        return provider, account, client.create(LEAD, account)


def parse(slug: str, body: bytes) -> CreatedLead | ProviderError:
    provider, account, result = created(slug)
    response = replace(result.response, body=body)
    try:
        return provider.parse_response(response, result.request, provider.settings_of(account))
    except ProviderError as error:
        return error


@pytest.mark.parametrize("slug", SLUGS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_cut_answer_is_unknown(slug: str, data: st.DataObject) -> None:
    body = created(slug)[2].response.body
    found = parse(slug, body[: data.draw(st.integers(0, len(body) - 1))])
    assert isinstance(found, ProviderError)
    assert found.outcome == "unknown"


@pytest.mark.parametrize("slug", SLUGS)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_cut_that_is_marked_is_unknown_even_if_it_parses(slug: str, data: st.DataObject) -> None:
    """The transport's word that an answer is not whole outweighs its looks."""
    provider, account, result = created(slug)
    response = replace(result.response, truncated=True, body=result.response.body + b" " * data.draw(st.integers(0, 3)))
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(response, result.request, provider.settings_of(account))
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("nothing", NO_IDS, ids=repr)
def test_f025_an_answer_without_its_id_is_unknown(slug: str, nothing: Any) -> None:
    result = created(slug)[2]
    body = json.loads(result.response.body)
    assert _replace(body, result.id, nothing), "the answer does not hold the id"
    found = parse(slug, json.dumps(body).encode())
    assert isinstance(found, ProviderError), found
    assert found.outcome == "unknown"


def _replace(value: Any, lead_id: str, by: Any) -> int:
    """Replace every member that holds the id, whatever its type. Returns: how many."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    count = 0
    for key, item in list(members):
        if isinstance(item, (dict, list)):
            count += _replace(item, lead_id, by)
        elif str(item) == lead_id:
            value[key] = by
            count += 1
    return count
