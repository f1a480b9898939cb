"""Writes what a send led to: a database that refuses changes no answer, and is asked again, later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from unilead_host.logs import LOG
from unilead_host.storage import StorageError

Write: TypeAlias = Callable[[], Awaitable[None]]

REPEATS = 6  # times that something is written again while the database refuses it
PAUSE = 1.0  # seconds before the first of them; each of the others waits twice as long


class VerdictWrites:
    """The writes of all verdicts. What is written must be safe to write twice: a failed commit may have happened."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def write(self, write: Write) -> None:
        """Write now, and again later where that fails."""
        if not await _is_written(write):
            self.again_later(write)

    def soon(self, write: Write) -> None:
        """As `write`, without waiting for it."""
        self._keep(asyncio.create_task(self.write(write)))

    def again_later(self, write: Write) -> None:
        """Write when the database has had time to recover."""
        self._keep(asyncio.create_task(_repeated(write)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Wait for what is still to be written."""
        while self._running:
            await asyncio.wait(self._running)


async def _repeated(write: Write) -> None:
    for turn in range(REPEATS):
        await asyncio.sleep(PAUSE * 2**turn)
        if await _is_written(write):
            return


async def _is_written(write: Write) -> bool:
    try:
        await write()
    except StorageError as error:
        LOG.error("verdict.not_written", reason=error.reason)
        return False
    except Exception as fault:  # a lead was sent: whatever this is, it must not take the place of its answer
        LOG.error("verdict.not_written", reason=type(fault).__name__, exc_info=fault)
        return False
    return True
