"""Side-by-side measuring: contenders take turns, A B A B, and only ratios within a round are compared.

Times are CPU time of this process, so that a busy machine distorts little; the garbage collector runs as usual.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """What the rounds gave: their median, and the outermost two."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    def text(self, digits: int = 2) -> str:
        low, high = min(self.values), max(self.values)
        return f"{self.median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


class Rounds:
    """The figures of an interleaved run, one for each contender and round."""

    def __init__(self, figures: Mapping[str, list[float]]) -> None:
        self.figures = figures

    def of(self, name: str) -> Spread:
        return Spread(tuple(self.figures[name]))

    def ratio(self, name: str, base: str) -> Spread:
        """One contender against another, round by round."""
        pairs = zip(self.figures[name], self.figures[base], strict=True)
        return Spread(tuple(ours / theirs for ours, theirs in pairs))


def interleave(contenders: Mapping[str, Callable[[], float]], rounds: int) -> Rounds:
    """Let the contenders take turns; each answers its own figure."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            figures[name].append(run())
    return Rounds(figures)


def cpu_per_call(call: Callable[[], object], seconds: float) -> Callable[[], float]:
    """Make a contender whose figure is CPU µs per call, taken over about so many seconds."""
    count = _calls_in(call, seconds)

    def run() -> float:
        start = time.process_time()
        for _ in range(count):
            call()
        return (time.process_time() - start) / count * 1e6

    return run


def _calls_in(call: Callable[[], object], seconds: float) -> int:
    count, spent = 1, 0.0
    while spent < 0.01:
        count *= 2
        start = time.process_time()
        for _ in range(count):
            call()
        spent = time.process_time() - start
    return max(1, round(count * seconds / spent))
