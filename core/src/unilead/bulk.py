"""Many leads: constant memory, the CRM's batch endpoint where it has one, and a verdict for each lead.

A `Run` is what all sends of one `create_many` share. Its `Run.group` is a generator like `exchange`: it does no I/O,
yields what is to be done, and decides what becomes of the leads of one request:

* a verdict for each row of a batch, where the CRM gave one; a row that cannot be told apart is ``unknown``;
* a batch refused as a whole is halved until the bad lead is found, each half sent once;
* a batch whose outcome is unknown is unknown for all its leads, and never sent again; while the CRM goes on like that,
  what follows waits, and goes one lead at a time;
* what is about the account and not about a lead (credentials refused, a quota of hours used up, no connection) ends the
  sending: the leads that follow are ``not_sent``, and the CRM is not asked again.

`unilead.in_flight` keeps a bounded number of these exchanges going.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from unilead.auth import check_sign_in
from unilead.errors import AuthError, HookContractError, LeadError, MissingFieldsError, RejectedError
from unilead.exchange import Result, new_request_id, refuse_losses
from unilead.gate import Gate
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.retry import LONGEST_WAIT, backoff
from unilead.schema import CreatedLead, Lead
from unilead.sending import Options, Sending
from unilead.settings import Settings
from unilead.steps import Steps
from unilead.strict_json import refusal

Given: TypeAlias = Lead | Mapping[str, Any] | bytes | str | LeadError
Verdict: TypeAlias = Result | LeadError
Group: TypeAlias = list[tuple[int, Given]]
Judged: TypeAlias = list[tuple[int, Verdict]]
BeforeSend: TypeAlias = Callable[[Sequence[int]], None]
Verdicts: TypeAlias = dict[int, Verdict]

ATTEMPTS = 5  # most sends of one request; nobody sits and waits for it


@dataclass(slots=True)
class _Row:
    """One lead on its way: checked and mapped once, however often it is sent.

    Attributes:
        announced: ``before_send`` was told of it.
    """

    index: int
    lead: Lead
    request: Request = field(repr=False)
    announced: bool = False


class _CallbackError(Exception):
    """The application's callback raised a LeadError, which must not be taken for what became of a lead."""


class Run:
    """What the requests of one `create_many` share.

    Attributes:
        size: leads in one request.
        gate: what they all go through.
    """

    def __init__(
        self,
        provider: Provider,
        settings: Settings,
        options: Options,
        *,
        before_send: BeforeSend | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_sign_in(provider.info, settings)  # an account that cannot sign in fails here, not once for each lead
        self.provider = provider
        self.settings = settings
        self.options = options
        self.origin = options.base_url if options.base_url is not None else provider.base_url(settings)
        self.size = provider.info.batch_size if provider.takes_batches else 1
        self.gate = Gate(clock)
        self._before_send = before_send
        self._clock = clock

    # --- one group of leads ---------------------------------------------------------------------------------------

    def group(self, group: Group) -> Steps[Judged]:
        """Create the leads of one group.

        Returns: a verdict for each, in order of their indexes; where a callback or a transport of the application's
            failed meanwhile (see `Gate.fault`), for those that have one.
        """
        verdicts: Verdicts = {}
        ready: list[_Row] = []
        for index, given in group:
            try:
                ready.append(self._composed(index, given))
            except LeadError as error:
                verdicts[index] = error.stamp(self.provider.slug, new_request_id())
        try:
            yield from self._together(ready, verdicts)
        except Exception as fault:  # the application's own: raised once what is known is passed on
            self.gate.fail(fault)
        return sorted(verdicts.items())

    def _composed(self, index: int, given: Given) -> _Row:
        """Check and map one lead. Raises: LeadError; a plugin that fails on a lead refuses it, now and at a repeat."""
        if isinstance(given, LeadError):
            raise given
        try:
            lead = _parsed(given)
            problems = self.provider.missing(lead, self.settings)
            if problems:
                raise MissingFieldsError(problems, provider=self.provider.slug)
            request = self.provider.compose(lead, self.settings)
        except HookContractError as error:
            error.outcome = "rejected"
            raise
        if self.options.on_unsupported == "raise":
            refuse_losses(request.dropped + lead.unknown)
        return _Row(index, lead, request)

    def _together(self, rows: list[_Row], verdicts: Verdicts, attempt: int = 1) -> Steps[None]:
        """Send rows in one batch if the CRM takes them so, else singly; also while it is in doubt that it answers."""
        while len(rows) > 1 and self.gate.doubts.count:
            yield from self._singly(rows[:1], verdicts)
            rows = rows[1:]
        if len(rows) < 2:
            yield from self._singly(rows, verdicts)
            return
        try:
            requests = [row.request for row in rows]
            request, taken = self.provider.build_batch(requests, self.settings, base_url=self.origin)
        except LeadError:
            good, refused = self._separated(rows)
            verdicts.update(refused)
            # where none is refused, together they make no batch, so each speaks for itself
            yield from self._together(good, verdicts, attempt) if refused else self._singly(good, verdicts)
            return
        if not taken:
            yield from self._singly(rows, verdicts)
            return
        together = [rows[place] for place in taken]
        if len(together) < 2:  # its own answer says more than a batch's
            yield from self._singly(together, verdicts)
        else:
            yield from self._batch(request, together, verdicts, attempt)
        others = [row for place, row in enumerate(rows) if place not in set(taken)]
        yield from self._together(others, verdicts)  # what one batch leaves out may make another

    def _separated(self, rows: Sequence[_Row]) -> tuple[list[_Row], Verdicts]:
        """Tell the rows that cannot be encoded from those that can."""
        good: list[_Row] = []
        refused: Verdicts = {}
        for row in rows:
            try:
                self._finished(row)
                good.append(row)
            except LeadError as error:
                refused[row.index] = error.stamp(self.provider.slug, new_request_id())
        return good, refused

    def _finished(self, row: _Row) -> Request:
        """Encode the request of one lead. Raises: LeadError; as in `_composed`."""
        try:
            return self.provider.finish(row.request, self.settings, base_url=self.origin)
        except HookContractError as error:
            error.outcome = "rejected"
            raise

    # --- sending --------------------------------------------------------------------------------------------------

    def _singly(self, rows: Iterable[_Row], verdicts: Verdicts) -> Steps[None]:
        for row in rows:
            verdicts[row.index] = yield from self._single(row)

    def _single(self, row: _Row) -> Steps[Verdict]:
        request_id = new_request_id()
        try:
            request = self._finished(row)
            sending = self._sending()
            self._announce([row])
            response, created = yield from self.gate.through(sending.send(request, self.provider.parse_response))
        except LeadError as error:
            self.gate.close_for(error, is_about_account=isinstance(error, AuthError) and error.is_about_account)
            return error.stamp(self.provider.slug, request_id)
        return Result(created, row.request.dropped, row.lead.unknown, request, response, sending.attempts, request_id)

    def _batch(self, request: Request, rows: list[_Row], verdicts: Verdicts, attempt: int) -> Steps[None]:
        """Send one batch, until each of its rows has a verdict."""
        request_id = new_request_id()

        def judge(response: Response, request: Request, settings: Settings) -> list[Any]:
            return self.provider.parse_batch(response, request, len(rows), settings)

        try:
            sending = self._sending()
            self._announce(rows)
            response, answers = yield from self.gate.through(sending.send(request, judge))
        except LeadError as error:
            yield from self._failed(error, rows, verdicts, request_id)
            return
        for row, answer in zip(rows, answers, strict=True):
            if isinstance(answer, CreatedLead):
                own = response if answer.part is None else response.part(answer.part)
                verdicts[row.index] = Result(
                    answer, row.request.dropped, row.lead.unknown, request, own, sending.attempts, request_id
                )
            else:
                if sending.doubtful:
                    answer.doubt()
                verdicts[row.index] = answer.stamp(self.provider.slug, request_id)
        yield from self._repeated(rows, verdicts, attempt)

    def _failed(self, error: LeadError, rows: list[_Row], verdicts: Verdicts, request_id: str) -> Steps[None]:
        """Say what a failed batch means for its rows: the same for all, unless the CRM refused it for one of them."""
        self.gate.close_for(error, is_about_account=isinstance(error, AuthError))
        if isinstance(error, RejectedError) and error.outcome == "rejected":
            half = len(rows) // 2
            yield from self._together(rows[:half], verdicts)
            yield from self._together(rows[half:], verdicts)
            return
        verdicts.update((row.index, copy.copy(error).stamp(self.provider.slug, request_id)) for row in rows)

    def _repeated(self, rows: list[_Row], verdicts: Verdicts, attempt: int) -> Steps[None]:
        """Send those rows again that the CRM says it did not process."""
        judged = ((row, verdicts[row.index]) for row in rows)
        faults = [(row, verdict) for row, verdict in judged if isinstance(verdict, LeadError) and verdict.retryable]
        delay = max([backoff(attempt), *(fault.retry_after or 0 for _, fault in faults)])
        if not faults or attempt >= self.options.attempts or delay > LONGEST_WAIT:
            return
        if (yield from self.gate.slept(delay)):
            for row, _ in faults:
                del verdicts[row.index]  # it holds no longer: should the repetition break off, nobody knows
            yield from self._together([row for row, _ in faults], verdicts, attempt + 1)

    def _sending(self) -> Sending:
        """Make what sends one request. Raises: LeadError when nothing more is sent."""
        self.gate.check()
        return Sending(self.provider, self.settings, self.options, self._clock)

    def _announce(self, rows: Iterable[_Row]) -> None:
        """Tell the caller, before the first request that carries these rows may leave."""
        if self._before_send is None:
            return
        fresh = [row for row in rows if not row.announced]
        if fresh:
            try:
                self._before_send([row.index for row in fresh])
            except LeadError as fault:  # the application's own, and no verdict on these leads
                self.gate.fail(fault)
                raise _CallbackError from fault
        for row in fresh:
            row.announced = True


def _parsed(given: Any) -> Lead:
    try:
        return Lead.parse(given)
    except LeadError:
        raise
    except Exception as fault:  # bottomless nesting, a mapping that fails: it costs the other leads nothing
        raise refusal("unreadable", f"the lead cannot be read: {type(fault).__name__}") from None
