"""Recent: what was asked a moment ago is not asked again, and nothing is known any more once it may have changed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeAlias, TypeVar

from unilead_host.flights import Flights

T = TypeVar("T")
LookUp: TypeAlias = Callable[[], Awaitable[tuple[T | None, float]]]


class Recent(Generic[T]):
    """Answers that hold for a moment.

    Args:
        most: answers to keep; with one more it begins anew.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[Hashable, tuple[T, float]] = {}
        self._flights: Flights[T | None] = Flights()
        self._changes = 0

    def get(self, name: Hashable) -> T | None:
        """What is known of this; ``None`` where it has to be asked."""
        known = self._known.get(name)
        return known[0] if known is not None and time.monotonic() < known[1] else None

    async def ask(self, name: Hashable, look_up: LookUp[T]) -> T | None:
        """Look it up, once for all that ask meanwhile.

        Args:
            look_up: gives the answer and the seconds it holds; ``None`` is never kept.
        Raises: what ``look_up`` raises.
        """
        return await self._flights.join(name, lambda: self._kept(name, look_up))

    async def _kept(self, name: Hashable, look_up: LookUp[T]) -> T | None:
        changes = self._changes
        answer, seconds = await look_up()
        if answer is not None and changes == self._changes:  # else it may be what was before the change
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[name] = answer, time.monotonic() + seconds
        return answer

    def forget(self) -> None:
        """Something changed: ask everything anew, also what is being looked up."""
        self._changes += 1
        self._known.clear()
        self._flights.forget()
