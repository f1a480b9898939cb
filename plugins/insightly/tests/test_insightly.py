"""Insightly keeps the provider contract; the tests below are about what only Insightly does."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from unilead import (
    Account,
    Call,
    Client,
    InvalidLeadError,
    Lead,
    Provider,
    ProviderError,
    RateLimitError,
    Registry,
    Response,
    Settings,
    SettingsError,
    Simulator,
    UnavailableError,
)
from unilead.testing import ProviderContract, VendorRules
from unilead_insightly.simulator import API_KEY, InsightlySimulator
from unilead_insightly.values import custom_fields, named_values, timestamp

FULL = Lead.model_validate(
    {
        "title": "Head of Procurement",
        "owner": {"id": "2917640"},
        "account": {"name": "Northquay Ltd"},
        "first_name": "Ines",
        "last_name": "Okafor",
        "lead_source": "web",
        "email_addresses": [{"email": "ines.okafor@northquay.example"}],
        "phone_numbers": [
            {"number": "+44 20 7946 0182", "extension": "204", "type": "work"},
            {"number": "+44 7700 900541", "type": "mobile"},
            {"number": "+44 20 7946 0190", "type": "fax"},
        ],
        "addresses": [
            {
                "street_1": "14 Wharf Lane",
                "street_2": "Floor 3",
                "city": "Bristol",
                "state": "Avon",
                "postal_code": "BS1 4QE",
                "country": "United Kingdom",
            }
        ],
        "custom_fields": {
            "Lead_Tier__c": "Gold",
            "Seats__c": 1,
            "Interests__c": ["Hosting", "Support"],
            "Newsletter__c": True,
            "First_Call__c": "2026-11-30 09:30:00",
        },
    }
)
MINIMAL = Lead(last_name="Okafor")


class TestInsightly(ProviderContract):
    slug = "insightly"
    cases = Path(__file__).parent / "cases"
    canaries = {"lead_source": ("Fair", "4410234")}
    fixed_fields = {"last_name": "Okafor", "owner": {"id": "7"}, "lead_source": "web"}


class TestInsightlyRules(VendorRules):
    slug = "insightly"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("insightly")


@pytest.fixture
def simulator(provider: Provider) -> InsightlySimulator:
    found = provider.simulator()
    assert isinstance(found, InsightlySimulator)
    return found


@pytest.fixture
def settings(provider: Provider, simulator: Simulator) -> Settings:
    return provider.settings(simulator.sample_settings)


def create(simulator: Simulator, lead: Lead, **options: Any) -> Any:
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        return client.create(lead, Account("insightly", simulator.sample_settings), **options)


def judged(provider: Provider, settings: Settings, response: Response, lead: Lead = MINIMAL) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(response, provider.build_request(lead, settings), settings)
    return caught.value


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pod", "host"), [("na1", "api.na1"), ("EU1", "api.eu1"), ("au12", "api.au12")])
def test_pod_becomes_the_host(provider: Provider, pod: str, host: str) -> None:
    settings = provider.settings({"api_key": "k", "pod": pod})
    assert provider.base_url(settings) == f"https://{host}.insightly.com"


@pytest.mark.parametrize(
    "pod",
    [
        "", " ", "na", "na123", "1na", "na1\n", "NA1\n", " na1", "na1 ", "na1.evil.com/", "na1@evil.com", "na1:443",
        "na1.insightly.com.evil.com", "../", "na1#", "na1?", "na1\\", "na1%2f", "na\t1", "nа1", "na１", "na1\x00",
        "127.0.0.1", "localhost", "[::1]", "0x7f.1", "https://api.na1.insightly.com/v3.1", "x" * 300,
    ],
)  # fmt: skip
def test_nothing_but_a_pod_reaches_the_host(provider: Provider, pod: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider.settings({"api_key": "canary-key", "pod": pod})
    assert caught.value.fields == ("pod",)
    assert "canary-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"pod": "na1"}, "api_key"),
        ({"api_key": "k"}, "pod"),
        ({"api_key": "", "pod": "na1"}, "api_key"),
        ({"api_key": "k", "pod": "na1", "base_url": "https://evil.example"}, "base_url"),
        ({"api_key": "k", "pod": "na1", "lead_source_map": {"Web": "four"}}, "lead_source_map.Web"),
        ({"api_key": "k", "pod": "na1", "lead_source_map": {"Web": 0}}, "lead_source_map.Web"),
    ],
)
def test_settings_at_fault_are_named(provider: Provider, values: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider.settings(values)
    assert caught.value.fields == (fault,)


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_key_is_sent_as_user_name_with_empty_password(simulator: InsightlySimulator) -> None:
    create(simulator, MINIMAL)
    word, code = simulator.calls[-1].headers["Authorization".lower()].split(" ")
    assert (word, base64.b64decode(code)) == ("Basic", f"{API_KEY}:".encode())


def test_every_property_sent_is_known_to_insightly(simulator: InsightlySimulator) -> None:
    result = create(simulator, FULL)
    assert simulator.ignored == []
    assert result.dropped == ()


def test_custom_values_take_insightlys_form() -> None:
    plus_two = timezone(timedelta(hours=2))
    values = {"At__c": datetime(2026, 11, 30, 11, 30, tzinfo=plus_two), "On__c": date(2026, 11, 30), "None__c": []}
    assert custom_fields(values) == [
        {"FIELD_NAME": "At__c", "FIELD_VALUE": "2026-11-30 09:30:00"},
        {"FIELD_NAME": "On__c", "FIELD_VALUE": "2026-11-30 00:00:00"},
        {"FIELD_NAME": "None__c", "FIELD_VALUE": None},
    ]


@pytest.mark.parametrize(("value", "number"), [(Decimal(240), 240), (Decimal("1E+3"), 1000), (Decimal("0.5"), 0.5)])
def test_a_decimal_is_sent_as_a_number(simulator: Simulator, value: Decimal, number: float) -> None:
    created = create(simulator, Lead.parse({"last_name": "Okafor", "custom_fields": {"Seats__c": value}})).lead
    assert created.custom_fields == {"Seats__c": number}


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, [{"a": 1}], [["a"]], ["a;b"], ["a", ""], [None], datetime(2026, 11, 30), Decimal("NaN")],
    ids=str,
)
def test_custom_value_without_a_safe_form_is_refused(value: Any) -> None:
    with pytest.raises(InvalidLeadError) as caught:
        custom_fields({"Good__c": 1, "Odd__c": value})
    assert caught.value.fields == ("custom_fields.Odd__c",)


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23 10:42:07", "2026-11-23T10:42:07Z"),
        ("2026-11-23T10:42:07Z", "2026-11-23T10:42:07Z"),
        ("2026-11-23T10:42:07.25+01:00", "2026-11-23T10:42:07.25+01:00"),
        ("0000-00-00 00:00:00", None),
        ("", None),
        (None, None),
        (17, None),
        ("23.11.2026", None),
    ],
)
def test_dates_become_rfc_3339(text: Any, expected: str | None) -> None:
    assert timestamp(text) == expected


@pytest.mark.parametrize("entries", [None, {}, "x", [], [None], [{"FIELD_VALUE": 1}], [{"FIELD_NAME": 5}]])
def test_odd_custom_fields_are_left_out(entries: Any) -> None:
    assert named_values(entries) is None


def test_read_back_fills_every_response_field_that_a_new_lead_has(
    provider: Provider, simulator: InsightlySimulator
) -> None:
    lead = create(simulator, FULL, read_back=True).lead
    conversion = {"last_activity_at", "converted_at", "converted_contact", "converted_account"}
    assert {name for name in provider.info.response_fields if getattr(lead, name) is None} == conversion
    assert lead.lead_source == "Web"
    assert lead.custom_fields["Interests__c"] == "Hosting;Support"


def test_reading_a_converted_lead_fills_all_response_fields(
    provider: Provider, simulator: InsightlySimulator, settings: Settings
) -> None:
    stored = simulator.leads[create(simulator, FULL).id]
    stored |= {"CONVERTED": True, "CONVERTED_DATE_UTC": "2026-11-25 16:03:11", "CONVERTED_CONTACT_ID": 388120954}
    stored |= {"CONVERTED_ORGANISATION_ID": 171003662, "LAST_ACTIVITY_DATE_UTC": "2026-11-24 08:00:00"}
    request = provider.build_read_request(str(stored["LEAD_ID"]), settings)
    lead = provider.parse_response(Response.of(200, stored), request, settings)
    assert [name for name in provider.info.response_fields if getattr(lead, name) is None] == []
    assert (lead.converted_contact, lead.converted_account) == ("388120954", "171003662")


def test_reading_an_unknown_lead_is_not_found(provider: Provider, settings: Settings) -> None:
    answer = Response.of(404, "No Lead with ID = 91249999", reason="Lead Not Found")
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(answer, provider.build_read_request("91249999", settings), settings)
    assert (caught.value.category, caught.value.message) == ("not_found", "No Lead with ID = 91249999")


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("json_errors", [False, True])
def test_refusal_names_the_unified_field(simulator: InsightlySimulator, json_errors: bool) -> None:
    simulator.json_errors = json_errors
    simulator.missing = {"2917640"}
    with pytest.raises(ProviderError) as caught:
        create(simulator, FULL)
    assert (caught.value.field, caught.value.outcome) == ("owner.id", "rejected")
    assert caught.value.message == "OWNER_USER_ID does not exist in this instance."


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("LAST_NAME is required.", "last_name"),
        ("FAX must be at most 255 characters long.", "phone_numbers[2].number"),
        ("The value of ADDRESS_POSTCODE is too long", "addresses[0].postal_code"),
        ("Invalid FIELD_NAME: Lead_Tier__c.", "custom_fields.Lead_Tier__c"),
        ("CUSTOMFIELDS must be an array.", "custom_fields"),
        ("Something is wrong with the title.", None),
        ("LEAD_RATING must be an integer.", None),
    ],
)
def test_property_in_the_text_is_traced_back(
    provider: Provider, settings: Settings, text: str, field: str | None
) -> None:
    assert judged(provider, settings, Response.of(400, text), FULL).field == field


def test_server_exception_in_disguise_leaves_the_outcome_unknown(simulator: InsightlySimulator) -> None:
    simulator.faults.status, simulator.faults.status_count = 400, 1
    with pytest.raises(UnavailableError) as caught:
        create(simulator, MINIMAL)
    assert (caught.value.outcome, caught.value.retryable) == ("unknown", False)
    assert len(simulator.calls) == 1


def test_spent_daily_quota_is_not_repeated(simulator: InsightlySimulator) -> None:
    simulator.remaining = 0
    with pytest.raises(RateLimitError) as caught:
        create(simulator, MINIMAL)
    assert (caught.value.outcome, caught.value.retry_after) == ("not_sent", None)
    assert "day" in str(caught.value.hint)
    assert len(simulator.calls) == 1


def test_f040_many_leads_stop_when_the_daily_quota_is_spent(simulator: InsightlySimulator) -> None:
    simulator.remaining = 0
    account = Account("insightly", simulator.sample_settings)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many([MINIMAL] * 20, account, concurrency=1))
    assert {error.outcome for error in found.values()} == {"not_sent"}
    assert len(simulator.calls) == 1


def test_other_throttling_is_repeated(simulator: InsightlySimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator.faults.throttle = 1
    assert create(simulator, MINIMAL).attempts == 2


@pytest.mark.parametrize(("status", "word"), [(401, "pod"), (402, "plan"), (404, "pod")])
def test_hint_shows_the_way_out(provider: Provider, settings: Settings, status: int, word: str) -> None:
    assert word in str(judged(provider, settings, Response.of(status, "")).hint)


def test_long_text_is_cut_and_html_is_no_message(provider: Provider, settings: Settings) -> None:
    assert judged(provider, settings, Response.of(400, "x" * 5_000)).message == "x" * 500
    page = Response.of(403, "<html>No</html>", {"Content-Type": "text/html"}, reason="Forbidden")
    assert judged(provider, settings, page).message == "Forbidden"


# --- the simulator ----------------------------------------------------------------------------------------------------


def call(simulator: Simulator, method: str, path: str, body: bytes = b"", key: str = f"{API_KEY}:") -> Response:
    code = base64.b64encode(key.encode()).decode()
    return simulator.respond(
        Call.of(method, path, {"Authorization": f"Basic {code}", "Content-Type": "application/json"}, body)
    )


@pytest.mark.parametrize("key", [API_KEY, f"{API_KEY}:"])
@pytest.mark.parametrize("path", ["/v3.1/Leads", "/v3.1/leads"])
def test_simulator_takes_both_key_forms_and_any_case_of_path(
    simulator: InsightlySimulator, key: str, path: str
) -> None:
    assert call(simulator, "POST", path, b'{"LAST_NAME": "O"}', key).status == 201


def test_simulator_records_unknown_properties_and_ignores_read_only_ones(simulator: InsightlySimulator) -> None:
    answer = call(simulator, "POST", "/v3.1/Leads", b'{"LAST_NAME": "O", "EMAIL_ADDRESS": "a@b.example", "LEAD_ID": 5}')
    assert simulator.ignored == ["EMAIL_ADDRESS"]
    assert "EMAIL_ADDRESS" not in answer.json
    assert answer.json["LEAD_ID"] != 5


def test_simulator_fills_the_instances_defaults(simulator: InsightlySimulator) -> None:
    stored = simulator.leads[create(simulator, MINIMAL).id]
    assert (stored["LEAD_SOURCE_ID"], stored["LEAD_STATUS_ID"]) == (4410230, 4410101)
    assert (stored["OWNER_USER_ID"], stored["ADDRESS_COUNTRY"]) == (2917655, "United States")


def test_simulator_finds_by_one_field_exactly(simulator: InsightlySimulator) -> None:
    create(simulator, FULL)
    create(simulator, MINIMAL)
    path = "/v3.1/Leads/Search?count_total=true&field_name=EMAIL&field_value=ines.okafor@northquay.example"
    answer = call(simulator, "GET", path)
    assert ([lead["LAST_NAME"] for lead in answer.json], answer.headers["x-total-count"]) == (["Okafor"], "1")
    assert call(simulator, "GET", path.replace("ines", "INES")).json == []


@pytest.mark.parametrize(
    "path", ["Users", "Users/Me", "LeadSources", "LeadStatuses", "CustomFields/Leads", "Instance", "Leads"]
)
def test_simulator_answers_the_look_ups(simulator: InsightlySimulator, path: str) -> None:
    answer = call(simulator, "GET", f"/v3.1/{path}")
    assert answer.status == 200
    assert {"x-ratelimit-limit", "x-ratelimit-remaining"} <= set(answer.headers)


def test_simulator_deletes_once(simulator: InsightlySimulator) -> None:
    path = f"/v3.1/Leads/{create(simulator, MINIMAL).id}"
    assert [call(simulator, "DELETE", path).status for _ in range(2)] == [202, 404]


def test_simulators_dates_are_of_now(simulator: InsightlySimulator) -> None:
    created = create(simulator, MINIMAL).lead.created_at
    assert abs(datetime.now(UTC) - datetime.fromisoformat(created)) < timedelta(minutes=5)
