"""Several small pools in the place of one large one.

httpcore looks at every connection of a pool whenever a request comes or goes: with 50 in flight that costs more than
all else together. Here a host keeps to one small pool, and goes on to the next of its own only when that one is busy.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

MOST = 10  # pools of one host


class Pools:
    """Pools, each made when it is first needed, of which a host uses ten at most.

    Another host has another ten of them: a CRM that lets requests hang leaves most of the others' alone.

    Args:
        make: makes a pool of the given number of connections.
        connections: most connections to one host.
        hosts: how many hosts may have so many at once.
    """

    def __init__(self, make: Callable[[int], Any], connections: int, hosts: int) -> None:
        self._make = make
        self._most = min(MOST, connections)
        self._busy = [0] * (self._most * hosts)  # requests under way in each
        self._size = connections // self._most
        self._places = lru_cache(maxsize=1024)(self._places_of)
        self._pools: dict[int, Any] = {}
        self._lock = threading.Lock()

    @contextmanager
    def one_for(self, origin: str) -> Iterator[Any]:
        """A pool for one request: the host's first, or the next with a free place; its least busy if none has."""
        with self._lock:
            place = self._place(origin)
            self._busy[place] += 1
            if place not in self._pools:
                self._pools[place] = self._make(self._size)
            pool = self._pools[place]
        try:
            yield pool
        finally:
            with self._lock:
                self._busy[place] -= 1

    def _place(self, origin: str) -> int:
        places = self._places(origin)
        for place in places:
            if self._busy[place] < self._size:
                return place
        return min(places, key=self._busy.__getitem__)

    def _places_of(self, origin: str) -> list[int]:
        """A host's own pools: as good as drawn by lot, so that hardly any two hosts have all of theirs in common."""
        return sorted(range(len(self._busy)), key=lambda place: hash((origin, place)))[: self._most]

    def taken(self) -> list[Any]:
        """Give all pools up, to be closed."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        return pools
