"""Pipeliner keeps the provider contract; the tests below are about what only Pipeliner does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unilead import Account, Client, CreatedLead, Lead, Provider, ProviderError, Registry, Response, SettingsError
from unilead.testing import ProviderContract, VendorRules
from unilead_pipeliner.provider import PipelinerSettings

OWNER = "00000000-0000-0000-0000-000000077001"


class TestPipeliner(ProviderContract):
    slug = "pipeliner"
    cases = Path(__file__).parent / "cases"
    canaries = {"owner.id": (OWNER, OWNER)}
    fixed_fields = {"name": "Harbor Coffee", "owner": {"id": OWNER}}


class TestPipelinerRules(VendorRules):
    slug = "pipeliner"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("pipeliner")


SPACE = {"space_id": "eu_HarborDemo", "username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("eu-central.api.pipelinersales.com", "https://eu-central.api.pipelinersales.com"),
        ("https://EU-Central.api.pipelinersales.com/", "https://eu-central.api.pipelinersales.com"),
        ("https://us-east.pipelinersales.com/api/v100/rest/spaces/x", "https://us-east.pipelinersales.com"),
    ],
)
def test_pasted_service_urls_are_reduced_to_their_origin(url: str, origin: str) -> None:
    assert PipelinerSettings(**SPACE, service_url=url).origin == origin


@pytest.mark.parametrize(
    "more",
    [
        {"service_url": "http://eu-central.api.pipelinersales.com"},
        {"service_url": "https://eu-central.api.pipelinersales.com.evil.com"},
        {"service_url": "https://u@eu-central.api.pipelinersales.com"},
        {"service_url": "https://eu-central.api.pipelinersales.com:8443"},
        {"service_url": "https://127.0.0.1"},
        {"service_url": "https://eu-central.api.pipelinersales.com\n"},
        {"service_url": "https://evil.com\\@eu-central.api.pipelinersales.com"},
        {"service_url": ""},
        {"region": "mars"},
        {"region": "eu-central", "service_url": "eu-central.api.pipelinersales.com"},
        {"region": "eu-central", "space_id": "../x"},
        {"region": "eu-central", "space_id": ""},
        {"region": "eu-central", "username": "a:b"},
        {"region": "eu-central", "username": "a\r\nb"},
        {"region": "eu-central", "username": " "},
        {"region": "eu-central", "password": ""},
        {},
    ],
)
def test_s001_to_s004_settings_outside_the_rules_are_refused(more: dict[str, str], provider: Provider) -> None:
    with pytest.raises(SettingsError):
        provider.settings({**SPACE, **more})


def test_reading_back_fills_every_response_field(provider: Provider) -> None:
    simulator = provider.simulator()
    lead = {
        "name": "Harbor Coffee",
        "owner": {"id": OWNER},
        "remote_data": {
            "lead_source_id": OWNER,
            "contact_relations": [{"contact_id": OWNER, "is_primary": True}],
            "account_relations": [{"account_id": OWNER, "is_primary": True}],
        },
    }
    registry = Registry(overrides=False)
    with Client(transport=simulator, registry=registry) as client:
        created = client.create(lead, Account("pipeliner", simulator.sample_settings)).lead
        simulator.leads[created.id or ""]["qualify_date"] = "2026-12-02 14:20:53+00:00"
        result = client.create(lead, Account("pipeliner", simulator.sample_settings), read_back=True)
    assert result.lead.lead_source == "Trade show"
    read = provider.parse_response(
        Response.of(200, {"success": True, "data": simulator.leads[created.id or ""]}),
        result.request,
        provider.settings(simulator.sample_settings),
    )
    assert not [name for name in provider.info.response_fields if getattr(read, name) is None]


def test_source_without_a_name_is_answered_by_its_id(provider: Provider) -> None:
    stored = {"id": "1", "lead_source": {"id": OWNER, "option_name": None}}
    settings = provider.settings({**SPACE, "region": "eu-central"})
    request = provider.build_read_request("1", settings)
    read = provider.parse_response(Response.of(200, {"success": True, "data": stored}), request, settings)
    assert read.lead_source == OWNER


def _batch(provider: Provider, answer: Any, count: int = 2) -> list[Any]:
    settings = provider.settings({**SPACE, "region": "eu-central"})
    requests = [provider.compose(Lead(name=f"L{number}"), settings) for number in range(count)]
    request, taken = provider.build_batch(requests, settings)
    assert request.url.endswith("/Leads/batch-modify?rollback-method=1")
    return provider.parse_batch(Response.of(200, answer), request, len(taken), settings)


def test_f075_a_partly_refused_batch_has_a_verdict_for_each_row(provider: Provider) -> None:
    error = {
        "success": False,
        "http_status": 422,
        "code": 40000,
        "name": "E",
        "message": "Non-null field 'name' is null or empty.",
    }
    first, second = _batch(provider, {"success": True, "data": ["id-1", {**error, "entity_index": 1}]})
    assert isinstance(first, CreatedLead) and first.id == "id-1"
    assert (second.outcome, second.vendor_code, second.field) == ("rejected", "40000", "name")


def test_refused_row_names_what_its_lead_gave(provider: Provider) -> None:
    settings = provider.settings({**SPACE, "region": "eu-central"})
    leads = [Lead(name="a", owner={"id": OWNER}), Lead(name="b", remote_data={"owner_id": OWNER})]  # type: ignore[arg-type]
    request, _ = provider.build_batch([provider.compose(lead, settings) for lead in leads], settings)
    row = {"success": False, "http_status": 422, "code": 40000, "field_errors": [{"field_name": "owner_id"}]}
    answer = Response.of(200, {"success": True, "data": [row, row]})
    found = provider.parse_batch(answer, request, 2, settings)
    assert [verdict.field for verdict in found if isinstance(verdict, ProviderError)] == [
        "owner.id", "remote_data.owner_id",
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [[], ["a"], ["a", "b", "c"]])
def test_f076_another_number_of_rows_is_unknown(rows: list[str], provider: Provider) -> None:
    with pytest.raises(ProviderError) as caught:
        _batch(provider, {"success": True, "data": rows})
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("claim", [{"success": False}, {"success": None}, {}], ids=str)
def test_f023_ids_in_an_answer_that_reports_no_success_are_no_leads(claim: dict[str, Any], provider: Provider) -> None:
    simulator = provider.simulator()
    account = Account("pipeliner", simulator.sample_settings)
    simulator.modify = lambda call, space: Response.of(200, {**claim, "data": ["id-1", "id-2"]})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many([{"name": "a"}, {"name": "b"}], account))
    assert [found[index].outcome for index in (0, 1)] == ["unknown", "unknown"]


def test_f042_batch_that_was_throttled_inside_a_success_was_not_processed(provider: Provider) -> None:
    with pytest.raises(ProviderError) as caught:
        _batch(provider, {"success": False, "http_status": 429, "message": "Too many requests."})
    assert (caught.value.category, caught.value.outcome) == ("rate_limited", "not_sent")


@pytest.mark.parametrize("row", [None, 5, {}, {"success": True}, ["x"], {"success": False, "field_errors": ["name"]}])
def test_f076_an_odd_row_is_unknown(row: Any, provider: Provider) -> None:
    good, odd = _batch(provider, {"success": True, "data": ["id-1", row]})
    assert (good.id, odd.outcome) == ("id-1", "unknown")


def test_a_full_batch_is_stored_in_order(provider: Provider) -> None:
    simulator = provider.simulator()
    settings = provider.settings(simulator.sample_settings)
    requests = [provider.compose(Lead(name=f"L{number}"), settings) for number in range(100)]
    request, taken = provider.build_batch(requests, settings)
    from unilead.auth import credential_headers

    response = simulator.send(request, credentials=credential_headers(provider.info, settings), timeout=5)
    verdicts = provider.parse_batch(response, request, len(taken), settings)
    assert [simulator.leads[verdict.id]["name"] for verdict in verdicts if isinstance(verdict, CreatedLead)] == [
        f"L{number}" for number in range(100)
    ]


def test_a_record_with_an_id_changes_no_lead_in_a_batch(provider: Provider) -> None:
    """In a batch an id means *change that lead*; in a create of its own it is ignored."""
    simulator = provider.simulator()
    account = Account("pipeliner", simulator.sample_settings)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        first = client.create({"name": "first"}, account).id
        leads = [{"name": "a"}, {"name": "b", "remote_data": {"id": first}}, {"name": "c"}]
        verdicts = dict(client.create_many(leads, account))
    assert simulator.leads[first]["name"] == "first"
    assert len({verdict.id for verdict in verdicts.values()} | {first}) == simulator.count == 4


@pytest.mark.parametrize(
    ("status", "outcome", "category"),
    [
        (422, "rejected", "validation"),
        (403, "rejected", "permission"),
        (404, "rejected", "unexpected"),
        (409, "rejected", "conflict"),
        (429, "not_sent", "rate_limited"),
        (500, "unknown", "provider_unavailable"),
        (None, "rejected", "validation"),
        ("x", "rejected", "validation"),
        (99, "rejected", "validation"),
    ],
)
def test_f075_a_rows_own_status_says_what_became_of_it(
    status: Any, outcome: str, category: str, provider: Provider
) -> None:
    row = {"success": False, "http_status": status, "code": 1, "message": "no", "entity_index": 1}
    _, refused = _batch(provider, {"success": True, "data": ["id-1", row]})
    assert (refused.outcome, refused.category) == (outcome, category)


def test_a_create_at_a_wrong_address_says_what_to_check(provider: Provider) -> None:
    settings = provider.settings({**SPACE, "region": "eu-central"})
    request = provider.build_request(Lead(name="L"), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response(404), request, settings)
    assert caught.value.hint and "space_id" in caught.value.hint
