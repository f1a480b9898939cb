"""What the sends of one account share: the CRM's rate limits in front of them, and a quota that is used up.

A pacer keeps an account below what its CRM allows, so that hardly any request is refused; the CRM's own 429 stays the
last word. Pacing is for real accounts: hand a `RatePacer` to the client that creates many leads.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from unilead.errors import LeadError, ProviderError, RateLimitError
from unilead.info import RateLimit
from unilead.retry import LONGEST_WAIT
from unilead.settings import Settings

if TYPE_CHECKING:
    from pyrate_limiter import InMemoryBucket

LONGEST_WINDOW = 3600.0  # seconds; a day's quota is shared with the CRM's other users, so only the CRM can count it
STRETCH = 1.05  # windows are longer here: on their way to the CRM requests catch up with each other
PAUSE = 3600.0  # seconds without a send where a quota is used up and nobody says until when


class Pacer(Protocol):
    """Says when an account may send. Asked before each send, from any thread."""

    def wait(self, account_id: str, limits: Sequence[RateLimit]) -> float:
        """Seconds to wait before asking again. 0: send now; the send is counted."""


class RatePacer:
    """Keeps each account within all of its CRM's windows, exactly, in this process; needs ``unilead[bulk]``.

    Args:
        clock: seconds on a monotonic clock.
    Raises: ImportError when pyrate-limiter is not installed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import pyrate_limiter
        except ModuleNotFoundError:
            raise ImportError("RatePacer needs its extra: pip install 'unilead[bulk]'") from None
        self._library = pyrate_limiter
        self._clock = clock
        self._buckets: dict[str, InMemoryBucket | None] = {}
        self._lock = threading.Lock()

    def wait(self, account_id: str, limits: Sequence[RateLimit]) -> float:
        """See `Pacer.wait`."""
        with self._lock:
            if account_id not in self._buckets:
                self._buckets[account_id] = self._bucket(limits)
            bucket = self._buckets[account_id]
            if bucket is None:
                return 0.0
            now = int(self._clock() * 1000)
            bucket.leak(now)
            item = self._library.RateItem(account_id, now)
            return 0.0 if bucket.put(item) else max(1, cast("int", bucket.waiting(item))) / 1000

    def _bucket(self, limits: Sequence[RateLimit]) -> InMemoryBucket | None:
        binding = binding_limits(limits)
        rates = [self._library.Rate(limit.requests, int(limit.seconds * STRETCH * 1000)) for limit in binding]
        return self._library.InMemoryBucket(rates) if rates else None


def binding_limits(limits: Sequence[RateLimit]) -> list[RateLimit]:
    """The windows that can ever be the one that holds a send back, shortest first; those of up to an hour."""
    kept: list[RateLimit] = []
    for limit in sorted(limits, key=lambda limit: (limit.seconds, limit.requests)):
        if limit.seconds > LONGEST_WINDOW:
            continue
        while kept and kept[-1].requests >= limit.requests:
            kept.pop()  # the longer window allows no more in all its time
        if not kept or limit.requests / limit.seconds < kept[-1].requests / kept[-1].seconds:
            kept.append(limit)
    return kept


class Pauses:
    """Accounts whose quota is used up, and until when; with other settings the CRM is asked: they may have another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, tuple[float, Settings, ProviderError]] = {}

    def note(self, account_id: str, settings: Settings, error: LeadError) -> None:
        """Remember an answer that says that nothing will be accepted for a long while."""
        if not isinstance(error, ProviderError) or error.response is None or error.outcome == "unknown":
            return
        spent = isinstance(error, RateLimitError) and not error.retryable
        if spent or (error.retryable and (error.retry_after or 0) > LONGEST_WAIT):
            self._until[account_id] = (self._clock() + (error.retry_after or PAUSE), settings, copy.copy(error))

    def check(self, account_id: str, settings: Settings) -> None:
        """Raise the answer that closed the account, with what is left of its wait; nothing was sent."""
        pause = self._until.get(account_id)
        if pause is None:
            return
        until, closed, error = pause
        left = until - self._clock()
        if left <= 0 or closed != settings:
            self._until.pop(account_id, None)
            return
        again = copy.copy(error)
        again.retry_after, again.outcome = left, "not_sent"
        raise again


class Lane:
    """The sends of one account in one client.

    Args:
        limits: what the CRM allows the account.
        pacer: ``None`` where sends are not paced.
    """

    def __init__(
        self,
        account_id: str,
        settings: Settings,
        limits: Sequence[RateLimit],
        pacer: Pacer | None,
        pauses: Pauses,
    ) -> None:
        self._account_id = account_id
        self._settings = settings
        self._limits = limits
        self._pacer = pacer
        self._pauses = pauses

    def wait(self) -> float:
        """Seconds to wait before the next send; 0 to send now. Raises: ProviderError while a quota is used up."""
        self._pauses.check(self._account_id, self._settings)
        return self._pacer.wait(self._account_id, self._limits) if self._pacer is not None else 0.0

    def note(self, error: LeadError) -> None:
        """Hear what the CRM said."""
        self._pauses.note(self._account_id, self._settings, error)
