"""Reads the shapes in which Nutshell says no: a list of errors, one message, a JSON string, a page of HTML.

Source: https://developers.nutshell.com/reference (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

from unilead import Response

_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)
_BEFORE_RECORD = re.compile(r"leads[.\[]0\]?\.")


@dataclass(frozen=True, slots=True)
class Fault:
    """What Nutshell says is wrong.

    Attributes:
        message: in its own words; empty where it has none.
        code: its code for the fault.
        path: dotted path in the lead's record.
    """

    message: str = ""
    code: str | None = None
    path: str | None = None


def read_fault(response: Response) -> Fault:
    """Read the body of a refusal, whatever its ``Content-Type`` says."""
    body = response.json
    if isinstance(body, dict):
        entries = body.get("errors")
        found = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        return _listed(found) if found else Fault(_text(body.get("message")), _code(body.get("code")))
    if isinstance(body, str):
        return Fault(body.strip())
    return Fault("" if response.is_json else _page_message(response.text))


def _listed(entries: list[dict[str, Any]]) -> Fault:
    """Join the words of all entries; code and path are those of the first that has one."""
    message = "; ".join(filter(None, map(_words, entries)))
    codes = (_code(entry.get("code")) for entry in entries)
    paths = (_path(entry.get("field")) for entry in entries)
    return Fault(message, next(filter(None, codes), None), next(filter(None, paths), None))


def _words(entry: Mapping[str, Any]) -> str:
    title, detail = _text(entry.get("title")), _text(entry.get("detail"))
    return f"{title} [{detail}]" if title and detail else title or detail


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _code(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None


def _path(value: Any) -> str | None:
    """Nutshell documents no form for paths: dots, slashes, and a path from the top of the body are all understood."""
    if not isinstance(value, str):
        return None
    return _BEFORE_RECORD.sub("", value.strip("/").replace("/", "."), count=1) or None


def _page_message(text: str) -> str:
    """Take the title of a page; plain text as it is."""
    title = _TITLE.search(text)
    if title:
        return " ".join(unescape(title[1]).split())
    return "" if text.lstrip().startswith("<") else text.strip()
