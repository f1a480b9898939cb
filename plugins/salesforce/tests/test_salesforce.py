"""Salesforce keeps the provider contract; the tests below are about what only Salesforce does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unilead import (
    Account,
    AuthError,
    Client,
    CreatedLead,
    DuplicateLeadError,
    InvalidLeadError,
    Lead,
    LeadError,
    MalformedResponseError,
    Provider,
    ProviderError,
    RateLimitError,
    Registry,
    RejectedError,
    Response,
    Settings,
    SettingsError,
    Simulator,
)
from unilead.auth import credential_headers
from unilead.quota import quota_headers
from unilead.testing import ProviderContract, VendorRules
from unilead_salesforce.simulator import SalesforceSimulator

LEAD = {"last_name": "Solberg", "account": {"name": "Fjord Analytics AS"}}
ACCOUNT_ID = "0015e00000PqRsTAA1"
OWNER_ID = "0055e000001XyZAAA0"
LOOK_UP = {"account_field": "Account__c"}


class TestSalesforce(ProviderContract):
    slug = "salesforce"
    cases = Path(__file__).parent / "cases"
    canaries = {
        "owner.id": (OWNER_ID, OWNER_ID),
        "account.id": (ACCOUNT_ID, ACCOUNT_ID),
        "custom_fields": ({"Canary__c": "canary-custom"}, "canary-custom"),
        "converted_contact.id": ("0035e00000AbCdEAAV", "0035e00000AbCdEAAV"),
        "converted_account.id": ("0015e00000AbCdEAAV", "0015e00000AbCdEAAV"),
    }
    minimum = {"last_name": "canary lead", "account": {"name": "canary company"}}

    @pytest.fixture
    def settings(self, provider: Provider, simulator: Simulator) -> Settings:
        """An org with a look-up field, so that the company's id has a place beside its name."""
        return provider.settings({**simulator.sample_settings, **LOOK_UP})

    @pytest.fixture
    def account(self, simulator: Simulator) -> Account:
        """The same org, for a client."""
        return Account(self.slug, {**simulator.sample_settings, **LOOK_UP})

    def creatable(self, paths: list[str]) -> list[str]:
        """Leave out what an ordinary org always refuses on a create, as its own test shows."""
        return [path for path in paths if not path.startswith("converted_")]


class TestSalesforceRules(VendorRules):
    slug = "salesforce"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("salesforce")


@pytest.fixture
def simulator() -> SalesforceSimulator:
    return SalesforceSimulator()


@pytest.fixture
def settings(provider: Provider) -> Settings:
    return provider.settings(SalesforceSimulator.sample_settings)


def create(
    simulator: SalesforceSimulator, lead: dict[str, Any], settings: dict[str, Any] | None = None, **options: Any
):
    account = Account("salesforce", {**simulator.sample_settings, **(settings or {})})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        return client.create(lead, account, **options)


def stored(simulator: SalesforceSimulator) -> dict[str, Any]:
    return next(iter(simulator.leads.values()))


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"instance_url": "http://acme.my.salesforce.com"},
        {"instance_url": "https://acme.my.salesforce.com:8443"},
        {"instance_url": "https://user@acme.my.salesforce.com"},
        {"instance_url": "https://acme.my.salesforce.com/services"},
        {"instance_url": "https://acme.my.salesforce.com.evil.example"},
        {"instance_url": "https://acme.evil.my.salesforce.com"},
        {"instance_url": "https://acme.lightning.force.com"},
        {"instance_url": "https://acme.my.site.com"},
        {"instance_url": "https://127.0.0.1"},
        {"instance_url": "https://acme.my.salesforce.com\n"},
        {"instance_url": "https://[::1"},
        {"instance_url": "https://acme.my.salesforce.mil"},
        {"instance_url": "https://na139.salesforce.com"},
        {"hosting": "moon"},
        {"login_host": "login.salesforce.com.evil.example"},
        {"login_host": "acme.lightning.force.com"},
        {"login_host": "na139.salesforce.com"},
        {"api_version": "40.0"},
        {"api_version": "68"},
        {"api_version": "v68.0"},
        {"api_version": "68.0/../.."},
        {"auto_assign": "maybe"},
        {"auto_assign": "01Q5e000000AbCdEAK\r\nX-Evil: 1"},
        {"account_field": "AccountId"},
        {"account_field": "Account__c/x"},
        {"external_id_field": "Email"},
        {"duplicate_rule": "allowSave=perhaps"},
        {"extended_fields": "some"},
    ],
    ids=str,
)
def test_bad_setting_is_refused(given: dict[str, Any], provider: Provider) -> None:
    with pytest.raises(SettingsError) as caught:
        provider.settings({"instance_url": "https://acme.my.salesforce.com", "access_token": "t-secret", **given})
    assert next(iter(given)) in str(caught.value)
    assert "t-secret" not in str(caught.value)


def test_two_settings_cannot_name_one_field(provider: Provider) -> None:
    both = {"account_field": "Key__c", "external_id_field": "Key__c"}
    with pytest.raises(SettingsError):
        provider.settings({**SalesforceSimulator.sample_settings, **both})


@pytest.mark.parametrize(
    ("given", "hosting"),
    [
        ("https://acme.my.salesforce.com", "standard"),
        ("https://Acme--QA.sandbox.my.salesforce.com/", "standard"),
        ("https://acme-dev-ed.develop.my.salesforce.com:443", "standard"),
        ("https://acme.my.salesforce.mil", "government"),
        ("https://acme.my.sfcrmproducts.cn", "china"),
        ("https://na139.salesforce.com", "instance"),
    ],
)
def test_instance_url_is_reduced_to_an_allowed_origin(given: str, hosting: str, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t", "instance_url": given, "hosting": hosting})
    assert provider.base_url(settings) == given.lower().rstrip("/").removesuffix(":443")


@pytest.mark.parametrize(
    ("given", "header"),
    [(True, "TRUE"), ("false", "FALSE"), ("01Q5e000000AbCdEAK", "01Q5e000000AbCdEAK"), (None, None)],
)
def test_auto_assign_becomes_a_header(given: Any, header: str | None, provider: Provider) -> None:
    settings = provider.settings({**SalesforceSimulator.sample_settings, "auto_assign": given})
    request = provider.build_request(Lead.parse(LEAD), settings)
    assert request.headers.get("Sforce-Auto-Assign") == header


def test_client_secret_is_needed_only_where_the_app_asks_for_it(provider: Provider) -> None:
    given = {name: text for name, text in OAUTH.items() if name != "client_secret"}
    assert provider.settings(given)


# --- what a newcomer may try ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["converted_contact", "converted_account"])
def test_ordinary_org_refuses_a_converted_lead(field: str, simulator: SalesforceSimulator) -> None:
    with pytest.raises(RejectedError) as caught:
        create(simulator, LEAD | {field: {"id": "0035e00000AbCdEAAV"}})
    assert (caught.value.field, caught.value.vendor_code) == (f"{field}.id", "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert caught.value.hint and "convertLead" in caught.value.hint
    assert simulator.count == 0


def test_lead_without_company_is_told_how_to_give_one(simulator: SalesforceSimulator) -> None:
    with pytest.raises(RejectedError) as caught:
        create(simulator, {"last_name": "Solberg"})
    assert (caught.value.field, caught.value.vendor_code) == ("account.name", "REQUIRED_FIELD_MISSING")
    assert caught.value.hint and "account.name" in caught.value.hint


def test_owner_stays_and_is_answered_in_the_long_form(simulator: SalesforceSimulator) -> None:
    result = create(simulator, LEAD | {"owner": {"id": OWNER_ID[:15]}}, read_back=True)
    assert simulator.calls[0].headers["sforce-auto-assign"] == "FALSE"
    assert result.lead.owner and result.lead.owner.id == OWNER_ID


@pytest.mark.parametrize(("given", "sent"), [("250", 250), (250, 250), ("10-50", "10-50")])
def test_extended_number_of_employees_is_a_number(given: Any, sent: Any, provider: Provider) -> None:
    settings = provider.settings({**SalesforceSimulator.sample_settings, "extended_fields": True})
    request = provider.build_request(Lead.parse(LEAD | {"number_of_employees": given}), settings)
    assert (request.json["NumberOfEmployees"], request.dropped) == (sent, ())


@pytest.mark.parametrize("extended", [True, False])
def test_fault_of_an_extended_field_names_it(extended: bool, provider: Provider) -> None:
    settings = provider.settings({**SalesforceSimulator.sample_settings, "extended_fields": extended})
    request = provider.build_request(Lead.parse(LEAD | {"industry": "x"}), settings)
    fault = {"errorCode": "STRING_TOO_LONG", "message": "x", "fields": ["Industry"]}
    with pytest.raises(RejectedError) as caught:
        provider.parse_response(Response.of(400, [fault]), request, settings)
    assert caught.value.field == ("industry" if extended else None)


# --- the company ------------------------------------------------------------------------------------------------------


def test_company_is_looked_up_and_the_lead_created_in_one_call(simulator: SalesforceSimulator) -> None:
    result = create(simulator, {"last_name": "Solberg", "account": {"id": ACCOUNT_ID}})
    assert result.id in simulator.leads
    assert stored(simulator)["Company"] == "Fjord Analytics AS"
    assert (len(simulator.calls), simulator.used, result.dropped) == (1, 1, ())


def test_unknown_company_creates_nothing(simulator: SalesforceSimulator) -> None:
    simulator.missing.add(ACCOUNT_ID)
    with pytest.raises(RejectedError) as caught:
        create(simulator, {"last_name": "Solberg", "account": {"id": ACCOUNT_ID}})
    assert (caught.value.category, caught.value.field) == ("not_found", "account.id")
    assert simulator.count == 0


def test_lead_that_is_refused_beside_a_known_company_is_told_why(simulator: SalesforceSimulator) -> None:
    lead = {"last_name": "Solberg", "account": {"id": ACCOUNT_ID}, "email_addresses": [{"email": "ingrid"}]}
    with pytest.raises(RejectedError) as caught:
        create(simulator, lead)
    assert (caught.value.field, caught.value.vendor_code) == ("email_addresses[0].email", "INVALID_EMAIL_ADDRESS")
    assert simulator.count == 0


def test_look_up_that_failed_at_the_server_left_no_lead(provider: Provider, settings: Settings) -> None:
    lead = Lead.parse({"last_name": "Solberg", "account": {"id": ACCOUNT_ID}})
    parts = [
        {"referenceId": "acct", "httpStatusCode": 500, "body": [{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}]},
        {"referenceId": "lead", "httpStatusCode": 400, "body": [{"errorCode": "PROCESSING_HALTED", "message": "x"}]},
    ]
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(
            Response.of(200, {"compositeResponse": parts}), provider.build_request(lead, settings), settings
        )
    assert (caught.value.field, caught.value.outcome, caught.value.retryable) == ("account.id", "not_sent", True)


def test_remote_data_reaches_the_record_within_the_look_up(simulator: SalesforceSimulator) -> None:
    lead = {"last_name": "Solberg", "account": {"id": ACCOUNT_ID}, "remote_data": {"Rating": "Hot", "LastName": "Berg"}}
    create(simulator, lead)
    assert (stored(simulator)["Rating"], stored(simulator)["LastName"]) == ("Hot", "Berg")


@pytest.mark.parametrize(
    "lead",
    [
        {"last_name": "@{acct.Name}"},
        {"last_name": "S", "custom_fields": {"A__c": ["x", "@{acct.Id}"]}},
        {"last_name": "S", "remote_data": {"A__c": {"b": ["@{x}"]}}},
    ],
    ids=["field", "custom", "remote"],
)
def test_s009_text_cannot_refer_to_the_look_ups_answer(lead: dict[str, Any], simulator: SalesforceSimulator) -> None:
    with pytest.raises(InvalidLeadError):
        create(simulator, lead | {"account": {"id": ACCOUNT_ID}})
    assert not simulator.calls


# --- reading back -----------------------------------------------------------------------------------------------------


def test_read_back_fills_what_a_create_does_not_answer(simulator: SalesforceSimulator) -> None:
    lead = LEAD | {
        "title": "CTO",
        "first_name": "Ingrid",
        "owner": {"id": OWNER_ID},
        "lead_source": "Web",
        "email_addresses": [{"email": "i@fjord.example"}],
        "phone_numbers": [{"number": "1", "extension": "2"}, {"number": "3", "type": "mobile"}],
        "addresses": [{"street_1": "Havnegata 7", "street_2": "Floor 3", "city": "Oslo"}],
        "custom_fields": {"Seat_Estimate__c": 45},
    }
    assert create(simulator, lead).render(remote_data=False) == {"id": next(iter(simulator.leads))}
    read = create(simulator, lead, read_back=True).render(remote_data=False)
    times = {read.pop("created_at"), read.pop("updated_at")}
    assert all(time.endswith("+00:00") for time in times)
    assert read == {
        "id": list(simulator.leads)[1],
        "owner": {"id": OWNER_ID},
        "lead_source": "Web",
        "status": "Open - Not Contacted",
        "title": "CTO",
        "first_name": "Ingrid",
        "last_name": "Solberg",
        "addresses": [{"street_1": "Havnegata 7", "street_2": "Floor 3", "city": "Oslo", "type": "primary"}],
        "email_addresses": [{"email": "i@fjord.example", "type": "primary"}],
        "phone_numbers": [{"number": "1 x2", "type": "primary"}, {"number": "3", "type": "mobile"}],
        "custom_fields": {"Seat_Estimate__c": 45},
    }


def test_converted_lead_is_read_with_its_records(provider: Provider, settings: Settings) -> None:
    request = provider.build_read_request("00Q5e00000AbCdEEAV", settings)
    record = {
        "Id": "00Q5e00000AbCdEEAV",
        "ConvertedDate": "2026-11-20",
        "ConvertedContactId": "0035e00000AbCdEAAV",
        "ConvertedAccountId": ACCOUNT_ID,
        "LastActivityDate": "2026-11-19",
        "LastModifiedDate": "2026-11-23T10:31:07.000+0000",
    }
    read = provider.parse_response(Response.of(200, record), request, settings)
    assert (read.converted_contact, read.converted_account) == ("0035e00000AbCdEAAV", ACCOUNT_ID)
    assert (read.converted_at, read.last_activity_at) == ("2026-11-20T00:00:00Z", "2026-11-19T00:00:00Z")
    assert read.updated_at == "2026-11-23T10:31:07.000+00:00"


# --- upserts ----------------------------------------------------------------------------------------------------------

UPSERT = {"external_id_field": "External_Key__c"}
KEYED = LEAD | {"custom_fields": {"External_Key__c": "ord-5512"}}


def test_lead_with_external_id_is_stored_once(simulator: SalesforceSimulator) -> None:
    first, second = create(simulator, KEYED, UPSERT), create(simulator, KEYED | {"title": "CTO"}, UPSERT)
    assert (first.id, simulator.count) == (second.id, 1)
    assert (stored(simulator)["External_Key__c"], stored(simulator)["Title"]) == ("ord-5512", "CTO")


@pytest.mark.parametrize("given", ["custom_fields", "remote_data"])
def test_external_id_is_one_in_any_case_of_its_name(given: str, simulator: SalesforceSimulator) -> None:
    """Salesforce does not tell cases of a name apart: such a lead would be created again and again."""
    lead = LEAD | {given: {"external_key__C": "ord-5512"}}
    first, second = create(simulator, KEYED, UPSERT), create(simulator, lead, UPSERT)
    assert (first.id, simulator.count) == (second.id, 1)


def test_f060_upsert_whose_answer_was_lost_is_sent_again(
    simulator: SalesforceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator.faults.drop_after_commit = 1
    assert create(simulator, KEYED, UPSERT).attempts == 2
    assert simulator.count == 1


def test_several_leads_with_the_external_id_are_a_conflict(simulator: SalesforceSimulator) -> None:
    simulator.shared.add("ord-5512")
    with pytest.raises(DuplicateLeadError) as caught:
        create(simulator, KEYED, UPSERT)
    assert (caught.value.existing_id, caught.value.outcome) == ("00Q5e00000AbCdEEAV", "rejected")


def test_lead_without_external_id_is_created(simulator: SalesforceSimulator) -> None:
    create(simulator, LEAD, UPSERT)
    assert (simulator.calls[0].method, simulator.count) == ("POST", 1)


def test_leads_with_external_ids_travel_together_and_are_stored_once(simulator: SalesforceSimulator) -> None:
    keyed = [LEAD | {"custom_fields": {"External_Key__c": f"ord/{number} é"}} for number in range(450)]
    simulator.shared.add("ord/7 é")
    account = Account("salesforce", {**simulator.sample_settings, **UPSERT})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        first, second = (dict(client.create_many(keyed, account)) for _ in range(2))
    assert simulator.used == 6
    assert simulator.count == 449
    assert isinstance(first[7], DuplicateLeadError) and first[7].vendor_code == "DUPLICATE_EXTERNAL_ID"
    for number in set(range(450)) - {7}:
        assert simulator.leads[first[number].id]["External_Key__c"] == f"ord/{number} é"
        assert first[number].id == second[number].id


def test_f078_batch_of_upserts_whose_answer_was_lost_is_sent_again(
    simulator: SalesforceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator.faults.drop_after_commit = 1
    keyed = [LEAD | {"custom_fields": {"External_Key__c": f"ord-{number}"}} for number in range(3)]
    account = Account("salesforce", {**simulator.sample_settings, **UPSERT})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many(keyed, account))
    assert [found[number].id for number in range(3)] == list(simulator.leads)
    assert simulator.count == 3


def test_leads_with_one_external_id_travel_one_after_another(simulator: SalesforceSimulator) -> None:
    """In one call Salesforce would refuse each of them, and none would be stored."""
    keyed = [
        LEAD | {"title": f"T{number}", "custom_fields": {"External_Key__c": key}}
        for number, key in enumerate(["ord-1", "ord-2", "ORD-1", "ord-1"])
    ]
    account = Account("salesforce", {**simulator.sample_settings, **UPSERT})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        found = dict(client.create_many(keyed, account))
    assert not [verdict for verdict in found.values() if isinstance(verdict, LeadError)]
    assert (found[0].id, simulator.leads[found[0].id]["Title"]) == (found[3].id, "T3")
    assert simulator.used == 3


@pytest.mark.parametrize("key", ["composite", "a/composite", "..x", "%2F"])
def test_odd_external_id_is_a_key_and_nothing_else(key: str, simulator: SalesforceSimulator) -> None:
    result = create(simulator, LEAD | {"custom_fields": {"External_Key__c": key}}, UPSERT)
    assert simulator.leads[result.id]["External_Key__c"] == key


# --- batches ----------------------------------------------------------------------------------------------------------


def send_batch(
    provider: Provider, simulator: SalesforceSimulator, settings: Settings, leads: list[dict[str, Any]]
) -> dict[int, CreatedLead | ProviderError]:
    """Verdicts by the place of the leads that the batch took."""
    requests = [provider.compose(Lead.parse(lead), settings) for lead in leads]
    batch, taken = provider.build_batch(requests, settings)
    answer = simulator.send(batch, credentials=credential_headers(provider.info, settings), timeout=5)
    return dict(zip(taken, provider.parse_batch(answer, batch, len(taken), settings), strict=True))


def test_f075_partial_batch_has_a_verdict_for_each_row(
    provider: Provider, settings: Settings, simulator: SalesforceSimulator
) -> None:
    leads = [LEAD, {"last_name": "No company"}, LEAD | {"email_addresses": [{"email": "x@y"}]}, LEAD]
    found = send_batch(provider, simulator, settings, leads)
    assert [isinstance(found[place], CreatedLead) for place in range(4)] == [True, False, False, True]
    assert [verdict.id for verdict in found.values() if isinstance(verdict, CreatedLead)] == list(simulator.leads)
    second, third = found[1], found[2]
    assert isinstance(second, RejectedError) and isinstance(third, RejectedError)
    assert (second.field, second.vendor_code, second.outcome) == ("account.name", "REQUIRED_FIELD_MISSING", "rejected")
    assert (third.field, third.vendor_code) == ("email_addresses[0].email", "INVALID_EMAIL_ADDRESS")
    assert "x@y" not in str(third)
    assert third.response and third.response.json["errors"][0]["fields"] == ["Email"]


def test_rows_that_cannot_travel_together_are_left_out(provider: Provider, simulator: SalesforceSimulator) -> None:
    settings = provider.settings({**simulator.sample_settings, **UPSERT})
    leads = [
        {"last_name": "Look-up", "account": {"id": ACCOUNT_ID}},
        LEAD,
        LEAD | {"owner": {"id": OWNER_ID}},
        KEYED,
        LEAD | {"custom_fields": {"attributes": {"type": "Account"}}},
        LEAD,
    ]
    assert list(send_batch(provider, simulator, settings, leads)) == [1, 5]
    assert simulator.count == 2


def test_owners_travel_with_owners(provider: Provider, settings: Settings, simulator: SalesforceSimulator) -> None:
    owned = LEAD | {"owner": {"id": OWNER_ID}}
    assert list(send_batch(provider, simulator, settings, [owned, LEAD, owned])) == [0, 2]
    assert simulator.calls[0].headers["sforce-auto-assign"] == "FALSE"


def test_what_one_batch_leaves_out_makes_another(simulator: SalesforceSimulator) -> None:
    """Leads with and without an owner cost two calls, and a look-up of a company one of its own."""
    owned, look_up = LEAD | {"owner": {"id": OWNER_ID}}, {"last_name": "Look-up", "account": {"id": ACCOUNT_ID}}
    account = Account("salesforce", simulator.sample_settings)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        verdicts = dict(client.create_many([owned, LEAD, look_up, LEAD, owned, look_up] * 20, account))
    assert sorted(verdicts) == list(range(120))
    assert all(verdict.id for verdict in verdicts.values())
    assert (simulator.count, simulator.used) == (120, 2 + 40)


def test_creates_and_upserts_travel_apart(provider: Provider, simulator: SalesforceSimulator) -> None:
    settings = provider.settings({**simulator.sample_settings, **UPSERT})
    other = LEAD | {"custom_fields": {"External_Key__c": "ord-5513"}}
    assert list(send_batch(provider, simulator, settings, [KEYED, LEAD, other])) == [0, 2]
    assert list(send_batch(provider, simulator, settings, [LEAD, KEYED, LEAD])) == [0, 2]
    assert [call.method for call in simulator.calls] == ["PATCH", "POST"]
    assert simulator.count == 4


def test_no_row_that_can_travel_makes_an_empty_batch(provider: Provider, settings: Settings) -> None:
    look_up = provider.compose(Lead.parse({"last_name": "L", "account": {"id": ACCOUNT_ID}}), settings)
    assert provider.build_batch([look_up], settings)[1] == ()


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ({"success": True, "errors": []}, "unknown"),
        ({"id": "00Q5e00000AbCdEEAV", "success": True, "errors": [{"statusCode": "X"}]}, "unknown"),
        ({"success": False, "errors": []}, "unknown"),
        ({"success": "true", "id": "1", "errors": []}, "unknown"),
        ({"success": False, "errors": [{"statusCode": "STORAGE_LIMIT_EXCEEDED", "message": "x"}]}, "rejected"),
        ({"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x"}]}, "not_sent"),
        ({"success": False, "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK"}]}, "not_sent"),
        ({"success": False, "errors": [{"statusCode": "UNKNOWN_EXCEPTION", "message": "x"}]}, "unknown"),
        ({"success": False, "errors": [5]}, "rejected"),
    ],
    ids=str,
)
def test_f076_odd_row_is_judged_alone(
    row: dict[str, Any], outcome: str, provider: Provider, settings: Settings
) -> None:
    requests = [provider.compose(Lead.parse(LEAD), settings) for _ in range(2)]
    batch, _ = provider.build_batch(requests, settings)
    good = {"id": "00Q5e00000AbCdEEAV", "success": True, "errors": []}
    odd, fine = provider.parse_batch(Response.of(200, [row, good]), batch, 2, settings)
    assert isinstance(fine, CreatedLead)
    assert isinstance(odd, ProviderError) and odd.outcome == outcome


@pytest.mark.parametrize("odd", [None, 5, "x", [], ["x"], {}], ids=str)
def test_f076_row_that_is_no_record_does_not_hide_the_others(odd: Any, provider: Provider, settings: Settings) -> None:
    requests = [provider.compose(Lead.parse(LEAD), settings) for _ in range(2)]
    batch, _ = provider.build_batch(requests, settings)
    good = {"id": "00Q5e00000AbCdEEAV", "success": True, "errors": []}
    fine, lost = provider.parse_batch(Response.of(200, [good, odd]), batch, 2, settings)
    assert isinstance(fine, CreatedLead)
    assert isinstance(lost, ProviderError) and lost.outcome == "unknown"


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_f077_wrong_number_of_rows_is_unknown(rows: int, provider: Provider, settings: Settings) -> None:
    requests = [provider.compose(Lead.parse(LEAD), settings) for _ in range(2)]
    batch, _ = provider.build_batch(requests, settings)
    answer = [{"id": "00Q5e00000AbCdEEAV", "success": True, "errors": []}] * rows
    with pytest.raises(MalformedResponseError) as caught:
        provider.parse_batch(Response.of(200, answer), batch, 2, settings)
    assert caught.value.outcome == "unknown"


# --- limits, locks, tokens --------------------------------------------------------------------------------------------


def test_f040_daily_quota_is_not_slept_on(simulator: SalesforceSimulator) -> None:
    simulator.quota = 0
    with pytest.raises(RateLimitError) as caught:
        create(simulator, LEAD)
    assert (caught.value.retry_after, caught.value.outcome, len(simulator.calls)) == (600, "not_sent", 1)


def test_locked_row_was_not_written_and_is_sent_again(
    simulator: SalesforceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    simulator.locked = 1
    assert create(simulator, LEAD).attempts == 2
    assert simulator.count == 1


def test_duplicate_rule_names_the_existing_lead(simulator: SalesforceSimulator) -> None:
    simulator.duplicates = "alert"
    lead = LEAD | {"email_addresses": [{"email": "i@fjord.example"}]}
    first = create(simulator, lead)
    with pytest.raises(DuplicateLeadError) as caught:
        create(simulator, lead)
    assert caught.value.existing_id == first.id
    assert create(simulator, lead, {"duplicate_rule": True}).id != first.id


@pytest.mark.parametrize(
    "body",
    [
        "The requested resource no longer exists",
        [{"errorCode": "NOT_FOUND", "message": "The requested resource no longer exists"}],
    ],
    ids=["text", "code"],
)
def test_retired_version_says_what_to_do(body: Any, provider: Provider, settings: Settings) -> None:
    request = provider.build_request(Lead.parse(LEAD), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response.of(410, body), request, settings)
    assert caught.value.hint and "api_version" in caught.value.hint
    assert (caught.value.category, caught.value.outcome) == ("unexpected", "rejected")


def test_values_stay_out_of_messages(provider: Provider, settings: Settings) -> None:
    lead = Lead.parse(LEAD | {"first_name": "Ingrid", "title": "Head  of Data"})
    request = provider.build_request(lead, settings)
    fault = {"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Ingrid Solberg,\nHead  of Data: no"}
    with pytest.raises(RejectedError) as caught:
        provider.parse_response(Response.of(400, [fault]), request, settings)
    assert not any(word in str(caught.value) for word in ("Ingrid", "Solberg", "Head"))


def test_quota_is_told_by_every_answer(provider: Provider, simulator: SalesforceSimulator) -> None:
    simulator.quota = 15_000
    found = quota_headers(provider.info, create(simulator, LEAD).response)
    assert found == {"ratelimit-limit": "15000;w=86400", "ratelimit-remaining": "14999"}


OAUTH = {
    "instance_url": "https://northwind-labs.my.salesforce.com",
    "client_id": "3MVG9sim1.Ab12Cd34Ef56Gh78",
    "client_secret": "sim-consumer-secret-4471",
    "refresh_token": "5Aep861sim1.Qw12Er34Ty56Ui78Op90",
}


@pytest.mark.parametrize("rotate", [True, False])
def test_f050_expired_token_is_renewed_though_no_answer_says_how_long_it_lives(
    rotate: bool, simulator: SalesforceSimulator
) -> None:
    simulator.rotate = rotate
    simulator.access_tokens.clear()
    account = Account("salesforce", {**OAUTH, "access_token": "expired"})
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        assert client.create(LEAD, account).attempts == 2
        simulator.access_tokens.clear()
        assert client.create(LEAD, account).id
    assert [call.path.rpartition("/")[2] for call in simulator.calls] == ["Lead", "token", "Lead"] * 2
    assert simulator.count == 2


def test_moved_org_is_followed(simulator: SalesforceSimulator) -> None:
    simulator.access_tokens.clear()
    simulator.instance_url = "https://northwind-new.my.salesforce.com"
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        result = client.create(LEAD, Account("salesforce", {**OAUTH, "access_token": "expired"}))
    assert result.request.url.startswith("https://northwind-new.my.salesforce.com/services/data/")


def test_s010_token_answer_cannot_send_the_token_elsewhere(simulator: SalesforceSimulator) -> None:
    simulator.access_tokens.clear()
    simulator.instance_url = "https://northwind.my.salesforce.com.evil.example"
    with Client(transport=simulator, registry=Registry(overrides=False)) as client, pytest.raises(AuthError):
        client.create(LEAD, Account("salesforce", {**OAUTH, "access_token": "expired"}))
    assert [call.path.rpartition("/")[2] for call in simulator.calls] == ["Lead", "token"]


def test_token_that_will_never_do_is_renewed_once_and_no_more(simulator: SalesforceSimulator) -> None:
    simulator.rest_tokens = False
    account = Account("salesforce", OAUTH)
    with Client(transport=simulator, registry=Registry(overrides=False)) as client:
        for _ in range(3):
            with pytest.raises(AuthError):
                client.create(LEAD, account)
    assert sum(call.path.endswith("/token") for call in simulator.calls) <= 2
    assert simulator.count == 0


@pytest.mark.parametrize("status", [200, 201, 400])
@pytest.mark.parametrize("code", ["INVALID_FIELD", "UNABLE_TO_LOCK_ROW"])
def test_an_id_beside_errors_is_unknown(
    status: int, code: str, provider: Provider, simulator: SalesforceSimulator
) -> None:
    settings = provider.settings(simulator.sample_settings)
    request = provider.build_request(Lead(last_name="Okafor"), settings)
    answer = {"id": "00Q5g00000AbcDeEAJ", "success": False, "errors": [{"statusCode": code, "message": "no"}]}
    with pytest.raises(LeadError) as caught:
        provider.parse_response(Response.of(status, answer), request, settings)
    assert (caught.value.outcome, caught.value.retryable) == ("unknown", False)
