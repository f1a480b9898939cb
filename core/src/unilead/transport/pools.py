"""Several small pools in the place of one large one.

httpcore looks at every connection of a pool whenever a request comes or goes: with 50 in flight that costs more than
all else together. Here a host keeps to one small pool, and goes on to the next only when that one is busy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MOST = 10


class Pools:
    """Up to ten pools, each made when it is first needed.

    Args:
        make: makes a pool of the given number of connections.
        connections: most connections of all pools together.
    """

    def __init__(self, make: Callable[[int], Any], connections: int) -> None:
        self._make = make
        self._busy = [0] * min(MOST, connections)  # requests under way in each
        self._size = connections // len(self._busy)
        self._pools: dict[int, Any] = {}
        self._lock = threading.Lock()

    @contextmanager
    def one_for(self, origin: str) -> Iterator[Any]:
        """A pool for one request: the host's own, or the next one with a free place; the least busy if none has."""
        with self._lock:
            place = self._place(hash(origin))
            self._busy[place] += 1
            if place not in self._pools:
                self._pools[place] = self._make(self._size)
            pool = self._pools[place]
        try:
            yield pool
        finally:
            with self._lock:
                self._busy[place] -= 1

    def _place(self, own: int) -> int:
        count = len(self._busy)
        for step in range(count):
            place = (own + step) % count
            if self._busy[place] < self._size:
                return place
        return min(range(count), key=self._busy.__getitem__)

    def taken(self) -> list[Any]:
        """Give all pools up, to be closed."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        return pools
