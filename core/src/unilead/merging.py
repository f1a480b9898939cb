"""Merging of JSON values: what a lead holds is frozen, what goes into a vendor's record is plain."""

from __future__ import annotations

from typing import Any

from unilead.values import FrozenDict, FrozenList


def thaw(value: Any) -> Any:
    """Copy a lead's frozen JSON value into plain dicts and lists."""
    if isinstance(value, FrozenList):
        return [thaw(item) if isinstance(item, (dict, list)) else item for item in value]
    if isinstance(value, FrozenDict):
        return {key: thaw(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    return value


def merge(base: Any, extra: Any) -> Any:
    """Merge JSON values: objects key by key, everything else replaced by ``extra``. Neither argument is changed."""
    if not (isinstance(base, dict) and isinstance(extra, dict)):
        return thaw(extra)
    merged = base | extra
    for key, value in extra.items():
        if isinstance(value, (dict, list)):
            merged[key] = merge(base.get(key), value)
    return merged
