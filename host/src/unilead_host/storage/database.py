"""Database: one engine for SQLite or PostgreSQL, with transactions that neither lose updates nor guess.

SQLite's defaults lose concurrent read-modify-write updates without an error: a transaction begins by reading and takes
the write lock too late. Here every writing transaction begins with ``BEGIN IMMEDIATE``, and the writers of one process
queue up in order instead of polling for the lock.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from unilead_host.storage.connection import CommitError, Connection, Connections

DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
LOCK_TIMEOUT = 5.0
POOL_SIZE = 10
POOL_OVERFLOW = 10
POOL_TIMEOUT = 10.0
SWITCH_ATTEMPTS = 50
SILENCE = {  # how soon a PostgreSQL that says nothing any more counts as gone; what the URL says comes first
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
PORTION_PAUSE = 0.01  # seconds for others before the next one
OWNER_ONLY = 0o600  # of a new file: the leads in it are nobody else's business


class StorageError(Exception):
    """The database cannot be used right now; what was to be written is not written.

    Attributes:
        reason: ``locked``, ``full``, ``busy``, ``unreachable`` or ``failed``.
        may_be_written: the commit itself failed, and may have happened all the same.
        said: what the server or the system said of a database that is unreachable, for operators alone.
    """

    def __init__(self, reason: str, *, may_be_written: bool = False, said: str = "") -> None:
        super().__init__(f"the database is {reason}" if reason != "failed" else "the database failed")
        self.reason = reason
        self.may_be_written = may_be_written
        self.said = said


class Database:
    """The host's database.

    Attributes:
        portion_size: rows that one transaction cleans away.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        lock_timeout: seconds to wait for another process that writes; 5 by default.
    Raises: ValueError for another kind of database, one in memory, or a file in a folder that does not exist.
    """

    def __init__(self, url: str, *, lock_timeout: float | None = None) -> None:
        self.url = _with_driver(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.portion_size = 500 if self.is_sqlite else 5_000  # a file has one writer at a time
        patience = LOCK_TIMEOUT if lock_timeout is None else lock_timeout
        self.engine = _open(self.url, is_sqlite=self.is_sqlite, lock_timeout=patience)
        self._reader = self.engine.execution_options(reads_only=True)
        self._connections = Connections(self.engine, POOL_SIZE + POOL_OVERFLOW, POOL_TIMEOUT)
        self._writing: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.is_sqlite else nullcontext()

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r})"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that may write: committed at the end, rolled back by an exception.

        Raises: StorageError when the database is locked, full or not reachable.
        """
        try:
            async with self._writing, self._connections.transaction(self.engine) as connection:
                yield connection
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, CommitError) as fault:
            raise _translated(fault) from None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A transaction that only reads; waits for no writer. Raises: StorageError."""
        try:
            async with self._connections.transaction(self._reader) as connection:
                yield connection
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, CommitError) as fault:
            raise _translated(fault) from None

    def insert(self, table: sa.Table) -> Any:
        """An INSERT with ``on_conflict_do_nothing`` and ``on_conflict_do_update``, which both databases spell alike."""
        dialect = import_module(f"sqlalchemy.dialects.{self.url.get_backend_name()}")
        return dialect.insert(table)

    async def portion(self, table: sa.Table, where: sa.ColumnElement[bool], change: sa.Update | sa.Delete) -> int:
        """Update or delete some of the rows for which something holds, so few that nobody else waits long.

        Args:
            change: without a ``where``.
        Returns: how many; fewer than `portion_size` where there are no more. Raises: StorageError.
        """
        place: Any = sa.literal_column(f"{table.name}.{'rowid' if self.is_sqlite else 'ctid'}")
        some = sa.select(place).select_from(table).where(where).limit(self.portion_size)
        # PostgreSQL goes straight to the places in an array, and looks for those of a subquery in the whole table
        here = place.in_(some) if self.is_sqlite else place == sa.any_(sa.func.array(some.scalar_subquery()))
        async with self.transaction() as connection:
            return (await connection.execute(change.where(here))).rowcount

    async def delete(self, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
        """Delete rows, in portions: others go on in between. Returns how many. Raises: StorageError."""
        total = count = await self.portion(table, where, sa.delete(table))
        while count == self.portion_size:
            await asyncio.sleep(PORTION_PAUSE)
            count = await self.portion(table, where, sa.delete(table))
            total += count
        return total

    async def check(self) -> None:
        """Ask the database whether it is there. Raises: StorageError."""
        async with self.reading() as connection:
            await connection.execute(sa.select(1))

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()


def _with_driver(text: str) -> sa.URL:
    """Name our driver, so that nobody has to know it. Raises: ValueError."""
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        raise ValueError("the database URL cannot be read; write sqlite:///FILE or postgresql://…") from None
    driver = DRIVERS.get(url.drivername.split("+")[0])
    if driver is None:
        raise ValueError(f"{url.drivername} is not supported; write sqlite:///FILE or postgresql://…")
    if driver.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise ValueError("a database in memory ends with its connection; name a file: sqlite:///FILE")
    if driver.startswith("sqlite") and not Path(url.database or "").parent.is_dir():
        raise ValueError(f"the folder of the database does not exist: {Path(url.database or '').parent}")
    return url.set(drivername=driver)


def _open(url: sa.URL, *, is_sqlite: bool, lock_timeout: float) -> sa.Engine:
    # Parameters are hidden because SQLAlchemy's messages would show them, sealed credentials and digests included.
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": POOL_SIZE, "max_overflow": POOL_OVERFLOW}
    if not is_sqlite:
        silence = {name: value for name, value in SILENCE.items() if name not in url.query}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=silence, **options)
        sa.event.listen(engine, "connect", lambda connection, _: _limit_waits(connection, lock_timeout))
        return engine
    engine = sa.create_engine(url, connect_args={"timeout": lock_timeout}, **options)
    sa.event.listen(engine, "do_connect", lambda *_: Path(url.database or "").touch(mode=OWNER_ONLY))
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _limit_waits(connection: Any, lock_timeout: float) -> None:
    """PostgreSQL waits for a lock without end unless told otherwise."""
    connection.execute(f"SET lock_timeout = {lock_timeout * 1000:.0f}")
    connection.commit()


def _prepare(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    cursor = connection.cursor()
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _log_ahead(cursor)
    cursor.close()


def _log_ahead(cursor: Any) -> None:
    """Switch a new file to a write-ahead log. SQLite waits for no lock here, so an empty transaction does."""
    for last in (*[False] * SWITCH_ATTEMPTS, True):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if last:
                raise
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return


def _begin(connection: sa.Connection) -> None:
    reads_only = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _translated(fault: Exception) -> Exception:
    """A StorageError for what lies outside our statements; a violated constraint stays what it is."""
    if isinstance(fault, sa.exc.TimeoutError):
        return StorageError("busy")
    if isinstance(fault, (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.DataError)):
        return fault
    if isinstance(fault, CommitError):
        return StorageError(_reason(fault.__cause__), may_be_written=True)
    reason = _reason(fault)
    return StorageError(reason, said=_said(fault) if reason == "unreachable" else "")


def _said(fault: Exception) -> str:
    """The last words of a failed connection, ``FATAL: database "x" does not exist`` say; they hold no password."""
    lines = str(getattr(fault, "orig", None) or "").splitlines()
    return " ".join(lines[0].rpartition("failed: ")[2].split()) if lines else ""


def _reason(fault: BaseException | None) -> str:
    text = str(getattr(fault, "orig", fault)).lower()
    if "locked" in text or "lock timeout" in text:
        return "locked"
    if "full" in text or "no space" in text:
        return "full"
    unreachable = "connect" in text or "unable to open" in text or getattr(fault, "connection_invalidated", False)
    return "unreachable" if unreachable else "failed"
