"""One Composite call that reads a company's name and creates the lead with it.

A lead is tied to no account record; Salesforce wants the company's name. Where a caller has only the account's id, the
name is fetched and used within one call, so that the lead is still one request.

Source: https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite-post.html
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unilead import Request, Response
from unilead_salesforce.answers import HALTED, code_of, faults_of, refusal

ACCOUNT, LEAD = "acct", "lead"
PATH = "/composite"
RECORD_PATH = ("compositeRequest", 1, "body")


def with_company_of(look_up_path: str, request: Request, data_path: str) -> Request:
    """Wrap a create so that the company's name comes from the account record.

    Args:
        look_up_path: reads the account record's ``Name``.
        request: the create; its headers move to its part of the call, where Salesforce reads them.
        data_path: where the API version's resources begin.
    """
    look_up = {"method": "GET", "referenceId": ACCOUNT, "url": look_up_path}
    create = {
        "method": request.method,
        "referenceId": LEAD,
        "url": request.path,
        **({"httpHeaders": dict(request.headers)} if request.headers else {}),
        "body": {**request.json, "Company": f"@{{{ACCOUNT}.Name}}"},
    }
    body = {"allOrNone": True, "compositeRequest": [look_up, create]}
    return request.changed(method="POST", path=data_path + PATH, json=body, headers={}, record_path=RECORD_PATH)


def is_composite(request: Request) -> bool:
    """Whether the request is one that `with_company_of` made."""
    return request.record_path == RECORD_PATH


def record_of(request: Request) -> Mapping[str, Any]:
    """The lead's record in a request, wherever it sits."""
    record: Mapping[str, Any] = (
        request.json["compositeRequest"][1]["body"] if is_composite(request) else request.json or {}
    )
    return record


def has_reference(value: Any) -> bool:
    """Whether a JSON value holds text that a Composite call would replace."""
    if isinstance(value, str):
        return "@{" in value
    if isinstance(value, dict):
        return any(has_reference(item) for item in value.values())
    return isinstance(value, list) and any(has_reference(item) for item in value)


def lead_answer(response: Response, request: Request) -> Response:
    """Take the lead's part out of a Composite answer, as if it had been a create of its own.

    Raises: ProviderError where the company could not be read, so that the lead was not tried.
    """
    if not is_composite(request) or not response.is_success:
        return response
    parts = {part["referenceId"]: _part(part, response) for part in response.json["compositeResponse"]}
    lead, account = parts[LEAD], parts.get(ACCOUNT)
    if account is not None and _was_halted(lead) and account.status >= 400 and not _was_halted(account):
        error = refusal(account, record={}, path_of=lambda name: None)
        error.field = "account.id"
        if error.outcome == "unknown":  # whatever became of the look-up, the lead was not tried
            error.outcome, error.retryable = "not_sent", True
        raise error
    return lead


def _part(part: Mapping[str, Any], whole: Response) -> Response:
    return Response.of(int(part["httpStatusCode"]), part["body"], whole.headers)


def _was_halted(part: Response) -> bool:
    return part.status >= 400 and code_of(faults_of(part)) in HALTED
