"""What the contract suite sends: a canary for each path of the schema, and answers and ids that are odd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# One value for each path of the schema: what the caller sends, and the text that must then be in the bytes.
CANARIES: dict[str, tuple[Any, str]] = {
    "title": ("canary-title", "canary-title"),
    "owner.id": ("77001", "77001"),
    "contact.id": ("77002", "77002"),
    "account.id": ("77003", "77003"),
    "account.name": ("canary-company", "canary-company"),
    "custom_fields": ({"canary_field": "canary-custom"}, "canary-custom"),
    "first_name": ("canary-first", "canary-first"),
    "last_name": ("canary-last", "canary-last"),
    "lead_source": ("canary-source", "canary-source"),
    "email_addresses[].email": ("canary@example.com", "canary@example.com"),
    "phone_numbers[].number": ("+1 555 770 04", "+1 555 770 04"),
    "phone_numbers[].extension": ("7705", "7705"),
    "phone_numbers[].email": ("canary.phone@example.com", "canary.phone@example.com"),
    "addresses[].street_1": ("canary-street-1", "canary-street-1"),
    "addresses[].street_2": ("canary-street-2", "canary-street-2"),
    "addresses[].city": ("canary-city", "canary-city"),
    "addresses[].state": ("canary-state", "canary-state"),
    "addresses[].postal_code": ("77-006", "77-006"),
    "addresses[].country": ("canary-country", "canary-country"),
    "converted_contact.id": ("77007", "77007"),
    "converted_account.id": ("77008", "77008"),
    "description": ("canary-description", "canary-description"),
    "industry": ("canary-industry", "canary-industry"),
    "website": ("https://canary.example", "canary.example"),
    "number_of_employees": (770_090, "770090"),
    "name": ("canary-name", "canary-name"),
    "created_at": ("2026-11-20T09:15:00Z", "2026-11-20T09:15:00"),
    "lead_type": ("canary-type", "canary-type"),
    "status": ("canary-status", "canary-status"),
}
ODD_BODIES = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html><body><h1>Oops</h1></body></html>",
    "truncated": b'{"data": {"id": 10',
    "text": b"upstream said no",
    "empty object": b"{}",
    "empty array": b"[]",
    "null": b"null",
    "number": b"17",
    "string": b'"Internal Error"',
    "odd errors": b'{"errors": {"x": [1]}, "data": [null], "error": 5, "message": {"a": 1}, "leads": 3}',
    "deep": b'{"errors":' + b"[" * 60 + b"]" * 60 + b"}",
    "not utf-8": b"\xff\xfe{\x00",
}
ODD_IDS = ("a/b", "a?b", "a#b", "..", ".", "a\r\nX-Evil: 1", "\x00", "", "../../admin", "é", "x" * 600)


def top(path: str) -> str:
    """The field of the schema that a path lies in."""
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a path of the schema; a list gets one item."""
    head, _, part = path.partition(".")
    if head.endswith("[]"):
        values.setdefault(head[:-2], [{}])[0][part] = value
    elif part:
        values.setdefault(head, {})[part] = value
    else:
        values[head] = value


def is_reported(path: str, dropped: tuple[str, ...]) -> bool:
    """Whether the path, or what it is a part of, is named."""
    exact = path.replace("[]", "[0]")
    above = {top(path), exact.split(".")[0], exact}
    return any(name in above for name in dropped)


def contains(body: Any, extra: Mapping[str, Any]) -> bool:
    """Whether some object of a JSON value has all of these members."""
    if isinstance(body, dict):
        if all(key in body and body[key] == value for key, value in extra.items()):
            return True
        return any(contains(item, extra) for item in body.values())
    return isinstance(body, list) and any(contains(item, extra) for item in body)
