"""What is kept under a key is answered again as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unilead import CreatedLead, Registry, RejectedError, Response
from unilead_host.parameters import FORMATS, LeadParameters
from unilead_host.verdicts import Created, Refused, restored

LEAD = CreatedLead(
    id=7,
    owner={"id": 8},
    custom_fields={"a": None, "b": [None, {"c": None}], "d": 1.0, "e": 12345678901234567890},
    email_addresses=[{"email": "a@b.co"}, {"type": "work"}],
    created_at="2026-11-23T10:00:00+02:00",
    converted_contact="9",
)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("body", [b'{"id":7,"x":null}', b"<lead id='7'/>", b"\xff\x00", b"[1.50]"])
def test_a_created_lead(format: Any, body: bytes) -> None:
    made = Created(
        LEAD, Response(201, {"content-type": "text/xml"}, body), ("status",), ("foo",), {"ratelimit-limit": "1"}
    )
    again = restored(json.loads(json.dumps(made.stored())))
    parameters = LeadParameters("", format, exclude=("owner.id",))
    first, second = made.answer(parameters), again.answer(parameters)
    assert (first.status, first.body, first.media_type) == (second.status, second.body, second.media_type)
    assert second.headers == {"Unified-Dropped-Fields": "status", "Unified-Unknown-Fields": "foo"}


def test_a_refusal(registry: Registry) -> None:
    error = RejectedError("no", response=Response.of(422, {"message": "no"}))
    made = Refused.of(error, registry.get("acme").info, {"foo": 1}, ("status",), {"ratelimit-limit": "1"})
    again = restored(json.loads(json.dumps(made.stored())))
    first, second = made.answer(LeadParameters("")), again.answer(LeadParameters(""))
    assert (first.status, first.body) == (second.status, second.body)
    assert first.headers == {"ratelimit-limit": "1", **second.headers}


@pytest.mark.parametrize("told", ["text/html\r\nX: 1", "", "é" * 10])
def test_a_media_type_that_is_none_is_not_passed_on(told: str) -> None:
    made = Created(LEAD, Response(200, {"content-type": told}, b"<x/>"))
    assert made.answer(LeadParameters("", "raw")).media_type == "text/plain"


def test_an_answer_keeps_every_digit_of_the_crm() -> None:
    made = Created(LEAD, Response(201, {}, b'{"price": 1.50}'))
    assert made.answer(LeadParameters("")).body.endswith(b',"remote_data":{"price": 1.50}}')


@pytest.mark.parametrize("exclude", [(), ("title",)])
def test_a_number_too_large_for_json_is_null(exclude: tuple[str, ...]) -> None:
    made = Created(CreatedLead(id=7, custom_fields={"x": float("inf")}), Response(201, {}, b"{}"))
    answer = made.answer(LeadParameters("", exclude=exclude))
    assert json.loads(answer.body)["custom_fields"] == {"x": None}
    assert answer.value == json.loads(answer.body)
