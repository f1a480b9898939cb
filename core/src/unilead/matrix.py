"""The capability matrix: fields by providers, made from what the installed providers say of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unilead.provider import Provider
from unilead.schema import CreatedLead, Lead


def capability_matrix(providers: Iterable[Provider]) -> dict[str, dict[str, Any]]:
    """Tabulate providers.

    Returns: ``request.<field>.required_in`` and ``.supported_in`` (those that take the field without requiring it), and
        ``response.<field>.supported_in``; lists of slugs, sorted.
    """
    known = sorted(providers, key=lambda provider: provider.slug)
    request = {
        field: {
            "required_in": [provider.slug for provider in known if field in provider.required],
            "supported_in": [
                provider.slug for provider in known if field in provider.supported and field not in provider.required
            ],
        }
        for field in Lead.model_fields
        if field != "remote_data"
    }
    response = {
        field: {"supported_in": [provider.slug for provider in known if field in provider.info.response_fields]}
        for field in CreatedLead.model_fields
    }
    return {"request": request, "response": response}
