"""Drivers: carry out the steps of an exchange over a transport, synchronously or in an event loop."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from unilead.errors import ConfigurationError, ConnectError
from unilead.steps import Apart, Send, Step, Steps, Use, Wait, failed, late
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
        self._process = 0
        self._lock = threading.Lock()
        self._running: set[threading.Thread] = set()

    def drive(self, steps: Steps[T]) -> T:
        """Carry steps out to their end. Returns: their result. Raises: what they raise."""
        transport = self.open()
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._carry_out(step, transport)
                except Exception as fault:  # it is the exchange that knows what becomes of it
                    step = steps.throw(fault)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()  # now: one that was interrupted holds its account for as long as its fault is kept

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
        try:
            thread.start()
        except RuntimeError:  # too many threads, or the interpreter is about to end
            self._running.discard(thread)
            text = "no thread could be started to renew the access token"
            raise ConnectError(text, hint="nothing was sent", retryable=False) from None
        try:
            answer, fault = ends.get(timeout=step.timeout)
        except Empty:
            raise late() from None
        if fault is not None:
            raise fault
        return answer

    def open(self) -> Transport:
        """What sends. A forked process opens its own: on a shared connection it would read its parent's answers."""
        if self._transport is None or self._process != os.getpid():
            with self._lock:
                if self._transport is None or self._process != os.getpid():
                    self._transport, self._process = self._open_transport(), os.getpid()
        return self._transport

    def close(self) -> None:
        """Close all connections, once refreshes that are under way have ended."""
        for thread in list(self._running):
            thread.join()
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class AsyncDriver:
    """As `Driver`, in event loops.

    Args:
        bound: a connection belongs to the loop in which it was made, so each loop gets its own transport; ``False`` for
            a transport of the application's.
    """

    def __init__(self, open_transport: Callable[[], AsyncTransport], *, bound: bool = True) -> None:
        self._open_transport = open_transport
        self._bound = bound
        self._transports: dict[asyncio.AbstractEventLoop | None, AsyncTransport] = {}
        self._running: set[asyncio.Future[Any]] = set()

    async def drive(self, steps: Steps[T]) -> T:
        """Carry steps out to their end. Returns: their result. Raises: what they raise."""
        transport = self.open()
        try:
            step = next(steps)
            while True:
                try:
                    if isinstance(step, Send):
                        answer: Any = await transport.send_async(
                            step.request, credentials=step.credentials, timeout=step.timeout
                        )
                    else:
                        answer = await self._carry_out(step)
                except Exception as fault:  # as in `Driver.drive`
                    step = steps.throw(fault)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            steps.close()

    async def _carry_out(self, step: Wait | Apart | Use) -> Any:
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
        """What sends in the running event loop."""
        loop = _running_loop() if self._bound else None
        transport = self._transports.get(loop)
        if transport is None:
            transport = self._open_transport()
            if loop is not None or not self._bound:
                self._forget_ended_loops()
                self._transports[loop] = transport
        return transport

    def _forget_ended_loops(self) -> None:
        """Let go of what nobody can close any more."""
        for ended in [loop for loop in self._transports if loop is not None and loop.is_closed()]:
            del self._transports[ended]
        self._running -= {task for task in self._running if task.get_loop().is_closed()}

    async def aclose(self) -> None:
        """Close all connections of the running loop, once refreshes that are under way have ended."""
        loop = asyncio.get_running_loop()
        self._forget_ended_loops()
        running = [task for task in self._running if task.get_loop() is loop]
        if running:
            await asyncio.wait(running)
        transport = self._transports.pop(loop if self._bound else None, None)
        if transport is not None:
            await transport.aclose()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _used(step: Use) -> Any:
    try:
        answer = step.call()
    except ConfigurationError:
        raise
    except Exception as fault:
        raise failed(fault) from fault
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise ConfigurationError("this credential store is asynchronous; use it with AsyncClient")
    return answer


async def _used_async(step: Use) -> Any:
    try:
        answer = await asyncio.to_thread(step.call) if step.blocking else step.call()
        return await answer if inspect.isawaitable(answer) else answer
    except ConfigurationError:
        raise
    except Exception as fault:
        raise failed(fault) from fault
