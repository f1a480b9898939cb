"""Judging: what became of the rows of a job, on its way to the database, and what it says about the rest."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unilead import InvalidLeadError, LeadError, ProviderInfo, Result
from unilead.strict_json import read_object
from unilead_host.accounts import Accounts
from unilead_host.bulk.claims import ClaimedRow, Claims, Judged, Lease
from unilead_host.idempotency import Scope
from unilead_host.lead_call import PATH
from unilead_host.metrics import Metrics
from unilead_host.repeats import Repeats, UnknownOutcome
from unilead_host.targets import Targets
from unilead_host.verdict_writes import VerdictWrites
from unilead_host.verdicts import REPEATED, Refused
from unilead_host.wire import UNKNOWN, error_body

PAUSE = 20.0  # seconds until what was not sent is tried again: an outage that is over is noticed in half a minute
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
MAX_RAW = 4_096  # characters of a CRM's answer that are kept with a row


@dataclass(frozen=True, slots=True)
class Tools:
    """What all bulk jobs work with."""

    claims: Claims
    targets: Targets
    accounts: Accounts
    repeats: Repeats
    writes: VerdictWrites
    metrics: Metrics


class RepeatedError(LeadError):
    """No verdict of the CRM, but of the guard against blind repetitions: an earlier lead like it may exist."""

    outcome = "unknown"


class Judging:
    """Takes verdicts, and writes those together that come together.

    Attributes:
        counts: verdicts by state.
        pause: seconds to wait because something was surely not sent; ``None`` where all was.
        reason: why it was not, an error's body.
    """

    def __init__(self, tools: Tools, lease: Lease) -> None:
        self.counts: Counter[str] = Counter()
        self.pause: float | None = None
        self.reason: Mapping[str, Any] | None = None
        self._tools = tools
        self._lease = lease
        self._scope = Scope(lease.tenant_id, lease.account_id, "POST", PATH)
        self._earlier: dict[int, UnknownOutcome] = {}  # by row; of the same lead, and over once this one is created
        self._found: list[Judged] = []
        self._writing = asyncio.Lock()
        self._flushing: asyncio.Task[None] | None = None

    async def guard(self, claimed: ClaimedRow) -> None:
        """Ask before a row is sent. Raises: RepeatedError, StorageError."""
        repeats = self._tools.repeats
        earlier = await repeats.find(self._scope, _document(claimed.lead)) if repeats.may_hold else None
        if earlier is None:
            return
        if not claimed.send_again:
            raise RepeatedError(REPEATED)
        self._earlier[claimed.row] = earlier

    def take(self, claimed: ClaimedRow, verdict: Result | LeadError, info: ProviderInfo) -> None:
        """Take note of what became of a row."""
        if isinstance(verdict, Result):
            told = {"dropped": verdict.dropped, "unknown": verdict.unknown}
            warnings = {name: list(paths) for name, paths in told.items() if paths}
            found = Judged(claimed.row, claimed.attempt, "created", _storable(verdict.id), warnings=warnings)
            if (earlier := self._earlier.pop(claimed.row, None)) is not None:
                self._tools.writes.soon(lambda: self._tools.repeats.forget(earlier))
        else:
            state = "pending" if verdict.outcome == "not_sent" else verdict.outcome
            found = Judged(claimed.row, claimed.attempt, state, error=error_of(verdict, info, claimed.lead))
            self._consider(claimed, verdict, found)
        self.counts[found.state] += 1
        self._tools.metrics.count_row(info.slug, found.state)
        self._add(found)

    def give_back(self, claimed: ClaimedRow) -> None:
        """Take note that a row was not handed on at all."""
        self._add(Judged(claimed.row, claimed.attempt, "pending"))

    def doubt(self, lead: str) -> None:
        """Let the guard against blind repetitions know of a lead whose outcome is unknown."""
        noted = self._tools.repeats.note(self._scope, _document(lead))
        self._tools.writes.soon(lambda: self._tools.repeats.write(noted))

    def _consider(self, claimed: ClaimedRow, error: LeadError, found: Judged) -> None:
        if error.outcome == "not_sent":
            self.pause, self.reason = max(self.pause or PAUSE, error.retry_after or 0), found.error
        elif error.outcome == "unknown" and not isinstance(error, RepeatedError):
            self.doubt(claimed.lead)

    def _add(self, found: Judged) -> None:
        self._found.append(found)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self.flush())

    async def flush(self) -> None:
        """Write what is there; again later, where the database refuses it."""
        await self._tools.writes.write(self.write)

    async def write(self) -> None:
        """Write what is not written yet. Raises: StorageError; it is kept then."""
        async with self._writing:
            found = self._found[:]
            if found:
                await self._tools.claims.judge(self._lease, found)
                del self._found[: len(found)]


def error_of(error: LeadError, info: ProviderInfo, lead: str = "") -> dict[str, Any]:
    """The body that a single create would be answered with; of a long answer of the CRM no more than its message."""
    if isinstance(error, RepeatedError):
        return error_body(500, error.message, details=dict(UNKNOWN))
    body = Refused.of(error, info, _document(lead), (), {}).error
    if len(str(body.get("raw_response", ""))) > MAX_RAW:
        del body["raw_response"]
    return body


def _document(lead: str) -> dict[str, Any]:
    """The lead as JSON; empty for what is none."""
    try:
        return read_object(lead)
    except InvalidLeadError:
        return {}


def _storable(lead_id: str) -> str:
    """What no database stores as text is replaced: a verdict with an odd id is better than none."""
    return _UNSTORABLE.sub("\ufffd", lead_id)
