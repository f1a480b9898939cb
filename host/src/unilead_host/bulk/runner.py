"""Runner: works on bulk jobs, a few at a time, of each account one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from unilead_host.bulk.judging import Tools
from unilead_host.bulk.work import Work
from unilead_host.logs import LOG

JOBS = 12  # at a time: one that waits for a CRM that is ill takes little from the others
POLL = 5.0  # seconds after which it looks for jobs that nobody told of: those of other hosts, and those that waited


class Runner:
    """Takes jobs and works on them.

    Args:
        poll: seconds between two looks.
    """

    def __init__(self, tools: Tools, *, poll: float = POLL) -> None:
        self._tools = tools
        self._poll = poll
        self._news = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Task[None], Work] = {}
        self._draining = asyncio.Event()

    def start(self) -> None:
        """Begin to look for jobs."""
        self._looking = asyncio.create_task(self._look())

    def wake(self) -> None:
        """There is a job: look now."""
        self._news.set()

    async def stop(self) -> None:
        """Take no more jobs, and wait for what is on its way."""
        self._draining.set()
        self.wake()
        for work in self._running.values():
            work.stop()
        while left := {*self._running, *([self._looking] if self._looking else [])}:
            await asyncio.wait(left)
            self._looking = None

    async def _look(self) -> None:
        while not self._draining.is_set():
            self._news.clear()
            while await self._begin():
                pass
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._news.wait()

    async def _begin(self) -> bool:
        """Begin with the next job. Returns: whether there may be another."""
        if self._draining.is_set() or len(self._running) >= JOBS:
            return False
        try:
            lease = await self._tools.claims.take([work.lease.account_id for work in self._running.values()])
        except Exception as fault:  # whatever it is, jobs must not wait for the next start of the host
            LOG.error("bulk.not_taken", fault=type(fault).__name__, reason=str(fault))
            return False
        if lease is None:
            return False
        work = Work(self._tools, lease)
        if self._draining.is_set():  # since it was asked for
            work.stop()
        task = asyncio.create_task(work.run())
        self._running[task] = work
        task.add_done_callback(self._end)
        return True

    def _end(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self.wake()
