"""Drivers: carry out the steps of an exchange over a transport, synchronously or in an event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Generator
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from unilead.errors import ConfigurationError, LeadError
from unilead.steps import Apart, Send, Step, Use, Wait, failed, late
from unilead.transport import AsyncTransport, Transport

T = TypeVar("T")


class Driver:
    """Carries out steps one after the other; for any number of threads.

    Args:
        open_transport: makes what sends, at the first use.
    """

    def __init__(self, open_transport: Callable[[], Transport]) -> None:
        self._open_transport = open_transport
        self._transport: Transport | None = None
        self._lock = threading.Lock()
        self._running: set[threading.Thread] = set()

    def drive(self, steps: Generator[Step, Any, T]) -> T:
        """Carry steps out to their end. Returns: their result. Raises: what they raise."""
        transport = self.open()
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._carry_out(step, transport)
                except LeadError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _carry_out(self, step: Step, transport: Transport) -> Any:
        if isinstance(step, Send):
            return transport.send(step.request, credentials=step.credentials, timeout=step.timeout)
        if isinstance(step, Wait):
            return time.sleep(step.seconds)
        if isinstance(step, Apart):
            return self._apart(step)
        return _used(step)

    def _apart(self, step: Apart) -> Any:
        """Carry steps out in a thread that goes on when nobody waits for it any more."""
        ends: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

        def run() -> None:
            try:
                ends.put((self.drive(step.steps), None))
            except BaseException as fault:  # raised where it is waited for
                ends.put((None, fault))
            finally:
                self._running.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="unilead refresh")
        self._running.add(thread)
        thread.start()
        try:
            answer, fault = ends.get(timeout=step.timeout)
        except Empty:
            raise late() from None
        if fault is not None:
            raise fault
        return answer

    def open(self) -> Transport:
        """What sends."""
        if self._transport is None:
            with self._lock:
                if self._transport is None:
                    self._transport = self._open_transport()
        return self._transport

    def close(self) -> None:
        """Close all connections, once refreshes that are under way have ended."""
        for thread in list(self._running):
            thread.join()
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class AsyncDriver:
    """As `Driver`, in an event loop."""

    def __init__(self, open_transport: Callable[[], AsyncTransport]) -> None:
        self._open_transport = open_transport
        self._transport: AsyncTransport | None = None
        self._running: set[asyncio.Future[Any]] = set()

    async def drive(self, steps: Generator[Step, Any, T]) -> T:
        """Carry steps out to their end. Returns: their result. Raises: what they raise."""
        transport = self.open()
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._carry_out(step, transport)
                except LeadError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _carry_out(self, step: Step, transport: AsyncTransport) -> Any:
        if isinstance(step, Send):
            return await transport.send_async(step.request, credentials=step.credentials, timeout=step.timeout)
        if isinstance(step, Wait):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Apart):
            return await self._apart(step)
        return await _used_async(step)

    async def _apart(self, step: Apart) -> Any:
        """Carry steps out in a task of their own, which a cancelled caller does not take along."""
        task = asyncio.ensure_future(self.drive(step.steps))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait([task], timeout=step.timeout)
        if not done:
            raise late()
        return task.result()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even when the one who waited for it has gone

    def open(self) -> AsyncTransport:
        """What sends."""
        if self._transport is None:
            self._transport = self._open_transport()
        return self._transport

    async def aclose(self) -> None:
        """Close all connections, once refreshes that are under way have ended."""
        if self._running:
            await asyncio.wait(self._running)
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None


def _used(step: Use) -> Any:
    try:
        answer = step.call()
    except Exception as fault:
        error = failed(fault)
        raise error from None if error is fault else fault
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise ConfigurationError("this credential store is asynchronous; use it with AsyncClient")
    return answer


async def _used_async(step: Use) -> Any:
    try:
        answer = await asyncio.to_thread(step.call) if step.blocking else step.call()
        return await answer if inspect.isawaitable(answer) else answer
    except Exception as fault:
        error = failed(fault)
        raise error from None if error is fault else fault
