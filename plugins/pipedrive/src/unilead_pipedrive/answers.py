"""What Pipedrive's refusals mean: a JSON object that names no field, or a page of the network in front of it.

Source: https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from unilead import AuthError, Category, ProviderError, Response, error_for

CATEGORIES: dict[int, Category] = {410: "not_found", 415: "permission", 501: "unexpected"}  # the others as usual
EMBEDDED: dict[int, Category] = {  # by the errorCode of a 2xx that is a refusal; others are `validation`
    401: "authentication",
    402: "permission",
    403: "permission",
    404: "not_found",
    429: "rate_limited",
}
WRONG_SCOPE = "Scope and URL mismatch"
BURST_WINDOW = 2.0  # seconds
DAILY_COUNTERS = ("x-daily-ratelimit-token-remaining", "x-daily-requests-left")

_STATUS = re.compile(r"[1-9][0-9]{2}")
_SECONDS = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")


def refusal(response: Response) -> ProviderError:
    """Read Pipedrive's error, which is a JSON object, or a page of the network in front of it."""
    if response.status == 403 and response.is_page:
        blocked = error_for(response, "blocked for sending on after a 429; stop sending", category="rate_limited")
        blocked.retryable = False  # each further request prolongs the block
        return blocked
    body = response.json_object
    message, code = _words(body, response), _code(body)
    error = (_throttled if response.status == 429 else _refused)(response, message, code)
    if body.get("success") is True:  # Pipedrive has been seen to carry out a request and answer 410
        error.doubt()
    return error


def _refused(response: Response, message: str, code: str | None) -> ProviderError:
    category = CATEGORIES.get(response.status)
    if response.status == 400 and message.startswith("Invalid request: malformed authorization header"):
        category = "authentication"
    error = error_for(response, message, category=category, vendor_code=code)
    if isinstance(error, AuthError) and (response.status == 402 or message == WRONG_SCOPE):
        error.is_about_account = True
    return error


def _throttled(response: Response, message: str, code: str | None) -> ProviderError:
    """Tell the burst window, which is soon over, from the daily budget, which is gone until a midnight unknown."""
    headers = response.headers
    if any(headers.get(name, "").strip() == "0" for name in DAILY_COUNTERS):
        spent = error_for(response, f"{message or 'too many requests'} (daily budget used up)", vendor_code=code)
        spent.retryable = False
        return spent
    reset = headers.get("x-ratelimit-reset", "").strip()
    window = float(reset) if _SECONDS.fullmatch(reset) else BURST_WINDOW
    wait = None if "retry-after" in headers else window
    return error_for(response, message, vendor_code=code, retry_after=wait)


def refusal_inside(response: Response) -> ProviderError:
    """Judge a 2xx that does not report success: a refusal only where it says so and holds no record."""
    body = response.json
    message, status = _words(body, response), _embedded_status(body.get("errorCode"))
    refused = body["success"] is False and not body.get("data") and status < 500
    category: Category = EMBEDDED.get(status, "validation") if refused else "unexpected"
    return error_for(response, message or "the answer reports no success", category=category, vendor_code=_code(body))


def _embedded_status(code: Any) -> int:
    """The status that an answer names inside; 0 for none."""
    return int(code) if isinstance(code, (int, str)) and _STATUS.fullmatch(str(code)) else 0


def _words(body: Mapping[str, Any], response: Response) -> str:
    """Pipedrive's own words; those of a page in HTML are not for people."""
    for name in ("error", "message", "error_info"):
        text = body.get(name)
        if isinstance(text, str) and text.strip():
            return text
    return response.plain_text


def _code(body: Mapping[str, Any]) -> str | None:
    code = body.get("code") or body.get("errorCode")
    return str(code) if isinstance(code, (str, int)) else None
