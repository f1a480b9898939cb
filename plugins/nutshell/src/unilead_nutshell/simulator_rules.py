"""What Nutshell checks in one lead, and how it patches one: types, ids with their kind, steps of a JSON patch.

Source: https://developers.nutshell.com/docs/api-ids (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unilead import wrong_types

TYPES: dict[str, type] = {
    "description": str,
    "manualValue": str,
    "dueTime": dict,
    "customFields": dict,
    "links": dict,
}
LINK_TYPES: dict[str, type] = {
    "owner": str,
    **dict.fromkeys(("contacts", "accounts", "sources", "tags", "productMaps", "competitorMaps"), list),
}
KINDS = {
    "owner": ("users", "teams"),
    "contacts": ("contacts",),
    "accounts": ("accounts",),
    "sources": ("sources",),
    "tags": ("tags",),
}
INLINE = ("contacts", "accounts")  # links that may hold a new record instead of an id
_ID = re.compile(r"([1-9][0-9]*)(?:-([a-z]+))?")
_POINTER = re.compile(r"/leads/0/(\w+)(?:/([^/]+))?(/-)?")


@dataclass(frozen=True)
class Fault:
    """One entry of Nutshell's error list."""

    title: str
    field: str | None = None
    detail: str | None = None


def type_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Find the values of the wrong JSON type."""
    for name, _ in wrong_types(data, TYPES):
        yield Fault("Invalid value", name)
    due = data.get("dueTime")
    for name, _ in wrong_types(due if isinstance(due, dict) else {}, {"timestamp": (int, float)}):
        yield Fault("Invalid value", f"dueTime.{name}")
    links = data.get("links")
    if not isinstance(links, dict):
        return
    for name, _ in wrong_types(links, LINK_TYPES):
        yield Fault("Invalid value", f"links.{name}")
    for name in (*KINDS, "competitorMaps", "productMaps"):
        kinds = (str, dict) if name in INLINE else (dict,) if name == "productMaps" else (str,)
        items = links.get(name)
        if isinstance(items, list) and name != "owner" and not all(isinstance(item, kinds) for item in items):
            yield Fault("Invalid value", f"links.{name}")


def whole_id(name: str, link: str) -> str | None:
    """An id in its long form; ``None`` where it is malformed or of another kind."""
    match = _ID.fullmatch(link)
    if match is None or match[2] not in (None, *KINDS[name]):
        return None
    return f"{match[1]}-{match[2] or KINDS[name][0]}"


def apply_step(record: dict[str, Any], step: Mapping[str, Any]) -> bool:
    """Do one step of a JSON patch on a stored lead; false where it cannot be done."""
    match = _POINTER.fullmatch(str(step.get("path")))
    if match is None or step.get("op") not in ("add", "replace"):
        return False
    name, part, appends = match.groups()
    value = step.get("value")
    if name == "description" and part is None and isinstance(value, str):
        record["name"] = record["description"] = value
        return True
    place = record[name] if name in ("customFields", "links") and part else None
    if place is None:
        return False
    if appends:
        value = [*(place.get(part) or ()), value]
    if name == "links" and list(type_faults({"links": {part: value}})):
        return False
    place[part] = value
    return True
