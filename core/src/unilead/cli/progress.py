"""The progress bar of long work: rate, time left and counts, on standard error, and only on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHOWN_EVERY = 0.1  # seconds


class Seen:
    """Counts the statuses of rows as they are known, and shows them.

    Attributes:
        counts: rows by status.
        done: rows that need no more work, those of earlier runs included.
    """

    def __init__(self, show: Callable[[dict[str, int], int], None]) -> None:
        self.counts: dict[str, int] = {}
        self.done = 0
        self._show = show

    def __call__(self, status: str) -> None:
        self.counts[status] = self.counts.get(status, 0) + 1
        self.done += 1
        self._show(self.counts, self.done)


@contextmanager
def progress_of(rows: int) -> Iterator[Seen]:
    """Show a bar for this many rows while the context lasts."""
    if not sys.stderr.isatty():
        yield Seen(lambda counts, done: None)
        return
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            return Text(f"{task.speed or 0:,.0f}/s")

    columns = (
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[counts]}"),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=rows, counts="")
        shown_at = 0.0

        def show(counts: dict[str, int], done: int) -> None:
            nonlocal shown_at
            if done == rows or time.monotonic() - shown_at > SHOWN_EVERY:
                shown_at = time.monotonic()
                text = " ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
                bar.update(task, completed=done, counts=text)

        yield Seen(show)
