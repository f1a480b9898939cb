"""Many leads in one ``batch-modify``: a list goes out, a list of ids and errors comes back, in order."""

from __future__ import annotations

from collections.abc import Sequence

from unilead import CreatedLead, MalformedResponseError, ProviderError, Request, Response

KEEP_GOOD_ROWS = "1"  # rollback-method: one bad row does not undo the others


def join(requests: Sequence[Request], leads_path: str) -> Request:
    """Put the leads of several requests into one."""
    records = [request.json for request in requests]
    return Request("POST", f"{leads_path}/batch-modify", json=records, query={"rollback-method": KEEP_GOOD_ROWS})


def unmatched(response: Response, count: int) -> list[CreatedLead | ProviderError]:
    """Verdicts for an answer whose rows cannot be matched with the leads: nobody can say what became of them."""
    reason = "the batch answer has another number of rows than leads were sent"
    return [MalformedResponseError(reason, response=response) for _ in range(count)]
