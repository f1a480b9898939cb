"""HubSpot's own client (``hubspot-api-client``, generated from its API description) against the simulator.

It speaks the older version of the API, so unilead is set to it where both must leave the same record.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hubspot import Client
from hubspot.crm.objects.leads import ApiException, SimplePublicObjectInputForCreate
from hubspot.crm.objects.leads.models import (
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchResponseSimplePublicObjectWithErrors,
    SimplePublicObjectBatchInputForCreate,
)

from tests.interop.stand import Stand
from unilead import AuthError, RejectedError

DIFFERENT = ("id", "hs_object_id", "createdAt", "updatedAt", "hs_createdate", "hs_lastmodifieddate", "url")
LINKS = [
    {"to": {"id": "214550193"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}]},
    {"to": {"id": "9887120045"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 610}]},
]
PROPERTIES = {
    "hs_lead_name": "Fjord Analytics - renewal",
    "hs_lead_type": "NEW_BUSINESS",
    "hs_lead_label": "WARM",
    "hubspot_owner_id": "81490377",
    "preferred_region": "nordics",
    "seat_estimate": "45",
    "wants_demo": "true",
    "interest_areas": "reporting;forecasting",
}
LEAD = {
    "title": "Fjord Analytics - renewal",
    "contact": {"id": "214550193"},
    "account": {"id": "9887120045"},
    "owner": {"id": "81490377"},
    "lead_type": "NEW_BUSINESS",
    "status": "WARM",
    "custom_fields": {
        "preferred_region": "nordics",
        "seat_estimate": 45,
        "wants_demo": True,
        "interest_areas": ["reporting", "forecasting"],
    },
}


@pytest.fixture
def stand(stand_of: Any) -> Stand:
    found: Stand = stand_of("hubspot")
    found.settings["api_version"] = "v3"
    return found


def leads_api(stand: Stand, token: str | None = None) -> Any:
    """HubSpot's client for leads, pointed at the simulator."""
    return Client.create(access_token=token or stand.settings["access_token"], host=stand.url).crm.objects.leads


def lead_of(**properties: str) -> SimplePublicObjectInputForCreate:
    return SimplePublicObjectInputForCreate(properties=PROPERTIES | properties, associations=LINKS)


def test_both_leave_the_same_lead(stand: Stand) -> None:
    leads_api(stand).basic_api.create(lead_of())
    stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert ours["properties"]["interest_areas"] == "reporting;forecasting"
    assert [call.path for call in stand.simulator.calls] == ["/crm/v3/objects/leads"] * 2


def test_client_reads_what_unilead_wrote(stand: Stand) -> None:
    created = stand.create(LEAD).lead
    names = [*PROPERTIES, "hs_associated_contact_email"]
    found = leads_api(stand).basic_api.get_by_id(created.id, properties=names, associations=["contacts", "companies"])
    assert found.id == created.id
    assert {name: found.properties[name] for name in PROPERTIES} == PROPERTIES
    assert [link.id for link in found.associations["contacts"].results] == ["214550193"]
    assert [link.id for link in found.associations["companies"].results] == ["9887120045"]
    assert found.created_at == datetime.fromisoformat(created.created_at)


def test_both_are_told_what_is_wrong(stand: Stand) -> None:
    with pytest.raises(ApiException) as caught:
        leads_api(stand).basic_api.create(lead_of(hs_lead_label="LUKEWARM"))
    ours = stand.refusal(LEAD | {"status": "LUKEWARM"})
    assert isinstance(ours, RejectedError)
    assert ours.fields == ("status",)
    assert caught.value.status == ours.response.status == 400
    assert '"category":"VALIDATION_ERROR"' in caught.value.body
    assert stand.stored == []


def test_both_are_told_that_the_token_expired(stand: Stand) -> None:
    stand.simulator.access_tokens.clear()
    with pytest.raises(ApiException) as caught:
        leads_api(stand).basic_api.create(lead_of())
    ours = stand.refusal(LEAD)
    assert isinstance(ours, AuthError)
    assert caught.value.status == ours.response.status == 401
    assert '"category":"EXPIRED_AUTHENTICATION"' in caught.value.body


def test_client_reads_a_batch_that_was_refused_in_part(stand: Stand) -> None:
    entries = [
        SimplePublicObjectBatchInputForCreate(
            properties=PROPERTIES | {"hs_lead_label": label}, associations=LINKS, object_write_trace_id=trace
        )
        for trace, label in (("one", "HOT"), ("two", "LUKEWARM"), ("three", "COLD"))
    ]
    api = leads_api(stand).batch_api
    answer = api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=entries))
    assert isinstance(answer, BatchResponseSimplePublicObjectWithErrors)
    assert [row.properties["hs_lead_label"] for row in answer.results] == ["HOT", "COLD"]
    assert answer.num_errors == 1
    assert answer.errors[0].context["objectWriteTraceId"] == ["two"]
