"""What CRMs answer, in the form of the schema."""

from __future__ import annotations

from unilead import CreatedLead, RejectedError, Response, one_address, reference, row_verdict, typed_items


def test_single_fields_become_lists_of_what_is_there() -> None:
    assert typed_items("number", work="1", mobile=None, fax="") == [{"number": "1", "type": "work"}]
    assert typed_items("email", primary=None) is None


def test_an_empty_address_is_none() -> None:
    assert one_address(street_1=None, city="") is None
    assert one_address(street_1=None, city="Oslo") == [{"street_1": None, "city": "Oslo", "type": "primary"}]


def test_only_an_id_makes_a_reference() -> None:
    assert [reference(number) for number in (None, "", 0, 7)] == [None, None, None, {"id": 7}]


def test_they_are_what_a_created_lead_takes() -> None:
    lead = CreatedLead(
        id=1, owner=reference(7), addresses=one_address(city="Oslo"), phone_numbers=typed_items("number", fax=5)
    )
    assert lead.owner and lead.addresses and lead.phone_numbers
    assert (lead.owner.id, lead.addresses[0].city, lead.phone_numbers[0].number) == ("7", "Oslo", "5")


def test_a_created_row_notes_its_own_part() -> None:
    row = Response.of(200, [{"id": 7}, {"id": 8}]).part({"id": 8})
    created = row_verdict(row, lambda: CreatedLead(id=row.json["id"]))
    assert (created.id, created.part) == ("8", {"id": 8})  # type: ignore[union-attr]


def test_a_row_that_cannot_be_read_is_unknown_and_raises_nothing() -> None:
    row = Response.of(200, {"id": 7})
    assert row_verdict(row, lambda: CreatedLead(id=row.json["id"])).id == "7"  # type: ignore[union-attr]
    refused = RejectedError("no")

    def refuse() -> CreatedLead:
        raise refused

    assert row_verdict(row, refuse) is refused
    for judge in (lambda: row.json["name"], lambda: row.json.x, lambda: row.json["id"][1], lambda: CreatedLead(id={})):
        odd = row_verdict(row, judge)
        assert (odd.outcome, odd.response) == ("unknown", row)  # type: ignore[union-attr]
