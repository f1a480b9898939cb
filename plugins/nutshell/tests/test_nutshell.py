"""Nutshell keeps the provider contract; the tests below are about what only Nutshell does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from unilead import (
    Account,
    AuthError,
    Call,
    Client,
    InvalidLeadError,
    Lead,
    MalformedResponseError,
    Provider,
    ProviderError,
    RateLimitError,
    Registry,
    RejectedError,
    Response,
    SettingsError,
    Simulator,
)
from unilead.auth import credential_headers
from unilead.origin import check_url
from unilead.testing import ProviderContract, VendorRules
from unilead_nutshell.answers import read_fault

PATCH = "application/json-patch+json"


class TestNutshell(ProviderContract):
    slug = "nutshell"
    cases = Path(__file__).parent / "cases"
    fixed_fields = {"title": "T", "owner": {"id": "7"}, "contact": {"id": "8-contacts"}, "account": {"id": "9"}}

    def creatable(self, paths: list[str]) -> list[str]:
        """Leave out the company's name: a Nutshell lead links a company and has no name for one."""
        return [path for path in paths if path != "account.name"]


class TestNutshellRules(VendorRules):
    slug = "nutshell"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("nutshell")


@pytest.fixture
def crm(provider: Provider) -> Simulator:
    return provider.simulator()


@pytest.fixture
def client(crm: Simulator) -> Iterator[Client]:
    with Client(transport=crm, registry=Registry(overrides=False)) as client:
        yield client


def account_of(crm: Simulator, **settings: str) -> Account:
    return Account("nutshell", {**crm.sample_settings, **settings})


def ask(crm: Simulator, method: str, path: str, body: Any = None, kind: str = "application/json") -> Response:
    pair = f"{crm.sample_settings['username']}:{crm.sample_settings['api_key']}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}", "Content-Type": kind}
    return crm.respond(Call.of(method, path, headers, b"" if body is None else json.dumps(body).encode()))


def test_the_matrix_row_is_the_contracts(provider: Provider) -> None:
    assert provider.required == ("title",)
    assert provider.supported == ("title", "owner", "contact", "account", "custom_fields")
    assert not provider.takes_batches


# --- settings ---------------------------------------------------------------------------------------------------------


def test_credentials_are_one_basic_header(provider: Provider) -> None:
    settings = provider.settings({"username": "mira@harbor.example", "api_key": "nk_0123456789abcdef"})
    headers = credential_headers(provider.info, settings)
    assert headers == {"Authorization": "Basic bWlyYUBoYXJib3IuZXhhbXBsZTpua18wMTIzNDU2Nzg5YWJjZGVm"}


BAD_USERNAMES = [
    "",
    "mira",
    "@harbor.example",
    "mira@",
    "a@b@c",
    "mi:ra@b.example",
    "mira@b.example\r\n",
    "m ira@b.example",
]


@pytest.mark.parametrize("username", BAD_USERNAMES)
def test_a_username_is_one_address(username: str, provider: Provider) -> None:
    with pytest.raises(SettingsError, match="username: must be a user's e-mail address") as caught:
        provider.settings({"username": username, "api_key": "k" * 40})
    assert caught.value.fields == ("username",)


@pytest.mark.parametrize("key", ["", " ", "k" * 20 + "\n", "k k", "k\x00", "ké"])
def test_a_key_is_plain_text(key: str, provider: Provider) -> None:
    with pytest.raises(SettingsError, match=r"api_key: must (be the key alone|not begin or end with blanks)"):
        provider.settings({"username": "mira@harbor.example", "api_key": key})


@pytest.mark.parametrize("name", ["username", "api_key"])
def test_both_settings_are_needed(name: str, provider: Provider, crm: Simulator) -> None:
    with pytest.raises(SettingsError, match=f"{name}: is required"):
        provider.settings({key: value for key, value in crm.sample_settings.items() if key != name})


@pytest.mark.parametrize("name", ["base_url", "host", "domain", "url"])
def test_no_setting_chooses_the_host(name: str, provider: Provider, crm: Simulator) -> None:
    with pytest.raises(SettingsError, match=name):
        provider.settings({**crm.sample_settings, name: "https://app.nutshell.com.evil.example"})


HOSTS = [
    "app.nutshell.com.evil.example",
    "evil.example#app.nutshell.com",
    "api.nutshell.com",
    "xapp.nutshell.com",
    "127.0.0.1",
]


@pytest.mark.parametrize("host", HOSTS)
def test_only_nutshells_own_host_is_allowed(host: str, provider: Provider) -> None:
    with pytest.raises(SettingsError):
        check_url(f"https://{host}", provider.info.allowed_hosts, provider="nutshell")


# --- create and read back ---------------------------------------------------------------------------------------------


def test_read_back_fills_every_response_field(client: Client, crm: Simulator, provider: Provider) -> None:
    lead = {
        "title": "Harbor",
        "owner": {"id": "36"},
        "contact": {"id": "55"},
        "account": {"id": "3"},
        "remote_data": {"links": {"sources": ["2-sources"]}},
    }
    lead_id = client.create(lead, account_of(crm)).id
    crm.leads[lead_id]["lastContactedTime"] = {"timestamp": 1795510800}
    settings = provider.settings(crm.sample_settings)
    request = provider.build_read_request(lead_id, settings)
    read = provider.parse_response(ask(crm, "GET", request.path), request, settings).model_dump(exclude_none=True)
    assert set(read) == set(provider.info.response_fields)
    assert (read["lead_source"], read["last_activity_at"]) == ("Trade show", "2026-11-24T09:00:00Z")
    assert (read["owner"], read["contact"], read["account"]) == (
        {"id": "36-users"},
        {"id": "55-contacts"},
        {"id": "3-accounts"},
    )


def test_create_answers_the_sources_id_and_read_back_its_name(client: Client, crm: Simulator) -> None:
    lead = {"title": "Harbor", "remote_data": {"links": {"sources": ["2-sources"]}}}
    assert client.create(lead, account_of(crm)).lead.lead_source == "2-sources"
    assert client.create(lead, account_of(crm), read_back=True).lead.lead_source == "Trade show"


def test_a_bare_answer_counts(client: Client, crm: Simulator) -> None:
    crm.bare = True
    result = client.create({"title": "Harbor"}, account_of(crm), read_back=True)
    assert (result.id, result.lead.title) == ("1042-leads", "Harbor")


def test_a_repeated_create_makes_a_second_lead(client: Client, crm: Simulator) -> None:
    first, second = (client.create({"title": "Harbor"}, account_of(crm)) for _ in range(2))
    assert first.id != second.id
    assert crm.count == 2


def test_a_lead_without_owner_goes_to_the_caller(client: Client, crm: Simulator) -> None:
    assert client.create({"title": "Harbor"}, account_of(crm)).render()["owner"] == {"id": "35-users"}


def test_another_user_may_use_the_key(client: Client, crm: Simulator) -> None:
    crm.users.add("lund@harbor.example")
    assert client.create({"title": "Harbor"}, account_of(crm, username="lund@harbor.example")).id


def test_a_stranger_may_not_use_the_key(client: Client, crm: Simulator) -> None:
    with pytest.raises(AuthError, match="An Error Occurred: Unauthorized"):
        client.create({"title": "Harbor"}, account_of(crm, username="else@quay.example"))


def test_an_unknown_owner_is_named_in_unified_words(client: Client, crm: Simulator) -> None:
    crm.missing.add("99")
    with pytest.raises(RejectedError) as caught:
        client.create({"title": "Harbor", "owner": {"id": "99"}}, account_of(crm))
    assert (caught.value.field, caught.value.message) == ("owner.id", "Invalid link [99-users does not exist]")


@pytest.mark.parametrize(
    ("lead", "field"),
    [
        ({"remote_data": {"manualValue": 5}}, "remote_data.manualValue"),
        ({"remote_data": {"leads": [{"manualValue": 5}]}}, "remote_data.leads[0].manualValue"),
        ({"remote_data": {"leads": [{"description": ""}]}}, "remote_data.leads[0].description"),
        ({"remote_data": {"leads": [{"priority": 1}]}, "owner": {"id": "99"}}, "owner.id"),
    ],
    ids=["record", "whole body", "whole body over title", "beside a whole body"],
)
def test_a_refusal_names_what_the_lead_gave(lead: dict[str, Any], field: str, client: Client, crm: Simulator) -> None:
    crm.missing.add("99-users")
    with pytest.raises(RejectedError) as caught:
        client.create({"title": "Harbor"} | lead, account_of(crm))
    assert caught.value.field == field


def test_custom_fields_arrive_as_text_under_their_names(client: Client, crm: Simulator) -> None:
    given = {"Seats (max.)": 12, "a.b": "x", "Budget": Decimal("1E+3")}
    lead_id = client.create({"title": "Harbor", "custom_fields": given}, account_of(crm)).id
    assert crm.leads[lead_id]["customFields"] == {"Seats (max.)": "12", "a.b": "x", "Budget": "1000"}


def test_remote_data_can_link_a_new_contact(client: Client, crm: Simulator) -> None:
    lead = {"title": "Harbor", "remote_data": {"links": {"contacts": [{"name": "Mira Lund"}]}}}
    contact = client.create(lead, account_of(crm)).lead.contact
    assert contact is not None and str(contact.id).endswith("-contacts")


@pytest.mark.parametrize("odd", ["1042-leads,1043-leads", ","])
def test_a_read_names_one_lead(odd: str, provider: Provider, crm: Simulator) -> None:
    with pytest.raises(InvalidLeadError, match="must be one id"):
        provider.build_read_request(odd, provider.settings(crm.sample_settings))


def test_404_on_a_read_is_the_leads_fault_and_on_a_create_the_addresss(provider: Provider, crm: Simulator) -> None:
    settings = provider.settings(crm.sample_settings)
    read = provider.build_read_request("7-leads", settings)
    create = provider.build_request(Lead(title="Harbor"), settings)
    for request, category in ((read, "not_found"), (create, "unexpected")):
        with pytest.raises(ProviderError) as caught:
            provider.parse_response(ask(crm, "GET", "/rest/leads/7-leads"), request, settings)
        assert caught.value.category == category


def test_throttling_without_a_time_to_wait_is_retryable(
    client: Client, crm: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    crm.faults.throttle = 9
    with pytest.raises(RateLimitError) as caught:
        client.create({"title": "Harbor"}, account_of(crm))
    assert (caught.value.retryable, caught.value.retry_after, crm.count) == (True, None, 0)


@pytest.mark.parametrize("odd", [None, 0, "", " ", False, {}, [], {"id": "1042-leads"}])
def test_an_odd_id_is_no_success(odd: Any, provider: Provider, crm: Simulator) -> None:
    settings = provider.settings(crm.sample_settings)
    request = provider.build_request(Lead(title="Harbor"), settings)
    with pytest.raises(MalformedResponseError) as caught:
        provider.parse_response(Response.of(201, {"leads": [{"id": odd, "name": "Harbor"}]}), request, settings)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize(
    ("status", "category", "outcome"),
    [
        ("400", "validation", "rejected"),
        ("409", "conflict", "rejected"),
        ("429", "rate_limited", "not_sent"),
        ("501", "provider_unavailable", "unknown"),
        (520, "provider_unavailable", "unknown"),
        (None, "validation", "rejected"),
    ],
)
def test_f023_an_error_inside_a_success_is_judged_by_its_own_status(
    status: Any, category: str, outcome: str, provider: Provider, crm: Simulator
) -> None:
    settings = provider.settings(crm.sample_settings)
    request = provider.build_request(Lead(title="Harbor"), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response.of(200, {"leads": [], "errors": [{"status": status}]}), request, settings)
    assert (caught.value.category, caught.value.outcome) == (category, outcome)


# --- refusals in odd shapes -------------------------------------------------------------------------------------------

SHAPES = [
    ("<html><head><title>\n Not&nbsp;here &amp; gone </title>", "Not here & gone"),
    ("<html><body>nginx</body></html>", ""),
    (' "Internal Error" ', "Internal Error"),
    ("upstream said no\n", "upstream said no"),
    ('{"message": ["x"], "code": true}', ""),
    ('{"errors": "x", "message": "Nope"}', "Nope"),
    ('{"errors": [null, {"title": 5, "detail": "Bad"}]}', "Bad"),
    ("[1]", ""),
    ("", ""),
]


@pytest.mark.parametrize(("body", "message"), SHAPES)
def test_a_refusal_is_told_in_nutshells_words(body: str, message: str) -> None:
    fault = read_fault(Response(400, {}, body.encode()))
    assert (fault.message, fault.code, fault.path) == (message, None, None)


@pytest.mark.parametrize(
    "path", ["links.owner", "/links/owner", "/leads/0/links/owner", "leads[0].links.owner", "leads.0.links.owner"]
)
def test_a_path_is_understood_in_every_form(path: str) -> None:
    body = json.dumps({"errors": [{"field": path}]}).encode()
    assert read_fault(Response(400, {}, body)).path == "links.owner"


# --- the simulator's other endpoints ----------------------------------------------------------------------------------


def test_a_patch_changes_a_lead(client: Client, crm: Simulator) -> None:
    lead_id = client.create({"title": "Harbor"}, account_of(crm)).id
    steps = [
        {"op": "replace", "path": "/leads/0/description", "value": "Quay"},
        {"op": "add", "path": "/leads/0/links/contacts/-", "value": "55-contacts"},
        {"op": "add", "path": "/leads/0/customFields/Region", "value": "EMEA"},
    ]
    assert ask(crm, "PATCH", f"/rest/leads/{lead_id}", steps, PATCH).status == 204
    read = ask(crm, "GET", f"/rest/leads/{lead_id}").json["leads"][0]
    assert (read["name"], read["links"]["contacts"]) == ("Quay", ["55-contacts"])
    fields = ask(crm, "GET", f"/rest/leads/{lead_id}/customfields").json["customFields"]
    assert fields == [{"name": "Region", "value": "EMEA"}]


@pytest.mark.parametrize("path", ["/leads/0/id", "/description", "/leads/0/links/owner/-"])
def test_a_patch_of_another_place_is_refused(path: str, client: Client, crm: Simulator) -> None:
    lead_id = client.create({"title": "Harbor"}, account_of(crm)).id
    answer = ask(
        crm,
        "PATCH",
        f"/rest/leads/{lead_id}",
        [{"op": "add", "path": path, "value": "x"}],
        "application/json-patch+json",
    )
    assert answer.status == 400


def test_a_patch_of_an_unknown_lead_is_not_found(crm: Simulator) -> None:
    assert ask(crm, "PATCH", "/rest/leads/9-leads", [], PATCH).status == 404


def test_leads_can_be_searched_page_by_page(client: Client, crm: Simulator) -> None:
    for title in ("Harbor 1", "Quay", "Harbor 2"):
        client.create({"title": title}, account_of(crm))
    page = ask(crm, "GET", "/rest/leads?q=harbor&page%5Bpage%5D=1&page%5Blimit%5D=1").json
    assert [lead["name"] for lead in page["leads"]] == ["Harbor 2"]


def test_several_leads_are_read_by_a_list_of_ids(client: Client, crm: Simulator) -> None:
    ids = [client.create({"title": "Harbor"}, account_of(crm)).id for _ in range(2)]
    found = ask(crm, "GET", f"/rest/leads/{','.join(ids)}").json["leads"]
    assert [lead["id"] for lead in found] == ids


def test_users_and_sources_are_listed(crm: Simulator) -> None:
    assert ask(crm, "GET", "/rest/users").json["users"][0]["id"] == "35-users"
    assert {"id": "2-sources", "type": "sources", "name": "Trade show"} in ask(crm, "GET", "/rest/sources").json[
        "sources"
    ]
