"""Connection: a database connection for the event loop, whose statements run in threads.

SQLAlchemy's own asynchronous engine loads its ORM, and goes to a thread for each step of a statement. Here a statement
with all its rows is one step, and so are beginning and ending a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar, cast

import sqlalchemy as sa

from unilead_host.outliving import outcome_of

T = TypeVar("T")
Values: TypeAlias = Mapping[str, Any]  # of a statement's parameters, by name
Rows: TypeAlias = "sa.CursorResult[*tuple[Any, ...]]"


class CommitError(Exception):
    """A commit failed: whether it happened all the same, nobody can say. Its cause is SQLAlchemy's error."""


class Connection:
    """A connection in a transaction; its steps run one after the other, also when who waits for one is cancelled."""

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._connection: sa.Connection | None = None
        self._step: asyncio.Future[Any] | None = None

    async def execute(self, statement: sa.Executable, values: Values | Sequence[Values] | None = None) -> Rows:
        """Execute a statement with the values of its parameters, or once for each of several, and fetch its rows."""
        return await self.run_sync(lambda connection: _fetched(connection.execute(statement, values)))

    async def scalar(self, statement: sa.Executable, values: Values | None = None) -> Any:
        """The first value that a statement gives; ``None`` for no row."""
        return await self.run_sync(lambda connection: connection.scalar(statement, values))

    async def run_sync(self, work: Callable[[sa.Connection], T]) -> T:
        """Run some work with the connection in a thread."""
        connection = self._connection
        assert connection is not None  # noqa: S101 - it was begun
        return await self._run(lambda: work(connection))

    async def begin(self, engine: sa.Engine) -> None:
        """Connect, and begin a transaction."""

        def work() -> None:
            self._connection = engine.connect()
            self._connection.begin()

        await self._run(work)

    async def end(self, *, commit: bool) -> None:
        """Commit or roll back, and give the connection back."""

        def work() -> None:
            if self._connection is not None:
                with self._connection as connection:  # closing it rolls back what is not committed
                    if commit:
                        connection.commit()

        await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._step is not None and not self._step.done():  # left behind by somebody who was cancelled
            await asyncio.wait([self._step])
        step = self._step = asyncio.get_running_loop().run_in_executor(self._threads, work)
        return await outcome_of(step)


class Connections:
    """The connections of an engine. There are as many threads, so that nobody who has a connection waits for one.

    Args:
        size: connections at a time.
        patience: seconds to wait for one.
    """

    def __init__(self, engine: sa.Engine, size: int, patience: float) -> None:
        self._engine = engine
        self._patience = patience
        self._free = asyncio.Semaphore(size)
        self._threads = ThreadPoolExecutor(size, "unilead-database")

    @asynccontextmanager
    async def transaction(self, engine: sa.Engine) -> AsyncIterator[Connection]:
        """A transaction: committed at the end, rolled back by an exception.

        Args:
            engine: ours, with the options of this transaction.
        Raises: what SQLAlchemy raises; its TimeoutError, and no other, where no connection became free; CommitError.
        """
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise sa.exc.TimeoutError("no connection became free") from None
        connection = Connection(self._threads)
        try:
            await connection.begin(engine)
            yield connection
        except BaseException:
            await self._end(connection, commit=False)
            raise
        try:
            await self._end(connection, commit=True)
        except sa.exc.DBAPIError as fault:
            raise CommitError from fault

    async def _end(self, connection: Connection, *, commit: bool) -> None:
        """End a transaction, whatever becomes of who waits for it."""
        ending = asyncio.ensure_future(connection.end(commit=commit))
        ending.add_done_callback(lambda _: self._free.release())
        await outcome_of(ending)

    async def close(self) -> None:
        """Close all connections; whoever asks for another gets a new one. The threads end with this object."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)


def _fetched(result: Rows) -> Rows:
    """A result with its rows at hand: what the event loop reads from it asks the database for nothing more."""
    return cast("Rows", result.freeze()()) if result.returns_rows else result
