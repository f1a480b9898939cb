"""Answers as values: what a status and a body say by themselves."""

from __future__ import annotations

import pytest

from unilead import Response


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b" No such lead\n", "text/plain", "No such lead"),
        (b"a < b", "text/plain", "a < b"),
        (b"\n<html>Bad gateway</html>", "text/plain", ""),
        (b"Bad gateway", "text/html; charset=utf-8", ""),
        (b'{"message": "no"}', "application/json", ""),
        (b'"no"', "text/plain", ""),
        (b"", "", ""),
    ],
)
def test_only_plain_text_is_words_for_people(body: bytes, content_type: str, words: str) -> None:
    assert Response(502, {"content-type": content_type}, body).plain_text == words


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (299, True), (300, False)])
def test_a_2xx_is_a_success(status: int, is_success: bool) -> None:
    assert Response(status).is_success is is_success


@pytest.mark.parametrize(("body", "found"), [(b'{"a": 1}', {"a": 1}), (b"[1]", {}), (b"null", {}), (b"<html>", {})])
def test_a_body_that_is_no_object_counts_as_an_empty_one(body: bytes, found: dict[str, int]) -> None:
    assert Response(200, {}, body).json_object == found
