"""HubSpot's newer client (``hubspot-sdk``) against the simulator: it speaks a dated version of the API, ``2026-03``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot_sdk import AuthenticationError, BadRequestError, ConflictError, HubSpot, RateLimitError

from tests.interop.stand import Stand
from tests.interop.test_hubspot import DIFFERENT, LEAD, LINKS, PROPERTIES
from unilead import AuthError, DuplicateLeadError, RejectedError


@pytest.fixture
def stand(stand_of: Any) -> Stand:
    found: Stand = stand_of("hubspot")
    found.settings["api_version"] = "2026-03"
    return found


@pytest.fixture
def client(stand: Stand) -> Iterator[HubSpot]:
    with HubSpot(access_token=stand.settings["access_token"], base_url=stand.url, max_retries=0) as found:
        yield found


def test_both_leave_the_same_lead(stand: Stand, client: HubSpot) -> None:
    client.crm.objects.leads.create(properties=PROPERTIES, associations=LINKS)
    stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    first, second = stand.simulator.calls
    assert first.path == second.path == "/crm/objects/2026-03/leads"
    assert first.json == second.json


def test_client_reads_what_unilead_wrote(stand: Stand, client: HubSpot) -> None:
    created = stand.create(LEAD, read_back=True).lead
    mirrors = {"hs_lead_source": created.lead_source, "hs_associated_contact_lastname": created.last_name}
    names = [*PROPERTIES, *mirrors]
    found = client.crm.objects.leads.get(created.id, properties=names, associations=["contacts"])
    assert found.id == created.id
    assert {name: found.properties[name] for name in PROPERTIES} == PROPERTIES
    assert {name: found.properties[name] for name in mirrors} == mirrors
    assert None not in mirrors.values()
    assert found.archived is False


def test_both_are_told_what_is_wrong(stand: Stand, client: HubSpot) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.crm.objects.leads.create(properties=PROPERTIES | {"hs_lead_nme": "x"}, associations=LINKS)
    ours = stand.refusal(LEAD | {"custom_fields": {"hs_lead_nme": "x"}})
    assert isinstance(ours, RejectedError)
    assert ours.fields == ("custom_fields.hs_lead_nme",)
    assert ours.response.status == caught.value.status_code == 400
    assert caught.value.body["category"] == ours.response.json["category"] == "VALIDATION_ERROR"


def test_both_are_told_that_a_value_is_taken(stand: Stand, client: HubSpot) -> None:
    stand.simulator.taken.add("A-17")
    with pytest.raises(ConflictError) as caught:
        client.crm.objects.leads.create(properties=PROPERTIES | {"external_key": "A-17"}, associations=LINKS)
    ours = stand.refusal(LEAD | {"custom_fields": {"external_key": "A-17"}})
    assert isinstance(ours, DuplicateLeadError)
    assert caught.value.body["message"] == ours.message
    assert ours.existing_id is not None
    assert ours.existing_id in caught.value.body["message"]


def test_both_are_told_that_the_token_expired(stand: Stand, client: HubSpot) -> None:
    stand.simulator.access_tokens.clear()
    with pytest.raises(AuthenticationError) as caught:
        client.crm.objects.leads.create(properties=PROPERTIES, associations=LINKS)
    ours = stand.refusal(LEAD)
    assert isinstance(ours, AuthError)
    assert caught.value.body["category"] == "EXPIRED_AUTHENTICATION"


def test_client_knows_a_throttled_answer(stand: Stand, client: HubSpot) -> None:
    stand.simulator.faults.throttle = 1
    with pytest.raises(RateLimitError):
        client.crm.objects.leads.create(properties=PROPERTIES, associations=LINKS)
    assert stand.stored == []


def test_client_reads_a_batch_that_was_refused_in_part(stand: Stand, client: HubSpot) -> None:
    inputs = [
        {"properties": PROPERTIES | {"hs_lead_label": label}, "associations": LINKS, "objectWriteTraceId": trace}
        for trace, label in (("one", "HOT"), ("two", "LUKEWARM"), ("three", "COLD"))
    ]
    answer = client.crm.objects.leads.batch.create(inputs=inputs)
    assert answer.status == "COMPLETE"
    assert [row.properties["hs_lead_label"] for row in answer.results] == ["HOT", "COLD"]
    (refused,) = answer.model_extra["errors"]  # the client's own model has no place for them
    assert refused["context"]["objectWriteTraceId"] == ["two"]
