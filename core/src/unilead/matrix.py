"""The capability matrix: fields by providers, made from what the installed providers say of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unilead.mapping import REQUEST_FIELDS
from unilead.provider import Provider
from unilead.schema import CreatedLead


def capability_matrix(providers: Iterable[Provider]) -> dict[str, dict[str, Any]]:
    """Tabulate providers.

    Returns: ``request.<field>.required_in`` and ``.supported_in`` (those that take the field without requiring it), and
        ``response.<field>.supported_in``; lists of slugs, sorted. ``account.name`` is a row beyond the contract.
    """
    known = sorted(providers, key=lambda provider: provider.slug)
    request = {
        field: {
            "required_in": [provider.slug for provider in known if field in provider.required],
            "supported_in": [
                provider.slug
                for provider in known
                if field in provider.info.fields.taken and field not in provider.required
            ],
        }
        for field in REQUEST_FIELDS
    }
    response = {
        field: {"supported_in": [provider.slug for provider in known if field in provider.info.response_fields]}
        for field in CreatedLead.model_fields
    }
    return {"request": request, "response": response}
