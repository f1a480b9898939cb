"""Merging of JSON values: what a lead holds is frozen, what goes into a vendor's record is plain."""

from __future__ import annotations

from functools import cache
from typing import Any

from unilead.values import FrozenDict, FrozenList


def holder(record: dict[str, Any], target: str) -> tuple[dict[str, Any], str]:
    """Find the object that holds a dotted path's last name, making it and those above; and that name."""
    parents, last = steps(target)
    for parent in parents:
        record = record.setdefault(parent, {})
    return record, last


@cache
def steps(target: str) -> tuple[tuple[str, ...], str]:
    """Split a dotted path: the names on the way, and the last one."""
    *parents, last = target.split(".")
    return tuple(parents), last


def thaw(value: Any) -> Any:
    """Copy a lead's frozen JSON value into plain dicts and lists."""
    if isinstance(value, FrozenDict):
        return {key: thaw(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    if isinstance(value, FrozenList):
        return [thaw(item) for item in value]
    return value


def merge(base: Any, extra: Any) -> Any:
    """Merge JSON values: objects key by key, everything else replaced by ``extra``. Neither argument is changed."""
    if not (isinstance(base, dict) and isinstance(extra, dict)):
        return thaw(extra)
    merged = dict(base)
    merge_into(merged, extra)
    return merged


def merge_into(base: dict[str, Any], extra: dict[str, Any]) -> None:
    """Merge an object as `merge` does, into one that is nobody else's; what it holds is not changed."""
    for key, value in extra.items():
        base[key] = merge(base.get(key), value) if isinstance(value, (dict, list)) else value
