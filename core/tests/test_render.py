"""The JSON of a result: encoded in one go, it says the same as what `render` gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from unilead import CreatedLead, Response
from unilead.render import FORMATS, render, render_json
from unilead.testing.leads import answers

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.fixed_dictionaries(
    {"id": st.integers(1, 10**12)},
    optional={
        "title": TEXT | st.integers(),
        "owner": st.fixed_dictionaries({"id": TEXT}, optional={"odd": TEXT}),
        "phone_numbers": st.lists(st.fixed_dictionaries({}, optional={"number": TEXT, "odd": TEXT}), max_size=2),
        "custom_fields": st.dictionaries(TEXT, st.none() | TEXT | st.floats(-1, 1) | st.booleans(), max_size=3),
        "created_at": st.sampled_from(["2026-11-23T10:14:05.311Z", "yesterday", None]),
    },
)
EXCLUDED = st.lists(st.sampled_from(["id", "owner.id", "remote_data", "phone_numbers.number"]), max_size=2)


@given(VALUES, answers(), st.sampled_from(FORMATS), st.booleans(), EXCLUDED)
def test_encoded_at_once_or_rendered_first_is_the_same(
    values: dict[str, Any], answer: Any, format: Any, remote_data: bool, exclude: list[str]
) -> None:
    lead, response = CreatedLead(**values), Response.of(201, answer)
    choices: dict[str, Any] = {"format": format, "remote_data": remote_data, "exclude": exclude}
    assert json.loads(render_json(lead, response, **choices)) == json.loads(to_json(render(lead, response, **choices)))


@pytest.mark.parametrize("body", [b"", b"  ", b"created", b'\xef\xbb\xbf{"id": 5}', b"[NaN]", b"\xff"])
def test_any_body_rides_along(body: bytes) -> None:
    lead, response = CreatedLead(id=5), Response(200, {}, body)
    assert json.loads(render_json(lead, response)) == render(lead, response)


def test_a_batch_row_s_own_part_rides_along() -> None:
    lead = CreatedLead(id=5).of_part({"code": "SUCCESS"})
    response = Response.of(200, {"data": [{"code": "SUCCESS"}, {"code": "FAILURE"}]})
    assert json.loads(render_json(lead, response)) == render(lead, response)


def test_the_crm_s_body_rides_along_as_it_came() -> None:
    """Numbers that a decoder would round, or write in another form, stay as the CRM wrote them."""
    body = b'{"id": 5, "share": 0.10, "count": 1E2}'
    assert render_json(CreatedLead(id=5), Response(200, {}, body)).endswith(b'"remote_data":' + body + b"}")
