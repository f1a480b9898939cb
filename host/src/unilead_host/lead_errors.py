"""What a lead's error is answered with: status, body and insights, from the error and the CRM's own answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from unilead import (
    AuthError,
    ConfigurationError,
    ConnectError,
    InvalidLeadError,
    LeadError,
    MissingFieldsError,
    Problem,
    ProviderConflictError,
    ProviderError,
    ProviderInfo,
    ProviderLoadError,
    RateLimitError,
    Response,
    TransportError,
    UnknownProviderError,
)
from unilead_host.storage import StorageError
from unilead_host.wire import MAX_MESSAGE, UNKNOWN, Answer, error_body, retry_after_header, unavailable

MAX_RAW_TEXT = 64 * 1024
NOT_SENT = {"outcome": "not_sent", "safe_to_retry": True}
FAULTY = {"outcome": "not_sent", "safe_to_retry": False}

REMOTE_ERROR = {"description": "The error was returned by the remote API."}
RATE_LIMIT_ERROR = {"description": "The remote API limited the rate of requests."}
MISSING_FIELDS = "The request body lacks fields that are required for this integration."
MISSING_SCOPES = "The connection lacks scopes for this call."
CONDITIONS = "The remote API demands more than this integration requires."
_MESSAGE_KEYS = ("message", "msg", "errorMessage", "description", "detail", "summary", "error_description")


def error_answer(error: LeadError, info: ProviderInfo | None = None) -> Answer:
    """The answer for a lead that was not created, or of which nobody can say whether it was.

    Args:
        info: data sheet of the provider, for what it demands beyond the contract.
    """
    if isinstance(error, ProviderError) and error.response is not None:
        return _remote(error, error.response, info)
    if isinstance(error, AuthError):
        return Answer(401, reconnect_body({"message": error.message}))
    if isinstance(error, (MissingFieldsError, InvalidLeadError)):
        return Answer(400, missing_body(error) if isinstance(error, MissingFieldsError) else invalid_body(error))
    if isinstance(error, ConnectError):
        body = error_body(502, f"Could not connect to the provider: {error.message}", details=dict(NOT_SENT))
        return Answer(502, body, retry_after_header(error.retry_after))
    if isinstance(error, RateLimitError):  # the CRM's limit, known before anything was sent
        insight = {"rate_limit_error": dict(RATE_LIMIT_ERROR)}
        body = error_body(429, error.message, details=dict(NOT_SENT), truto_error_insight=insight)
        return Answer(429, body, retry_after_header(error.retry_after or 1))
    if isinstance(error, ConfigurationError):
        return _unusable(error)
    if error.outcome == "unknown":
        message = "The provider did not answer; the lead may or may not exist"
        return Answer(500, error_body(500, message, details=dict(UNKNOWN)))
    return Answer(500, error_body(500, "Internal server error"))


def _unusable(error: ConfigurationError) -> Answer:
    if isinstance(error, (UnknownProviderError, ProviderConflictError, ProviderLoadError)):
        return Answer(501, error_body(501, f"No installed plugin serves integration '{error.provider}'"))
    if isinstance(error.__cause__, StorageError):  # the credential store's
        return unavailable(error.__cause__)
    return Answer(500, error_body(500, error.message, details=dict(FAULTY)))


def reconnect_body(said: Any) -> dict[str, Any]:
    """The body for an account whose credentials are refused, by the CRM or by its token endpoint.

    Args:
        said: what it said when it refused them, a JSON value.
    """
    more = {"truto_is_remote_error": True, "raw_response": said}
    return error_body(401, first_message(said), **more, truto_error_insight={"remote_error": dict(REMOTE_ERROR)})


def read_failure(error: LeadError, info: ProviderInfo) -> Answer:
    """The answer for a lead that could not be read: no lead is at stake, so that a repetition is always safe."""
    if isinstance(error, TransportError) and error.outcome == "unknown":
        return Answer(504, error_body(504, "The provider did not answer in time", details={"safe_to_retry": True}))
    answer = error_answer(error, info)
    if isinstance(error, ProviderError):
        answer.content.pop("details", None)
    return answer


def missing_body(error: MissingFieldsError) -> dict[str, Any]:
    """The body of a 400 for required fields that are missing."""
    names = list(error.fields)
    insight = {"missing_required_body_fields": {"description": MISSING_FIELDS, "value": names}}
    message = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} required"
    return error_body(400, message, truto_error_insight=insight)


def invalid_body(error: InvalidLeadError) -> dict[str, Any]:
    """The body of a 400 for values that cannot be sent; the body as a whole has no field to name."""
    problems = error.problems
    if len(problems) == 1 and problems[0].field == "body":
        return error_body(400, problems[0].message)
    failures = [{"field": one.field, "code": one.code, "message": one.message} for one in problems]
    return error_body(400, "; ".join(map(_sentence, problems)), details={"failures": failures})


def _sentence(problem: Problem) -> str:
    wanted = problem.message.removeprefix("expected ").split(",")[0]
    if problem.code == "wrong_type":
        return f"{problem.field} must be {'an' if wanted[:1] in 'aeiou' else 'a'} {wanted}"
    return f"{problem.field}: {problem.message}"


def _remote(error: ProviderError, response: Response, info: ProviderInfo | None) -> Answer:
    status = error_status(response.status)
    raw = response.remote_data
    body = error_body(status, first_message(raw), truto_is_remote_error=True, raw_response=_cut(raw))
    if error.outcome == "unknown" and not is_server_error(response.status):
        body["details"] = dict(UNKNOWN)
    body["truto_error_insight"] = _insight(error, status, info)
    return Answer(status, body, retry_after_header(error.retry_after))


def error_status(status: int) -> int:
    """The status that a CRM's failed answer gets here: its own; 422 for a 2xx, 500 for what is no failure at all."""
    if 200 <= status < 300:
        return 422
    return status if 400 <= status < 600 else 500


def is_server_error(status: int) -> bool:
    """Whether the CRM itself said that it failed."""
    return 500 <= status < 600


def is_forbidden(error: ProviderError) -> bool:
    """Whether the connection lacks rights; a plan that is unpaid, or full, is no matter of rights."""
    return error.category == "permission" and error.status != 402


def _insight(error: ProviderError, status: int, info: ProviderInfo | None) -> dict[str, Any]:
    insight: dict[str, Any] = {}
    if status == 429 or error.category == "rate_limited":
        insight["rate_limit_error"] = dict(RATE_LIMIT_ERROR)
    if is_forbidden(error):
        scopes = missing_scopes(error.response.remote_data if error.response is not None else None)
        insight["forbidden_error"] = {"description": MISSING_SCOPES, "value": {"missing_scopes": scopes}}
    if status in (400, 422) and info is not None and (rules := _rules(info, error)):
        insight["conditionally_required_body_fields"] = {"description": CONDITIONS, "value": rules}
    return insight | {"remote_error": dict(REMOTE_ERROR)}


def _rules(info: ProviderInfo, error: ProviderError) -> dict[str, str]:
    """What the CRM demands beyond the contract, by field: of the fields that the error names, or of all of them."""
    named = {re.split(r"[.\[]", path)[0] for path in error.fields}
    found: dict[str, str] = {}
    for rule in info.rules:
        for name in rule.fields:
            if not named or name in named:
                found[name] = f"{found[name]}; {rule.text}" if name in found else rule.text
    return found


def missing_scopes(raw: Any) -> list[str]:
    """The scopes that a CRM's answer says are missing: what stands under ``requiredScopes`` and its like."""
    for item in chain.from_iterable(_levels(raw)):
        for key, value in item.items():
            if "scope" in key.lower() and isinstance(value, list):
                return [text for text in value if isinstance(text, str)]
    return []


def first_message(raw: Any) -> str:
    """The first useful text in a CRM's answer, level by level; a text answer has none."""
    for level in _levels(raw):
        for key in _MESSAGE_KEYS:
            for item in level:
                text = item.get(key)
                if isinstance(text, str) and text.strip():
                    return text[:MAX_MESSAGE]
    return ""


def _levels(raw: Any) -> Iterator[list[dict[str, Any]]]:
    """The objects of a JSON value, breadth first; lists do not count as a level."""
    level = list(_objects(raw))
    while level:
        yield level
        level = [found for item in level for value in item.values() for found in _objects(value)]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The nearest objects at or below a value, through any lists, in order."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _cut(raw: Any) -> Any:
    return raw[:MAX_RAW_TEXT] if isinstance(raw, str) else raw
