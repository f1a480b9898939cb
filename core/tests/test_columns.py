"""Which column goes where: guesses, the user's word, and the leads that come of it; B075."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unilead import InvalidLeadError, Lead
from unilead.importing.columns import Columns
from unilead.importing.files import FileError
from unilead.importing.places import all_places, choose, guess, place_of


def _lead(columns: dict[str, str], *cells: Any, nested: bool = False) -> dict[str, Any]:
    found = Columns(list(columns), columns, nested=nested).lead("line 2", list(cells))
    assert isinstance(found, Lead), found
    return found.model_dump(exclude_none=True)


def test_names_are_guessed_whatever_their_case_and_spelling() -> None:
    columns = ["First Name", "LAST_NAME", "E-Mail", "Email 2", "Phone", "Mobile", "Company", "Zip code", "contact.id",
               "email_addresses.7.type", "custom_fields.Score", "Shoe size"]  # fmt: skip
    assert guess(columns) == {
        "First Name": "first_name",
        "LAST_NAME": "last_name",
        "E-Mail": "email_addresses[0].email",
        "Email 2": "email_addresses[1].email",
        "Phone": "phone_numbers[0].number",
        "Mobile": "phone_numbers[mobile].number",
        "Company": "account.name",
        "Zip code": "addresses[0].postal_code",
        "contact.id": "contact.id",
        "email_addresses.7.type": "email_addresses[7].type",
        "custom_fields.Score": "custom_fields.Score",
    }


def test_every_place_is_guessed_from_its_own_name() -> None:
    places = all_places()
    assert guess(places) == dict(zip(places, places, strict=True))


def test_a_place_is_guessed_only_once() -> None:
    assert guess(["Surname", "Last name"]) == {"Surname": "last_name"}


def test_guesses_can_be_overruled_added_to_and_taken_back() -> None:
    columns = ["Name", "Mail", "Staff", "a=b"]
    chosen = choose(columns, ["Name=last_name", "Mail=", "Staff=custom_fields.staff", "a=b=title"])
    assert chosen == {"Name": "last_name", "Staff": "custom_fields.staff", "a=b": "title"}
    assert choose(["Mail", "Other"], ["Other=email_addresses[0].email"])["Mail"] == "email_addresses[1].email"


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("Nmae=last_name", "no column 'Nmae'"),
        ("Name=lastname", "no field 'lastname'"),
        ("Name", "not COLUMN=FIELD"),
        ("Name=email_addresses.email", "no field"),
        ("Name=email_addresses[100].email", "no field"),
        ("Name=email_addresses[0].mail", "no field"),
        ("Name=custom_fields", "no field"),
        ("Name=custom_fields.", "no field"),
        ("Name=remote_data.a..b", "no field"),
        ("Name=owner", "no field"),
        ("Name=owner.name", "no field"),
    ],
)
def test_b075_a_mapping_that_cannot_be_is_refused_before_the_first_row(pair: str, said: str) -> None:
    columns = ["Name", "First name"]
    with pytest.raises(FileError, match=said.replace("[", r"\[")) as caught:
        Columns(columns, choose(columns, [pair]))
    assert caught.value.hint or "COLUMN" in caught.value.message


def test_b075_two_columns_for_one_field_are_refused_and_a_guess_gives_way() -> None:
    columns = ["Name", "First name"]
    assert choose(columns, ["Name=first_name"]) == {"Name": "first_name"}
    with pytest.raises(FileError, match="columns Name and First name both go to first_name"):
        Columns(columns, choose(columns, ["Name=first_name", "First name=first_name"]))


def test_b075_a_field_as_a_whole_and_in_parts_is_refused() -> None:
    chosen = {"all": "phone_numbers", "Mobile": "phone_numbers[mobile].number"}
    with pytest.raises(FileError, match="columns all and Mobile both go to phone_numbers"):
        Columns(list(chosen), chosen, nested=True)


def test_b075_a_wrong_name_comes_with_the_right_one() -> None:
    with pytest.raises(FileError) as caught:
        place_of("frist_name")
    assert caught.value.hint == "did you mean first_name?"


def test_b074_a_file_without_a_header_is_refused() -> None:
    with pytest.raises(FileError, match="no column of this file is a field of a lead"):
        choose(["Ada", "Lovelace", "ada@x.example"], [])


def test_nested_places_make_a_nested_lead() -> None:
    columns = {
        "m2": "email_addresses[1].email", "m": "email_addresses[0].email", "t": "email_addresses[0].type",
        "cell": "phone_numbers[mobile].number", "p": "phone_numbers[0].number", "co": "account.name", "o": "owner.id",
        "x": "custom_fields.A.b", "r": "remote_data.properties.p", "s": "remote_data.properties.q",
    }  # fmt: skip
    assert _lead(columns, "2@x", "1@x", "work", "0170", "030", "Acme", "7", "cf", "rp", "rq") == {
        "email_addresses": ({"email": "1@x", "type": "work"}, {"email": "2@x"}),
        "phone_numbers": ({"number": "030"}, {"number": "0170", "type": "mobile"}),
        "account": {"name": "Acme"},
        "owner": {"id": "7"},
        "custom_fields": {"A.b": "cf"},
        "remote_data": {"properties": {"p": "rp", "q": "rq"}},
    }


def test_empty_cells_are_not_given() -> None:
    columns = {"n": "last_name", "m": "email_addresses[0].email", "o": "owner.id", "r": "remote_data.a.b"}
    assert _lead(columns, "", "", None, "") == {}
    assert _lead(columns, " ", "", "", "") == {"last_name": " "}, "text passes unchanged"


def test_numbers_become_text_and_whole_lists_pass() -> None:
    assert _lead({"z": "addresses[0].postal_code"}, 1067.0) == {"addresses": ({"postal_code": "1067"},)}
    assert _lead({"p": "phone_numbers"}, [{"number": 5}], nested=True) == {"phone_numbers": ({"number": "5"},)}


def test_a_bad_value_names_line_and_column() -> None:
    found = Columns(["When"], {"When": "created_at"}).lead("line 7", ["today"])
    assert isinstance(found, InvalidLeadError)
    assert found.message.startswith("line 7: column When: must be an RFC 3339")
    assert found.fields == ("created_at",)
    assert "today" not in found.message


def test_b076_a_bad_line_of_json_names_the_line() -> None:
    for text, said in (
        (b"{bad", "not valid JSON"),
        (b"[]", "JSON object"),
        (b'{"last_name": 1, "title": []}', "title"),
    ):
        found = Columns([], {}).lead("line 3", text)
        assert isinstance(found, InvalidLeadError)
        assert found.message.startswith("line 3: ") and said in found.message


@given(st.lists(st.text(max_size=5), min_size=3, max_size=3))
def test_what_is_in_a_cell_is_in_the_lead(cells: list[str]) -> None:
    columns = Columns(["a", "b", "c"], {"a": "last_name", "b": "phone_numbers[0].number", "c": "custom_fields.x"})
    values = columns.values(cells)
    kept = [values.get("last_name", ""), *(item["number"] for item in values.get("phone_numbers", [{"number": ""}]))]
    assert [*kept, values.get("custom_fields", {}).get("x", "")] == cells
