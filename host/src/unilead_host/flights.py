"""Flights: what many ask for at the same moment is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from unilead_host.outliving import outcome_of

T = TypeVar("T")


class Flights(Generic[T]):
    """Shares the answer of work that is under way with everybody who asks for the same."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[T]] = {}

    async def join(self, name: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, or wait for whoever is doing it. Raises: what the work raises."""
        flight = self._under_way.get(name)
        if flight is None:
            flight = self._under_way[name] = asyncio.ensure_future(work())
            flight.add_done_callback(lambda done: self._land(name, done))
        return await outcome_of(flight)

    def forget(self) -> None:
        """Whoever asks from now on does not get an answer that was asked for before."""
        self._under_way.clear()

    def _land(self, name: Hashable, done: asyncio.Future[T]) -> None:
        if self._under_way.get(name) is done:
            del self._under_way[name]
