"""Nutshell has no client that creates leads over REST: bodies both ways must fit the shapes that it publishes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interop.schema import Shapes, body_of
from tests.interop.stand import Stand
from unilead import AuthError, Lead, RateLimitError, Registry, RejectedError
from unilead.testing import leads

SLUG = "nutshell"
SHAPES = Shapes(SLUG)
PROVIDER = Registry(overrides=False).get(SLUG)
SAMPLE = PROVIDER.settings(PROVIDER.simulator().sample_settings)
LEAD = {
    "title": "Harbor Coffee - POS rollout",
    "owner": {"id": "35-users"},
    "contact": {"id": "55"},
    "account": {"id": "3-accounts"},
    "custom_fields": {"Contract length (months)": 24, "Region": "EMEA"},
    "remote_data": {
        "manualValue": "12500.00",
        "dueTime": {"timestamp": 1798761600},
        "links": {"sources": ["2-sources"]},
    },
}


def test_request_and_answer_fit_the_published_shapes(stand: Stand) -> None:
    result = stand.create(LEAD)
    sent = stand.simulator.calls[-1].json
    SHAPES.check("request", sent)
    SHAPES.check("answer", result.response.json)
    assert result.response.status == 201
    (stored,) = stand.stored
    assert stored["name"] == sent["leads"][0]["description"] == LEAD["title"]


def test_read_back_fits_the_published_shape(stand: Stand) -> None:
    result = stand.create(LEAD, read_back=True)
    assert stand.simulator.calls[-1].method == "GET"
    assert result.lead.lead_source == "Trade show"
    SHAPES.check("answer", stand.answer_to(PROVIDER.build_read_request(result.lead.id, SAMPLE)).json)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_lead_becomes_a_request_of_the_published_shape(data: st.DataObject) -> None:
    ids = {name: LEAD[name] for name in ("owner", "contact", "account")}
    lead: Lead = data.draw(leads({"title": "Harbor Coffee", "remote_data": None, **ids}))
    body = body_of(PROVIDER, lead, SAMPLE)
    if body is not None:
        SHAPES.check("request", without_free_values(body))


def without_free_values(body: dict[str, Any]) -> dict[str, Any]:
    """Custom fields hold what the caller gives; their forms other than text and number are not published."""
    fields = body["leads"][0].get("customFields", {})
    for name, value in fields.items():
        fields[name] = "object" if isinstance(value, dict) else value
    return body


@pytest.mark.parametrize(
    ("lead", "setting", "status", "field"),
    [
        ({"contact": {"id": "4040"}}, {"missing": {"4040-contacts"}}, 400, "contact"),
        ({"custom_fields": {"Gone": "x"}}, {"missing": {"Gone"}, "strict": True}, 400, "custom_fields"),
        ({"title": "Taken"}, {"duplicates": {"Taken"}}, 409, "title"),
    ],
)
def test_refusals_fit_the_recorded_shape(
    lead: dict[str, Any], setting: dict[str, Any], status: int, field: str, stand: Stand
) -> None:
    for name, value in setting.items():
        setattr(stand.simulator, name, value)
    refusal = stand.refusal({"title": "Harbor Coffee", **lead})
    assert isinstance(refusal, RejectedError)
    SHAPES.check("refusal", refusal.response.json)
    assert refusal.response.status == status
    assert refusal.fields[0].partition(".")[0] == field
    assert stand.stored == []


def test_a_wrong_key_draws_the_recorded_page(stand: Stand) -> None:
    refusal = stand.refusal(LEAD, api_key="0" * 40)
    assert isinstance(refusal, AuthError)
    assert refusal.response.status == 401
    assert refusal.response.headers["content-type"] == "text/html; charset=UTF-8"
    assert "<title>An Error Occurred: Unauthorized</title>" in refusal.response.text


def test_a_throttled_answer_has_the_short_shape(stand: Stand) -> None:
    stand.simulator.faults.throttle = 100
    refusal = stand.refusal(LEAD)
    assert isinstance(refusal, RateLimitError)
    SHAPES.check("short", refusal.response.json)
