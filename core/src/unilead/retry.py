"""How long to wait before the next try: backoff with jitter, and ``Retry-After`` in both its forms."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from unilead.message import Response

BACKOFF_BASE = 0.5  # seconds
BACKOFF_CAP = 8.0
MOST_DOUBLINGS = 30  # no cap is further away
LONGEST_WAIT = 60.0  # a longer wait is the caller's business, not a sleep inside a call
_SECONDS = re.compile(r"[0-9]{1,9}")


def backoff(attempt: int, jitter: Callable[[], float] = random.random, *, cap: float = BACKOFF_CAP) -> float:
    """Seconds to wait after the given failed attempt (1 is the first): random within a doubling window, up to a cap."""
    window: float = min(cap, BACKOFF_BASE * 2 ** min(attempt, MOST_DOUBLINGS))
    return window * (0.5 + jitter() / 2)


def retry_after(response: Response, now: datetime | None = None) -> float | None:
    """Seconds that the ``Retry-After`` header asks for, whole seconds or an HTTP date.

    Anything else counts as absent, and so does a date in the past. Dates are reckoned from the answer's own ``Date``
    where it has one, so that a wrong clock does no harm.
    """
    text = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _http_date(text)
    if moment is None:
        return None
    start = _http_date(response.headers.get("date", "")) or now or datetime.now(UTC)
    seconds = (moment - start).total_seconds()
    return seconds if seconds > 0 else None


def _http_date(text: str) -> datetime | None:
    if not text or not text[:1].isalpha():
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
