"""What a local Pipedrive checks in a lead.

Source: https://developers.pipedrive.com/docs/api/v1/Leads (read 2026-11-23).
The texts of 400 answers are not published; the ones here are made up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from unilead import Simulator, wrong_types

TYPES: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "owner_id": int,
    "person_id": int,
    "organization_id": int,
    "label_ids": list,
    "value": dict,
    "expected_close_date": str,
    "visible_to": str,
    "was_seen": bool,
    "origin_id": str,
    "channel": int,
    "channel_id": str,
}
REFERENCES = ("owner_id", "person_id", "organization_id", "channel")
VISIBLE_TO = ("1", "3", "5", "7")
FIELD_KEY = re.compile(r"([0-9a-f]{40})(_[a-z0-9_]+)?")
CURRENCY = re.compile(r"[A-Z]{3}")
LONGEST = 65_000


class PipedriveRules(Simulator):
    """The part of the simulator that checks bodies."""

    def faults_of(self, body: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        """Yield what is wrong with a lead, as message and code."""
        title = body.get("title")
        if title is None or (isinstance(title, str) and not title.strip()):
            yield "title is required", None
        if body.get("person_id") is None and body.get("organization_id") is None:
            yield "A lead must be linked to a person or an organization", None
        for name, _ in wrong_types(body, TYPES):
            yield f"{name} has a wrong type", None
        for name, value in body.items():
            if name not in TYPES:
                yield from self._custom_faults(name, value)
        yield from self._value_faults(body)
        for name in REFERENCES:
            if body.get(name) is not None and not self.exists(body[name]):
                yield f"{name} was not found", None

    def _custom_faults(self, name: str, value: Any) -> Iterator[tuple[str, str | None]]:
        key = FIELD_KEY.fullmatch(name)
        if key is None or not self.exists(key[1]):
            yield f"{name} is not allowed", "ERR_SCHEMA_VALIDATION_FAILED"
        elif isinstance(value, (dict, list, bool)):
            yield f"{name} has a wrong type", None
        elif isinstance(value, str) and len(value) > LONGEST:
            yield f"{name} is too long", None

    def _value_faults(self, body: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        value = body.get("value")
        if value is not None and not _is_money(value):
            yield "value needs a numeric amount and a currency", None
        if body.get("visible_to") not in (None, *VISIBLE_TO):
            yield "visible_to must be one of 1, 3, 5, 7", None
        day = body.get("expected_close_date")
        if day is not None and not _is_day(day):
            yield "expected_close_date must be a date as YYYY-MM-DD", None
        for label in body.get("label_ids") or ():
            if not is_uuid(label):
                yield "label_ids must be UUIDs", None
            elif not self.exists(label):
                yield "label was not found", None


def is_uuid(text: Any) -> bool:
    """Whether a value is a UUID as Pipedrive writes it."""
    try:
        return isinstance(text, str) and str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_day(text: Any) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_money(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("amount") is None or value.get("currency") is None:
        return False
    wrong = list(wrong_types(value, {"amount": (int, float), "currency": str}))
    return not wrong and bool(CURRENCY.fullmatch(value["currency"]))
