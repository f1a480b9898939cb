"""Up to 200 leads in one ``POST …/composite/sobjects``: a verdict for each, in order; the good ones are kept.

Source: https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-create.html
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from unilead import Lead, MalformedResponseError, Request, Response, RowVerdict, row_verdict
from unilead_salesforce.answers import PathOf, created_lead, refusal
from unilead_salesforce.settings import SalesforceSettings

MOST = 200


def join(requests: Sequence[Request], settings: SalesforceSettings) -> tuple[Request, list[int]]:
    """Join creates, or upserts by the account's external-id field, into one request.

    Method and headers hold for a whole call: creates and upserts, leads with an owner and leads without travel apart. A
    call carries the first of several leads with one external id: Salesforce would refuse each of them. A look-up of a
    company goes singly.

    Returns: the request, and the indexes of the requests in it.
    """
    groups = [_group(request, settings) for request in requests]
    chosen = next((group for group in groups if group), ("POST", {}))
    taken = [index for index, group in enumerate(groups) if group == chosen]
    method, headers = chosen
    field = settings.external_id_field if method == "PATCH" else None
    if field:
        first: dict[str, int] = {}
        for index in taken:
            first.setdefault(_key(requests[index]).casefold(), index)
        taken = list(first.values())
    body = {"allOrNone": False, "records": [_record(requests[index], field) for index in taken]}
    path = f"{settings.data_path}/composite/sobjects" + (f"/Lead/{field}" if field else "")
    return Request(method, path, json=body, headers=headers, idempotent=bool(field)), taken


def _group(request: Request, settings: SalesforceSettings) -> tuple[str, Mapping[str, str]] | None:
    """What a request must have in common with others to travel with them; ``None`` where it goes singly."""
    is_create = (request.method, request.path) == ("POST", settings.leads_path)
    is_upsert = request.method == "PATCH" and request.path.startswith(f"{settings.leads_path}/")
    if not (is_create or is_upsert) or request.query or "attributes" in request.json:  # which would name another object
        return None
    return request.method, request.headers


def _record(request: Request, field: str | None) -> dict[str, Any]:
    """One lead of several; an external id, which a single upsert has in its path, goes into the record here."""
    key = {field: _key(request)} if field else {}
    return {"attributes": {"type": "Lead"}, **key, **request.json}


def _key(request: Request) -> str:
    """The external id of a single upsert."""
    return unquote(request.path.rpartition("/")[2])


def verdicts(
    response: Response, request: Request, count: int, *, paths_of: Callable[[Lead | None], PathOf]
) -> list[RowVerdict]:
    """Read the verdicts of a batch.

    Args:
        paths_of: makes what finds the unified path of a field, for one lead or for none in particular.
    Raises: ProviderError where the call was refused as a whole, or its answer has another number of rows.
    """
    rows = response.json
    if not isinstance(rows, list) or not any(isinstance(row, dict) and "success" in row for row in rows):
        raise refusal(response, record={}, path_of=paths_of(None))
    if len(rows) != count or response.status >= 500:
        raise MalformedResponseError("the answer has another number of rows than leads were sent", response=response)
    sent = zip(rows, request.json["records"], request.leads, strict=True)
    return [_verdict(row, response, record, paths_of(lead)) for row, record, lead in sent]


def _verdict(row: Any, response: Response, record: dict[str, Any], path_of: PathOf) -> RowVerdict:
    def judge() -> RowVerdict:
        if row["success"] is True:
            return created_lead(Response.of(201, row, response.headers))
        # a row has no status of its own; alone it would have been refused with 400
        status = 400 if row["success"] is False and row.get("errors") else response.status
        return refusal(Response.of(status, row, response.headers), record=record, path_of=path_of)

    return row_verdict(response.part(row), judge)
