"""Insightly's forms of custom fields and dates, both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from unilead import custom_field_values, list_as_text

MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ Tt](\d\d:\d\d:\d\d(?:\.\d+)?)([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def custom_fields(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write custom fields as Insightly's list of names and values."""
    return [{"FIELD_NAME": name, "FIELD_VALUE": value} for name, value in _CONVERTED(fields).items()]


def named_values(entries: Any) -> dict[str, Any] | None:
    """Turn that list back into an object; an odd entry must not hide that the lead was created."""
    if not isinstance(entries, list):
        return None
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("FIELD_NAME"), str)]
    return {entry["FIELD_NAME"]: entry.get("FIELD_VALUE") for entry in named} or None


def timestamp(text: Any) -> str | None:
    """Write Insightly's ``yyyy-MM-dd HH:mm:ss``, always UTC, as RFC 3339; an offset that it names is kept."""
    found = MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1] == "0000-00-00":
        return None
    return f"{found[1]}T{found[2]}{found[3] or 'Z'}"


def _value(value: Any) -> Any:
    """Write dates as text in UTC, lists as one text, decimals as numbers; other scalars pass unchanged."""
    if isinstance(value, dict):
        raise ValueError("must not be an object: Insightly's custom fields hold single values")
    if isinstance(value, (list, tuple)):
        return list_as_text(value) or None  # an empty list clears the field, as null does
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("must be a date and time with its time zone")
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Decimal):
        return _number(value)
    return f"{value.isoformat()} 00:00:00" if isinstance(value, date) else value


def _number(value: Decimal) -> int | float:
    """Write a decimal as the JSON number that numeric fields want."""
    if not value.is_finite():
        raise ValueError("must be a finite number")
    return int(value) if value == value.to_integral_value() else float(value)


_CONVERTED = custom_field_values(_value)
