"""Finds leads in answers that refuse them: a proxy between can put any status over the answer of a create."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unilead.errors import DuplicateLeadError, ProviderError
from unilead.message import Request, Response
from unilead.schema import CreatedLead

_SUCCESSES = (200, 201, 207)


def is_id(text: str | None) -> bool:
    """Whether a text can be a lead's id."""
    return text is not None and text.strip() not in ("", "0")


def names_leads(
    hook: Callable[..., Any], error: ProviderError, response: Response, *, request: Request, **arguments: Any
) -> bool:
    """Whether a refusal would be a success by another status. Most plugins look for a record only in a 2xx.

    A record that the plugin says was there before is no such lead.

    Args:
        hook: reads the answer; it made ``error`` of it.
        arguments: what the hook takes besides.
    """
    if error.outcome == "unknown" or request.method == "GET" or not response.is_json:
        return False
    if isinstance(error, DuplicateLeadError) and error.existing_id:
        return False
    return any(
        _has_leads(hook, response=response.with_status(status), request=request, **arguments) for status in _SUCCESSES
    )


def _has_leads(hook: Callable[..., Any], **arguments: Any) -> bool:
    try:
        answer = hook(**arguments)
    except Exception:  # as nearly always: it is a refusal
        return False
    found = answer if isinstance(answer, (list, tuple)) else [answer]
    return any(isinstance(lead, CreatedLead) and is_id(lead.id) for lead in found)
