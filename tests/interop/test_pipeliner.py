"""Pipeliner has no current client: bodies both ways must fit the shapes of its own OpenAPI description."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interop.schema import Shapes, body_of
from tests.interop.stand import Stand
from unilead import AuthError, Lead, Registry, RejectedError
from unilead.testing import leads

SLUG = "pipeliner"
SHAPES = Shapes(SLUG)
PROVIDER = Registry(overrides=False).get(SLUG)
SAMPLE = PROVIDER.settings(PROVIDER.simulator().sample_settings)
OWNER = "00000000-0000-0000-0000-000000008e97"
CONTACT = "0a31d4fd-1289-4326-ad1a-7dfa40c3ab48"
LEAD = {
    "name": "Harbor Coffee - POS rollout",
    "owner": {"id": OWNER},
    "description": "Met at the Trieste trade fair; wants twelve tills by spring.",
    "created_at": "2026-11-20T10:15:00+01:00",
    "remote_data": {
        "lead_source_id": "a456236f-6f23-4908-8bfd-384aa0f62f9e",
        "ranking": 7,
        "quick_contact_name": "Mira Kos",
        "contact_relations": [{"contact_id": CONTACT, "is_primary": True}],
        "cf_region": "EMEA",
    },
}


def test_request_and_answer_fit_the_published_shapes(stand: Stand) -> None:
    result = stand.create(LEAD)
    sent = stand.simulator.calls[-1].json
    SHAPES.check("request", sent)
    SHAPES.check("answer", result.response.json)
    assert result.response.status == 201
    (stored,) = stand.stored
    assert {name: stored[name] for name in ("name", "owner_id", "description", "ranking")} == {
        name: sent[name] for name in ("name", "owner_id", "description", "ranking")
    }
    assert result.lead.created_at == "2026-11-20T09:15:00Z"
    assert result.lead.contact.id == CONTACT


def test_read_back_fits_the_published_shape(stand: Stand) -> None:
    result = stand.create(LEAD, read_back=True)
    assert stand.simulator.calls[-1].method == "GET"
    assert result.lead.lead_source == "Trade show"
    SHAPES.check("answer", stand.answer_to(PROVIDER.build_read_request(result.lead.id, SAMPLE)).json)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_lead_becomes_a_request_of_the_published_shape(data: st.DataObject) -> None:
    lead: Lead = data.draw(leads({"name": "Harbor Coffee", "owner": {"id": OWNER}, "remote_data": None}))
    body = body_of(PROVIDER, lead, SAMPLE)
    if body is not None:
        SHAPES.check("request", body)


@pytest.mark.parametrize(
    ("lead", "setting", "status", "field"),
    [
        ({"owner": {"id": OWNER}}, {"missing": {OWNER}}, 422, "owner.id"),
        ({}, {"mandatory": {"owner_id"}}, 422, "owner.id"),
        ({"remote_data": {"sales_unit_id": OWNER}}, {}, 400, "remote_data.sales_unit_id"),
    ],
)
def test_refusals_fit_the_published_shape(
    lead: dict[str, Any], setting: dict[str, Any], status: int, field: str, stand: Stand
) -> None:
    for name, value in setting.items():
        setattr(stand.simulator, name, value)
    refusal = stand.refusal({"name": "Harbor Coffee", **lead})
    assert isinstance(refusal, RejectedError)
    SHAPES.check("error", refusal.response.json)
    assert refusal.response.status == status
    assert refusal.fields == (field,)
    assert stand.stored == []


def test_wrong_credentials_draw_the_framework_s_shape(stand: Stand) -> None:
    refusal = stand.refusal(LEAD, password="wrong")
    assert isinstance(refusal, AuthError)
    SHAPES.check("framework", refusal.response.json)
    assert refusal.response.headers["www-authenticate"] == 'Basic realm="restapi"'


def test_a_batch_refused_in_part_fits_the_published_shape(stand: Stand) -> None:
    stand.simulator.missing.add(OWNER)
    three = [{"name": "One"}, {"name": "Two", "owner": {"id": OWNER}}, {"name": "Three"}]
    batch, _ = PROVIDER.build_batch([PROVIDER.compose(Lead.parse(lead), SAMPLE) for lead in three], SAMPLE)
    for record in batch.json:
        SHAPES.check("request", record)
    SHAPES.check("batch", stand.answer_to(batch).json)
