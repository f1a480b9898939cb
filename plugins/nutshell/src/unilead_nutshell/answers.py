"""What Nutshell's answers mean: a lead in its envelope or bare, and a no in any of several shapes.

Source: https://developers.nutshell.com/reference (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from unilead import CreatedLead, Response, reference, utc_text

STATUSES = {0: "open", 10: "won", 11: "lost", 12: "cancelled"}  # the numbers of the older JSON-RPC API
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)
_BEFORE_RECORD = re.compile(r"leads[.\[]0\]?\.")


# --- a lead -----------------------------------------------------------------------------------------------------------


def single_record(body: Any) -> dict[str, Any] | None:
    """Find the lead in an answer: in its envelope, as Nutshell sends it, or bare, as its reference says."""
    records = body.get("leads", [body]) if isinstance(body, dict) else body
    if isinstance(records, list) and len(records) == 1 and isinstance(records[0], dict) and "id" in records[0]:
        return records[0]
    return None


def created_lead(stored: Mapping[str, Any], body: Any) -> CreatedLead:
    """Read a lead.

    Args:
        stored: its record.
        body: the answer around it, which may hold the records of its sources.
    """
    links = stored["links"] if isinstance(stored.get("links"), dict) else {}
    return CreatedLead(
        id=stored["id"],
        owner=reference(_first(links.get("owner"))),
        lead_source=_source_name(_first(links.get("sources")), body),
        status=_status(stored.get("status")),
        title=stored.get("name") or stored.get("description"),
        contact=reference(_first(links.get("contacts"))),
        account=reference(_first(links.get("accounts"))),
        last_activity_at=_time(stored.get("lastContactedTime")),
        created_at=_time(stored.get("createdTime")),
    )


def _first(link: Any) -> Any:
    return (link[0] if link else None) if isinstance(link, list) else link


def _source_name(source: Any, body: Any) -> Any:
    """Name a source where the answer holds its record beside the lead; else keep the id."""
    companions = body.get("sources") if isinstance(body, dict) else None
    for companion in companions if isinstance(companions, list) else ():
        if isinstance(companion, dict) and companion.get("id") == source and companion.get("name"):
            return companion["name"]
    return source


def _status(status: Any) -> Any:
    return STATUSES.get(status, status) if type(status) is int else status


def _time(value: Any) -> str | None:
    """Write epoch seconds, bare or in an object, as text or as a number, in UTC."""
    seconds = value.get("timestamp") if isinstance(value, dict) else value
    if isinstance(seconds, str) and _SECONDS.fullmatch(seconds):
        seconds = float(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    try:
        return utc_text(EPOCH + timedelta(seconds=seconds))
    except OverflowError:
        return None


# --- a refusal: a list of errors, one message, a JSON string, a page of HTML ------------------------------------------


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
