"""Keeps a bounded number of groups of leads in flight, in threads or in tasks, and passes their verdicts on.

Both take from the source only when a place is free, so memory does not grow with the input, and both give a group's
place away only after its verdicts were taken: never more than ``concurrency`` groups are without a verdict. Verdicts
come in the order in which the CRM answers. When the source fails, nothing more is taken; when the caller's own callback
or transport does, nothing more is sent either. What is in flight is finished and passed on, then the fault is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from unilead.bulk import Given, Group, Judged, Run, Verdict
from unilead.errors import LeadError
from unilead.steps import Steps

T = TypeVar("T")
Pair: TypeAlias = tuple[int, Verdict]


class _Progress:
    """What can be asked of verdicts on their way."""

    def __init__(self, run: Run, pairs: Any) -> None:
        self._run = run
        self._pairs = pairs

    @property
    def calls(self) -> int:
        """Number of requests sent so far."""
        return self._run.gate.calls

    @property
    def size(self) -> int:
        """Leads in one request, at most."""
        return self._run.size

    @property
    def closed(self) -> LeadError | None:
        """Why the account can send no more: refused credentials, a wait of more than a minute, no connection, or ten
        requests in a row of which nobody knows the outcome (an UnavailableError).
        """
        return self._run.gate.closed

    def stop(self) -> None:
        """Send nothing more: what is in flight goes on to its verdict, leads not sent yet are ``not_sent``."""
        self._run.gate.stopped = True


class Creating(_Progress, Iterator[Pair]):
    """The verdicts of a `Client.create_many`, as they come.

    Leaving early (`close`, or letting go of it) waits for the requests in flight; their verdicts are lost.
    """

    def __next__(self) -> Pair:
        pair: Pair = next(self._pairs)
        return pair

    def close(self) -> None:
        """Take no more leads, send nothing more, and wait for the requests in flight."""
        self._pairs.close()


class AsyncCreating(_Progress, AsyncIterator[Pair]):
    """As `Creating`, asynchronously.

    Leaving early, or cancelling the wait for the next verdict, ends it and cancels the requests in flight: their
    outcome is unknown.
    """

    async def __anext__(self) -> Pair:
        pair: Pair = await anext(self._pairs)
        return pair

    async def aclose(self) -> None:
        """Take no more leads, and cancel the requests in flight."""
        await self._pairs.aclose()


def in_threads(
    run: Run, leads: Iterable[tuple[int, Given]], drive: Callable[[Steps[Judged]], Judged], concurrency: int
) -> Iterator[Pair]:
    """Drive the groups of a run in threads, ``concurrency`` at a time."""
    source = ((index, lead) for index, lead in leads)  # what is no pair fails here, as a fault of the source
    running: set[Future[Judged]] = set()
    fault: Exception | None = None
    ended = False
    with _pool(run, concurrency) as pool:
        while running or not ended:
            while not (ended or run.gate.is_over) and len(running) < concurrency:
                group, fault = _take(source, run.size)
                ended = len(group) < run.size  # at a fault too
                if group:
                    running.add(pool.submit(drive, run.group(group)))
            ended = ended or run.gate.is_over
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    fault = run.gate.fault or fault
    if fault is not None:
        raise fault


@contextmanager
def _pool(run: Run, size: int) -> Iterator[ThreadPoolExecutor]:
    """The threads of a run, which are waited for at its end; when that is an early one, nothing is sent again."""
    with ThreadPoolExecutor(size, thread_name_prefix="unilead") as pool:
        try:
            yield pool
        except BaseException:
            run.gate.stopped = True
            raise


def _take(source: Iterator[tuple[int, Given]], size: int) -> tuple[Group, Exception | None]:
    """Take the next group. Returns: what there was of it, and the fault that ended the source, if one did."""
    group: Group = []
    try:
        group.extend(islice(source, size))
    except Exception as fault:  # the caller's own source: raised once all that was taken has its verdict
        return group, fault
    return group, None


async def in_tasks(
    run: Run,
    leads: Iterable[tuple[int, Given]] | AsyncIterable[tuple[int, Given]],
    drive: Callable[[Steps[Judged]], Awaitable[Judged]],
    concurrency: int,
) -> AsyncIterator[Pair]:
    """As `in_threads`, in tasks of the running loop; a slow source does not hold verdicts back."""
    source = _stepping(leads)
    running: set[asyncio.Task[Judged]] = set()
    taking: asyncio.Task[tuple[Group, Exception | None]] | None = None
    fault: Exception | None = None
    ended = False
    try:
        while running or not ended:
            ended = ended or run.gate.is_over
            if not ended and taking is None and len(running) < concurrency:
                taking = asyncio.ensure_future(_take_async(source, run.size))
            pending: set[asyncio.Task[Any]] = running | ({taking} if taking else set())
            if pending:
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if taking is not None and taking.done():
                group, fault = taking.result()
                taking = None
                if group and run.gate.fault is None:
                    running.add(asyncio.ensure_future(drive(run.group(group))))
                ended = ended or len(group) < run.size
            for task in [task for task in running if task.done()]:
                for pair in task.result():
                    yield pair
                running.discard(task)
    finally:
        left: set[asyncio.Task[Any]] = running | ({taking} if taking else set())
        for unfinished in left:
            unfinished.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    fault = run.gate.fault or fault
    if fault is not None:
        raise fault


async def _take_async(source: AsyncIterator[tuple[int, Given]], size: int) -> tuple[Group, Exception | None]:
    group: Group = []
    try:
        while len(group) < size:
            index, lead = await anext(source)
            group.append((index, lead))
    except StopAsyncIteration:
        pass
    except Exception as fault:  # as in `_take`
        return group, fault
    return group, None


async def _stepping(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def counted(leads: Iterable[Given] | AsyncIterable[Given]) -> AsyncIterator[tuple[int, Given]]:
    """As `enumerate`, for either kind of iterable."""
    index = 0
    async for lead in _stepping(leads):
        yield index, lead
        index += 1
