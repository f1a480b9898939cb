"""Zoho CRM keeps the provider contract; the tests below are about what only Zoho CRM does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unilead import (
    Account,
    Client,
    CreatedLead,
    Lead,
    Provider,
    ProviderError,
    Registry,
    Request,
    Response,
    SettingsError,
)
from unilead.testing import ProviderContract, VendorRules

LEAD = {"first_name": "Mireia", "last_name": "Sandvik"}


class TestZohoCrm(ProviderContract):
    slug = "zoho-crm"
    cases = Path(__file__).parent / "cases"
    fixed_fields = {**LEAD, "owner": {"id": "7"}, "number_of_employees": 5}


class TestZohoCrmRules(VendorRules):
    slug = "zoho-crm"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("zoho-crm")


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        ({"data_center": "ca"}, "https://www.zohoapis.ca"),
        ({"data_center": "au"}, "https://www.zohoapis.com.au"),
        ({"data_center": "eu", "api_domain": "https://sandbox.zohoapis.eu/"}, "https://sandbox.zohoapis.eu"),
    ],
)
def test_the_data_centre_decides_the_host(settings: dict[str, str], origin: str, provider: Provider) -> None:
    assert provider.base_url(provider.settings({"access_token": "t", **settings})) == origin


@pytest.mark.parametrize(
    "settings",
    [
        {"data_center": "mars"},
        {"api_domain": "http://www.zohoapis.com"},
        {"api_domain": "https://www.zohoapis.com.evil.com"},
        {"api_domain": "https://evilzohoapis.com"},
        {"api_domain": "https://u@www.zohoapis.com"},
        {"api_domain": "https://www.zohoapis.com:8443"},
        {"api_domain": "https://www.zohoapis.com/x"},
        {"api_domain": "https://127.0.0.1"},
        {"api_domain": "https://www.zohoapis.com\n"},
        {"data_center": "us", "api_domain": "https://www.zohoapis.eu"},
        {"access_token": None},
    ],
)
def test_s001_to_s005_settings_outside_the_rules_are_refused(settings: dict[str, Any], provider: Provider) -> None:
    with pytest.raises(SettingsError):
        provider.settings({"access_token": "t", **settings})


def test_reading_back_fills_what_the_create_did_not_answer(provider: Provider) -> None:
    simulator = provider.simulator()
    lead = {
        **LEAD,
        "title": "CTO",
        "owner": {"id": "7"},
        "lead_source": "Web",
        "phone_numbers": [{"number": "1", "email": "a@x.example"}, {"number": "2", "type": "mobile"}],
        "addresses": [{"street_1": "s", "city": "c"}],
        "remote_data": {"Campaign_Code": "FALL26"},
    }
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        result = client.create(lead, Account("zoho-crm", simulator.sample_settings), read_back=True)
    unified = result.render(remote_data=False, exclude=["id", "created_at", "updated_at"])
    assert unified == {
        "owner": {"id": "7"},
        "lead_source": "Web",
        "title": "CTO",
        "first_name": "Mireia",
        "last_name": "Sandvik",
        "addresses": [{"street_1": "s", "city": "c", "type": "primary"}],
        "email_addresses": [{"email": "a@x.example", "type": "primary"}],
        "phone_numbers": [{"number": "1", "type": "primary"}, {"number": "2", "type": "mobile"}],
        "custom_fields": {"Campaign_Code": "FALL26"},
    }


def test_a_missing_record_is_not_found_on_reading(provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_read_request("5", settings)
    with pytest.raises(Exception) as caught:
        provider.parse_response(Response(204), request, settings)
    assert caught.value.category == "not_found"  # type: ignore[attr-defined]


def _verdicts(provider: Provider, rows: Any, status: int = 207, count: int = 2) -> list[Any]:
    settings = provider.settings({"access_token": "t"})
    requests = [provider.compose(Lead.parse(LEAD), settings) for _ in range(count)]
    request, taken = provider.build_batch(requests, settings)
    return provider.parse_batch(Response.of(status, {"data": rows}), request, len(taken), settings)


GOOD = {"code": "SUCCESS", "details": {"id": "77"}, "message": "record added", "status": "success"}
BAD = {"code": "INVALID_DATA", "details": {"api_name": "Last_Name"}, "message": "invalid data", "status": "error"}


def test_f075_each_row_of_a_batch_has_its_own_verdict(provider: Provider) -> None:
    good, bad = _verdicts(provider, [GOOD, BAD])
    assert isinstance(good, CreatedLead)
    assert (good.id, bad.outcome, bad.field, bad.response.json) == ("77", "rejected", "last_name", {"data": [BAD]})


def test_refused_row_names_what_its_lead_gave(provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    leads = [{**LEAD, "account": {"name": "N"}}, {**LEAD, "remote_data": {"Company": "N"}}, LEAD]
    phones = {**LEAD, "phone_numbers": [{"number": "1", "type": "fax"}, {"number": "x"}]}
    requests = [provider.compose(Lead.parse(lead), settings) for lead in (*leads, phones)]
    request, _ = provider.build_batch(requests, settings)
    names = ["Company", "Company", "Company", "Phone"]
    rows = [{**BAD, "details": {"api_name": name}} for name in names]
    found = provider.parse_batch(Response.of(207, {"data": rows}), request, 4, settings)
    assert [verdict.field for verdict in found if isinstance(verdict, ProviderError)] == [
        "account.name", "remote_data.Company", "account.name", "phone_numbers[1].number",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row", [None, {}, {"status": "success"}, {**GOOD, "details": {}}, {**GOOD, "details": "77"}, "x"]
)
def test_f076_an_odd_row_is_unknown(row: Any, provider: Provider) -> None:
    assert _verdicts(provider, [GOOD, row])[1].outcome == "unknown"


@pytest.mark.parametrize("rows", [[], [GOOD], [GOOD] * 3])
def test_f076_another_number_of_rows_is_unknown(rows: list[Any], provider: Provider) -> None:
    with pytest.raises(Exception) as caught:
        _verdicts(provider, rows, 201)
    assert caught.value.outcome == "unknown"  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", ["INVALID_DATA", "TOO_MANY_REQUESTS", "NO_PERMISSION", "DUPLICATE_DATA"])
def test_f076_one_error_row_for_several_leads_is_unknown_and_not_sent_again(code: str, provider: Provider) -> None:
    simulator = provider.simulator()
    sent: list[int] = []

    class Answering:
        def send(self, request: Request, **rest: Any) -> Response:
            sent.append(len(simulator.send(request, **rest).json["data"]))
            return Response.of(200, {"data": [{**BAD, "code": code, "details": {}}]})

        def close(self) -> None: ...

    account = Account("zoho-crm", simulator.sample_settings)
    with Client(transport=Answering(), registry=Registry(overrides=False)) as client:
        found = dict(client.create_many([LEAD, LEAD, LEAD], account))
    outcomes = [verdict.outcome for verdict in found.values() if isinstance(verdict, ProviderError)]
    assert (outcomes, sent, simulator.count) == (["unknown"] * 3, [3], 3)


def test_leads_with_other_keys_beside_the_record_travel_apart(provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    leads = [LEAD, {**LEAD, "remote_data": {"trigger": []}}, LEAD]
    request, taken = provider.build_batch([provider.compose(Lead.parse(lead), settings) for lead in leads], settings)
    assert taken == (0, 2)
    assert b"trigger" not in request.body


def test_a_lead_that_travels_apart_is_refused_as_one_that_was_sent_by_itself(provider: Provider) -> None:
    simulator = provider.simulator()
    leads = [{**LEAD, "remote_data": {"trigger": ["mail"]}}, LEAD, LEAD]
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many(leads, Account("zoho-crm", simulator.sample_settings)))
    assert (getattr(found[0], "field", None), simulator.count) == ("remote_data.trigger", 2)


def test_update_of_a_newer_record_is_refused() -> None:
    """Rule 31: told by a header; the record stays as it is."""
    import http.client
    import json

    from unilead_zoho_crm.simulator import TOKEN, ZohoCrmSimulator

    simulator = ZohoCrmSimulator()
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        lead_id = client.create(LEAD, Account("zoho-crm", simulator.sample_settings)).id
    headers = {"Authorization": f"Zoho-oauthtoken {TOKEN}", "If-Unmodified-Since": "2020-01-01T00:00:00+01:00"}
    with simulator.serve() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.request("PUT", f"/crm/v8/Leads/{lead_id}", json.dumps({"data": [{"City": "x"}]}), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
    assert (answer.status, body["data"][0]["code"]) == (412, "ALREADY_MODIFIED")
    assert "City" not in simulator.leads[lead_id]


@pytest.mark.parametrize("code", ["INVALID_MODULE", "INVALID_URL_PATTERN", "INVALID_REQUEST_METHOD"])
def test_a_read_at_a_wrong_address_finds_nothing(code: str, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    answer = Response.of(400, {"code": code, "details": {}, "message": "x", "status": "error"})
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(answer, provider.build_read_request("5", settings), settings)
    assert caught.value.category == "not_found"


def test_only_the_organisations_own_fields_are_custom_fields(provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    system = {
        "Territories": [],
        "Days_Visited": 3,
        "Coordinates": "x",
        "Record_Status__s": "Available",
        "$state": "save",
    }
    answer = Response.of(200, {"data": [{"id": "5", "Last_Name": "S", "Campaign_Code": "FALL26", **system}]})
    read = provider.parse_response(answer, provider.build_read_request("5", settings), settings)
    assert read.custom_fields == {"Campaign_Code": "FALL26"}


def test_spent_credits_are_not_slept_on(provider: Provider) -> None:
    """A 429 with credits left is a matter of moments; without, of hours."""
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead.parse(LEAD), settings)
    waits = []
    for left in ("24187", "0"):
        answer = Response.of(429, {"code": "TOO_MANY_REQUESTS", "status": "error"}, {"X-API-CREDITS-REMAINING": left})
        with pytest.raises(ProviderError) as caught:
            provider.parse_response(answer, request, settings)
        waits.append(caught.value.retry_after)
    assert waits == [None, 3600]


def test_wrong_token_points_to_the_data_centre(provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead.parse(LEAD), settings)
    answer = Response.of(401, {"code": "INVALID_TOKEN", "details": {}, "message": "x", "status": "error"})
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(answer, request, settings)
    assert caught.value.hint and "data_center" in caught.value.hint


def test_f075_a_row_with_an_unknown_code_was_refused(provider: Provider) -> None:
    good, odd = _verdicts(provider, [GOOD, {**BAD, "code": "NEW_CODE", "details": {}}])
    assert isinstance(good, CreatedLead)
    assert (odd.outcome, odd.category, odd.vendor_code) == ("rejected", "unexpected", "NEW_CODE")


@pytest.mark.parametrize(
    ("status", "category"),
    [(401, "authentication"), (403, "permission"), (429, "rate_limited"), (500, "provider_unavailable")],
)
def test_status_judges_a_code_that_is_in_no_list(status: int, category: str, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead.parse(LEAD), settings)
    answer = Response.of(status, {"code": "NEW_CODE", "details": {}, "message": "x", "status": "error"})
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(answer, request, settings)
    assert caught.value.category == category


@pytest.mark.parametrize(
    "details",
    [{"duplicate_record": {"id": "77"}}, {"id": "77"}, {"id": "77", "duplicate_record": {"Owner": {"name": "Ana"}}}],
    ids=["record", "beside", "record without id"],
)
def test_a_conflict_names_the_record_that_is_there(details: dict[str, Any], provider: Provider) -> None:
    row = {"code": "DUPLICATE_DATA", "details": {"api_name": "Email", **details}, "message": "x", "status": "error"}
    _, taken = _verdicts(provider, [GOOD, row])
    assert taken.existing_id == "77"


@pytest.mark.parametrize(
    ("given", "details", "field"),
    [
        ({"owner": {"id": "7"}}, {"api_name": "id", "json_path": "$.data[0].Owner.id"}, "owner.id"),
        (
            {"owner": {"id": "7"}, "remote_data": {"id": "5"}},
            {"api_name": "id", "json_path": "$.data[0].Owner.id"},
            "owner.id",
        ),
        (
            {"remote_data": {"Layout": {"id": "5"}}},
            {"api_name": "id", "json_path": "$.data[0].Layout.id"},
            "remote_data.Layout.id",
        ),
        (
            {"remote_data": {"Tag": [{"name": "x"}]}},
            {"api_name": "name", "json_path": "$.data[0].Tag[0].name"},
            "remote_data.Tag",
        ),
        (
            {"remote_data": {"skip_feature_execution": ["x"]}},
            {"api_name": "skip_feature_execution", "json_path": "$.skip_feature_execution[0]"},
            "remote_data.skip_feature_execution",
        ),
        (
            {"remote_data": {"apply_feature_execution": [{"name": "x"}]}},
            {"api_name": "name", "json_path": "$.apply_feature_execution[0].name"},
            "remote_data.apply_feature_execution",
        ),
        ({"title": "t"}, {"api_name": "Designation"}, "title"),
        ({"title": "t"}, {"api_name": "Designation", "json_path": 5}, "title"),
        ({"title": "t"}, {"api_name": "data", "json_path": "$.data"}, None),
    ],
)
def test_the_path_of_a_field_says_which_one_is_at_fault(
    given: dict[str, Any], details: dict[str, Any], field: str | None, provider: Provider
) -> None:
    """Zoho's name of a field is the last step of its path alone."""
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead.parse({**LEAD, **given}), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response.of(400, {"data": [{**BAD, "details": details}]}), request, settings)
    assert caught.value.field == field
