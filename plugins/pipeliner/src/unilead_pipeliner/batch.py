"""Many leads in one ``batch-modify``: a list goes out, a list of ids and errors comes back, in order."""

from __future__ import annotations

from collections.abc import Sequence

from unilead import CreatedLead, MalformedResponseError, ProviderError, Request, Response

KEEP_GOOD_ROWS = "1"  # rollback-method: one bad row does not undo the others


def join(requests: Sequence[Request], leads_path: str) -> tuple[Request, list[int]]:
    """Put the leads of several requests into one.

    A record with an ``id`` goes singly: here it would change the lead that has it, there Pipeliner ignores it.

    Returns: the request, and the indexes of the requests in it.
    """
    taken = [index for index, request in enumerate(requests) if "id" not in request.json]
    records = [requests[index].json for index in taken]
    query = {"rollback-method": KEEP_GOOD_ROWS}
    return Request("POST", f"{leads_path}/batch-modify", json=records, query=query), taken


def unmatched(response: Response, count: int) -> list[CreatedLead | ProviderError]:
    """Verdicts for an answer whose rows cannot be matched with the leads: nobody can say what became of them."""
    reason = "the batch answer has another number of rows than leads were sent"
    return [MalformedResponseError(reason, response=response) for _ in range(count)]
