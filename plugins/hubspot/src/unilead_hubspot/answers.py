"""What HubSpot's answers mean: a record becomes a created lead, an error object a named error.

Source: https://developers.hubspot.com/docs/api-reference/error-handling (read 2026-11-23).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from unilead import (
    Category,
    CreatedLead,
    MalformedResponseError,
    ProviderError,
    Response,
    error_for,
    reference,
    typed_items,
    utc_text,
)
from unilead_hubspot.settings import OWN_PROPERTIES, HubSpotSettings

PathOf: TypeAlias = Callable[[str], str | None]

MIRRORS = (  # read-only: what HubSpot copies to a lead from its contact, its company and its activity
    "hs_lead_name_calculated",
    "hs_lead_source",
    "hs_primary_contact_id",
    "hs_primary_company_id",
    "hs_associated_contact_firstname",
    "hs_associated_contact_lastname",
    "hs_associated_contact_email",
    "hs_last_activity_date",
    "hs_contact_last_activity_date",
    "hs_createdate",
    "hs_lastmodifieddate",
)
CATEGORIES: dict[str, Category] = {  # read where the status leaves a choice; other codes are judged by it
    "VALIDATION_ERROR": "validation",
    "OBJECT_NOT_FOUND": "not_found",
    "CONFLICT": "conflict",
    "OBJECT_ALREADY_EXISTS": "conflict",
    "MISSING_SCOPES": "permission",
    "FORBIDDEN": "permission",
    "INVALID_AUTHENTICATION": "authentication",
    "EXPIRED_AUTHENTICATION": "authentication",
    "RATE_LIMITS": "rate_limited",
}
STATUS_CATEGORIES: dict[int, Category] = {423: "rate_limited", 477: "provider_unavailable"}
WAITS = {  # seconds; the daily count resets at midnight in a time zone that the answer does not name: ask each hour
    "TEN_SECONDLY_ROLLING": 10.0,
    "SECONDLY": 1.0,
    "DAILY": 3600.0,
}
LOCK_WAIT = 2.0  # seconds, after a 423
INTERVAL = "x-hubspot-ratelimit-interval-milliseconds"

_READ = OWN_PROPERTIES.union(MIRRORS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"[0-9]{1,14}")
_EXISTING = re.compile(r"Existing ID: ([0-9]+)")


# --- a record ---------------------------------------------------------------------------------------------------------


def created_lead(response: Response, stored: Any, sent: Mapping[str, Any], settings: HubSpotSettings) -> CreatedLead:
    """Read a record.

    Args:
        response: the answer it came in, for errors.
        stored: the record.
        sent: the body that created it; empty for a read. Says which properties are custom fields, nothing else.
        settings: of the account.
    """
    if stored.get("errors") or stored.get("numErrors"):
        raise MalformedResponseError("the answer holds both a lead and errors", response=response)
    properties = stored.get("properties")
    if not isinstance(properties, dict):  # an odd detail must not hide that the lead was created
        properties = {}
    lead_source = properties.get(settings.lead_source_property) or properties.get("hs_lead_source")
    contact = _linked(stored, "contacts") or properties.get("hs_primary_contact_id")
    account = _linked(stored, "companies") or properties.get("hs_primary_company_id")
    return CreatedLead(
        id=stored["id"],
        owner=reference(properties.get("hubspot_owner_id")),
        lead_source=lead_source or None,
        lead_type=properties.get("hs_lead_type") or None,
        status=properties.get(settings.status_property) or None,
        title=properties.get("hs_lead_name") or properties.get("hs_lead_name_calculated") or None,
        contact=reference(contact),
        account=reference(account),
        first_name=properties.get("hs_associated_contact_firstname") or None,
        last_name=properties.get("hs_associated_contact_lastname") or None,
        email_addresses=typed_items("email", primary=properties.get("hs_associated_contact_email")),
        custom_fields=_custom_fields(properties, sent.get("properties") or {}, settings),
        last_activity_at=_moment(
            properties.get("hs_last_activity_date") or properties.get("hs_contact_last_activity_date")
        ),
        created_at=_moment(stored.get("createdAt") or properties.get("hs_createdate")),
        updated_at=_moment(stored.get("updatedAt") or properties.get("hs_lastmodifieddate")),
    )


def _custom_fields(
    properties: Mapping[str, Any], sent: Mapping[str, Any], settings: HubSpotSettings
) -> dict[str, Any] | None:
    """Take the properties that no other field reads: those that were sent, and those that are not HubSpot's own."""
    claimed = (settings.status_property, settings.lead_source_property)
    found = {
        name: value
        for name, value in properties.items()
        if (name in sent or not name.startswith(("hs_", "hubspot_"))) and name not in _READ and name not in claimed
    }
    return found or None


def _linked(stored: Mapping[str, Any], kind: str) -> str | None:
    """Id of the linked record, the primary one if there are several."""
    links = (stored.get("associations") or {}).get(kind, {}).get("results", ())
    if not links:
        return None
    primary = [link["id"] for link in links if "primary" in str(link.get("type")).lower()]
    return next(iter([*primary, *(link["id"] for link in links)]), None)


def _moment(value: Any) -> Any:
    """Turn epoch milliseconds in a text into a date-time; HubSpot writes moments in both forms."""
    if isinstance(value, str) and _MILLISECONDS.fullmatch(value):
        return utc_text(_EPOCH + timedelta(milliseconds=int(value)))
    return value or None


# --- an error ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """One entry of an error's list.

    Attributes:
        message, code: HubSpot's own.
        properties: names of the properties at fault.
    """

    message: str
    code: str | None
    properties: Sequence[str] = ()


def refusal(response: Response, *, property_path: PathOf, link_path: PathOf, creating: bool) -> ProviderError:
    """Make the error for an error object; every key of it may be missing, and it may be no JSON at all.

    Args:
        response: the answer, or one entry of a batch's errors as an answer of its own.
        property_path: finds the unified path of a property.
        link_path: finds the unified path of a linked record's id.
        creating: the request was a create, so that a 404 is about its path.
    """
    body = response.json_object
    faults = _faults(body)
    context = body.get("context") or {}
    names = [name for fault in faults for name in fault.properties] or list(_names(context))
    linked = context.get("id") or ()
    return error_for(
        response,
        _message(response, body, faults),
        category=_category(response, body, creating=creating),
        vendor_code=_code(body, faults),
        field=next((path for path in [*map(property_path, names), *map(link_path, linked)] if path), None),
        existing_id=_existing_id(body, context),
        retry_after=_wait(response, body),
        # HubSpot documents that it turns these away before it does anything
        processed=False if response.status in STATUS_CATEGORIES else None,
    )


def _faults(body: Mapping[str, Any]) -> list[Fault]:
    """List the faults: those that stand as JSON inside ``message`` are all of them, ``errors`` may be cut."""
    written = [
        Fault(entry["message"], entry.get("error"), [entry["name"]] if "name" in entry else [])
        for entry in _embedded(body.get("message") or "")
    ]
    return written or [
        Fault(
            entry.get("message") or "",
            entry.get("code") or entry.get("subCategory"),
            list(_names(entry.get("context") or {})),
        )
        for entry in body.get("errors") or ()
    ]


def _embedded(message: str) -> list[dict[str, Any]]:
    """Read the JSON list that some messages hold."""
    start = message.find("[{")
    if start < 0:
        return []
    try:
        found: list[dict[str, Any]] = json.JSONDecoder().raw_decode(message, start)[0]
    except ValueError:
        return []
    return found


def _names(context: Mapping[str, Any]) -> Iterator[str]:
    """Name the properties in an error's context, where a name may stand in brackets."""
    for key in ("propertyName", "properties"):
        value = context.get(key) or ()
        for name in [value] if isinstance(value, str) else value:
            yield name.strip("[]")


def _message(response: Response, body: Mapping[str, Any], faults: Sequence[Fault]) -> str:
    if not body:
        return response.plain_text
    told = [fault.message for fault in faults if fault.code and fault.message]
    text = "; ".join(told) or body.get("message") or ""
    scopes = _scopes(body)
    return f"{text} (one of: {', '.join(scopes)})" if scopes else text


def _scopes(body: Mapping[str, Any]) -> list[str]:
    """List the scopes of which one is missing; they stand in either of two places."""
    for entry in (body, *(body.get("errors") or ())):
        found: list[str] = (entry.get("context") or {}).get("requiredGranularScopes") or []
        if found:
            return found
    return []


def _category(response: Response, body: Mapping[str, Any], *, creating: bool) -> Category | None:
    """Judge by HubSpot's category where the status leaves a choice; ``None`` leaves it to the status."""
    status, category, text = response.status, body.get("category"), body.get("message") or ""
    refused = status == 400 or response.is_success
    if refused and "'Edit Associations' permission" in text:
        return "permission"
    if status == 400 and text.startswith("Unable to infer object type"):
        return "unexpected"
    if status == 404 and creating and category != "OBJECT_NOT_FOUND":
        return "unexpected"
    if refused:
        return CATEGORIES.get(category or "")
    return STATUS_CATEGORIES.get(status)


def _code(body: Mapping[str, Any], faults: Sequence[Fault]) -> str | None:
    """HubSpot's most exact code."""
    inner = next((fault.code for fault in faults if fault.code), None)
    return inner or next((body[k] for k in ("subCategory", "error", "category", "errorType") if body.get(k)), None)


def _existing_id(body: Mapping[str, Any], context: Mapping[str, Any]) -> str | None:
    found = _EXISTING.search(body.get("message") or "")
    return found[1] if found else next(iter(context.get("existingId") or ()), None)


def _wait(response: Response, body: Mapping[str, Any]) -> float | None:
    """Seconds to wait where HubSpot gives no ``Retry-After``."""
    if "retry-after" in response.headers:
        return None
    if response.status == 423:
        return LOCK_WAIT
    if response.status != 429:
        return None
    interval = response.headers.get(INTERVAL, "")
    measured = int(interval) / 1000 if interval.isascii() and interval.isdigit() else None
    return WAITS.get(body.get("policyName") or "", measured)
