"""What Salesforce's answers mean: a record becomes a created lead, a list of faults a named error.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from unilead import (
    Category,
    CreatedLead,
    DuplicateLeadError,
    MalformedResponseError,
    ProviderError,
    Response,
    error_for,
    one_address,
    reference,
    typed_items,
)

PathOf: TypeAlias = Callable[[str], str | None]
Fault: TypeAlias = Mapping[str, Any]

_CODES: dict[Category, tuple[str, ...]] = {  # codes that the status alone would not judge so
    "authentication": (
        "INVALID_SESSION_ID", "Bad_OAuth_Token", "invalid_grant", "inactive_user", "invalid_client",
        "invalid_client_id", "invalid_client_credentials",
    ),
    "permission": (
        "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "TRANSFER_REQUIRES_READ", "CLIENT_NOT_ACCESSIBLE_FOR_USER", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED",
    ),
    "conflict": ("DUPLICATES_DETECTED", "DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"),
    "not_found": ("NOT_FOUND", "ENTITY_IS_DELETED"),
    "rate_limited": ("REQUEST_LIMIT_EXCEEDED",),
    "provider_unavailable": (
        "UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION",
    ),
    "unexpected": (
        "STORAGE_LIMIT_EXCEEDED", "LICENSE_LIMIT_EXCEEDED", "METHOD_NOT_ALLOWED", "PROCESSING_HALTED",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ),
}  # fmt: skip
NO_USE = (  # a 401 with such words is about the app's rights: a new token would be refused as well
    "not valid for use with the REST API",
    "not attached to Agent",
)
CATEGORIES = {code: category for category, codes in _CODES.items() for code in codes}
HALTED = ("PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK")  # another part of the call failed
NOT_WRITTEN = ("UNABLE_TO_LOCK_ROW", *HALTED)
QUOTA_WAIT = 600.0  # seconds; the window of 24 hours frees up bit by bit, and no answer says when
CONCURRENCY_WAIT = 5.0
HINTS = {
    "INVALID_FIELD": "the org has no such field, or the account's user may not see it",
    "ConvertedContactId": "leave it out; Salesforce converts leads with an operation of its own (convertLead)",
    "ConvertedAccountId": "leave it out; Salesforce converts leads with an operation of its own (convertLead)",
    "Company": "give the company's name in account.name, or its id in account.id",
}
RETIRED_HINT = "set api_version to one that Salesforce still serves, such as 68.0"

_ID = re.compile(r"[A-Za-z0-9]{14,18}")
_NAMES = (  # fields that only the message names
    re.compile(r"No such column '([^']+)'"),
    re.compile(r"duplicate value found: (\w+) duplicates"),
)
_VALUE = re.compile(  # where a message repeats what was sent
    r"((?:value too large|invalid email address|of incorrect type|restricted picklist field):|VALUE_[A-Z_]+ value) "
    r".*?(?= \(max length=| or request may|$)",
    re.DOTALL,
)


# --- a lead -----------------------------------------------------------------------------------------------------------


def created_lead(answer: Response) -> CreatedLead:
    """Read the answer to a create, which holds the id alone."""
    if answer.json.get("errors"):
        raise MalformedResponseError("the answer holds both a lead and errors", response=answer)
    return CreatedLead(id=answer.json["id"])


def read_lead(stored: Mapping[str, Any]) -> CreatedLead:
    """Read a whole record; a field that the user may not see is absent."""
    return CreatedLead(
        id=stored["Id"],
        owner=reference(stored.get("OwnerId")),
        lead_source=stored.get("LeadSource"),
        status=stored.get("Status"),
        title=stored.get("Title"),
        first_name=stored.get("FirstName"),
        last_name=stored.get("LastName"),
        addresses=_addresses(stored),
        email_addresses=typed_items("email", primary=stored.get("Email")),
        phone_numbers=typed_items(
            "number", primary=stored.get("Phone"), mobile=stored.get("MobilePhone"), fax=stored.get("Fax")
        ),
        custom_fields={name: value for name, value in stored.items() if name.endswith("__c")} or None,
        last_activity_at=_moment(stored.get("LastActivityDate")),
        created_at=_moment(stored.get("CreatedDate")),
        updated_at=_moment(stored.get("SystemModstamp") or stored.get("LastModifiedDate")),
        converted_at=_moment(stored.get("ConvertedDate")),
        converted_contact=stored.get("ConvertedContactId"),
        converted_account=stored.get("ConvertedAccountId"),
    )


def _addresses(stored: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    first, _, second = str(stored.get("Street") or "").replace("\r\n", "\n").partition("\n")
    places = {"city": "City", "state": "State", "postal_code": "PostalCode", "country": "Country"}
    found = {part: stored.get(name) for part, name in places.items()}
    return one_address(street_1=first or None, street_2=second or None, **found)


def _moment(text: Any) -> Any:
    """Write ``+0000`` with its colon, and a bare date as the beginning of that day."""
    if not isinstance(text, str) or not text:
        return None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return f"{text}T00:00:00Z"
    return re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", text)


# --- an error ---------------------------------------------------------------------------------------------------------


def refusal(response: Response, *, record: Mapping[str, Any], path_of: PathOf) -> ProviderError:
    """Make the error for an answer that is no created lead.

    Args:
        response: the answer, or a part of one as an answer of its own.
        record: what was sent; its values are kept out of the message.
        path_of: finds the unified path of a field.
    """
    body = response.json
    if isinstance(body, dict) and body.get("id") and body.get("success") is False:
        return MalformedResponseError("the answer holds both a lead and errors", response=response)
    faults = faults_of(response)
    if response.is_success and not code_of(faults):
        return MalformedResponseError("the answer names no lead", response=response)
    if response.status == 300:
        return _several_matches(response)
    code = code_of(faults)
    names = list(_names(faults, record))
    return error_for(
        response,
        message_of(response, faults, record),
        category=refusal_category(response, faults),
        vendor_code=code,
        field=next((path for path in map(path_of, names) if path), None),
        existing_id=_existing_id(faults),
        retry_after=_wait(response, faults),
        processed=False if code in NOT_WRITTEN else None,
        hint=RETIRED_HINT if response.status == 410 else next((HINTS[n] for n in (code, *names) if n in HINTS), None),
    )


def faults_of(response: Response) -> Sequence[Fault]:
    """List the faults: REST answers a list, a row holds one under ``errors``, OAuth answers an object or plain text."""
    body = response.json
    if isinstance(body, dict):
        body = body["errors"] if isinstance(body.get("errors"), list) else [body]
    if isinstance(body, list):
        return [fault for fault in body if isinstance(fault, dict)]
    return [{"errorCode": "Bad_OAuth_Token"}] if response.text.strip() == "Bad_OAuth_Token" else []


def code_of(faults: Sequence[Fault]) -> str | None:
    """Salesforce's code: ``errorCode`` in a call of its own, ``statusCode`` in a row, ``error`` from OAuth."""
    codes = (fault.get("errorCode") or fault.get("statusCode") or fault.get("error") for fault in faults)
    return next((code for code in codes if isinstance(code, str)), None)


def refusal_category(response: Response, faults: Sequence[Fault]) -> Category | None:
    """Judge by code first; ``None`` leaves it to the status, which says nothing where a 2xx hides the fault."""
    code = code_of(faults)
    if response.status == 410:
        return "unexpected"  # the API version is retired, whatever the code
    if any(text in str(fault.get("message")) for fault in faults for text in NO_USE):
        return "permission"
    return CATEGORIES.get(code or "") or ("validation" if code and response.is_success else None)


def message_of(response: Response, faults: Sequence[Fault], record: Mapping[str, Any]) -> str:
    """Join what the faults say, in one line and without the values that were sent."""
    texts = [fault.get("message") or fault.get("error_description") or "" for fault in faults]
    text = "; ".join(_VALUE.sub(r"\1 …", " ".join(str(part).split())) for part in texts if part)
    values = [value for value in record.values() if isinstance(value, str) and len(value) > 3]
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(" ".join(value.split()), "…")
    return text or code_of(faults) or response.plain_text


def _names(faults: Sequence[Fault], record: Mapping[str, Any]) -> Iterator[str]:
    """Name the fields at fault: as listed, as named in the message, or as the one that holds the id it names."""
    for fault in faults:
        yield from (name for name in fault.get("fields") or () if isinstance(name, str))
    for fault in faults:
        text = str(fault.get("message") or "")
        yield from (found[1] for pattern in _NAMES if (found := pattern.search(text)))
        if "cross-reference id" in text and (found := _ID.search(text.rpartition(":")[2])):
            holders = [name for name, value in record.items() if str(value)[:15] == found[0][:15]]
            yield from holders if len(holders) == 1 else ()


def _existing_id(faults: Sequence[Fault]) -> str | None:
    for fault in faults:
        matches = (fault.get("duplicateResult") or {}).get("matchResults") or ()
        for match in matches:
            for found in match.get("matchRecords") or ():
                return str(found["record"]["Id"])
        named = re.search(r"with id: ([A-Za-z0-9]+)", str(fault.get("message") or ""))
        if named:
            return named[1]
    return None


def _wait(response: Response, faults: Sequence[Fault]) -> float | None:
    """Seconds to wait; Salesforce itself names none."""
    if code_of(faults) != "REQUEST_LIMIT_EXCEEDED" or "retry-after" in response.headers:
        return None
    concurrent = any("Concurrent" in str(fault.get("message")) for fault in faults)
    return CONCURRENCY_WAIT if concurrent else QUOTA_WAIT


def _several_matches(response: Response) -> ProviderError:
    """Several leads have the external id: a list of their addresses, and nothing was written."""
    addresses = [url for url in response.json or () if isinstance(url, str)] if isinstance(response.json, list) else []
    existing = addresses[0].rstrip("/").rpartition("/")[2] if addresses else None
    error = error_for(response, "several leads have this external id", category="conflict", existing_id=existing)
    if addresses and isinstance(error, DuplicateLeadError):
        error.outcome = "rejected"
    return error
