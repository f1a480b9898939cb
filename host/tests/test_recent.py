"""Answers that hold for a moment, and the look-ups that many share."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from unilead_host.recent import Recent

pytestmark = pytest.mark.anyio


class Source:
    """Answers its look-ups when it is told to."""

    def __init__(self, value: str = "old") -> None:
        self.value = value
        self.asked = 0
        self.go_on = asyncio.Event()
        self.fault: Exception | None = None

    async def look_up(self) -> tuple[str, float]:
        self.asked += 1
        await self.go_on.wait()
        if self.fault is not None:
            raise self.fault
        return self.value, 60.0


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_that_ask_at_once_share_one_look_up() -> None:
    recent, source = Recent[str](10), Source()
    asking = [asyncio.create_task(recent.ask("k", source.look_up)) for _ in range(5)]
    await settled()
    source.go_on.set()
    assert await asyncio.gather(*asking) == ["old"] * 5
    assert (source.asked, recent.get("k")) == (1, "old")


async def test_after_a_change_nobody_gets_what_was_asked_for_before_it() -> None:
    recent, old, new = Recent[str](10), Source("old"), Source("new")
    before = asyncio.create_task(recent.ask("k", old.look_up))
    await settled()
    recent.forget()
    after = asyncio.create_task(recent.ask("k", new.look_up))
    await settled()
    old.go_on.set()
    assert (await before, recent.get("k")) == ("old", None)
    new.go_on.set()
    assert (await after, recent.get("k")) == ("new", "new")


@pytest.mark.parametrize("ending", ["fails", "is cancelled"])
async def test_a_look_up_that_nobody_waits_for_any_more_ends_without_a_word(ending: str) -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    recent, source, others = Recent[str](10), Source(), asyncio.all_tasks()
    asking = asyncio.create_task(recent.ask("k", source.look_up))
    await settled()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    if ending == "fails":
        source.fault = OSError("the database is away")
        source.go_on.set()
    else:
        (running,) = asyncio.all_tasks() - others
        running.cancel()
    await settled()
    del asking  # the last that knows of it
    gc.collect()
    assert said == []
    assert recent.get("k") is None
