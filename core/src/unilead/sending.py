"""The sends of one exchange: what is repeated, how long it may take, and whose credentials it carries.

A request is repeated only when the first one certainly was not processed: not connected, throttled, or a vendor's word
for it. What was sent and not answered is never sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypeVar

from unilead.access import Access
from unilead.auth import mask_text
from unilead.errors import (
    AuthError,
    ConnectError,
    LeadError,
    ProviderError,
    RateLimitError,
    TransportError,
    UnavailableError,
)
from unilead.message import Request, Response
from unilead.pace import Lane
from unilead.provider import Provider
from unilead.retry import LONGEST_WAIT, backoff, retry_after
from unilead.schema import CreatedLead
from unilead.settings import Settings
from unilead.steps import Send, Steps, Wait

T = TypeVar("T")
OnUnsupported: TypeAlias = Literal["report", "raise"]


@dataclass(frozen=True, slots=True)
class Options:
    """How one exchange behaves.

    Attributes:
        timeout: seconds for everything together, waits and repeats included.
        attempts: most requests that may be sent for one lead.
        on_unsupported: ``report`` names what the CRM cannot take in the result; ``raise`` refuses the lead instead.
        read_back: read the lead after creating it, to fill what the create did not answer.
        remote_query: further query parameters for the CRM.
        base_url: where to send instead of the account's own address; for simulators.
        send_once: pass every answer on at once, a 429 too; only a request that never left is tried again.
        on_send: called with the complete request before it is first sent; what it raises stops the create.
        patient: ``timeout`` is for each send, and waits do not count; for work that nobody sits and waits for.
        access: makes the account's way in; ``None`` for the credentials in its settings alone.
        lane: the account's rate limits and quota; ``None`` for none.
    """

    timeout: float = 30.0
    attempts: int = 3
    on_unsupported: OnUnsupported = "report"
    read_back: bool = False
    remote_query: Mapping[str, Any] | None = None
    base_url: str | None = None
    send_once: bool = False
    on_send: Callable[[Request], None] | None = None
    patient: bool = False
    access: Callable[[], Access] | None = None
    lane: Lane | None = None


class Sending:
    """The sends of one exchange: what is repeated, and how long it may take.

    Attributes:
        settings: the account's, with refreshed credentials in place.
        request: the request as it was last sent.
        attempts: number of sends.
        doubtful: an earlier send may have arrived: nothing that a repetition meets makes that certain.
        is_static: the account's credentials are those in its settings, so there is nothing to prepare.
    """

    request: Request

    def __init__(self, provider: Provider, settings: Settings, options: Options, clock: Callable[[], float]) -> None:
        self.provider = provider
        self.settings = settings
        self.options = options
        self.clock = clock
        self.deadline = clock() + options.timeout
        self.attempts = 0
        self.doubtful = False
        self._access = options.access() if options.access else Access(provider, settings, None)
        self.is_static = self._access.is_static
        self._opened = False

    def prepared(self, request: Request) -> Steps[Request]:
        """See to it that the account has a token that is good for a while.

        Returns: the request, with the address that the account's newest credentials name.
        Raises: LeadError; nothing was sent.
        """
        if not self._opened:
            yield from self._access.open()
            self._opened = True
        yield from self._access.freshen(self._left)
        return self._addressed(request)

    def send(self, request: Request, judge: Callable[[Response, Request, Settings], T]) -> Steps[tuple[Response, T]]:
        """Send until there is a verdict; ``judge`` reads it from the answer. Raises: LeadError."""
        self.request = request
        try:
            while True:
                try:
                    verdict = yield from self._attempt(judge)
                except (ProviderError, TransportError) as error:
                    delay = self._delay(error)
                    if delay is None:
                        raise
                    self.doubtful = self.doubtful or error.outcome == "unknown"
                    yield Wait(delay)
                else:
                    if verdict is not None:
                        return verdict
        except LeadError as error:
            if self.doubtful:
                error.doubt()
            raise

    def _attempt(self, judge: Callable[[Response, Request, Settings], T]) -> Steps[tuple[Response, T] | None]:
        """Send once. Returns: ``None`` when the CRM refused a token of which there is a newer one now."""
        self.attempts += 1
        self._restart()
        if not self.is_static:
            self.request = yield from self.prepared(self.request)
        yield from self._paced()
        response = yield from self._answer(self.request)
        try:
            return response, judge(response, self.request, self.settings)
        except AuthError as error:
            if not (yield from self._renewed(error)):
                raise
        return None

    def _restart(self) -> None:
        """Where nobody sits and waits, each send has the whole time."""
        if self.options.patient:
            self.deadline = self.clock() + self.options.timeout

    def _left(self) -> float:
        return self.deadline - self.clock()

    def _paced(self) -> Steps[None]:
        """Wait until the account may send. Raises: RateLimitError when that would take too long; nothing was sent."""
        while self.options.lane is not None and (seconds := self.options.lane.wait()) > 0:
            if not self.options.patient and seconds >= self._left():
                text = "the CRM's rate limit leaves no room for this request in time"
                raise RateLimitError(text, retry_after=seconds, hint="wait, then repeat")
            yield Wait(seconds)
            self._restart()

    def _addressed(self, request: Request) -> Request:
        """Send the request where the newest credentials say; a token endpoint may name another address."""
        if self._access.settings is self.settings:
            return request
        old = self.settings
        self.settings = self._access.settings
        if self.options.base_url is not None:
            return request
        before, now = self.provider.base_url(old), self.provider.base_url(self.settings)
        return request if before == now else request.changed(url=now + request.url.removeprefix(before))

    def _renewed(self, error: AuthError) -> Steps[bool]:
        """After a 401: whether the account has another token now, so that one more try makes sense."""
        if error.category != "authentication" or error.status != 401 or error.outcome == "unknown":
            return False
        if (yield from self._access.renew(self._left)):
            return True
        yield from self._access.condemn()
        return False

    def _answer(self, request: Request) -> Steps[Response]:
        left = self._left()
        if left <= 0:
            raise ConnectError("the time ran out before anything was sent", hint="nothing was sent; repeat later")
        response: Response = yield Send(request, self._access.headers(), left)
        masked = mask_text(response.body, self._access.secrets)
        return response if masked is response.body else replace(response, body=masked)

    def _note_wait(self, error: LeadError) -> None:
        if isinstance(error, ProviderError) and error.response is not None and error.retry_after is None:
            error.retry_after = retry_after(error.response)

    def _delay(self, error: LeadError) -> float | None:
        """Seconds to wait before sending again; ``None`` when the error is final."""
        self._note_wait(error)
        if self.options.lane is not None:
            self.options.lane.note(error)
        safe = error.retryable or (self.request.idempotent and isinstance(error, (TransportError, UnavailableError)))
        if self.options.send_once and not isinstance(error, ConnectError):
            return None
        if not safe or self.attempts >= self.options.attempts:
            return None
        delay = backoff(self.attempts)
        if error.retry_after is not None:
            delay = max(delay, error.retry_after)
        too_late = not self.options.patient and self.clock() + delay >= self.deadline
        return None if delay > LONGEST_WAIT or too_late else delay

    def read_back(self, created: CreatedLead) -> Steps[CreatedLead]:
        """Read the lead once; whatever goes wrong, the create stays a success with what it answered."""
        if not self.provider.implements("build_read_request") or not created.id:
            return created
        try:
            request = self.provider.build_read_request(created.id, self.settings, base_url=self.options.base_url)
            yield from self._paced()
            response = yield from self._answer(request)
            read = self.provider.parse_response(response, request, self.settings)
        except Exception:  # also a fault of the application's own transport or pacer
            return created
        if read.id != created.id:
            return created
        known = {name: value for name, value in read.__dict__.items() if value is not None}
        return created.model_copy(update=known)
