"""Slows down whoever guesses tokens, by address; others are not affected."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 30.0
PER_SECOND = 1.0
ADDRESSES = 10_000


class FailedAttempts:
    """Allows an address a burst of wrong tokens, then one a second.

    Args:
        burst: wrong tokens in a row that slow nobody down.
        per_second: how quickly they are forgiven.
        clock: seconds that only go forward.
    """

    def __init__(
        self, burst: float = BURST, per_second: float = PER_SECOND, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        name = _network(address)
        self._failures[name] = self._count(name) + 1, self._clock()
        self._failures.move_to_end(name)
        if len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def wait(self, address: str) -> int:
        """Whole seconds until this address may try again; 0 when it may now."""
        if not self._failures:
            return 0
        over = self._count(_network(address)) + 1 - self._burst
        return max(0, math.ceil(over / self._per_second))

    def _count(self, name: str) -> float:
        count, at = self._failures.get(name, (0.0, 0.0))
        return max(0.0, count - (self._clock() - at) * self._per_second)


def _network(address: str) -> str:
    """The address, or the network an IPv6 caller can pick its address from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
