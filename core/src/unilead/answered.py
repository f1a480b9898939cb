"""What several CRMs answer alike, in the form that `CreatedLead` takes, and the rows of a batch judged one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from unilead.errors import MalformedResponseError, ProviderError
from unilead.message import Response
from unilead.schema import CreatedLead

RowVerdict: TypeAlias = CreatedLead | ProviderError  # what became of one lead of a batch


def reference(record_id: Any) -> dict[str, Any] | None:
    """Turn a linked record's id into a reference; ``None``, ``""`` and 0 link nothing."""
    return {"id": record_id} if record_id else None


def typed_items(part: str, **kinds: Any) -> list[dict[str, Any]] | None:
    """Turn a CRM's single fields into a list, such as ``typed_items("number", work=…)``; empty ones are left out."""
    return [{part: text, "type": kind} for kind, text in kinds.items() if text] or None


def one_address(**parts: Any) -> list[dict[str, Any]] | None:
    """Turn a CRM's only address into a list; ``None`` where all its parts are empty."""
    return [{**parts, "type": "primary"}] if any(parts.values()) else None


def row_verdict(row: Response, judge: Callable[[], RowVerdict]) -> RowVerdict:
    """Judge one row of a batch's answer.

    Args:
        row: this lead's part of the answer, as an answer of its own; see `Response.part`.
        judge: reads it, and may raise.
    Returns: what ``judge`` returns or raises as ProviderError; a created lead notes ``row`` as its own part of the
        answer. A row that cannot be read is unknown, and hides none of the others.
    """
    try:
        verdict = judge()
    except ProviderError as error:
        return error
    except (AttributeError, LookupError, TypeError, ValueError):
        return MalformedResponseError("the provider cannot read this row", response=row)
    return verdict.of_part(row.json) if isinstance(verdict, CreatedLead) else verdict
