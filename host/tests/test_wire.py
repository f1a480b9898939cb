"""The pure parts of an answer: messages, insights, headers, phrases."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unilead.testing.leads import answers
from unilead_host.flights import Flights
from unilead_host.lead_errors import first_message, missing_scopes
from unilead_host.verdicts import discreet
from unilead_host.wire import error_body, new_request_id, phrase, warning_headers


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"message": "a", "detail": "b"}, "a"),
        ({"detail": "b", "errors": [{"message": "a"}]}, "b"),
        ({"errors": [{"detail": "b"}, {"message": "a"}]}, "a"),
        ([{"message": ""}, {"message": "a"}], "a"),
        ({"error": {"error_description": "a"}}, "a"),
        ({"message": {"message": "a"}}, "a"),
        ({"message": 5, "x": [[[{"msg": "a"}]]]}, "a"),
        ("text", ""), (None, ""), ([], ""), ({"code": "X"}, ""),
    ],
)  # fmt: skip
def test_the_first_useful_text_is_found_level_by_level(raw: Any, message: str) -> None:
    assert first_message(raw) == message


@given(answers())
def test_any_answer_has_a_message(raw: Any) -> None:
    assert isinstance(first_message(raw), str)
    assert isinstance(missing_scopes(raw), list)


def test_s057_a_large_answer_is_searched_in_no_time() -> None:
    start = time.process_time()
    assert first_message([[{"x": 1}] * 200_000, {"deep": [{"message": "a"}]}]) == "a"
    assert time.process_time() - start < 1.0  # five times the bound


def test_phrases_are_the_apis_own_and_the_same_on_every_python() -> None:
    assert (phrase(413), phrase(422)) == ("Payload Too Large", "Unprocessable Entity")
    assert (phrase(420), phrase(599)) == ("Bad Request", "Internal Server Error")
    assert all(phrase(status.value) for status in HTTPStatus)
    assert list(error_body(404, "x", details={})) == ["statusCode", "error", "message", "details"]


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=200))
def test_warnings_are_plain_text_of_two_kilobytes_at_most(names: list[str]) -> None:
    (told,) = warning_headers(names, ()).values()
    assert len(told.encode()) <= 2048
    assert told.removesuffix(", …").isascii()
    assert told.isprintable()
    if not told.endswith("…"):
        assert len(told.split(", ")) == len(names)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("ada@example.com is taken", "*** is taken"),
        ('"ada@example.com" <bob@example.com>', '"***" <***>'),
        ("Lovelace exists; call +44 20 7946 0000", "*** exists; call ***"),
        ("Loveladies exist", "Loveladies exist"),
        ("Al is too short a name to mask: also, alone", "Al is too short a name to mask: also, alone"),
    ],
)
def test_s030_a_message_does_not_tell_who_the_lead_is(message: str, told: str) -> None:
    lead = {"first_name": "Al", "last_name": "Lovelace", "phone_numbers": [{"number": "+44 20 7946 0000"}, "odd", {}]}
    assert discreet(message, lead) == told


def test_request_ids_do_not_repeat() -> None:
    assert len({new_request_id() for _ in range(10_000)}) == 10_000


@pytest.mark.anyio
async def test_a_flight_is_shared_and_ends() -> None:
    import asyncio

    flights: Flights[int] = Flights()
    begun = 0

    async def work() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)
        return begun

    assert await asyncio.gather(*(flights.join("a", work) for _ in range(5))) == [1] * 5
    assert await flights.join("a", work) == 2

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    failed = await asyncio.gather(*(flights.join("b", fail) for _ in range(2)), return_exceptions=True)
    assert [str(fault) for fault in failed] == ["no", "no"]
