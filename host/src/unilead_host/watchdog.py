"""Notices when the host stands still: a plugin's hook that does not end holds everybody up, and cannot be stopped.

Hooks are plain functions on the event loop. What can be done is to say whose hook it is, while it runs, so that an
operator can disable the plugin; and to be *not ready* for a while after it, so that a balancer prefers another host.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import FrameType

from unilead import Provider
from unilead_host.logs import LOG

LIMIT = 5.0  # seconds that a hook may run
SHY = 60.0  # seconds after such a hook during which the host calls itself not ready


class Watchdog:
    """Watches one event loop from a thread of its own.

    Args:
        limit: seconds that the loop may stand still.
        clock: seconds that only go forward.
    """

    def __init__(self, limit: float = LIMIT, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._beat = clock()
        self._last_hang: float | None = None
        self._ended = threading.Event()

    @property
    def is_shy(self) -> bool:
        """Whether a hook held the host up lately."""
        return self._last_hang is not None and self._clock() - self._last_hang < SHY

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch the running loop for as long as the context lasts."""
        self._ended.clear()
        beating = asyncio.create_task(self._beats())
        loop_thread = threading.get_ident()
        thread = threading.Thread(target=self._watch, args=[loop_thread], name="unilead-watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            beating.cancel()
            thread.join()

    async def _beats(self) -> None:
        while True:
            self._beat = self._clock()
            await asyncio.sleep(self._limit / 5)

    def _watch(self, loop_thread: int) -> None:
        reported = 0.0
        while not self._ended.wait(self._limit / 5):
            beat = self._beat
            if self._clock() - beat > self._limit:
                self._last_hang = self._clock()
                if beat != reported:
                    reported = beat
                    self._report(sys._current_frames().get(loop_thread))

    @staticmethod
    def _report(frame: FrameType | None) -> None:
        where = f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "unknown"
        LOG.error("loop.stands_still", provider=_provider_at(frame), where=where)


def _provider_at(frame: FrameType | None) -> str | None:
    """Slug of the provider whose hook is on the stack, if one is."""
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, Provider):
            return owner.slug
        frame = frame.f_back
    return None
