"""Databases out of order: locked by somebody else, or lost at the moment of a commit."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import sqlalchemy as sa

from unilead_host.storage import Database


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Meanwhile another process has an SQLite file for itself."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("COMMIT")


@contextmanager
def losing_commits(database: Database, *, happen: bool = True) -> Iterator[None]:
    """Meanwhile every commit after a write happens, or not, and the connection is lost before anybody hears of it."""
    dialect = database.engine.dialect
    commit: Callable[[Any], None] = dialect.do_commit
    writers: set[int] = set()

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SELECT", "BEGIN")):
            writers.add(id(cursor.connection))

    def lose(connection: Any) -> None:
        writes = id(connection.dbapi_connection) in writers
        (commit if happen or not writes else dialect.do_rollback)(connection)
        if writes:
            writers.clear()
            raise dialect.loaded_dbapi.OperationalError("the connection was lost")

    sa.event.listen(database.engine, "after_cursor_execute", note)
    dialect.do_commit = lose  # type: ignore[method-assign]
    yield
    del dialect.do_commit
    sa.event.remove(database.engine, "after_cursor_execute", note)


@contextmanager
def pausing(database: Database, word: str, table: str) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let the first statement that begins with this word and names this table wait after it was executed.

    Yields: what is set once it waits, and what lets it go on.
    """
    waits, go_on = threading.Event(), threading.Event()

    def pause(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(word) and table in statement and not waits.is_set():
            waits.set()
            go_on.wait(10)

    sa.event.listen(database.engine, "after_cursor_execute", pause)
    yield waits, go_on
    sa.event.remove(database.engine, "after_cursor_execute", pause)
