"""Writing down what a send led to while the database refuses it: F068."""

from __future__ import annotations

import time

import pytest

from unilead_host.storage import StorageError
from unilead_host.verdict_writes import VerdictWrites

pytestmark = pytest.mark.anyio
PAUSE = 0.02


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead_host.verdict_writes.PAUSE", PAUSE)


class Refusing:
    """A write that fails so many times.

    Attributes:
        calls: when it was tried.
    """

    def __init__(self, times: int, fault: Exception) -> None:
        self.left = times
        self.fault = fault
        self.calls: list[float] = []

    async def __call__(self) -> None:
        self.calls.append(time.monotonic())
        self.left -= 1
        if self.left >= 0:
            raise self.fault


async def test_f068_what_the_database_refuses_is_written_again_after_growing_pauses() -> None:
    writes, write = VerdictWrites(), Refusing(3, StorageError("busy"))
    await writes.write(write)
    assert len(write.calls) == 1  # whoever waits for an answer does not wait for the others
    await writes.drain()
    pauses = [later - earlier for earlier, later in zip(write.calls, write.calls[1:], strict=False)]
    assert len(pauses) == 3
    assert all(pause > 0.9 * PAUSE * 2**turn for turn, pause in enumerate(pauses))


async def test_a_write_that_fails_otherwise_takes_no_answers_place() -> None:
    writes, write = VerdictWrites(), Refusing(1, ZeroDivisionError("of ours"))
    await writes.write(write)
    await writes.drain()
    assert len(write.calls) == 2


async def test_f068_a_database_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead_host.verdict_writes.PAUSE", 0.001)
    writes, write = VerdictWrites(), Refusing(100, StorageError("gone"))
    writes.soon(write)
    await writes.drain()
    assert len(write.calls) == 7
