"""Advice names what is doubtful and changes nothing: B032, B038, B040, B042, B047."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from unilead import Lead
from unilead.advice import advise, country_code
from unilead.cli.group import run


def advised(**fields: Any) -> list[str]:
    return [note.field for note in advise(Lead.model_validate(fields), fields)]


@pytest.mark.parametrize(
    ("address", "doubtful"),
    [
        ("ada@example.com", False), ("müller@exämple.de", False), ("no-at-sign", True), ("a@b@c.com", True),
        ("ada@example.com.", True), (" ada@ example.com", True), ("a@localhost", True),
        ("x" * 65 + "@example.com", True), ("a@b.co\r\nBcc: x@y.com", True), ("ad\u202ea@example.com", True),
    ],
)  # fmt: skip
def test_b038_doubtful_addresses_are_named(address: str, doubtful: bool) -> None:
    assert advised(email_addresses=[{"email": address}]) == (["email_addresses[0].email"] if doubtful else [])


@pytest.mark.parametrize(
    ("number", "country", "doubtful"),
    [
        ("+1 650-253-0000 ext. 45", None, False), ("+49 30 901820", None, False), ("12345", None, True),
        ("12345", "US", True), ("1-800-FLOWERS", "USA", False), ("650 253 0000", "US", False), ("+", None, True),
        ("letters", "DE", True), ("9" * 300, "DE", True), ("６５０２５３００００", "US", False),
    ],
)  # fmt: skip
def test_b040_doubtful_numbers_are_named(number: str, country: str | None, doubtful: bool) -> None:
    found = advised(phone_numbers=[{"number": number}], addresses=[{"country": country}])
    assert found == (["phone_numbers[0].number"] if doubtful else [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("UK", "GB"), ("USA", "US"), ("us", "US"), ("Germany", "DE"), ("Deutschland", None), ("Korea", None),
        ("XK", "XK"), ("Niger", "NE"), ("Nigeria", "NG"), ("Türkiye", "TR"), ("South Korea", "KR"), ("", None),
    ],
)  # fmt: skip
def test_b042_countries_are_known_exactly_or_not_at_all(text: str, code: str | None) -> None:
    assert country_code(text) == code
    assert advised(addresses=[{"country": text}]) == (["addresses[0].country"] if text and code is None else [])


def test_b032_invisible_text_is_named() -> None:
    assert advised(title="\u200b\u200d", last_name="Okafor") == ["title"]


def test_b047_a_postal_code_that_was_a_number_is_named() -> None:
    assert advised(addresses=[{"postal_code": "01067"}, {"postal_code": 1067}]) == ["addresses[1].postal_code"]


def test_notes_show_no_value() -> None:
    notes = advise(Lead.model_validate({"email_addresses": [{"email": "secret-canary"}]}))
    assert notes and not any("canary" in note.message for note in notes)


@pytest.mark.parametrize(("installed", "advice"), [(True, ["email_addresses[0].email"]), (False, None)])
def test_check_gives_advice_where_the_extra_is_installed(
    installed: bool,
    advice: list[str] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not installed:
        monkeypatch.setitem(sys.modules, "unilead.advice", None)
    file = tmp_path / "lead.json"
    file.write_text('{"last_name": "Okafor", "email_addresses": [{"email": "nope"}]}', encoding="utf-8")
    assert run(["check", "--provider", "zendesk-sell", "--json", str(file)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["advice"] and [note["field"] for note in row["advice"]]) == advice
