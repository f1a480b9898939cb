"""An Insightly client from the package index (``hpx-insightly``, after the vendor's own) against the simulator.

It writes paths in lower case and the key without the colon that unilead sends; the CRM takes both.
"""

from __future__ import annotations

from urllib.error import HTTPError

import pytest
from insightly import Insightly

from tests.interop.stand import Stand
from unilead import AuthError, RejectedError

SLUG = "insightly"
DIFFERENT = ("LEAD_ID", "DATE_CREATED_UTC", "DATE_UPDATED_UTC", "LINKED_EMAIL_ADDRESS")
RECORD = {
    "FIRST_NAME": "Mira",
    "LAST_NAME": "Lindqvist",
    "TITLE": "Purchasing Manager",
    "ORGANISATION_NAME": "Harbor Optics",
    "OWNER_USER_ID": 2917655,
    "LEAD_SOURCE_ID": 4410234,
    "EMAIL": "mira@harbor.example",
    "PHONE": "+46 8 555 010 20",
    "MOBILE": "+46 70 555 01 30",
    "FAX": "+46 8 555 010 21",
    "ADDRESS_STREET": "Kajgatan 4",
    "ADDRESS_CITY": "Stockholm",
    "ADDRESS_STATE": "Stockholms län",
    "ADDRESS_POSTCODE": "111 20",
    "ADDRESS_COUNTRY": "Sweden",
    "CUSTOMFIELDS": [
        {"FIELD_NAME": "Lead_Tier__c", "FIELD_VALUE": "Gold"},
        {"FIELD_NAME": "Interests__c", "FIELD_VALUE": "Hosting;Support"},
    ],
}
LEAD = {
    "first_name": "Mira",
    "last_name": "Lindqvist",
    "title": "Purchasing Manager",
    "account": {"name": "Harbor Optics"},
    "owner": {"id": "2917655"},
    "lead_source": "Fair",
    "email_addresses": [{"email": "mira@harbor.example"}],
    "phone_numbers": [
        {"number": "+46 8 555 010 20", "type": "work"},
        {"number": "+46 70 555 01 30", "type": "mobile"},
        {"number": "+46 8 555 010 21", "type": "fax"},
    ],
    "addresses": [
        {
            "street_1": "Kajgatan 4",
            "city": "Stockholm",
            "state": "Stockholms län",
            "postal_code": "111 20",
            "country": "Sweden",
        }
    ],
    "custom_fields": {"Lead_Tier__c": "Gold", "Interests__c": ["Hosting", "Support"]},
}


def client_for(stand: Stand, key: str | None = None) -> Insightly:
    """The client asks for the users as soon as it is made."""
    return Insightly(apikey=key or stand.settings["api_key"], dev=f"{stand.url}/v3.1")


def test_both_leave_the_same_lead(stand: Stand) -> None:
    client_for(stand).create("Leads", RECORD)
    stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert ours["ORGANISATION_NAME"] == "Harbor Optics"
    assert [call.path for call in stand.simulator.calls] == ["/v3.1/users", "/v3.1/leads", "/v3.1/Leads"]


def test_client_reads_what_unilead_wrote(stand: Stand) -> None:
    created = stand.create(LEAD).lead
    found = client_for(stand).get("leads", created.id)
    assert str(found["LEAD_ID"]) == created.id
    scalars = {name: value for name, value in RECORD.items() if name != "CUSTOMFIELDS"}
    assert {name: found[name] for name in scalars} == scalars
    values = {entry["FIELD_NAME"]: entry["FIELD_VALUE"] for entry in found["CUSTOMFIELDS"]}
    assert values == {"Lead_Tier__c": "Gold", "Interests__c": "Hosting;Support"}


def test_both_are_told_what_is_wrong(stand: Stand) -> None:
    long_title = "x" * 256
    with pytest.raises(HTTPError) as caught:
        client_for(stand).create("Leads", RECORD | {"TITLE": long_title})
    ours = stand.refusal(LEAD | {"title": long_title})
    with caught.value as theirs:
        words = theirs.read().decode()
    assert isinstance(ours, RejectedError)
    assert ours.fields == ("title",)
    assert theirs.code == ours.response.status == 400
    assert words == ours.message == "TITLE must be at most 255 characters long."
    assert stand.stored == []


def test_both_are_told_that_the_key_is_revoked(stand: Stand) -> None:
    revoked = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(HTTPError) as caught:
        client_for(stand, revoked)
    with caught.value as theirs:
        words = theirs.read().decode()
    ours = stand.refusal(LEAD, api_key=revoked)
    assert isinstance(ours, AuthError)
    assert theirs.code == ours.response.status == 401
    assert words == ours.message
