"""Field tables: what is behind a vendor's path, what tables cannot be, and what they make of extra values."""

from __future__ import annotations

from typing import Any

import pytest

from unilead import Field, FieldMap, Lead, PhoneSlots, custom_field_values, to_digits, to_integer

FIELDS = FieldMap(
    Field("last_name", "contact.surname"),
    Field("phone_numbers", convert=PhoneSlots({"mobile": ["mobile"], "phone": ["work"]})),
    Field("custom_fields", "extra"),
)
LEAD = Lead.parse(
    {
        "last_name": "Okafor",
        "phone_numbers": [{"number": "1", "type": "work"}, {"number": "2", "type": "mobile"}],
        "custom_fields": {"Fleet Size": 4},
        "remote_data": {"contact": {"nick": "Ines"}, "tags": ["hot"]},
    }
)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("contact.surname", "last_name"),
        ("contact.surname.0", "last_name"),
        ("mobile", "phone_numbers[1].number"),
        ("extra", "custom_fields"),
        ("extra.Fleet Size", "custom_fields.Fleet Size"),
        ("contact.nick", "remote_data.contact.nick"),
        ("tags", "remote_data.tags"),
        ("contact", "remote_data.contact"),
        ("contact.unknown", None),
        ("tags.0", None),
        ("", None),
        (None, None),
    ],
)
def test_source_of_a_vendor_path(path: str | None, source: str | None) -> None:
    assert FIELDS.source_of(path, LEAD) == source


def test_source_without_a_lead_is_the_field() -> None:
    assert FIELDS.source_of("mobile") == "phone_numbers"
    assert FIELDS.source_of("tags") is None


def test_source_of_an_overridden_field_is_what_overrides_it() -> None:
    lead = Lead.parse({"last_name": "Okafor", "remote_data": {"contact": {"surname": "Kos"}}})
    assert FIELDS.source_of("contact.surname", lead) == "remote_data.contact.surname"


@pytest.mark.parametrize("path", ["extra.No. of seats", "v1.2 key", "extra.empty"])
def test_source_of_an_overriding_name_with_dots(path: str) -> None:
    extra = {"extra": {"No. of seats": 5, "empty": None}, "v1.2 key": 1}
    assert FIELDS.source_of(path, Lead.parse({"last_name": "Okafor", "remote_data": extra})) == f"remote_data.{path}"


def test_custom_fields_do_not_change_what_a_converter_answered() -> None:
    defaults = {"channel": "api"}
    fields = FieldMap(Field("status", "extra", convert=lambda value: defaults), Field("custom_fields", "extra"))
    record, _ = fields.render(Lead.parse({"status": "new", "custom_fields": {"size": 4}}))
    assert record == {"extra": {"channel": "api", "size": 4}}
    assert defaults == {"channel": "api"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([Field("surname", "s")], "surname is not a field of Lead"),
        ([Field("title")], "title goes nowhere"),
        ([Field("owner.id")], "owner.id goes nowhere"),
        ([Field("title", "name"), Field("title", "label")], "title has two rows"),
    ],
)
def test_rows_that_lead_nowhere_or_twice_are_refused_when_the_table_is_made(rows: list[Field], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FieldMap(*rows)


def test_custom_fields_without_a_target_go_into_the_record_itself() -> None:
    fields = FieldMap(Field("title", "name"), Field("custom_fields"))
    assert fields.render(Lead.parse({"title": "T", "custom_fields": {"a.b": 1}}))[0] == {"name": "T", "a.b": 1}


@pytest.mark.parametrize("convert", [None, custom_field_values(lambda value: value)], ids=["as it is", "converted"])
@pytest.mark.parametrize("base", [{}, {"status": "new"}], ids=["alone", "merged"])
def test_what_goes_into_a_record_is_plain_and_can_be_changed(convert: Any, base: dict[str, Any]) -> None:
    given = {"list": [[1], {"a": [2]}], "object": {"b": {"c": [3]}}}
    lead = Lead.parse({**base, "custom_fields": given})
    fields = FieldMap(Field("status", "extra.status"), Field("custom_fields", "extra", convert=convert))
    record, _ = fields.render(lead)
    assert record == {"extra": base | given}
    _change(record)
    assert lead.custom_fields == given


def _change(value: Any) -> None:
    """Change every list and object, down to the innermost."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, (dict, list)):
            _change(item)
    value.clear()


@pytest.mark.parametrize("text", ["0", "007", "9" * 19])
def test_an_id_of_plain_digits_is_kept(text: str) -> None:
    assert to_digits(text) == text
    assert to_integer(text) == int(text)


@pytest.mark.parametrize("text", ["", "9" * 20, "-1", "7 ", "1_0", "٣", "1.0", "x7"])
def test_what_is_no_id_of_plain_digits_is_refused(text: str) -> None:
    for convert in (to_digits, to_integer):
        with pytest.raises(ValueError, match="whole number, written in digits"):
            convert(text)
