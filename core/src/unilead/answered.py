"""What several CRMs answer alike, in the form that `CreatedLead` takes: records by their id, single fields as lists."""

from __future__ import annotations

from typing import Any


def reference(record_id: Any) -> dict[str, Any] | None:
    """Turn a linked record's id into a reference; ``None``, ``""`` and 0 link nothing."""
    return {"id": record_id} if record_id else None


def typed_items(part: str, **kinds: Any) -> list[dict[str, Any]] | None:
    """Turn a CRM's single fields into a list, such as ``typed_items("number", work=…)``; empty ones are left out."""
    return [{part: text, "type": kind} for kind, text in kinds.items() if text] or None


def one_address(**parts: Any) -> list[dict[str, Any]] | None:
    """Turn a CRM's only address into a list; ``None`` where all its parts are empty."""
    return [{**parts, "type": "primary"}] if any(parts.values()) else None
