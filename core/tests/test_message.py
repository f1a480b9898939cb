"""Answers as values: what of a body is words for people."""

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
