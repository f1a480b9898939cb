"""What the OpenAPI document says of the routes that FastAPI describes: a sentence for each, and for each parameter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_PARAMETERS = {
    "account_id": "The account",
    "integrated_account_id": "Only what belongs to this account",
    "job_id": "The job",
    "limit": "Most items of a page",
    "next_cursor": "The page after this one: what the answer before gave",
    "provider": "Only accounts of this CRM, by its slug",
    "status": "Only rows of this status",
}


def in_words(operations: Iterable[dict[str, Any]]) -> None:
    """Use the first sentence of a route's description as its summary, in place of the name of a function."""
    for operation in operations:
        first, _, rest = operation.get("description", "").partition(". ")
        if first:
            operation["summary"] = first.rstrip(".")
            operation["description"] = rest or f"{first.rstrip('.')}."
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in _PARAMETERS:
                parameter.setdefault("description", _PARAMETERS[parameter["name"]])
