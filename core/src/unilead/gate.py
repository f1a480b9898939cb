"""The gate that all requests of one `create_many` go through: what one of them learns of the account holds for all."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from unilead.doubts import Doubts, Trial
from unilead.errors import ConnectError, LeadError, RateLimitError
from unilead.message import Response
from unilead.retry import LONGEST_WAIT
from unilead.steps import Send, Step, Steps, Wait

T = TypeVar("T")
LONGEST_SLEEP = 0.5  # seconds; so that a stop is not slept through
_GO_ON = "nothing was sent; go on later"


class Gate:
    """Lets requests through, one account's, until it is to stop or the account can send no more.

    Attributes:
        calls: number of requests let through so far.
        stopped: nothing more is sent, because the caller wants no more.
        fault: what a callback or a transport of the application's raised; nothing more is sent either.
        closed: why the account can send no more, where it cannot.
        doubts: whether the CRM still answers.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.calls = 0
        self.stopped = False
        self.fault: Exception | None = None
        self.closed: LeadError | None = None
        self.doubts = Doubts(clock)
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._closed_until = 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent, whatever the account could."""
        return self.stopped or self.fault is not None

    def fail(self, fault: Exception) -> None:
        """Send nothing more because of a fault; the first of several is the one that is told."""
        self.fault = self.fault or fault

    def check(self) -> None:
        """Ask before a request is begun. Raises: LeadError when nothing more is sent."""
        if self.is_over:
            raise ConnectError("stopped before it was sent", hint=_GO_ON)
        if self.closed is not None and self._clock() < self._closed_until:
            error = copy.copy(self.closed)
            if error.retry_after is not None:
                error.retry_after = self._closed_until - self._clock()
            raise error

    def through(self, steps: Steps[tuple[Response, T]]) -> Steps[tuple[Response, T]]:
        """Pass the steps of a request on. A wait of one is a wait of all: it is the account that has to wait.

        Returns: the steps' result, an answer and what it says.
        Raises: LeadError, also when all is to stop while it waits.
        """
        trial = Trial()
        try:
            answer = yield from self._passed(steps, trial)
            self.doubts.answered(trial, answer[1])
        except LeadError as error:
            self.doubts.failed(trial, error)
            raise
        finally:
            self.doubts.leave(trial)
            if self.doubts.end is not None:
                self._close(self.doubts.end, float("inf"))
        return answer

    def _passed(self, steps: Steps[T], trial: Trial) -> Steps[T]:
        try:
            step = next(steps)
            while True:
                try:
                    if isinstance(step, Wait):
                        self._free_at = max(self._free_at, self._clock() + step.seconds)
                    yield from self._wait_while_held(trial)
                    answer = None if isinstance(step, Wait) else (yield from self._counted(step))
                except LeadError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _counted(self, step: Step) -> Steps[Any]:
        if isinstance(step, Send):
            with self._lock:
                self.calls += 1
        return (yield step)

    def _wait_while_held(self, trial: Trial) -> Steps[None]:
        while (left := self._free_at - self._clock()) > 0 or (left := self.doubts.wait(trial)) > 0:
            if not (yield from self.slept(min(left, LONGEST_SLEEP))):  # and asked anew: a doubt may be over early
                raise ConnectError("stopped while it waited", hint=_GO_ON)
            if self.doubts.end is not None:
                self.check()

    def slept(self, seconds: float) -> Steps[bool]:
        """Wait, in short sleeps. Returns: whether sending goes on."""
        until = self._clock() + seconds
        while not self.is_over and (left := until - self._clock()) > 0:
            yield Wait(min(left, LONGEST_SLEEP))
        return not self.is_over

    def close_for(self, error: LeadError, *, is_about_account: bool) -> None:
        """Stop sending where every further request would fare the same, which says nothing about its leads.

        Args:
            is_about_account: the CRM refused the account, and not a lead; for ever, as no waiting helps.
        """
        quota = isinstance(error, RateLimitError) and (error.retry_after or 0) > LONGEST_WAIT
        unreachable = isinstance(error, ConnectError)
        if self.is_over or not (is_about_account or quota or unreachable):
            return
        if error.outcome == "rejected":
            error.outcome = "not_sent"
        seconds = max(error.retry_after or 0, LONGEST_WAIT) if quota or unreachable else float("inf")
        self._close(error, seconds)

    def _close(self, error: LeadError, seconds: float) -> None:
        self._closed_until = self._clock() + seconds
        self.closed = copy.copy(error)
        self.closed.outcome = "not_sent"
