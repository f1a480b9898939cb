"""Answers of every back end: how much of one is read, and our `Response` made of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import lru_cache

from unilead.message import Response

MAX_ANSWER = 5 * 1024 * 1024


def make_response(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, reason: str, *, truncated: bool
) -> Response:
    """Make our response: header names in lower case, repeated ones joined, the body unpacked within the cap."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = _lower(raw_name), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    truncated = truncated or len(body) > MAX_ANSWER
    body = body[:MAX_ANSWER]
    encoding = joined.get("content-encoding", "").strip().lower()
    if encoding and encoding != "identity" and body:
        body, whole = _unpacked(body, encoding)
        truncated = truncated or not whole
    return Response(status, joined, body, reason, truncated)


@lru_cache(maxsize=256)  # the same names come back with every answer
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _unpacked(body: bytes, encoding: str) -> tuple[bytes, bool]:
    """Undo gzip or deflate, at most to the cap. Nobody asked for an encoding, so any other one stays packed."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return body, False
    for window in (47, -15):  # gzip or zlib by their header; then deflate without any
        decoder = zlib.decompressobj(window)
        try:
            plain = decoder.decompress(body, MAX_ANSWER)
        except zlib.error:
            continue
        return plain, decoder.eof
    return body, False
