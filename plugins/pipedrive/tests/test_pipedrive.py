"""Pipedrive keeps the provider contract; the tests below are about what only Pipedrive does."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from unilead import (
    Account,
    AuthError,
    Client,
    LeadError,
    RateLimitError,
    Registry,
    RejectedError,
    Request,
    Response,
    Result,
    SettingsError,
)
from unilead.testing import ProviderContract, VendorRules
from unilead_pipedrive.simulator import CLIENT_ID, CLIENT_SECRET, COMPANY, REFRESH_TOKEN, TOKEN, PipedriveSimulator

KEY = "9f3c0b7a51de48a2b6c4d0e1f2a3b4c5d6e7f809"
LEAD: Mapping[str, Any] = {"title": "T", "contact": {"id": "8841"}}
OAUTH = {"company_domain": COMPANY, "access_token": "v1u:AQIBAHj-sample"}


class TestPipedrive(ProviderContract):
    slug = "pipedrive"
    cases = Path(__file__).parent / "cases"
    minimum = {"contact": {"id": "8841"}}
    canaries = {"custom_fields": ({KEY: "canary-custom"}, "canary-custom")}
    fixed_fields = {
        "title": "T",
        "owner": {"id": "7"},
        "contact": {"id": "8841"},
        "account": {"id": "2307"},
        "custom_fields": {KEY: "x"},
    }

    def creatable(self, paths: list[str]) -> list[str]:
        """A Pipedrive lead takes its company by id alone; the name is reported."""
        return [path for path in paths if path != "account.name"]


class TestPipedriveRules(VendorRules):
    slug = "pipedrive"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def simulator() -> PipedriveSimulator:
    return PipedriveSimulator()


def create(simulator: PipedriveSimulator, lead: Mapping[str, Any] = LEAD, /, **changes: Any) -> Result:
    settings = changes.pop("settings", simulator.sample_settings)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        return client.create(lead, Account("pipedrive", settings), **changes)


def settings(**values: Any) -> Any:
    return Registry(overrides=False).get("pipedrive").settings(values)


# --- settings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain",
    [
        "", "Brightloom", "brightloom.pipedrive.com", "https://brightloom.pipedrive.com", "a.b", "a/b", "a?b", "a#b",
        "a@b", "a:443", "a\\b", "a b", "brightloom\n", "brightlöom", "ｂｒｉｇｈｔ", "-a", "a-", "x" * 64,
        "{api_token}", "127.0.0.1", "evil.com/", "oauth", "app", "www", "developers", "support", "marketplace", "api",
    ],
)  # fmt: skip
def test_company_domain_is_one_label(domain: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(company_domain=domain, api_token=TOKEN)
    assert "company_domain" in caught.value.fields or domain == ""


@pytest.mark.parametrize(
    "address",
    [
        "", "brightloom.pipedrive.com", "http://brightloom.pipedrive.com", "ftp://brightloom.pipedrive.com",
        "https://brightloom.pipedrive.com:8443", "https://brightloom.pipedrive.com:443@evil.com",
        "https://user:pw@brightloom.pipedrive.com", "https://brightloom.pipedrive.com.evil.com",
        "https://evilpipedrive.com", "https://pipedrive.com", "https://a.b.pipedrive.com",
        "https://brightloom.pipedrive.com.", "https://brightloom.pipedrive.com/api/v1", "https://evil.com#.pipedrive.com",
        "https://evil.com?.pipedrive.com", "https://evil.com/.pipedrive.com", "https://evil.com\\.pipedrive.com",
        "https://brightloom.pipedrive.com\n", "https://bright\tloom.pipedrive.com", "https://brightlöom.pipedrive.com",
        "https://brightloom。pipedrive.com", "https://brightloom.pipedriveK.com", "https://oauth.pipedrive.com",
        "https://WWW.pipedrive.com", "https://\u212aite.pipedrive.com",
        "https://127.0.0.1", "https://127.1", "https://2130706433", "https://0x7f.1",
        "https://localhost", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://0.0.0.0",
        "https://169.254.169.254", "https://10.0.0.1", "https://[fd00::1]", "https://[64:ff9b::7f00:1]",
    ],
)  # fmt: skip
def test_api_domain_is_a_company_of_pipedrive(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(api_domain=address, api_token=TOKEN)
    assert caught.value.fields == ("api_domain",)


def test_an_account_needs_an_address() -> None:
    with pytest.raises(SettingsError, match="give company_domain or api_domain"):
        settings(api_token=TOKEN)


@pytest.mark.parametrize("incomplete", [{}, {"api_token": ""}, {"access_token": ""}, {"client_id": "x"}])
def test_an_account_needs_a_way_in(incomplete: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="give api_token, access_token, or client_id"):
        settings(company_domain=COMPANY, **incomplete)


def test_a_refresh_token_alone_is_a_way_in() -> None:
    settings(company_domain=COMPANY, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, refresh_token=REFRESH_TOKEN)


# --- credentials --------------------------------------------------------------------------------------------------


def test_api_token_goes_into_its_own_header(simulator: PipedriveSimulator) -> None:
    create(simulator, settings={**OAUTH, "api_token": TOKEN})
    headers = simulator.calls[-1].headers
    assert headers["x-api-token"] == TOKEN
    assert "authorization" not in headers


def test_oauth_token_is_a_bearer_token(simulator: PipedriveSimulator) -> None:
    result = create(simulator, settings=OAUTH)
    headers = simulator.calls[-1].headers
    assert headers["authorization"] == "Bearer v1u:AQIBAHj-sample"
    assert "x-api-token" not in headers
    assert result.response.json["data"]["origin"] == "Marketplace"


def test_expired_token_is_an_authentication_error(simulator: PipedriveSimulator) -> None:
    simulator.access_tokens.clear()
    with pytest.raises(AuthError) as caught:
        create(simulator, settings=OAUTH)
    assert (caught.value.category, simulator.count) == ("authentication", 0)


def test_missing_scope_is_a_permission_error(simulator: PipedriveSimulator) -> None:
    simulator.scopes = {"base", "leads:read"}
    with pytest.raises(AuthError) as caught:
        create(simulator, settings=OAUTH)
    assert (caught.value.category, caught.value.message) == ("permission", "Scope and URL mismatch")


# --- answers ------------------------------------------------------------------------------------------------------


def test_read_back_fills_every_response_field(simulator: PipedriveSimulator) -> None:
    whole = {**LEAD, "owner": {"id": "7"}, "account": {"id": "2307"}, "custom_fields": {KEY: "x"}}
    result = create(simulator, whole, read_back=True)
    provider = Registry(overrides=False).get("pipedrive")
    shown = result.render(remote_data=False)
    assert set(shown) == set(provider.info.response_fields)
    assert shown["custom_fields"] == {KEY: "x"}
    assert shown["urls"] == [{"url": f"https://brightloom.pipedrive.com/leads/inbox/{result.id}", "type": "web"}]


def test_the_link_names_the_company_where_requests_go_to_the_shared_host(simulator: PipedriveSimulator) -> None:
    result = create(simulator, settings={**simulator.sample_settings, "api_domain": "https://api.pipedrive.com"})
    assert result.request.url.startswith("https://api.pipedrive.com/")
    assert [link.url for link in result.lead.urls or ()] == [f"https://{COMPANY}.pipedrive.com/leads/inbox/{result.id}"]


def test_vendor_wants_a_person_or_an_organization(simulator: PipedriveSimulator) -> None:
    with pytest.raises(RejectedError) as caught:
        create(simulator, {"title": "T"})
    assert (caught.value.category, simulator.count) == ("validation", 0)


def test_custom_text_has_a_limit(simulator: PipedriveSimulator) -> None:
    create(simulator, {**LEAD, "custom_fields": {KEY: "x" * 65_000}})
    with pytest.raises(RejectedError, match="too long"):
        create(simulator, {**LEAD, "custom_fields": {KEY: "x" * 65_001}})


# --- limits -------------------------------------------------------------------------------------------------------


def test_f042_a_blocked_client_stops_sending(simulator: PipedriveSimulator) -> None:
    simulator.blocked = True
    with pytest.raises(RateLimitError) as caught:
        create(simulator)
    assert not caught.value.retryable
    assert len(simulator.calls) == 1


@pytest.mark.parametrize("trouble", [{"blocked": True}, {"daily_tokens": 0}], ids=str)
def test_f040_f042_many_leads_stop_at_the_first_of_such_answers(
    trouble: dict[str, Any], simulator: PipedriveSimulator
) -> None:
    """Each further request would prolong the block, and be refused for the same reason."""
    for name, value in trouble.items():
        setattr(simulator, name, value)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many([LEAD] * 20, Account("pipedrive", simulator.sample_settings), concurrency=1))
    assert {error.outcome for error in found.values()} == {"not_sent"}
    assert len(simulator.calls) == 1


@pytest.mark.parametrize(
    ("state", "settings", "calls", "outcome"),
    [
        ({"scopes": {"base"}}, OAUTH, 1, "not_sent"),
        ({"suspended": True}, OAUTH, 1, "not_sent"),
        ({"forbidden": True}, OAUTH, 5, "rejected"),
    ],
    ids=["scope", "unpaid", "rights of a user"],
)
def test_what_the_account_lacks_for_every_lead_ends_the_sending(
    state: dict[str, Any], settings: dict[str, str], calls: int, outcome: str, simulator: PipedriveSimulator
) -> None:
    vars(simulator).update(state)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many([LEAD] * 5, Account("pipedrive", settings), concurrency=1))
    assert (len(simulator.calls), len(found)) == (calls, 5)
    assert {(error.category, error.outcome) for error in found.values()} == {("permission", outcome)}


def test_f040_burst_reset_is_waited_for(simulator: PipedriveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    simulator.faults.throttle = 1
    create(simulator)
    assert [wait >= 2 for wait in waits] == [True]


def test_f040_a_spent_daily_budget_is_not_waited_for(simulator: PipedriveSimulator) -> None:
    simulator.daily_tokens = 19
    create(simulator)
    with pytest.raises(RateLimitError, match="daily budget used up") as caught:
        create(simulator)
    assert (caught.value.retryable, caught.value.retry_after) == (False, None)
    assert (len(simulator.calls), simulator.count) == (2, 1)


# --- the simulator on its own -------------------------------------------------------------------------------------


def ask(simulator: PipedriveSimulator, method: str, path: str, body: str = "", **headers: str) -> tuple[int, Any]:
    with simulator.serve() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, named)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
    return found


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
@pytest.mark.parametrize("path", ["leads", "leadLabels", "leadSources", "leadFields", "users/me"])
def test_lists_are_answered_under_both_prefixes(simulator: PipedriveSimulator, prefix: str, path: str) -> None:
    status, body = ask(simulator, "GET", f"{prefix}/{path}", x_api_token=TOKEN)
    assert (status, body["success"]) == (200, True)
    assert body["data"] or path == "leads"


def test_old_clients_may_send_the_token_in_the_query(simulator: PipedriveSimulator) -> None:
    path = f"/v1/users/me?api_token={TOKEN}"
    assert ask(simulator, "GET", path)[0] == 401
    simulator.token_in_query = True
    assert ask(simulator, "GET", path)[1]["data"]["company_domain"] == COMPANY


def test_leads_are_listed_by_person(simulator: PipedriveSimulator) -> None:
    wanted = create(simulator).id
    create(simulator, {"title": "U", "account": {"id": "1"}})
    body = ask(simulator, "GET", "/api/v1/leads?person_id=8841", x_api_token=TOKEN)[1]
    assert [lead["id"] for lead in body["data"]] == [wanted]


def renew(simulator: PipedriveSimulator, **form: str) -> tuple[int, Any]:
    pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    content_type = "application/x-www-form-urlencoded"
    return ask(
        simulator, "POST", "/oauth/token", urlencode(form), Authorization=f"Basic {pair}", Content_Type=content_type
    )


def test_token_endpoint_renews(simulator: PipedriveSimulator) -> None:
    status, body = renew(simulator, grant_type="refresh_token", refresh_token=REFRESH_TOKEN)
    assert (status, body["api_domain"]) == (200, "https://brightloom.pipedrive.com")
    create(simulator, settings={"api_domain": body["api_domain"], "access_token": body["access_token"]})
    assert simulator.count == 1


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "authorization_code"}, "invalid_grant"),
        ({"grant_type": "password"}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_token_endpoint_refuses(simulator: PipedriveSimulator, form: dict[str, str], error: str) -> None:
    status, body = renew(simulator, **form)
    assert (status, body["error"]) == (400, error)


def test_token_endpoint_wants_the_clients_credentials(simulator: PipedriveSimulator) -> None:
    status, body = ask(simulator, "POST", "/oauth/token", "grant_type=refresh_token", Authorization="Basic eDp5")
    assert (status, body["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("status", [401, 410, 429])
def test_a_refusal_that_reports_success_is_unknown_and_not_sent_again(status: int) -> None:
    class ContradictingOnce(PipedriveSimulator):
        def send(self, request: Request, **rest: Any) -> Response:
            answer = super().send(request, **rest)
            return Response.of(status, {"success": True, "error": "no"}) if self.count == 1 else answer

    crm = ContradictingOnce()
    with Client(transport=crm, registry=Registry(overrides=False)) as client:
        account = Account("pipedrive", crm.sample_settings)
        with pytest.raises(LeadError) as caught:
            client.create(LEAD, account)
        assert (caught.value.outcome, caught.value.retryable, crm.count) == ("unknown", False, 1)
        assert client.create(LEAD, account).id, "the account is not taken for one without quota"


def test_a_lead_under_a_401_is_not_sent_again_with_a_new_token() -> None:
    class Refusing(PipedriveSimulator):
        def send(self, request: Request, **rest: Any) -> Response:
            answer = super().send(request, **rest)
            return replace(answer, status=401) if answer.status == 201 else answer

    crm = Refusing()
    client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
    with pytest.raises(LeadError) as caught:
        Client(transport=crm).create(LEAD, Account("pipedrive", {**OAUTH, **client}))
    assert (caught.value.outcome, crm.count) == ("unknown", 1)
