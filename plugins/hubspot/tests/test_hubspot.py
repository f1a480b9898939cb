"""HubSpot keeps the provider contract; the tests below are about what only HubSpot does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from unilead import (
    Account,
    Client,
    CreatedLead,
    DuplicateLeadError,
    InvalidLeadError,
    Lead,
    LeadError,
    MalformedResponseError,
    Provider,
    ProviderError,
    Registry,
    RejectedError,
    Request,
    Response,
    Settings,
    SettingsError,
)
from unilead.testing import ProviderContract, VendorRules
from unilead_hubspot.simulator import HubSpotSimulator

LEAD = {"title": "Aker Robotics", "contact": {"id": "214550193"}, "account": {"id": "9887120045"}}


class TestHubSpot(ProviderContract):
    slug = "hubspot"
    cases = Path(__file__).parent / "cases"
    canaries = {"lead_type": ("RENEWAL", "RENEWAL"), "status": ("COLD", "COLD")}
    fixed_fields = {"contact": {"id": "7"}, "account": {"id": "8"}, "owner": {"id": "9"}}
    minimum = {"title": "canary lead"}

    def creatable(self, paths: list[str]) -> list[str]:
        """Leave out the company's name: HubSpot takes the company by id, and the name is reported."""
        return [path for path in paths if path != "account.name"]


class TestHubSpotRules(VendorRules):
    slug = "hubspot"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("hubspot")


@pytest.fixture
def simulator() -> HubSpotSimulator:
    return HubSpotSimulator()


@pytest.fixture
def settings(provider: Provider) -> Settings:
    return provider.settings(HubSpotSimulator.sample_settings)


def create(simulator: HubSpotSimulator, lead: dict[str, Any], settings: dict[str, Any] | None = None, **options: Any):
    account = Account("hubspot", {**simulator.sample_settings, **(settings or {})})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        return client.create(lead, account, **options)


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"api_version": "v4"},
        {"api_version": "2026-09/../x"},
        {"api_version": ""},
        {"contact_association_type_id": 0},
        {"contact_association_type_id": "primary"},
        {"account_association_type_id": -1},
        {"status_property": ""},
        {"status_property": "a.b"},
        {"status_property": "hs_lead_label\n"},
        {"status_property": "hs_lead_name"},
        {"lead_source_property": "hubspot_owner_id"},
        {"lead_source_property": "first source"},
        {"lead_source_property": "hs_lead_label"},
    ],
    ids=str,
)
def test_bad_setting_is_refused(given: dict[str, Any], provider: Provider) -> None:
    with pytest.raises(SettingsError) as caught:
        provider.settings({"access_token": "t-secret", **given})
    assert next(iter(given)) in str(caught.value)
    assert "t-secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["base_url", "domain", "host", "hub_domain"])
def test_no_setting_names_a_host(name: str, provider: Provider) -> None:
    with pytest.raises(SettingsError):
        provider.settings({"access_token": "t", name: "https://api.hubapi.com.evil.example"})


@pytest.mark.parametrize("host", ["evilapi.hubapi.com", "api.hubapi.com.evil.com", "apiXhubapi.com", "127.0.0.1"])
def test_only_hubspots_host_is_allowed(host: str, provider: Provider) -> None:
    from unilead.origin import check_url

    assert check_url("https://api.hubapi.com", provider.info.allowed_hosts)
    with pytest.raises(SettingsError):
        check_url(f"https://{host}", provider.info.allowed_hosts)


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("2026-09", "/crm/objects/2026-09/leads"),
        ("2026-03", "/crm/objects/2026-03/leads"),
        ("v3", "/crm/v3/objects/leads"),
    ],
)
def test_version_decides_the_path(version: str, path: str, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t", "api_version": version})
    single = provider.compose(Lead.parse(LEAD), settings)
    assert single.path == path
    assert provider.build_batch([single], settings)[0].path == f"{path}/batch/create"
    assert provider.build_read_request("5", settings).path == f"{path}/5"


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v3"])
def test_each_version_creates(version: str, simulator: HubSpotSimulator) -> None:
    result = create(simulator, LEAD, {"api_version": version}, read_back=True)
    assert result.lead.contact and result.lead.contact.id == "214550193"


# --- custom fields ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2027, 2, 1), "2027-02-01"),
        (datetime(2027, 2, 1, 10, tzinfo=timezone(timedelta(hours=2))), "2027-02-01T08:00:00Z"),
        (Decimal("12.50"), "12.5"),
        (Decimal("1E+3"), "1000"),
    ],
    ids=str,
)
def test_value_of_a_program_becomes_hubspots_text(
    value: Any, text: str, provider: Provider, settings: Settings
) -> None:
    request = provider.build_request(Lead.parse(LEAD | {"custom_fields": {"region": value}}), settings)
    assert request.json["properties"]["region"] == text


def test_value_without_one_meaning_is_refused(provider: Provider, settings: Settings) -> None:
    with pytest.raises(InvalidLeadError) as caught:
        provider.build_request(Lead.parse(LEAD | {"custom_fields": {"region": datetime(2027, 2, 1)}}), settings)
    assert caught.value.fields == ("custom_fields.region",)


# --- reading back -----------------------------------------------------------------------------------------------------


def test_read_back_fills_every_response_field(provider: Provider, simulator: HubSpotSimulator) -> None:
    lead = LEAD | {"owner": {"id": "7"}, "lead_type": "RENEWAL", "status": "WARM", "custom_fields": {"region": "EMEA"}}
    created = create(simulator, lead, read_back=True).lead
    assert [name for name in provider.info.response_fields if getattr(created, name) is None] == []
    assert created.custom_fields == {"region": "EMEA"}
    assert created.account and created.account.id == "9887120045"


def test_create_does_not_echo_the_links(simulator: HubSpotSimulator) -> None:
    created = create(simulator, LEAD).lead
    assert (created.contact, created.account) == (None, None)


def test_read_back_reads_the_accounts_own_properties(simulator: HubSpotSimulator) -> None:
    own = {"status_property": "hs_pipeline_stage", "lead_source_property": "first_source"}
    lead = LEAD | {"status": "connected-stage-id", "lead_source": "Fair"}
    result = create(simulator, lead, own, read_back=True)
    assert (result.lead.status, result.lead.lead_source) == ("connected-stage-id", "Fair")
    assert result.dropped == ()


def test_read_takes_the_accounts_properties_as_custom_fields(provider: Provider, settings: Settings) -> None:
    properties = {"region": "EMEA", "hs_lead_name": "x", "hs_all_owner_ids": "7", "hubspot_team_id": "8"}
    answer = Response.of(200, {"id": "5", "properties": properties})
    read = provider.parse_response(answer, provider.build_read_request("5", settings), settings)
    assert read.custom_fields == {"region": "EMEA"}


def test_normalized_date_is_created_with_a_warning_in_the_raw_answer(simulator: HubSpotSimulator) -> None:
    result = create(simulator, LEAD | {"custom_fields": {"target_go_live": "2027-02-01T00:00:00Z"}})
    assert result.lead.custom_fields == {"target_go_live": "1801440000000"}
    assert result.render("raw")["warnings"][0]["category"] == "PROPERTY_VALUE_NORMALIZED"


# --- batches ----------------------------------------------------------------------------------------------------------


class Batch:
    """Three leads on their way, the second with a property that does not exist."""

    def __init__(self, provider: Provider, settings: Settings, titles: tuple[str, ...] = ("a", "b", "c")) -> None:
        self.provider, self.settings, self.count = provider, settings, len(titles)
        leads = [Lead.parse(LEAD | {"title": title, "custom_fields": {"region": title}}) for title in titles]
        composed = [provider.compose(lead, settings) for lead in leads]
        self.request: Request = provider.build_batch(composed, settings)[0]

    def verdicts(self, response: Response) -> list[CreatedLead | ProviderError]:
        return self.provider.parse_batch(response, self.request, self.count, self.settings)

    def answered(self, status: int, **body: Any) -> list[str]:
        """What became of each row of a batch that is done."""
        return self.outcomes(Response.of(status, {"status": "COMPLETE", **body}))

    def outcomes(self, response: Response) -> list[str]:
        """What became of each row: an id, or an outcome."""
        found = self.verdicts(response)
        return [str(verdict.id) if isinstance(verdict, CreatedLead) else verdict.outcome for verdict in found]

    def sent_to(self, simulator: HubSpotSimulator) -> list[CreatedLead | ProviderError]:
        token = {"authorization": f"Bearer {simulator.sample_settings['access_token']}"}
        return self.verdicts(simulator.send(self.request, credentials=token, timeout=5))


@pytest.fixture
def batch(provider: Provider, settings: Settings) -> Batch:
    return Batch(provider, settings)


def row(number: int, title: str, **more: Any) -> dict[str, Any]:
    moment = "2026-11-23T10:22:09.190Z"
    properties = {"hs_lead_name": title, "hs_object_id": str(number)}
    return {"id": str(number), "properties": properties, "createdAt": moment, "updatedAt": moment, **more}


def fault(trace: str | None, **more: Any) -> dict[str, Any]:
    context = {} if trace is None else {"objectWriteTraceId": [trace]}
    return {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "context": context, **more}


@pytest.mark.parametrize("echo", [True, False])
def test_f075_partial_batch_has_a_verdict_for_each_row(
    echo: bool, provider: Provider, settings: Settings, simulator: HubSpotSimulator
) -> None:
    simulator.echo_trace_ids = echo
    simulator.options["region"] = ("a", "c", "d")
    first, second, third, fourth = Batch(provider, settings, ("a", "b", "c", "d")).sent_to(simulator)
    assert [created.title for created in (first, third, fourth) if isinstance(created, CreatedLead)] == ["a", "c", "d"]
    assert isinstance(second, RejectedError)
    assert (second.field, second.vendor_code, second.outcome) == ("custom_fields.region", "INVALID_OPTION", "rejected")
    assert second.response and second.response.json["context"] == {"objectWriteTraceId": ["row-1"]}
    assert simulator.count == 3


def test_every_input_carries_its_trace_id(batch: Batch) -> None:
    assert [entry["objectWriteTraceId"] for entry in batch.request.json["inputs"]] == ["row-0", "row-1", "row-2"]


def test_batch_row_refused_for_its_contact_names_it(batch: Batch, simulator: HubSpotSimulator) -> None:
    simulator.missing.add("214550193")
    assert [error.field for error in batch.sent_to(simulator) if isinstance(error, ProviderError)] == ["contact.id"] * 3


def test_refused_row_names_what_its_lead_gave(provider: Provider, settings: Settings) -> None:
    remote = {"remote_data": {"properties": {"region": "b"}}}
    leads = [
        Lead.parse(LEAD | {"title": "a", "custom_fields": {"region": "a"}}),
        Lead.parse(LEAD | {"title": "b"} | remote),
    ]
    request, _ = provider.build_batch([provider.compose(lead, settings) for lead in leads], settings)
    inner = [{"message": "no", "code": "INVALID_OPTION", "context": {"propertyName": ["region"]}}]
    answer = Response.of(207, {"errors": [fault("row-0", errors=inner), fault("row-1", errors=inner)], "results": []})
    fields = [verdict.field for verdict in provider.parse_batch(answer, request, 2, settings) if verdict]  # type: ignore[union-attr]
    assert fields == ["custom_fields.region", "remote_data.properties.region"]


def test_refused_batch_is_refused_as_a_whole(batch: Batch, simulator: HubSpotSimulator) -> None:
    simulator.scopes.clear()
    with pytest.raises(ProviderError) as caught:
        batch.sent_to(simulator)
    assert (caught.value.category, caught.value.outcome) == ("permission", "rejected")


def test_f076_trace_ids_sort_reordered_results(batch: Batch) -> None:
    results = [row(3, "c", objectWriteTraceId="row-2"), row(1, "a", objectWriteTraceId="row-0")]
    assert batch.answered(207, results=results, errors=[fault("row-1")]) == ["1", "rejected", "3"]


def test_f076_results_without_trace_ids_are_matched_by_name(batch: Batch) -> None:
    assert batch.answered(201, results=[row(1, "a"), row(2, "b"), row(3, "c")]) == ["1", "2", "3"]
    assert batch.answered(201, results=[row(2, "b "), row(1, "a"), row(3, "c")]) == ["1", "2", "3"]
    assert batch.answered(207, results=[row(3, "c"), row(1, "a")], errors=[fault("row-1")]) == ["1", "rejected", "3"]


@pytest.mark.parametrize(
    "results",
    [
        [row(1, "a"), row(3, "c")],
        [row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d")],
        [{"id": "1"}, {"id": "2"}, {"id": "3"}],
        [],
    ],
    ids=["fewer", "more", "nothing to tell by", "none"],
)
def test_f076_what_cannot_be_matched_is_unknown(results: list[Any], batch: Batch) -> None:
    assert batch.answered(201, results=results) == ["unknown"] * 3


def test_f076_failure_without_trace_id_leaves_only_traced_rows_known(batch: Batch) -> None:
    results = [row(1, "a", objectWriteTraceId="row-0"), row(3, "c")]
    assert batch.answered(207, results=results, errors=[fault(None)]) == ["1", "unknown", "unknown"]
    whole = [row(1, "a"), row(2, "b"), row(3, "c")]
    assert batch.answered(207, results=whole, errors=[fault(None)]) == ["unknown"] * 3


def test_f076_two_failures_of_one_row_leave_the_rest_untold(batch: Batch) -> None:
    errors = [fault("row-1"), fault("row-1")]
    assert batch.answered(207, results=[row(1, "a")], errors=errors) == ["unknown"] * 3


def test_f076_two_verdicts_for_one_row_are_none(batch: Batch) -> None:
    results = [row(n, t, objectWriteTraceId=f"row-{n}") for n, t in ((0, "a"), (1, "b"), (2, "c"))]
    twice = [*results, row(9, "a", objectWriteTraceId="row-0")]
    assert batch.answered(201, results=twice) == ["unknown", "1", "2"]
    assert batch.answered(207, results=results, errors=[fault("row-1")]) == ["unknown", "unknown", "2"]


class ReorderingSimulator(HubSpotSimulator):
    """Answers the results of a batch last first, without their trace ids."""

    def _answer(self, status: int, body: Any, headers: Any = None) -> Response:
        if isinstance(body, dict) and "results" in body:
            body = body | {"results": body["results"][::-1]}
        return super()._answer(status, body, headers)


def test_f076_leads_that_look_alike_never_get_each_others_id() -> None:
    """The answer to a create holds no contact, so that two leads of one name cannot be told apart by it."""
    simulator = ReorderingSimulator()
    contacts = [str(number) for number in range(214550193, 214550205)]
    leads = [
        LEAD | {"title": f"Webinar {place // 4}", "contact": {"id": contact}} for place, contact in enumerate(contacts)
    ]
    account = Account("hubspot", simulator.sample_settings)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many(leads, account))
    stored = [simulator.leads[found[place].id] for place in range(len(leads))]
    assert [lead["associations"]["contacts"]["results"][0]["id"] for lead in stored] == contacts


@pytest.mark.parametrize(
    ("results", "known"),
    [
        ([row(1, "a"), row(2, "x"), row(3, "y")], ["1", "unknown", "unknown"]),
        ([row(1, "a"), row(2, "a"), row(3, "c")], ["unknown", "unknown", "3"]),
        ([row(1, "a"), row(2, "x"), row(3, "c")], ["1", "unknown", "3"]),
    ],
    ids=["two unnamed", "one name twice", "a last one that holds something else"],
)
def test_f076_only_rows_without_a_sure_owner_are_unknown(results: list[Any], known: list[str], batch: Batch) -> None:
    assert batch.answered(201, results=results) == known


def test_f076_different_leads_of_one_name_travel_apart(provider: Provider, settings: Settings) -> None:
    other = {"contact": {"id": "7"}}
    leads = [
        {"title": "a"},
        {"title": "b"},
        {"title": "a"} | other,
        {"title": "a"},
        other,
        {"title": " b"},
        {"title": "c"},
    ]
    requests = [provider.compose(Lead.parse(LEAD | lead), settings) for lead in leads]
    assert provider.build_batch(requests, settings)[1] == (0, 1, 3, 4, 6)


def test_batches_of_long_texts_are_small_enough_to_be_answered(simulator: HubSpotSimulator) -> None:
    leads = [LEAD | {"title": f"{n}", "custom_fields": {"transcript": "\N{ROCKET}" * 60_000}} for n in range(30)]
    with simulator.serve() as served, Client(base_url=served.url, allow_private=True) as client:
        found = dict(client.create_many(leads, Account("hubspot", simulator.sample_settings)))
    assert len({result.id for result in found.values()}) == simulator.count == 30
    assert len(simulator.calls) == 5


def test_f076_leads_of_one_name_are_all_created(simulator: HubSpotSimulator) -> None:
    account = Account("hubspot", simulator.sample_settings)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many([LEAD] * 5, account))
    assert len({result.id for result in found.values()}) == simulator.count == 5


def test_normalized_value_does_not_hide_the_match(batch: Batch) -> None:
    changed = row(2, "B", warnings=[{"context": {"propertyName": "hs_lead_name"}}])
    changed["properties"]["region"] = "b"
    assert batch.answered(201, results=[row(1, "a"), changed, row(3, "c")]) == ["1", "2", "3"]


def test_normalized_properties_may_be_a_list(batch: Batch) -> None:
    changed = row(2, "B", warnings=[{"context": {"propertyName": ["hs_lead_name"]}}])
    changed["properties"]["region"] = "b"
    assert batch.answered(201, results=[row(1, "a"), changed, row(3, "c")]) == ["1", "2", "3"]


@pytest.mark.parametrize("odd", [5, "x", [5], ["x"], [[None]], [{"context": "x"}], [{"context": {}}]], ids=str)
def test_f076_odd_warning_of_a_result_does_not_hide_the_others(odd: Any, batch: Batch) -> None:
    results = [row(1, "a"), row(2, "x", warnings=odd), row(3, "c")]
    assert batch.answered(201, results=results) == ["1", "unknown", "3"]


@pytest.mark.parametrize("category", ["INTERNAL_ERROR", None])
def test_row_that_failed_for_no_known_reason_is_unknown(category: str | None, batch: Batch) -> None:
    results = [row(1, "a"), row(3, "c")]
    assert batch.answered(207, results=results, errors=[fault("row-1", category=category)]) == ["1", "unknown", "3"]


def test_row_that_cannot_be_read_does_not_hide_the_others(batch: Batch) -> None:
    odd = {"objectWriteTraceId": "row-1", "properties": {}}
    results = [row(1, "a", objectWriteTraceId="row-0"), odd, row(3, "c", objectWriteTraceId="row-2")]
    found = batch.verdicts(Response.of(201, {"status": "COMPLETE", "results": results}))
    assert isinstance(found[1], MalformedResponseError)
    assert [verdict.id for verdict in found if isinstance(verdict, CreatedLead)] == ["1", "3"]


@pytest.mark.parametrize("odd", [None, 5, "x", ["x"]], ids=str)
def test_f076_entry_that_is_no_record_does_not_hide_the_others(odd: Any, batch: Batch) -> None:
    results = [row(1, "a", objectWriteTraceId="row-0"), odd, row(3, "c", objectWriteTraceId="row-2")]
    assert batch.answered(201, results=results) == ["1", "unknown", "3"]
    assert batch.answered(207, results=results[::2], errors=[odd]) == ["1", "unknown", "3"]


@pytest.mark.parametrize("odd", [5, True, "row-1", ["row-1"], {"objectWriteTraceId": [["row-1"]]}], ids=str)
def test_f076_odd_part_of_an_entry_does_not_hide_the_others(odd: Any, batch: Batch) -> None:
    results = [row(1, "a", objectWriteTraceId="row-0"), row(3, "c", objectWriteTraceId="row-2")]
    assert batch.answered(207, results=results, errors=[fault(None, context=odd)]) == ["1", "unknown", "3"]
    shapeless = row(2, "b") | {"properties": odd}
    assert batch.answered(201, results=[*results, shapeless]) == ["1", "unknown", "3"]
    traced = row(2, "b", objectWriteTraceId=odd if odd != "row-1" else 7)
    assert batch.answered(201, results=[*results, traced]) == ["1", "unknown", "3"]


def test_read_takes_a_link_without_a_type(provider: Provider, settings: Settings) -> None:
    links = {"contacts": {"results": [{"id": "7", "type": None}]}}
    answer = Response.of(200, {"id": "5", "properties": {}, "associations": links})
    read = provider.parse_response(answer, provider.build_read_request("5", settings), settings)
    assert read.contact and read.contact.id == "7"


@pytest.mark.parametrize("status", ["PENDING", "CANCELED"])
def test_unfinished_batch_is_unknown(status: str, batch: Batch) -> None:
    found = batch.verdicts(Response.of(201, {"status": status}))
    assert [verdict.outcome for verdict in found if isinstance(verdict, ProviderError)] == ["unknown"] * 3


@pytest.mark.parametrize("status", [200, 400, 429])
def test_f076_an_error_beside_results_leaves_the_others_unknown(status: int, batch: Batch) -> None:
    results = [row(3, "c", objectWriteTraceId="row-2")]
    body = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "results": results}
    assert batch.outcomes(Response.of(status, body)) == ["unknown", "unknown", "3" if status == 200 else "unknown"]


@pytest.mark.parametrize("category", ["VALIDATION_ERROR", "RATE_LIMITS"])
def test_f076_an_error_inside_a_success_is_no_verdict_on_all(category: str, batch: Batch) -> None:
    with pytest.raises(ProviderError) as caught:
        batch.verdicts(Response.of(200, {"status": "error", "category": category, "message": "no"}))
    assert (caught.value.outcome, caught.value.retryable) == ("unknown", False)


def test_without_trace_ids_the_crm_refuses_all(batch: Batch, simulator: HubSpotSimulator) -> None:
    simulator.options["region"] = ("a", "c")
    for entry in batch.request.json["inputs"]:
        del entry["objectWriteTraceId"]
    bare = batch.provider.finish(replace(batch.request, headers={}), batch.settings)
    token = {"authorization": f"Bearer {simulator.sample_settings['access_token']}"}
    assert simulator.send(bare, credentials=token, timeout=5).status == 400
    assert simulator.count == 0


# --- answers that say more than their status -------------------------------------------------------------------------


def test_conflict_names_the_existing_lead(simulator: HubSpotSimulator) -> None:
    simulator.taken.add("k-1")
    with pytest.raises(DuplicateLeadError) as caught:
        create(simulator, LEAD | {"custom_fields": {"external_key": "k-1"}})
    assert caught.value.existing_id == "482193340001"
    assert simulator.count == 0


def test_value_that_must_be_unique_is_taken_once(simulator: HubSpotSimulator) -> None:
    lead = LEAD | {"custom_fields": {"external_key": "k-1"}}
    first = create(simulator, lead)
    with pytest.raises(DuplicateLeadError) as caught:
        create(simulator, lead)
    assert (caught.value.existing_id, simulator.count) == (first.id, 1)


@pytest.mark.parametrize("body", [{"context": {"existingId": ["77"]}}, {"message": "Existing ID: 77"}], ids=str)
def test_existing_id_is_found_in_both_places(body: dict[str, Any], provider: Provider, settings: Settings) -> None:
    request = provider.build_request(Lead.parse(LEAD), settings)
    with pytest.raises(DuplicateLeadError) as caught:
        provider.parse_response(Response.of(409, body), request, settings)
    assert caught.value.existing_id == "77"


def test_f042_locked_record_is_waited_out(simulator: HubSpotSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    simulator.faults.status, simulator.faults.status_count = 423, 1
    assert create(simulator, LEAD).attempts == 2
    assert waits[0] >= 2
    assert simulator.count == 1


@pytest.mark.parametrize("status", [477, 423])
def test_f042_turned_away_is_not_sent(status: int, provider: Provider, settings: Settings) -> None:
    request = provider.build_request(Lead.parse(LEAD), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response.of(status), request, settings)
    assert (caught.value.outcome, caught.value.retryable) == ("not_sent", True)


def test_f040_daily_limit_is_not_slept_on(provider: Provider, settings: Settings) -> None:
    request = provider.build_request(Lead.parse(LEAD), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response.of(429, {"policyName": "DAILY"}), request, settings)
    assert caught.value.retry_after == 3600


@pytest.mark.parametrize(
    ("lead", "field"),
    [
        ({"status": "WARM"}, "status"),
        ({"custom_fields": {"hs_lead_label": "WARM"}}, "custom_fields.hs_lead_label"),
        ({"status": "WARM", "custom_fields": {"hs_lead_label": "COLD"}}, "custom_fields.hs_lead_label"),
        (
            {"status": "WARM", "remote_data": {"properties": {"hs_lead_label": "x"}}},
            "remote_data.properties.hs_lead_label",
        ),
    ],
    ids=["status", "custom", "custom over status", "remote over status"],
)
def test_refusal_names_what_the_lead_gave(
    lead: dict[str, Any], field: str, provider: Provider, settings: Settings
) -> None:
    request = provider.build_request(Lead.parse(LEAD | lead), settings)
    inner = [{"message": "no", "code": "INVALID_OPTION", "context": {"propertyName": ["hs_lead_label"]}}]
    with pytest.raises(RejectedError) as caught:
        provider.parse_response(Response.of(400, fault(None, errors=inner)), request, settings)
    assert caught.value.field == field


def test_one_id_for_contact_and_company_blames_neither(simulator: HubSpotSimulator) -> None:
    simulator.missing.add("5")
    with pytest.raises(RejectedError) as caught:
        create(simulator, {"title": "x", "contact": {"id": "5"}, "account": {"id": "5"}})
    assert caught.value.field is None


@pytest.mark.parametrize("links", [5, "x", None, [5], [{"to": 1}], [{"to": {"id": "7"}, "types": [{}]}]], ids=str)
def test_odd_links_in_remote_data_do_not_hide_the_refusal(links: Any, provider: Provider, settings: Settings) -> None:
    request = provider.build_request(Lead.parse(LEAD | {"remote_data": {"associations": links}}), settings)
    with pytest.raises(RejectedError) as caught:
        provider.parse_response(Response.of(400, fault(None, context={"id": ["7"]})), request, settings)
    assert caught.value.message == "no"


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_token_endpoint_renews_an_expired_token(simulator: HubSpotSimulator) -> None:
    import http.client
    from urllib.parse import urlencode

    from unilead_hubspot.simulator import CLIENT, REFRESH_TOKEN

    simulator.access_tokens.clear()
    form = {"client_id": CLIENT[0], "client_secret": CLIENT[1], "refresh_token": REFRESH_TOKEN}
    with simulator.serve() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.request("POST", "/oauth/2026-09/token", urlencode({"grant_type": "refresh_token", **form}))
        answer = Response(200, {}, connection.getresponse().read()).json
        connection.close()
    assert answer["expires_in"] == 1800
    assert create(simulator, LEAD, {"access_token": answer["access_token"]}).id


@pytest.mark.parametrize(("kind", "most", "daily"), [("static", "190", "625000"), ("oauth", "110", None)])
def test_an_oauth_app_is_told_another_window_and_no_daily_limit(
    kind: str, most: str, daily: str | None, simulator: HubSpotSimulator
) -> None:
    simulator.access_tokens.add("CPsim1-app")
    told = create(simulator, LEAD, {"access_token": "CPsim1-app"} if kind == "oauth" else {}).response.headers
    assert (told["x-hubspot-ratelimit-max"], told.get("x-hubspot-ratelimit-daily")) == (most, daily)


def test_dead_refresh_token_in_hubspots_own_words_needs_a_person() -> None:
    from unilead_hubspot.simulator import CLIENT

    class OldForm(HubSpotSimulator):
        def _answer(self, status: int, body: Any, headers: Any = None) -> Response:
            kept = {name: text for name, text in (body or {}).items() if not name.startswith("error")}
            return super()._answer(status, kept, headers)

    client = {"client_id": CLIENT[0], "client_secret": CLIENT[1], "refresh_token": "revoked"}
    crm = OldForm()
    with Client(transport=crm, registry=Registry(overrides=False)) as asking, pytest.raises(LeadError) as caught:
        asking.create(LEAD, Account("hubspot", client))
    assert (caught.value.category, caught.value.outcome, crm.count) == ("authentication", "not_sent", 0)
