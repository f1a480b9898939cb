"""What Zoho CRM's answers mean: a verdict on one record, a record that is read, or a refusal of the whole call.

Source: https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from unilead import (
    Category,
    CreatedLead,
    FieldMap,
    MalformedResponseError,
    ProviderError,
    Request,
    Response,
    RowVerdict,
    error_for,
    one_address,
    reference,
    typed_items,
)

PLAN_LIMITS = ("LIMIT_EXCEEDED", "LIMIT_REACHED", "STORAGE_SPACE_EXCEEDED")
WRONG_ADDRESS = ("INVALID_MODULE", "INVALID_URL_PATTERN", "INVALID_REQUEST_METHOD")
_CODES: dict[Category, tuple[str, ...]] = {
    "authentication": ("INVALID_TOKEN", "AUTHENTICATION_FAILURE"),
    "permission": (
        "OAUTH_SCOPE_MISMATCH", "NO_PERMISSION", "AUTHORIZATION_FAILED", "FEATURE_NOT_SUPPORTED",
        "TERRITORY_NOT_ENABLED", *PLAN_LIMITS,
    ),
    "validation": (
        "MANDATORY_NOT_FOUND", "INVALID_DATA", "NOT_ALLOWED", "DEPENDENT_FIELD_MISSING", "DEPENDENT_MISMATCH",
        "MAPPING_MISMATCH", "EXPECTED_FIELD_MISSING", "PATTERN_NOT_MATCHED", "REQUIRED_PARAM_MISSING",
    ),
    "conflict": (
        "DUPLICATE_DATA", "RECORD_LOCKED", "NOT_APPROVED", "RECORD_IN_BLUEPRINT", "CONVERTED_RECORD",
        "ID_ALREADY_CONVERTED", "ALREADY_MODIFIED",
    ),
    "unexpected": WRONG_ADDRESS,
    "not_found": ("NO_RECORDS_FOUND", "NOT_FOUND", "NO_CONTENT"),
    "rate_limited": ("TOO_MANY_REQUESTS",),
    "provider_unavailable": ("INTERNAL_ERROR",),
}  # fmt: skip
CATEGORIES = {code: category for category, codes in _CODES.items() for code in codes}
HINTS = {
    "INVALID_TOKEN": "renew the token; one of another data centre is refused like a wrong one, so check data_center",
    "OAUTH_SCOPE_MISMATCH": "connect the account anew, with the scopes that the provider's page lists",
}
CREDITS = "x-api-credits-remaining"
SPENT_WAIT = 3600.0  # seconds; credits come back over a day, bit by bit
SERVICE_FAULTS: dict[str, Category] = {
    "PROCESSING_ERROR": "provider_unavailable",
    "CANNOT_PROCESS": "provider_unavailable",
    "NO_PERMISSION": "permission",
    "LIMIT_EXCEEDED": "rate_limited",
}
STANDARD = frozenset(  # what every organisation has; what is left of a record are its own fields
    {
        "Address", "Annual_Revenue", "Average_Time_Spent_Minutes", "Change_Log_Time__s", "City", "Company",
        "Converted_Account", "Converted_Contact", "Converted_Date_Time", "Converted_Deal", "Converted__s",
        "Coordinates", "Country", "Created_By", "Created_Time", "Currency", "Data_Processing_Basis",
        "Data_Processing_Basis_Details", "Data_Source", "Days_Visited", "Description", "Designation", "Email",
        "Email_Opt_Out", "Enrich_Status__s", "Exchange_Rate", "Fax", "First_Name", "First_Visited_Time",
        "First_Visited_URL", "Flat_House_No_Building_Apartment_Name", "Full_Name", "Industry", "Last_Activity_Time",
        "Last_Enriched_Time__s", "Last_Name", "Last_Visited_Time", "Latitude", "Layout", "Lead_Conversion_Time",
        "Lead_Source", "Lead_Status", "Locked__s", "Longitude", "Mobile", "Modified_By", "Modified_Time",
        "No_of_Employees", "Number_Of_Chats", "Owner", "Phone", "Rating", "Record_Image", "Record_Status__s",
        "Referrer", "Salutation", "Secondary_Email", "Skype_ID", "State", "Street", "Tag", "Territories", "Twitter",
        "Unsubscribed_Mode", "Unsubscribed_Time", "Visitor_Score", "Website", "Zip_Code", "id", "nearby_distance__s",
    }
)  # fmt: skip

_PATH = re.compile(r"\$\.(?:data\[\d+\]\.)?([^\[]+)")  # a list's items are not told apart


# --- a lead -----------------------------------------------------------------------------------------------------------


def record_verdict(row: Any, response: Response, request: Request, fields: FieldMap) -> RowVerdict:
    """Read the verdict on one record; only ``status: success`` with an id is a created lead."""
    if not isinstance(row, dict) or row.get("status") not in ("success", "error"):
        return MalformedResponseError("the answer has no verdict for this lead", response=response)
    if row["status"] == "error":
        return _record_error(row, response, request, fields)
    details = row.get("details") or {}
    if not details.get("id"):
        return MalformedResponseError("the answer names no lead id", response=response)
    return CreatedLead(
        id=details["id"],
        created_at=details.get("Created_Time"),
        updated_at=details.get("Modified_Time"),
    )


def created_lead(stored: Mapping[str, Any]) -> CreatedLead:
    """Read a whole record, as a read answers it."""
    custom = {name: value for name, value in stored.items() if name not in STANDARD and not name.startswith("$")}
    return CreatedLead(
        id=stored["id"],
        owner=reference(_id_of(stored.get("Owner"))),
        lead_source=stored.get("Lead_Source"),
        status=stored.get("Lead_Status"),
        title=stored.get("Designation"),
        first_name=stored.get("First_Name"),
        last_name=stored.get("Last_Name"),
        addresses=_addresses(stored),
        email_addresses=typed_items("email", primary=stored.get("Email"), secondary=stored.get("Secondary_Email")),
        phone_numbers=typed_items(
            "number", primary=stored.get("Phone"), mobile=stored.get("Mobile"), fax=stored.get("Fax")
        ),
        custom_fields=custom or None,
        last_activity_at=stored.get("Last_Activity_Time"),
        created_at=stored.get("Created_Time"),
        updated_at=stored.get("Modified_Time"),
        converted_at=stored.get("Converted_Date_Time"),
        converted_contact=_id_of(stored.get("Converted_Contact")),
        converted_account=_id_of(stored.get("Converted_Account")),
    )


def _id_of(record: Any) -> Any:
    return record.get("id") if isinstance(record, Mapping) else None


def _addresses(stored: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    places = {"street_1": "Street", "city": "City", "state": "State", "postal_code": "Zip_Code", "country": "Country"}
    return one_address(**{part: stored.get(name) for part, name in places.items()})


# --- an error ---------------------------------------------------------------------------------------------------------


def refusal(response: Response, request: Request, fields: FieldMap) -> ProviderError:
    """Read a refusal of the whole call, in either of Zoho's two forms; by code first, by status second."""
    body = response.json_object
    rows = body.get("data")
    fault = rows[0] if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict) else body
    if request.method == "GET" and (response.status == 204 or fault.get("code") in WRONG_ADDRESS):
        return error_for(response, "no such lead", category="not_found", vendor_code=fault.get("code"))
    if fault.get("code") and fault.get("status") == "error":
        return _record_error(fault, response, request, fields)
    if response.is_success:
        return MalformedResponseError("the answer has no verdict for this lead", response=response)
    if response.status == 404 and request.method == "POST":
        return error_for(response, category="unexpected")
    return error_for(response)


def _record_error(row: Mapping[str, Any], response: Response, request: Request, fields: FieldMap) -> ProviderError:
    details = row.get("details")
    details = details if isinstance(details, Mapping) else {}
    code = str(row.get("code") or "")
    inner = details.get("errors") if isinstance(details.get("errors"), list) else None
    faults = [fault for fault in inner or () if isinstance(fault, Mapping)] or [row]
    name = _place(faults[0].get("details"))
    category = _category(response, code, details, faults)
    error = error_for(
        response,
        _message(row, name),
        category=category,
        vendor_code=code or None,
        field=fields.source_of(name, request.lead),
        existing_id=_existing(faults),
        retry_after=_wait(response),
        hint=HINTS.get(code),
    )
    if category == "unexpected" and response.is_success:
        error.outcome = "rejected"  # Zoho's own word for this record is "error", whatever the status
    return error


def _place(details: Any) -> str | None:
    """Where in a record the fault is: the path of the field, of which Zoho's own name is the last step alone."""
    details = details if isinstance(details, Mapping) else {}
    path, name = details.get("json_path"), details.get("api_name")
    if not isinstance(name, str):
        return None
    found = _PATH.match(path) if isinstance(path, str) and path.endswith(f".{name}") else None
    return found[1] if found else name


def _category(
    response: Response, code: str, details: Mapping[str, Any], faults: list[Mapping[str, Any]]
) -> Category | None:
    """Judge by code first; ``None`` leaves it to the status, where that says more than *something is wrong*."""
    if code == "MULTIPLE_OR_MULTI_ERRORS":
        return "conflict" if {fault.get("code") for fault in faults} == {"DUPLICATE_DATA"} else "validation"
    if code == "DEPENDENT_SERVICE_ERROR":
        return SERVICE_FAULTS.get(str(details.get("dependency_error")), "unexpected")
    names_field = bool(details.get("api_name"))
    if names_field and code in PLAN_LIMITS:
        return "validation"
    if code in CATEGORIES or not (response.status == 400 or response.is_success):
        return CATEGORIES.get(code)
    return "validation" if names_field else "unexpected"


def _wait(response: Response) -> float | None:
    """Seconds to wait where Zoho names none: until some of the day's credits are free, if they are used up."""
    spent = response.headers.get(CREDITS) == "0" and "retry-after" not in response.headers
    return SPENT_WAIT if spent and response.status == 429 else None


def _existing(faults: list[Mapping[str, Any]]) -> str | None:
    for fault in faults:
        details = fault.get("details")
        if fault.get("code") == "DUPLICATE_DATA" and isinstance(details, Mapping):
            record = details.get("duplicate_record")
            found = (record.get("id") if isinstance(record, Mapping) else None) or details.get("id")
            return str(found) if found else None
    return None


def _message(row: Mapping[str, Any], name: Any) -> str:
    text = str(row.get("message") or row.get("code") or "")
    return f"{text}: {name}" if name else text
