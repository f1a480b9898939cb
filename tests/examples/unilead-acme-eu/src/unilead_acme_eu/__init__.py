"""Acme in the EU: two hooks stacked on the provider of another distribution."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from unilead import Lead, Problem, Request, hookimpl


@hookimpl(wrapper=True)
def validate_required(lead: Lead) -> Generator[None, list[Problem], list[Problem]]:
    """Ask for a first name too; what the provider found stays."""
    problems = yield
    if (lead.first_name or "").strip():
        return problems
    return [*problems, Problem("first_name", "missing", "is required by this CRM in the EU")]


@hookimpl(wrapper=True)
def build_request() -> Generator[None, Request, Request]:
    """Name the region on the request that the provider built."""
    request = yield
    return replace(request, headers={**request.headers, "X-Region": "eu"})
