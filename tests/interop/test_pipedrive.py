"""A Pipedrive client from the package index (``pipedrive-python-lib``) against the simulator.

It sends a personal API token as a query parameter, which the simulator takes only when told to; an OAuth token goes
into the header, as unilead sends it.
"""

from __future__ import annotations

from typing import Any

import pytest
from pipedrive.client import Client
from pipedrive.exceptions import BadRequestError, UnauthorizedError

from tests.interop.stand import Stand
from unilead import AuthError, RejectedError

DIFFERENT = ("id", "add_time", "update_time", "cc_email")
KEY = "9f0c4de1ab5c72e80b14d3a6927f6e5c1d2b3a4f"
RECORD = {
    "title": "Brightloom - 40 looms",
    "owner_id": 14502217,
    "person_id": 3391,
    "organization_id": 812,
    KEY: "Trade fair",
}
LEAD = {
    "title": "Brightloom - 40 looms",
    "owner": {"id": "14502217"},
    "contact": {"id": "3391"},
    "account": {"id": "812"},
    "custom_fields": {KEY: "Trade fair"},
}


@pytest.fixture
def stand(stand_of: Any) -> Stand:
    found: Stand = stand_of("pipedrive")
    found.simulator.token_in_query = True
    return found


def client_for(stand: Stand, token: str | None = None) -> Client:
    client = Client(domain=stand.url)
    client.set_api_token(token or stand.settings["api_token"])
    return client


def test_both_leave_the_same_lead(stand: Stand) -> None:
    client_for(stand).leads.create_lead(RECORD)
    stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert ours["person_id"] == 3391


def test_both_leave_the_same_lead_with_an_oauth_token(stand: Stand) -> None:
    (token,) = stand.simulator.access_tokens
    client = Client(domain=stand.url)
    client.set_access_token(token)
    client.leads.create_lead(RECORD)
    stand.create(LEAD, api_token=None, access_token=token)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert ours["origin"] == "Marketplace"


def test_client_reads_what_unilead_wrote(stand: Stand) -> None:
    created = stand.create(LEAD).lead
    answer = client_for(stand).leads.get_lead(created.id)
    assert answer["success"] is True
    assert {name: answer["data"][name] for name in RECORD} == RECORD
    assert [lead["id"] for lead in client_for(stand).leads.get_all_leads()["data"]] == [created.id]


def test_both_are_told_what_is_wrong(stand: Stand) -> None:
    with pytest.raises(BadRequestError) as caught:
        client_for(stand).leads.create_lead({"title": RECORD["title"]})
    ours = stand.refusal({"title": LEAD["title"]})
    assert isinstance(ours, RejectedError)
    assert caught.value.args[0] == ours.message
    assert ours.response.status == 400
    assert stand.stored == []


def test_both_are_told_that_the_token_expired(stand: Stand) -> None:
    expired = "0" * 40
    with pytest.raises(UnauthorizedError) as caught:
        client_for(stand, expired).leads.create_lead(RECORD)
    ours = stand.refusal(LEAD, api_token=expired)
    assert isinstance(ours, AuthError)
    assert caught.value.args[0] == ours.message == "unauthorized access"


def test_a_token_in_the_query_is_refused_unless_the_simulator_is_told(stand: Stand) -> None:
    stand.simulator.token_in_query = False
    with pytest.raises(UnauthorizedError):
        client_for(stand).leads.create_lead(RECORD)
