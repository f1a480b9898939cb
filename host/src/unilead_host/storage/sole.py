"""One host to an SQLite file: it reads as its own what a dead process left running, and keeps the guard in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa


class NotSoleError(Exception):
    """Nothing says that this host serves the database file alone."""


@contextmanager
def sole_host(url: str) -> Iterator[None]:
    """Hold an SQLite file for one serving host, as long as the context lasts; a process that dies lets it go.

    A PostgreSQL is shared freely, and where the system knows no such locks nothing is held.
    Raises: NotSoleError.
    """
    path = _file_of(url)
    if path is None or find_spec("fcntl") is None:
        yield
        return
    import fcntl

    with _opened(path) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = "another host serves this database file; several hosts share a PostgreSQL"
            raise NotSoleError(text) from None
        yield


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a")
    except OSError as fault:
        raise NotSoleError(f"{path} cannot be made: {fault.strerror}") from None


def _file_of(url: str) -> Path | None:
    """The file to lock, beside the database; ``None`` where whoever opens the database will say what is wrong."""
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    if not made.drivername.startswith("sqlite") or not made.database or not Path(made.database).parent.is_dir():
        return None
    return Path(f"{made.database}.lock")
