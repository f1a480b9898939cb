"""Zendesk Sell's own client (``basecrm``) against the simulator."""

from __future__ import annotations

import basecrm
import pytest

from tests.interop.stand import Stand
from unilead import AuthError, RateLimitError, RejectedError

SLUG = "zendesk-sell"
DIFFERENT = ("id", "created_at", "updated_at")
RECORD = {
    "first_name": "Inès",
    "last_name": "Okafor",
    "title": "Head of Logistics",
    "organization_name": "North Quay Freight",
    "owner_id": 1730540,
    "source_id": 880215,
    "email": "ines.okafor@northquay.example",
    "phone": "+44 20 7946 0018",
    "mobile": "+44 7700 900123",
    "address": {
        "line1": "14 Dock Road, Unit 3",
        "city": "Felixstowe",
        "state": "Suffolk",
        "postal_code": "IP11 3SY",
        "country": "GB",
    },
    "custom_fields": {"Fleet Size": 42, "Depots": ["Felixstowe", "Hull"]},
}
LEAD = {
    "first_name": "Inès",
    "last_name": "Okafor",
    "title": "Head of Logistics",
    "account": {"name": "North Quay Freight"},
    "owner": {"id": "1730540"},
    "lead_source": "Fair",
    "email_addresses": [{"email": "ines.okafor@northquay.example"}],
    "phone_numbers": [
        {"number": "+44 20 7946 0018", "type": "work"},
        {"number": "+44 7700 900123", "type": "mobile"},
    ],
    "addresses": [
        {
            "street_1": "14 Dock Road, Unit 3",
            "city": "Felixstowe",
            "state": "Suffolk",
            "postal_code": "IP11 3SY",
            "country": "GB",
        }
    ],
    "custom_fields": {"Fleet Size": 42, "Depots": ["Felixstowe", "Hull"]},
}


def client_for(stand: Stand, token: str | None = None) -> basecrm.Client:
    return basecrm.Client(access_token=token or stand.settings["access_token"], base_url=stand.url)


def test_both_leave_the_same_lead(stand: Stand) -> None:
    client_for(stand).leads.create(RECORD)
    stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert ours["organization_name"] == "North Quay Freight"


def test_client_reads_what_unilead_wrote(stand: Stand) -> None:
    created = stand.create(LEAD).lead
    found = client_for(stand).leads.retrieve(int(created.id))
    as_text = {"Fleet Size": "42", "Depots": ["Felixstowe", "Hull"]}  # Sell answers numbers of custom fields as text
    assert {name: found[name] for name in RECORD} == RECORD | {"custom_fields": as_text}
    assert str(found.id) == created.id
    assert [lead.email for lead in client_for(stand).leads.list(last_name="Okafor")] == [RECORD["email"]]


def test_both_are_told_what_is_wrong(stand: Stand) -> None:
    long_title = "x" * 256
    with pytest.raises(basecrm.ResourceError) as caught:
        client_for(stand).leads.create(RECORD | {"title": long_title})
    ours = stand.refusal(LEAD | {"title": long_title})
    assert isinstance(ours, RejectedError)
    (fault,) = caught.value.errors
    assert (fault.field, fault.code) == ("/title", ours.vendor_code)
    assert ours.fields == ("title",)
    assert caught.value.http_status == ours.response.status == 422
    assert caught.value.logref


def test_both_are_told_that_the_token_expired(stand: Stand) -> None:
    expired = "0" * 64
    with pytest.raises(basecrm.RequestError) as caught:
        client_for(stand, expired).leads.create(RECORD)
    ours = stand.refusal(LEAD, access_token=expired)
    assert isinstance(ours, AuthError)
    assert caught.value.http_status == ours.response.status == 401
    assert caught.value.errors[0].code == ours.vendor_code == "unauthorized"


def test_client_knows_a_throttled_answer(stand: Stand) -> None:
    stand.simulator.faults.throttle = 1
    with pytest.raises(basecrm.RateLimitError):
        client_for(stand).leads.create(RECORD)
    stand.simulator.faults.throttle = 100
    assert isinstance(stand.refusal(LEAD), RateLimitError)
    assert stand.stored == []
