"""Golden cases: one JSON file holds a lead, the request it becomes, the CRM's answer, and what that means.

    {
      "about": "what the case shows",
      "lead": {…},                       what the caller sends
      "settings": {…},                   over the simulator's sample settings; optional
      "remote_query": {…},               optional
      "request": {"method", "url", "headers", "body"},   null when nothing is sent; headers without the core's own
      "dropped": ["status"],
      "response": {"status": 201, "headers": {…}, "body": {…} or "text": "…"},   null when nothing is sent
      "outcome": {"status": "created", "lead": {…}}      unified, without remote_data
              or {"status": "refused", "error": {"type", "category", "outcome", "fields", "vendor_code", "retry_after"}}
    }

Files whose ``request`` or ``outcome`` is missing are completed by ``pytest --update-golden``; read the diff.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from unilead.errors import LeadError, ProviderError
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.render import render
from unilead.retry import retry_after
from unilead.schema import Lead

CASE_KEYS = {"about", "lead", "settings", "remote_query", "request", "dropped", "response", "outcome"}
RESPONSE_KEYS = {"status", "reason", "headers", "body", "text"}
CORE_HEADERS = frozenset({"Accept", "Accept-Encoding", "User-Agent", "Content-Type"})


def read_case(path: Path) -> dict[str, Any]:
    """Read one golden case. Raises: ValueError for one without a lead, or with a key that would go unread."""
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if "lead" not in case:
        raise ValueError(f"{path.name} has no lead")
    unread = [*(case.keys() - CASE_KEYS), *((case.get("response") or {}).keys() - RESPONSE_KEYS)]
    if unread:
        raise ValueError(f"{path.name}: no golden case has {', '.join(sorted(unread))}")
    return case


def write_case(path: Path, case: Mapping[str, Any]) -> None:
    """Write a golden case back in its one form."""
    path.write_text(json.dumps(case, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def run_case(provider: Provider, case: Mapping[str, Any], sample_settings: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a golden case tells.

    Returns: the keys ``request``, ``dropped`` and ``outcome``, as they should stand in the file.
    """
    settings = provider.settings({**sample_settings, **case.get("settings", {})})
    try:
        lead = Lead.parse(json.dumps(case["lead"]))
        request = provider.build_request(lead, settings, remote_query=case.get("remote_query"))
    except LeadError as error:
        return {"request": None, "dropped": [], "outcome": _refused(error)}
    found = {"request": plain_request(request), "dropped": list(request.dropped)}
    if case.get("response") is None:
        return found
    response = response_of(case["response"])
    try:
        created = provider.parse_response(response, request, settings)
    except LeadError as error:
        if isinstance(error, ProviderError) and error.retry_after is None:
            error.retry_after = retry_after(response)
        return found | {"outcome": _refused(error)}
    return found | {"outcome": {"status": "created", "lead": render(created, response, remote_data=False)}}


def plain_request(request: Request) -> dict[str, Any]:
    """A request as golden cases write it."""
    own = {name: value for name, value in request.headers.items() if name not in CORE_HEADERS}
    body = from_json(request.body) if request.body else None
    return {"method": request.method, "url": request.url, "headers": own, "body": body}


def response_of(written: Mapping[str, Any]) -> Response:
    """A response from the form in which golden cases write it."""
    value = written.get("text", written.get("body"))
    return Response.of(written["status"], value, written.get("headers"), written.get("reason", ""))


def _refused(error: LeadError) -> dict[str, Any]:
    return {
        "status": "refused",
        "error": {
            "type": type(error).__name__,
            "category": error.category,
            "outcome": error.outcome,
            "fields": list(error.fields),
            "vendor_code": error.vendor_code,
            "retry_after": error.retry_after,
            "message": error.message,
        },
    }
