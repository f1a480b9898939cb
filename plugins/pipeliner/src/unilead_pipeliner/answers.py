"""What Pipeliner's answers mean: a lead with its linked records, or an error in one of three forms.

Source: https://developers.pipelinersales.com/api-docs/overview/about-the-api (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from unilead import (
    Category,
    CreatedLead,
    MalformedResponseError,
    ProviderError,
    Request,
    Response,
    error_for,
    parse_timestamp,
    reference,
    utc_text,
)

PathOf: TypeAlias = Callable[[str], str | None]
ADDRESS_HINT = "check region or service_url, and space_id: this address has no leads"
_FIELD = re.compile(r"(?:[Ff]ield|property) '(?:\w+'(?:\[[^]]*\])?\.)?(\w+)'")
_TAKEN = re.compile(r"\b(?:must be|is not|not) unique\b|\balready exists\b", re.IGNORECASE)


# --- a lead -----------------------------------------------------------------------------------------------------------


def created_lead(stored: dict[str, Any]) -> CreatedLead:
    """Read a lead of Pipeliner's; linked records come as links, or as objects when a read expanded them."""
    source = stored.get("lead_source")
    source_id = stored.get("lead_source_id") or _id_of(source)
    return CreatedLead(
        id=stored["id"],
        owner=reference(stored.get("owner_id") or _id_of(stored.get("owner"))),
        lead_source=(source.get("option_name") if isinstance(source, dict) else None) or source_id,
        contact=reference(_id_of(stored.get("primary_contact"))),
        account=reference(_id_of(stored.get("primary_account"))),
        created_at=_moment(stored.get("created")),
        updated_at=_moment(stored.get("modified")),
        converted_at=_moment(stored.get("qualify_date")),
    )


def _id_of(link: Any) -> str | None:
    """Take the id of a linked record from its object or from the end of its link."""
    if isinstance(link, dict):
        return link.get("id")
    return link.rstrip("/").rsplit("/", 1)[-1] if isinstance(link, str) and link else None


def _moment(text: Any) -> str | None:
    """Turn ``2026-11-20 09:15:00+00:00`` into RFC 3339; ``None`` for what is no moment."""
    try:
        return utc_text(parse_timestamp(text.replace(" ", "T", 1)))
    except (AttributeError, ValueError):
        return None


# --- an error ---------------------------------------------------------------------------------------------------------


def refusal(response: Response, request: Request, path_of: PathOf) -> ProviderError:
    """Read any of Pipeliner's error forms: the short one, the one with lists, and the framework's.

    Args:
        response: the answer, or a row of a batch as an answer of its own.
        path_of: finds the unified path of a field.
    """
    body = response.json_object
    status = response.status
    if response.is_success:
        if body.get("success") is not False:
            return MalformedResponseError("the answer names no lead", response=response)
        if body.get("data"):  # which may have been created
            return MalformedResponseError("the answer holds both a lead and an error", response=response)
        status = _inner_status(body)
    details = _details(body)
    code = body.get("code")
    error = error_for(
        response.with_status(status),
        " ".join(details) or _one_line(body.get("message")),
        category=_category(status, request, details),
        vendor_code=None if code is None else str(code),
        field=next((path for path in map(path_of, _names(body, details)) if path), None),
        hint=ADDRESS_HINT if status == 404 and request.method == "POST" else None,
    )
    error.response = response
    return error


def _inner_status(body: Mapping[str, Any]) -> int:
    """The status that an error within a success names; without one it is a refusal all the same."""
    status = body.get("http_status")
    return status if isinstance(status, int) and 400 <= status < 600 else 422


def _category(status: int, request: Request, details: Sequence[str]) -> Category | None:
    if status == 404 and request.method == "POST":
        return "unexpected"  # a create names no record: the address itself is wrong
    return "conflict" if status == 422 and any(map(_TAKEN.search, details)) else None


def _details(body: Mapping[str, Any]) -> list[str]:
    """What is wrong with single fields and with the lead as a whole, each said once."""
    faults = [*_field_errors(body), {"errors": body.get("entity_errors") or ()}]
    texts = (_one_line(entry.get("message")) for fault in faults for entry in fault.get("errors") or ())
    return [text for text in dict.fromkeys(texts) if text]


def _names(body: Mapping[str, Any], details: Sequence[str]) -> Iterator[str]:
    """Name the fields at fault: as listed, else as a message names them."""
    yield from (name for fault in _field_errors(body) if (name := fault.get("field_name")))
    for text in (*details, _one_line(body.get("message"))):
        yield from _FIELD.findall(text)


def _field_errors(body: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = body.get("field_errors") or ()
    return found


def _one_line(text: Any) -> str:
    return " ".join(str(text or "").split())
