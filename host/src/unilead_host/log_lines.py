"""Where log lines go: those of one turn of the event loop leave together.

Each write is a call of the system that wakes up whoever reads the log, and under load costs as much as making the line.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TextIO


class LogLines:
    """A stream that holds what is written until the turn of the event loop ends, or somebody flushes it.

    Outside of an event loop, as in another thread, everything is written at once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # which will flush what is held
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Take whole lines."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        with self._lock:
            self._held.append(text)
            is_expected = loop is not None and loop is self._loop
            self._loop = loop
        if loop is None:
            self.flush()
        elif not is_expected:
            loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._loop = None
        self.flush()

    def flush(self) -> None:
        """Write what is held; a stream that is full or gone loses it, and stops nothing that was to be told."""
        with self._lock:
            held, self._held = self._held, []
            if held:
                with suppress(OSError):
                    self._stream.write("".join(held))
                    self._stream.flush()
