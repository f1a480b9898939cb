"""Waiting for what goes on when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")


async def outcome_of(work: asyncio.Future[T]) -> T:
    """Wait for work that a cancelled waiter does not take along. Raises: what the work raises.

    Its fault is nobody's news where nobody waits any more; `asyncio.shield` may log it then.
    """
    work.add_done_callback(_seen)
    if not work.done():
        await asyncio.wait([work])
    return work.result()


def _seen(work: asyncio.Future[Any]) -> None:
    if not work.cancelled():
        work.exception()
