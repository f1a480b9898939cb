"""The lead as a form: made from the schema, and nothing is lost on the way there and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unilead import Lead
from unilead.testing.leads import leads
from unilead_host.page.forms import FormError, groups, lead_from_form
from unilead_host.page.matrix import schema_rows


def inputs_of(lead: dict[str, Any]) -> dict[str, str]:
    return {entry.name: entry.value for group in groups(lead) for entry in group.inputs}


def test_the_form_has_an_input_for_every_field_of_the_schema() -> None:
    names = [entry.name.replace("[0]", "[]") for group in groups({}) for entry in group.inputs]
    rows = schema_rows("request")
    parents = {row.parent for row in rows if row.parent}
    leaves = {row.path for row in rows if row.path not in parents and f"{row.path}[]" not in parents}
    assert sorted(names) == sorted(leaves)
    assert {name.split(".")[0].removesuffix("[]") for name in names} == set(Lead.model_fields)


@given(leads())
def test_a_lead_that_nobody_edits_comes_back_as_it_was(lead: Lead) -> None:
    given = json.loads(lead.model_dump_json(exclude_unset=True))
    sent = {name: text.replace("\r\n", "\n").replace("\n", "\r\n") for name, text in inputs_of(given).items()}
    assert lead_from_form(sent, given) == given


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(list(Lead.model_fields)) | st.text(), json_values))
def test_any_object_survives_the_form(value: dict[str, Any]) -> None:
    assert lead_from_form(inputs_of(value), value) == value


def test_inputs_make_a_lead() -> None:
    filled = {
        "last_name": "Lovelace",
        "account.name": "Engine Works",
        "email_addresses[0].email": "ada@example.com",
        "custom_fields": '{"region": "EMEA"}',
    }
    assert lead_from_form(inputs_of({}) | filled, {}) == {
        "last_name": "Lovelace",
        "account": {"name": "Engine Works"},
        "email_addresses": [{"email": "ada@example.com"}],
        "custom_fields": {"region": "EMEA"},
    }


def test_what_the_form_does_not_show_stays() -> None:
    base = {"phone_numbers": [{"number": "1"}, {"number": "2"}], "other": 5, "name": 7}
    lead = lead_from_form(inputs_of(base) | {"phone_numbers[0].number": "9"}, base)
    assert lead == {"phone_numbers": [{"number": "9"}, {"number": "2"}], "other": 5, "name": 7}


def test_an_emptied_input_takes_the_value_away_and_what_held_it() -> None:
    base = {"title": "x", "account": {"id": "1"}, "email_addresses": [{"email": "a"}], "owner": {"id": "1", "x": 2}}
    emptied = {"title": " ", "account.id": "", "email_addresses[0].email": "", "owner.id": ""}
    assert lead_from_form(inputs_of(base) | emptied, base) == {"owner": {"x": 2}}


@pytest.mark.parametrize("text", ["x", "[1]", "5", '{"a":', "[" * 100_000])
def test_an_object_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(FormError, match=r"^custom_fields must be a JSON object"):
        lead_from_form({"custom_fields": text}, {})


pytest_anyio = pytest.mark.anyio


@pytest_anyio
async def test_the_editor_can_be_switched_and_switched_back(console: Any) -> None:
    lead = {"last_name": "Lovelace", "email_addresses": [{"email": "a@example.com"}, {"email": "b@example.com"}]}
    page = await console.post("/console", {"mode": "json", "lead": json.dumps(lead)})
    form = {
        box.attributes["name"]: box.attributes["value"] for box in page.dom.all("input") if "value" in box.attributes
    }
    form |= {area.attributes["name"]: area.text for area in page.dom.all("textarea")}
    assert form["in.email_addresses[0].email"] == "a@example.com"
    form |= {"mode": "form", "in.first_name": "Ada"}
    checked = await console.post("/console/check", form)
    assert checked.dom.one("input", name="in.first_name").attributes["value"] == "Ada"
    page = await console.post("/console", form)
    assert json.loads(page.dom.one("textarea", id="lead").text) == {**lead, "first_name": "Ada"}


@pytest_anyio
async def test_a_wrong_object_in_the_form_is_explained(console: Any) -> None:
    page = await console.post("/console/check", {"mode": "form", "base": "{}", "in.custom_fields": "x"})
    assert "custom_fields must be a JSON object" in page.dom.one("div", id="mistake").text


@pytest_anyio
async def test_what_is_no_lead_cannot_be_edited_as_a_form(console: Any) -> None:
    page = await console.post("/console", {"mode": "json", "lead": "{"})
    assert page.dom.one("textarea", id="lead").text == "{"
    page = await console.post("/console/check", {"mode": "form", "base": "[", "in.last_name": "L"})
    assert page.dom.one("input", name="in.last_name").attributes["value"] == "L"
