"""What a request may say of its body: JSON, or where many leads are taken one on each line; in UTF-8, uncompressed."""

from __future__ import annotations

import re
from functools import lru_cache

from unilead_host.wire import Refusal

LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
_JSON = re.compile(r"application/(json|[a-z0-9!#$&^_.+-]+\+json)")
_UTF_8 = re.compile(r"""charset=("?)utf-?8\1""")


def check_media_type(content_type: bytes, encoding: bytes, *, takes_lines: bool = False) -> None:
    """Refuse a body that says it is something else. Raises: Refusal with status 415."""
    if fault := _fault(content_type, encoding, takes_lines):
        raise Refusal(415, fault)


def is_lines(content_type: str) -> bool:
    """Whether a body has a lead on each line."""
    return content_type.partition(";")[0].strip().lower() in LINES


@lru_cache(maxsize=256)
def _fault(content_type: bytes, encoding: bytes, takes_lines: bool) -> str:
    """What is wrong with these headers; empty for nothing. Clients write the same ones for every lead."""
    kind, *parameters = (part.strip() for part in content_type.decode("latin-1").lower().split(";"))
    wanted = "Content-Type must be application/json" + (" or application/x-ndjson" if takes_lines else "")
    if kind and not _JSON.fullmatch(kind) and not (takes_lines and kind in LINES):
        return wanted
    if any(one.startswith("charset") and not _UTF_8.fullmatch(one) for one in parameters):
        return f"{wanted} in UTF-8"
    plain = encoding.decode("latin-1").strip().lower() in ("", "identity")
    return "" if plain else "Content-Encoding is not supported"
