"""The two tables of the unified API, cell by cell, and what each type accepts."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest

from unilead import CreatedLead, InvalidLeadError, Lead, parse_timestamp, utc_text

REQUEST_TABLE = {
    "title": "string", "owner": "object", "owner.id": "string", "contact": "object", "contact.id": "string",
    "account": "object", "account.id": "string", "account.name": "string", "custom_fields": "object",
    "first_name": "string", "last_name": "string", "lead_source": "string", "email_addresses": "array",
    "email_addresses[].email": "string", "email_addresses[].type": "string", "phone_numbers": "array",
    "phone_numbers[].number": "string", "phone_numbers[].extension": "string", "phone_numbers[].type": "string",
    "phone_numbers[].email": "string", "phone_numbers[].is_primary": "string", "addresses": "array",
    "addresses[].street_1": "string", "addresses[].street_2": "string", "addresses[].city": "string",
    "addresses[].state": "string", "addresses[].postal_code": "string", "addresses[].country": "string",
    "addresses[].type": "string", "converted_contact": "object", "converted_contact.id": "string",
    "converted_account": "object", "converted_account.id": "string", "description": "scalar", "industry": "scalar",
    "website": "scalar", "number_of_employees": "scalar", "name": "scalar", "created_at": "date-time",
    "lead_type": "string", "status": "string", "remote_data": "object",
}  # fmt: skip
RESPONSE_TABLE = {
    "id": "string", "owner": "object", "owner.id": "string", "lead_source": "string", "lead_type": "string",
    "status": "string", "title": "string", "contact": "object", "contact.id": "string", "account": "object",
    "account.id": "string", "first_name": "string", "last_name": "string", "addresses": "array",
    "addresses[].street_1": "string", "addresses[].street_2": "string", "addresses[].city": "string",
    "addresses[].state": "string", "addresses[].postal_code": "string", "addresses[].country": "string",
    "addresses[].type": "string", "email_addresses": "array", "email_addresses[].email": "string",
    "email_addresses[].type": "string", "phone_numbers": "array", "phone_numbers[].number": "string",
    "phone_numbers[].extension": "string", "phone_numbers[].type": "string", "custom_fields": "object",
    "last_activity_at": "date-time", "created_at": "date-time", "updated_at": "date-time",
    "converted_at": "date-time", "converted_contact": "string", "converted_account": "string", "urls": "array",
    "urls[].url": "string", "urls[].type": "string",
}  # fmt: skip
TOLERATED = {
    "email_addresses[].is_primary",
    "addresses[].is_primary",
    "phone_numbers[].email",
    "phone_numbers[].is_primary",
}


def _table(model: Any) -> dict[str, str]:
    """Read a model's JSON Schema as a table of paths to types."""
    schema = model.model_json_schema()
    found: dict[str, str] = {}

    def walk(prefix: str, node: dict[str, Any]) -> None:
        for name, member in node["properties"].items():
            kinds = [kind for kind in member.get("anyOf", [member]) if kind.get("type") != "null"]
            kind = kinds[0]
            target = schema["$defs"][kind["$ref"].split("/")[-1]] if "$ref" in kind else kind
            if target.get("type") == "array":
                found[prefix + name] = "array"
                walk(f"{prefix}{name}[].", schema["$defs"][target["items"]["$ref"].split("/")[-1]])
            elif "properties" in target:
                found[prefix + name] = "object"
                walk(f"{prefix}{name}.", target)
            else:
                scalar = target["type"] == ["string", "number"]
                found[prefix + name] = "scalar" if scalar else target.get("format", target["type"])

    walk("", schema)
    return found


def test_lead_is_the_request_table() -> None:
    found = _table(Lead)
    assert {path: kind for path, kind in found.items() if path not in TOLERATED} == {
        path: kind for path, kind in REQUEST_TABLE.items() if path not in TOLERATED
    }
    assert set(REQUEST_TABLE) <= set(found)
    assert [path for path in found if "." not in path] == [path for path in REQUEST_TABLE if "." not in path]


def test_created_lead_is_the_response_table() -> None:
    found = _table(CreatedLead)
    assert {path: kind for path, kind in found.items() if path not in TOLERATED} == RESPONSE_TABLE
    assert [path for path in found if "." not in path] == [path for path in RESPONSE_TABLE if "." not in path]


def test_every_field_is_described() -> None:
    for model in (Lead, CreatedLead):
        assert all(field.description for field in model.model_fields.values())


def test_phone_type_names_its_enum() -> None:
    phone = Lead.model_json_schema()["$defs"]["PhoneNumber"]["properties"]["type"]
    assert phone["enum"] == ["primary", "secondary", "work", "mobile", "fax"]


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (5.0, "5"), (5.25, "5.25"), (1e21, "1" + "0" * 21), ("5.0", "5.0")]
)
def test_b020_numbers_become_their_shortest_decimal_text(value: Any, text: str) -> None:
    assert Lead.parse({"last_name": value}).last_name == text


def _refusal(data: Any) -> tuple[str, str]:
    with pytest.raises(InvalidLeadError) as caught:
        Lead.parse(data)
    problem = caught.value.problems[0]
    return problem.field, problem.code


@pytest.mark.parametrize(
    ("data", "field", "code"),
    [
        ({"last_name": True}, "last_name", "wrong_type"),
        ({"last_name": []}, "last_name", "wrong_type"),
        ({"last_name": {}}, "last_name", "wrong_type"),
        ({"owner": "7"}, "owner", "wrong_type"),
        ({"owner": 7}, "owner", "wrong_type"),
        ({"owner": [{"id": "7"}]}, "owner", "wrong_type"),
        ({"owner": {"id": {}}}, "owner.id", "wrong_type"),
        ({"owner": {"id": True}}, "owner.id", "wrong_type"),
        ({"email_addresses": {}}, "email_addresses", "wrong_type"),
        ({"email_addresses": "a@b"}, "email_addresses", "wrong_type"),
        ({"email_addresses": ["a@b"]}, "email_addresses[0]", "wrong_type"),
        ({"email_addresses": [{}, None]}, "email_addresses[1]", "wrong_type"),
        ({"phone_numbers": [{}] * 1001}, "phone_numbers", "too_many_items"),
        ({"custom_fields": []}, "custom_fields", "wrong_type"),
        ({"custom_fields": {"": 1}}, "custom_fields", "empty_name"),
        ({"custom_fields": {" ": 1}}, "custom_fields", "empty_name"),
        ({"custom_fields": {"a": [float("nan")]}}, "custom_fields", "invalid_number"),
        ({"remote_data": "x"}, "remote_data", "wrong_type"),
        ({"remote_data": 5}, "remote_data", "wrong_type"),
        ({"converted_contact": "x"}, "converted_contact", "wrong_type"),
        ({"description": {}}, "description", "wrong_type"),
        ({"description": True}, "description", "wrong_type"),
    ],
)
def test_b021_to_b034_wrong_types_are_named(data: Any, field: str, code: str) -> None:
    assert _refusal(data) == (field, code)


def test_b022_and_b023_empty_values_are_accepted() -> None:
    lead = Lead.parse(
        {"owner": {}, "contact": {"id": None}, "email_addresses": [{}], "custom_fields": None, "title": None}
    )
    assert lead.owner is not None and lead.owner.id is None


@pytest.mark.parametrize(
    ("given", "text"), [(True, "true"), ("TRUE", "TRUE"), (1, "1"), ("yes", "yes"), (False, "false")]
)
def test_b024_is_primary_is_text(given: Any, text: str) -> None:
    phones = Lead.parse({"phone_numbers": [{"is_primary": given}]}).phone_numbers
    assert phones is not None and phones[0].is_primary == text


def test_b027_names_of_custom_fields_are_only_names() -> None:
    names = ["/a/b", "~0", "a.b", "a[0]", "$ref", "__proto__", "constructor", "Id", "a\nb", "🎈", "x" * 300]
    lead = Lead.parse({"custom_fields": dict.fromkeys(names, 1)})
    assert list(lead.custom_fields or ()) == names


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("1.50", 1.5),
        ("45", 45),
        ("1E+5", 100_000),
        ("123456789012345.67", 123456789012345.67),
        ("0.12345678901234567891", "0.12345678901234567891"),
        ("1E+400", "1" + "0" * 400),
    ],
)
def test_a_decimal_is_a_number_of_json(given: str, number: Any) -> None:
    """As text it would be refused by CRMs that want a number; its digits are kept where a float would lose some."""
    lead = Lead.parse({"custom_fields": {"a": Decimal(given)}, "remote_data": {"b": [{"c": Decimal(given)}]}})
    assert lead.custom_fields == {"a": number} and lead.remote_data == {"b": [{"c": number}]}
    assert type((lead.custom_fields or {})["a"]) is type(number)


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_a_decimal_that_json_has_no_number_for_is_refused(number: str) -> None:
    with pytest.raises(InvalidLeadError) as caught:
        Lead.parse({"custom_fields": {"a": Decimal(number)}})
    assert caught.value.fields == ("custom_fields",)


def test_b033_unknown_keys_are_kept_aside() -> None:
    assert Lead.parse({"foo": 1, "lastName": "x", "id": "5"}).unknown == ("foo", "lastName", "id")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2026-11-23T10:00:00Z", True), ("2026-11-23T10:00:00+02:00", True), ("2026-11-23t10:00:00.5z", True),
        ("9999-12-31T23:59:59Z", True), ("2026-11-23", False), ("23.11.2026", False), ("1700000000", False),
        ("0001-01-01T00:00:00+05:00", False), ("9999-12-31T23:59:59-05:00", False),
        ("0000-01-01T00:00:00Z", False), ("2026-12-31T23:59:60Z", False), ("2026-02-30T00:00:00Z", False),
        ("2026-11-23T10:00:00", False),
    ],
)  # fmt: skip
def test_b044_created_at_is_rfc_3339(text: str, fits: bool) -> None:
    if fits:
        assert Lead.parse({"created_at": text}).created_at == text
    else:
        assert _refusal({"created_at": text}) == ("created_at", "invalid_date_time")


def test_times_are_written_in_utc() -> None:
    assert utc_text(parse_timestamp("2026-11-23T12:00:00+02:00")) == "2026-11-23T10:00:00Z"


def test_f096_leads_cannot_be_changed() -> None:
    lead = Lead.parse({"last_name": "O", "custom_fields": {"a": [1, {"b": 2}]}})
    fields = lead.custom_fields
    assert fields is not None
    for change in (
        lambda: setattr(lead, "last_name", "x"),
        lambda: fields.update(a=1),
        lambda: fields["a"].append(1),
        lambda: fields["a"][1].clear(),
    ):
        with pytest.raises((TypeError, ValueError)):
            change()
    assert pickle.loads(pickle.dumps(lead)) == lead


def test_reprs_show_no_values() -> None:
    lead = Lead.parse(
        {"last_name": "canary", "email_addresses": [{"email": "canary@x"}], "custom_fields": {"a": "canary"}}
    )
    created = CreatedLead(id=1, last_name="canary")
    assert "canary" not in f"{lead!r}{lead}{created!r}{lead.email_addresses!r}"


def test_a_repr_names_the_fields_that_are_given() -> None:
    assert repr(Lead.parse({"last_name": "Lovelace", "colour": "red"})) == "Lead(last_name=Ellipsis)"


def test_odd_details_do_not_hide_a_created_lead() -> None:
    created = CreatedLead(id=5, title={"x": 1}, created_at="yesterday", owner={"id": 7})
    assert (created.id, created.title, created.created_at) == ("5", None, None)
    assert created.owner is not None and created.owner.id == "7"


@pytest.mark.parametrize("depth", range(29, 35))
@pytest.mark.parametrize(
    "lead", ['{"owner":{"id":"1","x":%s}}', '{"email_addresses":[{"email":"a@b.example","x":%s}]}', '{"x":%s}']
)
def test_bytes_and_text_may_be_nested_equally_deep(lead: str, depth: int) -> None:
    text = lead % ("[" * depth + "]" * depth)
    assert _codes(text) == _codes(text.encode())


def _codes(data: str | bytes) -> list[str]:
    try:
        Lead.parse(data)
    except InvalidLeadError as error:
        return [problem.code for problem in error.problems]
    return []
