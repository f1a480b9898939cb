"""Up to 200 leads in one ``POST …/composite/sobjects``: a verdict for each, in order; the good ones are kept.

Source: https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-create.html
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from unilead import CreatedLead, MalformedResponseError, ProviderError, Request, Response
from unilead_salesforce.answers import PathOf, created_lead, refusal

MOST = 200
Verdict: TypeAlias = CreatedLead | ProviderError


def join(requests: Sequence[Request], leads_path: str, data_path: str) -> tuple[Request, list[int]]:
    """Join plain creates into one request.

    An upsert and a look-up of a company go singly. Headers hold for a whole call, so leads with an owner and leads
    without travel apart.

    Returns: the request, and the indexes of the requests in it.
    """
    plain = [index for index, request in enumerate(requests) if _is_plain(request, leads_path)]
    headers = requests[plain[0]].headers if plain else {}
    taken = [index for index in plain if requests[index].headers == headers]
    records = [{"attributes": {"type": "Lead"}, **requests[index].json} for index in taken]
    body = {"allOrNone": False, "records": records}
    return Request("POST", f"{data_path}/composite/sobjects", json=body, headers=headers), taken


def _is_plain(request: Request, leads_path: str) -> bool:
    is_create = (request.method, request.path) == ("POST", leads_path)
    return is_create and not request.query and "attributes" not in request.json  # they would name another object


def verdicts(response: Response, request: Request, count: int, *, path_of: PathOf) -> list[Verdict]:
    """Read the verdicts of a batch.

    Raises: ProviderError where the call was refused as a whole, or its answer has another number of rows.
    """
    rows = response.json
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "success" in row for row in rows):
        raise refusal(response, record={}, path_of=path_of)
    if len(rows) != count or response.status >= 500:
        raise MalformedResponseError("the answer has another number of rows than leads were sent", response=response)
    records = request.json["records"]
    return [_verdict(row, response, record, path_of) for row, record in zip(rows, records, strict=True)]


def _verdict(row: dict[str, Any], response: Response, record: dict[str, Any], path_of: PathOf) -> Verdict:
    try:
        if row["success"] is True:
            return created_lead(Response.of(201, row, response.headers)).of_part(row)
        # a row has no status of its own; alone it would have been refused with 400
        status = 400 if row["success"] is False and row.get("errors") else response.status
        return refusal(Response.of(status, row, response.headers), record=record, path_of=path_of)
    except ProviderError as error:
        return error
    except (AttributeError, KeyError, TypeError, ValueError):
        return MalformedResponseError("the provider cannot read this row", response=Response.of(response.status, row))
