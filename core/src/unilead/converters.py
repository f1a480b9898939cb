"""Converters of single values that several CRMs share: ids, scalars, custom fields. Lists have theirs in `slots`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from unilead.errors import InvalidLeadError, Problem
from unilead.merging import thaw
from unilead.values import decimal_text

MAX_DIGITS = 19


def to_integer(value: Any) -> int:
    """Turn an id such as ``"7"`` into the integer that the CRM wants; everything but plain ASCII digits is refused."""
    return int(to_digits(str(value)))


def to_digits(value: str) -> str:
    """Check that an id consists of plain ASCII digits, and keep it as text."""
    if value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS:
        return value
    raise ValueError("must be a whole number, written in digits")


def named_id(value: str, ids: Mapping[str, int]) -> int:
    """Turn a name into the CRM's numeric id by the account's map; digits are taken for an id.

    Names are compared trimmed and case-insensitively.
    """
    with suppress(ValueError):
        return int(to_digits(value))
    wanted = value.strip().casefold()
    for name, number in ids.items():
        if name.strip().casefold() == wanted:
            return number
    raise ValueError("is not a known name; pass the CRM's id, or add the name to this account's map in the settings")


def id_name(number: Any, ids: Mapping[str, int]) -> str | None:
    """Turn the CRM's numeric id back into its name in the account's map; the id as text where the map lacks it."""
    if number is None:
        return None
    return next((name for name, known in ids.items() if known == number), str(number))


def list_as_text(value: Any, joiner: str = ";") -> Any:
    """Join a list of scalars into one text, as CRMs want for multi-select fields; other values pass unchanged.

    Raises: ValueError for an item that is blank or holds the joiner: read back, it would be none, or several.
    """
    if not isinstance(value, (list, tuple)):
        return value
    texts = [item if isinstance(item, str) else scalar_text(item) for item in value]
    for text in texts:
        if joiner in text or not text.strip():
            raise ValueError(f"must not list an option that is blank or holds a {joiner!r}")
    return joiner.join(texts)


def scalar_text(value: Any) -> str:
    """Write a JSON scalar as text: ``true``/``false``, numbers in digits, ``""`` for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) or (isinstance(value, Decimal) and value.is_finite()):
        return decimal_text(value)
    raise ValueError("must be text, a number or a boolean")


def custom_field_values(convert: Callable[[Any], Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Convert each value of ``custom_fields``; a ValueError is reported at the field's own path."""

    def convert_all(fields: Mapping[str, Any]) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, value in fields.items():
            try:
                converted[name] = convert(thaw(value) if isinstance(value, (dict, list)) else value)
            except ValueError as fault:
                problems.append(Problem(f"custom_fields.{name}", "invalid", str(fault)))
        if problems:
            raise InvalidLeadError(problems)
        return converted

    return convert_all
