"""Promise 9: the matrix comes from the plugins and equals the contract cell by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.members import SLUGS
from unilead import Account, Client, Lead, Provider, Registry, RejectedError, VendorRule
from unilead.check import check_for
from unilead.matrix import capability_matrix

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "matrix.json").read_text(encoding="utf-8"))
PROVIDERS = [Registry(overrides=False).get(slug) for slug in SLUGS]
FOUND = capability_matrix(PROVIDERS)
COMPANY = "account.name"  # the one row that is ours and not the contract's


@pytest.mark.parametrize("side", ["request", "response"])
def test_every_cell_equals_the_contract(side: str) -> None:
    assert {field: cells for field, cells in FOUND[side].items() if field != COMPANY} == CONTRACT[side]


@pytest.mark.parametrize("side", ["request", "response"])
def test_fields_stand_in_the_contracts_order(side: str) -> None:
    assert [field for field in FOUND[side] if field != COMPANY] == list(CONTRACT[side])


@pytest.mark.parametrize("provider", PROVIDERS, ids=SLUGS)
def test_a_company_name_arrives_exactly_where_the_matrix_says_so(provider: Provider) -> None:
    values: dict[str, Any] = {name: {"id": "7"} for name in provider.required if name in ("contact", "account")}
    values |= {name: "given" for name in provider.required if name not in values}
    lead = Lead.parse(values | {"account": {**values.get("account", {}), "name": "canary-company"}})
    request = provider.build_request(lead, provider.settings(provider.simulator().sample_settings))
    takers = FOUND["request"][COMPANY]["supported_in"]
    assert (b"canary-company" in request.body) == (provider.slug in takers)
    assert any(path in (COMPANY, "account") for path in request.dropped) == (provider.slug not in takers)


MUST_HAVES = [
    pytest.param(provider, rule, id=f"{provider.slug}: {rule.text}")
    for provider in PROVIDERS
    for rule in provider.info.rules
    if rule.must_have
]
WHOLE = {"title": "T", "last_name": "L", "contact": {"id": "7"}, "account": {"id": "8", "name": "Engine Works"}}


@pytest.mark.parametrize(("provider", "rule"), MUST_HAVES)
def test_what_check_says_a_lead_lacks_is_why_the_crm_refuses_it(provider: Provider, rule: VendorRule) -> None:
    simulator = provider.simulator()
    lead = Lead.parse({name: value for name, value in WHOLE.items() if name not in rule.fields})
    assert rule.text in check_for(provider, lead, provider.settings(simulator.sample_settings)).unmet
    with Client(transport=simulator) as client, pytest.raises(RejectedError):
        client.create(lead, Account(provider.slug, simulator.sample_settings))
    assert simulator.count == 0


@pytest.mark.parametrize(
    "more", [{}, {"remote_data": {"person_id": 7}}, {"custom_fields": {"hs_lead_name": "T"}}], ids=str
)
@pytest.mark.parametrize("provider", PROVIDERS, ids=SLUGS)
def test_check_says_nothing_of_what_a_lead_may_have(provider: Provider, more: dict[str, Any]) -> None:
    lead = Lead.parse({**(WHOLE if not more else {}), **more})
    settings = provider.settings(provider.simulator().sample_settings)
    assert check_for(provider, lead, settings).unmet == ()
