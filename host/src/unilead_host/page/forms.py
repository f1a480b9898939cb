"""The lead as a form: inputs made from the schema, and the way between inputs and JSON.

A form shows one item of each list and no object of free shape but as JSON. What it cannot show stays in the JSON it
was made from, so that going back and forth loses nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from unilead_host.page.matrix import FieldRow, schema_rows

_PARSED_AS_JSON = ("custom_fields", "remote_data")
_GROUPS = (
    ("Lead", ("title", "name", "first_name", "last_name", "description", "lead_source", "lead_type", "status")),
    ("Company", ("account.id", "account.name", "industry", "website", "number_of_employees")),
    ("E-mail address", ("email_addresses[].",)),
    ("Phone number", ("phone_numbers[].",)),
    ("Postal address", ("addresses[].",)),
    ("Linked records", ("owner.id", "contact.id", "converted_contact.id", "converted_account.id", "created_at")),
    ("For this CRM only, as JSON objects", _PARSED_AS_JSON),
)


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the form."""

    name: str
    label: str
    meaning: str
    value: str = field(default="", repr=False)
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Inputs that belong together."""

    title: str
    inputs: tuple[Input, ...]


def groups(lead: Mapping[str, Any]) -> list[Group]:
    """The form's inputs, filled with what the lead has; every field of the schema is in one group."""
    leaves = [row for row in schema_rows("request") if row.parent or row.type not in ("object", "list of objects")]
    leaves += [row for row in schema_rows("request") if row.path in _PARSED_AS_JSON]
    found = {
        title: [row for prefix in paths for row in leaves if _belongs(row.path, prefix)] for title, paths in _GROUPS
    }
    grouped = {row.path for rows in found.values() for row in rows}
    found["More"] = [row for row in leaves if row.path not in grouped]
    return [Group(title, tuple(_input(row, lead) for row in rows)) for title, rows in found.items() if rows]


def _belongs(path: str, prefix: str) -> bool:
    return path.startswith(prefix) if prefix.endswith(".") else path == prefix


def _input(row: FieldRow, lead: Mapping[str, Any]) -> Input:
    name = row.path.replace("[]", "[0]")
    value = _value_at(lead, _steps(name))
    as_json = row.path in _PARSED_AS_JSON
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    label = row.below if "[]" in row.parent else row.path
    return Input(name, label.replace(".", " ").replace("_", " ").strip(), row.meaning, text, as_json)


def _steps(name: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in re.findall(r"\w+", name)]


def _value_at(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(value, Mapping) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return None
    return value


class FormError(ValueError):
    """An input that should hold a JSON object does not."""


def lead_from_form(inputs: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any]:
    """Put the form's inputs into the lead it was made from.

    An input that still says what the lead says leaves the value as it is, number or text; an emptied one removes it.

    Raises: FormError naming the input.
    """
    lead: dict[str, Any] = json.loads(json.dumps(base))
    for entry in (entry for group in groups(base) for entry in group.inputs):
        text = inputs.get(entry.name, "")
        if _same(text, entry.value):
            continue
        if text.strip():
            _put(lead, _steps(entry.name), _parsed(entry.name, text) if entry.is_json else text)
        else:
            _remove(lead, _steps(entry.name))
    return lead


def _same(text: str, value: str) -> bool:
    """Browsers send line breaks as CRLF."""
    return text.replace("\r\n", "\n") == value.replace("\r\n", "\n")


def _parsed(name: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise FormError(f'{name} must be a JSON object, such as {{"region": "EMEA"}}')
    return value


def _put(lead: dict[str, Any], steps: list[str | int], value: Any) -> None:
    target: Any = lead
    for step, after in pairwise(steps):
        empty: Any = [] if isinstance(after, int) else {}
        if isinstance(target, list):
            if not target or not isinstance(target[0], dict):
                target[:1] = [empty]
            target = target[0]
        else:
            if type(target.get(step)) is not type(empty):
                target[step] = empty
            target = target[step]
    target[steps[-1]] = value


def _remove(lead: dict[str, Any], steps: list[str | int]) -> None:
    """Take a value out, and what holds nothing any more."""
    trail = list(_containers(lead, steps))
    for container, step in reversed(trail):
        del container[step]
        if container:
            return


def _containers(value: Any, steps: list[str | int]) -> Iterator[tuple[Any, str | int]]:
    for step in steps:
        yield value, step
        value = value[step]
