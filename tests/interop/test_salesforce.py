"""``simple-salesforce`` against the simulator, over TLS: it takes no other address."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from tests.interop.stand import Stand
from unilead import Account, AuthError, CreatedLead, DuplicateLeadError, Lead, RateLimitError, RejectedError

DIFFERENT = ("Id", "url", "CreatedDate", "LastModifiedDate", "SystemModstamp")
OWNER = "0055e000001XyZAAA0"
RECORD = {
    "FirstName": "Ingrid",
    "LastName": "Solberg",
    "Company": "Fjord Analytics AS",
    "Title": "Head of Data Platform",
    "OwnerId": OWNER,
    "LeadSource": "Web",
    "Email": "ingrid.solberg@fjord-analytics.example",
    "Phone": "+47 22 55 01 44 x318",
    "MobilePhone": "+47 912 34 567",
    "Fax": "+47 22 55 01 45",
    "Street": "Havnegata 7\nFloor 3",
    "City": "Trondheim",
    "State": "Trondelag",
    "PostalCode": "7010",
    "Country": "Norway",
    "Preferred_Region__c": "Nordics",
    "Seat_Estimate__c": 45,
    "Wants_Demo__c": True,
    "Interest_Areas__c": "Reporting;Forecasting",
    "Target_Go_Live__c": "2027-02-01",
}
LEAD = {
    "first_name": "Ingrid",
    "last_name": "Solberg",
    "account": {"name": "Fjord Analytics AS"},
    "title": "Head of Data Platform",
    "owner": {"id": OWNER},
    "lead_source": "Web",
    "email_addresses": [{"email": "ingrid.solberg@fjord-analytics.example"}],
    "phone_numbers": [
        {"number": "+47 22 55 01 44", "extension": "318", "type": "work"},
        {"number": "+47 912 34 567", "type": "mobile"},
        {"number": "+47 22 55 01 45", "type": "fax"},
    ],
    "addresses": [
        {
            "street_1": "Havnegata 7",
            "street_2": "Floor 3",
            "city": "Trondheim",
            "state": "Trondelag",
            "postal_code": "7010",
            "country": "Norway",
        }
    ],
    "custom_fields": {
        "Preferred_Region__c": "Nordics",
        "Seat_Estimate__c": 45,
        "Wants_Demo__c": True,
        "Interest_Areas__c": ["Reporting", "Forecasting"],
        "Target_Go_Live__c": "2027-02-01",
    },
}


@pytest.fixture
def stand(stand_of: Any) -> Stand:
    found: Stand = stand_of("salesforce", tls=True)
    return found


@pytest.fixture
def salesforce(stand: Stand) -> Iterator[Salesforce]:
    client = Salesforce(instance_url=stand.url, session_id=stand.settings["access_token"], version="68.0")
    with client.session:
        yield client


def row(**fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Lead"}, **RECORD, **fields}


def test_both_leave_the_same_lead(stand: Stand, salesforce: Salesforce) -> None:
    answer = salesforce.Lead.create(RECORD, headers={"Sforce-Auto-Assign": "FALSE"})
    created = stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert [answer["id"], created.id] == list(stand.simulator.leads)
    assert answer == {"id": answer["id"], "success": True, "errors": []}
    first, second = stand.simulator.calls
    assert first.path.rstrip("/") == second.path == "/services/data/v68.0/sobjects/Lead"
    assert first.headers["sforce-auto-assign"] == second.headers["sforce-auto-assign"]


def test_client_reads_what_unilead_wrote(stand: Stand, salesforce: Salesforce) -> None:
    created = stand.create(LEAD)
    found = salesforce.Lead.get(created.id)
    assert {name: found[name] for name in RECORD} == RECORD
    assert salesforce.query(f"SELECT Id FROM Lead WHERE Id = '{created.id}'")["records"][0]["Id"] == created.id


def test_unilead_reads_what_the_client_wrote(stand: Stand, salesforce: Salesforce) -> None:
    answer = salesforce.Lead.create(RECORD)
    provider = stand.client.registry.get("salesforce")
    settings = provider.settings(stand.settings)
    request = provider.build_read_request(answer["id"], settings, base_url=stand.url)
    read = provider.parse_response(stand.answer_to(request), request, settings)
    assert read == stand.create(LEAD, read_back=True).lead.model_copy(
        update={"id": answer["id"], "created_at": read.created_at, "updated_at": read.updated_at}
    )


def test_client_and_unilead_make_the_same_batch(stand: Stand, salesforce: Salesforce) -> None:
    body = {"allOrNone": False, "records": [row(), {"attributes": {"type": "Lead"}, "LastName": "Alone"}, row()]}
    good, bad, other = salesforce.restful(
        "composite/sobjects", method="POST", json=body, headers={**salesforce.headers, "Sforce-Auto-Assign": "FALSE"}
    )
    assert good["success"] and other["success"]
    assert bad["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    list(stand.client.create_many([LEAD, LEAD], Account("salesforce", stand.settings)))
    theirs, _, ours, _ = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    first, second = stand.simulator.calls
    assert first.path == second.path == "/services/data/v68.0/composite/sobjects"


def test_both_are_told_what_is_wrong(stand: Stand, salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        salesforce.Lead.create({**RECORD, "Email": "ingrid"})
    ours = stand.refusal(LEAD | {"email_addresses": [{"email": "ingrid"}]})
    assert isinstance(ours, RejectedError)
    assert ours.fields == ("email_addresses[0].email",)
    assert caught.value.content[0]["errorCode"] == ours.vendor_code == "INVALID_EMAIL_ADDRESS"
    assert stand.stored == []


def test_both_are_told_that_the_session_expired(stand: Stand, salesforce: Salesforce) -> None:
    stand.simulator.access_tokens.clear()
    with pytest.raises(SalesforceExpiredSession) as caught:
        salesforce.Lead.create(RECORD)
    ours = stand.refusal(LEAD)
    assert isinstance(ours, AuthError)
    assert caught.value.content[0]["errorCode"] == ours.vendor_code == "INVALID_SESSION_ID"
    assert caught.value.content == ours.response.json


def test_both_are_told_that_the_quota_is_used_up(stand: Stand, salesforce: Salesforce) -> None:
    stand.simulator.quota = 0
    with pytest.raises(SalesforceRefusedRequest) as caught:
        salesforce.Lead.create(RECORD)
    ours = stand.refusal(LEAD)
    assert isinstance(ours, RateLimitError)
    assert caught.value.content[0]["errorCode"] == ours.vendor_code == "REQUEST_LIMIT_EXCEEDED"


def test_both_upsert_one_lead(stand: Stand, salesforce: Salesforce) -> None:
    salesforce.Lead.upsert("External_Key__c/ord-5512", RECORD)
    stand.create(
        LEAD | {"custom_fields": {**LEAD["custom_fields"], "External_Key__c": "ord-5512"}},
        external_id_field="External_Key__c",
    )
    assert stand.simulator.count == 1
    stand.simulator.shared.add("ord-5512")
    with pytest.raises(SalesforceMoreThanOneRecord):
        salesforce.Lead.upsert("External_Key__c/ord-5512", RECORD)
    ours = stand.refusal(LEAD | {"custom_fields": {"External_Key__c": "ord-5512"}}, external_id_field="External_Key__c")
    assert isinstance(ours, DuplicateLeadError)


def test_client_finds_no_lead_that_is_not_there(stand: Stand, salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceResourceNotFound) as caught:
        salesforce.Lead.get("00Q5e00000AbCdEEAV")
    assert caught.value.content[0]["errorCode"] == "NOT_FOUND"


def test_client_learns_what_is_left_of_the_quota(stand: Stand, salesforce: Salesforce) -> None:
    stand.create(LEAD)
    assert salesforce.limits()["DailyApiRequests"]["Remaining"] == stand.simulator.quota - 2
    assert salesforce.api_usage["api-usage"] == (2, stand.simulator.quota)


def test_a_thousand_leads_cost_five_calls_and_each_has_its_verdict(stand: Stand, salesforce: Salesforce) -> None:
    """One in a hundred is refused; the client that reads the answers with us agrees."""
    provider = stand.client.registry.get("salesforce")
    settings = provider.settings(stand.settings)
    leads = [
        Lead.model_validate(
            {"last_name": f"Lead {number}", **({} if number % 100 == 37 else {"account": {"name": "C"}})}
        )
        for number in range(1_000)
    ]
    verdicts: list[Any] = []
    requests = [provider.compose(lead, settings) for lead in leads]
    for start in range(0, 1_000, provider.info.batch_size):
        batch, taken = provider.build_batch(requests[start : start + provider.info.batch_size], settings)
        verdicts += provider.parse_batch(stand.answer_to(batch), batch, len(taken), settings)
    assert stand.simulator.used == 5
    assert [isinstance(verdict, CreatedLead) for verdict in verdicts] == [n % 100 != 37 for n in range(1_000)]
    ids = (verdict.id for verdict in verdicts if isinstance(verdict, CreatedLead))
    names = {lead["Id"]: lead["LastName"] for lead in salesforce.query("SELECT Id, LastName FROM Lead")["records"]}
    found = [names[number] for number in ids]
    assert found == [f"Lead {number}" for number in range(1_000) if number % 100 != 37]
    refused = itertools.filterfalse(lambda verdict: isinstance(verdict, CreatedLead), verdicts)
    assert {(verdict.field, verdict.vendor_code) for verdict in refused} == {("account.name", "REQUIRED_FIELD_MISSING")}
