"""LeadCall: one request about a lead, as the routes hand it to the service."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from unilead_host.parameters import LeadParameters
from unilead_host.query import QueryError
from unilead_host.tokens import Caller
from unilead_host.wire import Refusal, new_request_id

PATH = "/unified/crm/leads"
BULK_PATH = f"{PATH}/bulk"
FOREIGN_ACCOUNT = "This token may not use this integrated account"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class LeadCall:
    """One request, after its token was checked.

    Attributes:
        caller: whose token it is.
        query: the query string as it came.
        body: the body as it came; empty for a read.
        key: the ``Idempotency-Key``; empty for none.
        send_again: the caller knows that an earlier outcome is unknown, and looked it up.
        request_id: to find the call in the logs.
        started: when the request came, by the monotonic clock.
    """

    caller: Caller
    query: bytes
    body: bytes = field(default=b"", repr=False)
    key: str = ""
    send_again: bool = False
    request_id: str = field(default_factory=new_request_id)
    started: float = field(default_factory=time.monotonic)

    def parameters(self) -> LeadParameters:
        """What the query says. Raises: Refusal with status 400 or 403."""
        own = self.caller.account_id
        try:
            parameters = LeadParameters.parse(self.query, own_account=own)
        except QueryError as error:
            raise Refusal(400, str(error)) from None
        if own is not None and parameters.account_id != own:
            raise Refusal(403, FOREIGN_ACCOUNT)
        return parameters

    def check_key(self) -> None:
        """Refuse a key that is none. Raises: Refusal with status 400."""
        if self.key and not _KEY.fullmatch(self.key):
            raise Refusal(400, "Idempotency-Key must be 1 to 255 visible ASCII characters")


def key_of(headers: list[tuple[bytes, bytes]]) -> str:
    """The ``Idempotency-Key`` of a request; empty for none. Raises: Refusal with status 400 for two of them."""
    values = [value.decode("latin-1") for name, value in headers if name == b"idempotency-key"]
    if len(values) > 1:
        raise Refusal(400, "Idempotency-Key must be given once")
    return values[0] if values else ""
