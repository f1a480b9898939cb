"""Many calls in flight, from threads or from one event loop; what makes the calls is opened once and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from benchmarks.measure import Sample, timed

Call = Callable[[], Awaitable[Any]]


class Kept:
    """One event loop, and what was opened in it."""

    def __init__(self, runner: asyncio.Runner, call: Call) -> None:
        self._runner = runner
        self._call = call

    def run(self, calls: int, in_flight: int) -> Sample:
        """Time so many calls, so many of them in flight; connections are open by then."""
        self._runner.run(self._many(in_flight, in_flight))
        return timed(lambda: self._runner.run(self._many(calls, in_flight)), calls)

    async def _many(self, calls: int, in_flight: int) -> None:
        async def some() -> None:
            for _ in range(calls // in_flight):
                await self._call()

        await asyncio.gather(*(some() for _ in range(in_flight)))


@contextmanager
def kept(opened: AbstractAsyncContextManager[Call]) -> Iterator[Kept]:
    """Open what makes the calls, in an event loop of its own."""
    with asyncio.Runner() as runner:
        call = runner.run(opened.__aenter__())
        yield Kept(runner, call)
        runner.run(_closed(opened))


async def _closed(opened: AbstractAsyncContextManager[Call]) -> None:
    await opened.__aexit__(None, None, None)


@contextmanager
def threads(call: Callable[[], object], count: int) -> Iterator[Callable[[int], Sample]]:
    """Keep so many threads; what is yielded times so many calls from them."""
    with ThreadPoolExecutor(count) as pool:

        def many(calls: int) -> None:
            def some() -> None:
                for _ in range(calls // count):
                    call()

            for done in [pool.submit(some) for _ in range(count)]:
                done.result()

        def run(calls: int) -> Sample:
            many(count)
            return timed(lambda: many(calls), calls)

        yield run
