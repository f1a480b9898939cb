"""The HTTP server's reason phrases: they are part of the API, and must not depend on the version of Python."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from unilead_host.wire import phrase


def pin_reason_phrases() -> None:
    """Make uvicorn write the reason phrases that the error bodies name, for every status that an answer can have."""
    h11 = import_module("uvicorn.protocols.http.h11_impl")
    h11.STATUS_PHRASES.update({status: phrase(status).encode() for status in range(200, 600)})
    if find_spec("httptools") is not None:
        httptools = import_module("uvicorn.protocols.http.httptools_impl")
        lines = {status: f"HTTP/1.1 {status} {phrase(status)}\r\n".encode() for status in range(200, 600)}
        httptools.STATUS_LINE.update(lines)
