"""Whether a CRM still answers: after a request whose outcome is unknown the next one waits, longer each time.

Each further request to a CRM that fails is a lead that somebody has to look up. So while there is doubt, requests are
sent one at a time and after a wait; the first one with a certain outcome ends it. After ten in a row nothing more is
sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unilead.errors import LeadError, UnavailableError
from unilead.retry import backoff

MOST_DOUBTS = 10  # which take between one minute and two
LONGEST_DOUBT = 25.0  # seconds; a CRM that is well again is noticed within half a minute
ASK_AGAIN = 0.5  # seconds until those ask again that wait for the one that tries


@dataclass(eq=False, slots=True)
class Trial:
    """One request.

    Attributes:
        since: how many doubts there were when it was let through.
    """

    since: int = 0


class Doubts:
    """What the requests of one `create_many` know of their CRM.

    Attributes:
        count: requests in a row whose outcome is unknown. Those that were on their way together count once, for none of
            them could know of the others.
        end: why nothing more is to be sent, once there are too many.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.count = 0
        self.end: LeadError | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._until = 0.0
        self._trying: Trial | None = None

    def wait(self, trial: Trial) -> float:
        """Seconds until a request may ask again; 0: it may be sent."""
        if not self.count:
            trial.since = 0
            return 0.0
        with self._lock:
            if self._trying is not trial:
                left = self._until - self._clock()
                if left > 0:
                    return left
                if self._trying is not None:
                    return ASK_AGAIN
                self._trying = trial
            trial.since = self.count
            return 0.0

    def failed(self, trial: Trial, error: LeadError) -> None:
        """Hear how a request failed. Where the CRM gave no answer and nothing was sent, that says nothing."""
        if error.outcome == "unknown":
            self._raise(trial, error)
        elif error.response is not None:
            self.count = 0

    def answered(self, trial: Trial, found: Any) -> None:
        """Hear what an answer said of a lead, or of each of several."""
        rows: Sequence[Any] = found if isinstance(found, (list, tuple)) else [found]
        if rows and all(isinstance(row, LeadError) and row.outcome == "unknown" for row in rows):
            self._raise(trial, rows[0])
        else:
            self.count = 0

    def leave(self, trial: Trial) -> None:
        """Hear that a request is over, whatever became of it."""
        with self._lock:
            if self._trying is trial:
                self._trying = None

    def _raise(self, trial: Trial, error: LeadError) -> None:
        with self._lock:
            if trial.since != self.count:
                return
            self.count += 1
            self._until = self._clock() + backoff(self.count, cap=LONGEST_DOUBT)
            if self.count >= MOST_DOUBTS:
                text = f"the outcome of {self.count} requests in a row is unknown, the last one: {error.message}"
                self.end = UnavailableError(text, hint="look the leads up in the CRM", outcome="not_sent")
