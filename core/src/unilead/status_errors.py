"""The error that fits a CRM's answer: by the vendor's code where a plugin reads one, by the HTTP status else."""

from __future__ import annotations

from unilead.errors import (
    AuthError,
    Category,
    DuplicateLeadError,
    MalformedResponseError,
    ProviderError,
    RateLimitError,
    RejectedError,
    UnavailableError,
)
from unilead.message import Response

_KINDS: dict[Category, type[ProviderError]] = {
    "authentication": AuthError,
    "permission": AuthError,
    "validation": RejectedError,
    "not_found": RejectedError,
    "conflict": DuplicateLeadError,
    "rate_limited": RateLimitError,
    "provider_unavailable": UnavailableError,
    "unexpected": ProviderError,
}
_STATUS_CATEGORIES: dict[int, Category] = {
    400: "validation",
    401: "authentication",
    402: "permission",
    403: "permission",
    404: "not_found",
    408: "provider_unavailable",
    409: "conflict",
    413: "validation",
    414: "validation",
    415: "validation",
    422: "validation",
    425: "provider_unavailable",
    429: "rate_limited",
    431: "validation",
}


def error_for(
    response: Response,
    message: str = "",
    *,
    category: Category | None = None,
    field: str | None = None,
    vendor_code: str | None = None,
    hint: str | None = None,
    existing_id: str | None = None,
    retry_after: float | None = None,
    processed: bool | None = None,
) -> ProviderError:
    """Make the error that fits a CRM's answer.

    Args:
        response: the answer; its status decides whatever the other arguments leave open.
        message: the CRM's own words; the HTTP reason where it had none.
        category: the plugin's reading of the vendor's code; ``None`` judges by status.
        field: unified path of the field that the CRM names.
        vendor_code: the CRM's code, unchanged.
        hint: the way out, where the CRM's words do not tell it; ``None`` leaves it to the core.
        existing_id: id of the record that the CRM already has; makes sense with ``conflict``.
        retry_after: seconds to wait, from the vendor's own headers; core reads ``Retry-After`` itself.
        processed: ``False`` where the vendor documents that this answer means *not processed*: the call may then
            be repeated. ``None`` judges by status and category.

    Returns: the error, for the plugin to raise. A 5xx, 3xx, 408 or 425 is never taken for a refusal.
    """
    status = response.status
    ambiguous = not (response.is_success or 400 <= status < 500) or status in (408, 425)
    category = category or _category_of(status)
    kind: type[ProviderError] = _KINDS[category]
    if category == "unexpected" and not 400 <= status < 500:
        kind = MalformedResponseError
    if ambiguous and category == "rate_limited" and processed is None:
        kind, category = UnavailableError, "provider_unavailable"
    error = kind(
        message or response.reason or f"HTTP status {status}",
        field=field,
        vendor_code=vendor_code,
        hint=hint,
        retry_after=retry_after,
        response=response,
        category=category,
    )
    if isinstance(error, DuplicateLeadError):
        error.existing_id = existing_id
    if processed is False:
        error.outcome, error.retryable = "not_sent", True
    elif ambiguous:
        error.outcome, error.retryable = "unknown", False
    elif processed:
        error.retryable = False
    return error


def _category_of(status: int) -> Category:
    if status >= 500:
        return "provider_unavailable" if status < 600 else "unexpected"
    return _STATUS_CATEGORIES.get(status, "unexpected")
