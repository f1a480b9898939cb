"""Side-by-side measuring: contenders take turns, A B A B, and only ratios within a round are compared.

CPU time is that of this process alone, so that a busy machine distorts little; the garbage collector runs as usual.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROUNDS, QUICK_ROUNDS = 9, 5


@dataclass(frozen=True)
class Spread:
    """What the rounds gave: their median, and the outermost two."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(min(self.values))}-{_short(max(self.values))})"


@dataclass(frozen=True)
class Sample:
    """One contender in one round: what one call took, in µs."""

    cpu: float
    wall: float


class Rounds:
    """The samples of an interleaved run."""

    def __init__(self, samples: Mapping[str, list[Sample]]) -> None:
        self.samples = samples

    def cpu(self, name: str) -> Spread:
        """CPU µs per call."""
        return Spread(tuple(sample.cpu for sample in self.samples[name]))

    def rate(self, name: str) -> Spread:
        """Calls per second."""
        return Spread(tuple(1e6 / sample.wall for sample in self.samples[name]))

    def cpu_ratio(self, name: str, base: str) -> Spread:
        """CPU of one contender in terms of another's, round by round."""
        pairs = zip(self.samples[name], self.samples[base], strict=True)
        return Spread(tuple(ours.cpu / theirs.cpu for ours, theirs in pairs))

    def rate_ratio(self, name: str, base: str) -> Spread:
        """Rate of one contender in terms of another's, round by round."""
        pairs = zip(self.samples[name], self.samples[base], strict=True)
        return Spread(tuple(theirs.wall / ours.wall for ours, theirs in pairs))


def interleave(contenders: Mapping[str, Callable[[], Sample]], rounds: int) -> Rounds:
    """Let the contenders take turns."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            samples[name].append(run())
    return Rounds(samples)


def timed(run: Callable[[], object], calls: int) -> Sample:
    """Time one run that makes so many calls."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(cpu / calls * 1e6, wall / calls * 1e6)


def repeated(call: Callable[[], object], seconds: float) -> Callable[[], Sample]:
    """Make a contender of one call, repeated for about so many seconds; it is warm by then."""
    count = _calls_in(call, seconds)

    def loop() -> None:
        for _ in range(count):
            call()

    return lambda: timed(loop, count)


def _calls_in(call: Callable[[], object], seconds: float) -> int:
    call()
    count, spent = 1, 0.0
    while spent < min(0.02, seconds):
        count *= 2
        start = time.perf_counter()
        for _ in range(count):
            call()
        spent = time.perf_counter() - start
    return max(1, round(count * seconds / spent))


@dataclass(frozen=True)
class Choice:
    """How long to measure: the rounds, and the seconds of one contender in one round."""

    rounds: int
    seconds: float
    is_full: bool


def choice(description: str) -> Choice:
    """Read ``--full`` from the command line, and name the machine."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--full", action="store_true", help="more rounds, and longer ones")
    is_full = parser.parse_args().full
    cores = len(os.sched_getaffinity(0))
    print(f"# {description}\n{cores} cores, {_model()}, Python {platform.python_version()}")
    return Choice(ROUNDS if is_full else QUICK_ROUNDS, 0.5 if is_full else 0.1, is_full)


def row(*cells: object) -> None:
    """Print one row of a table in Markdown."""
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def head(*cells: str) -> None:
    """Print a table's head."""
    print()
    row(*cells)
    row(*("---" for _ in cells))


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
