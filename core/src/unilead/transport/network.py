"""Connections of the httpx and httpx2 pools: to checked addresses only, within the deadline, with evidence.

The classes are made for one engine (``httpcore`` or ``httpcore2``), because each wants its own base classes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any

from unilead.origin import is_public
from unilead.transport.call import current_call
from unilead.transport.failure import ForbiddenAddressError

_HEAD_END = b"\r\n\r\n"
_ANOTHER = b"\nHTTP/"  # where a second answer begins, since all that has no stated length ends in a line break
_PIECE = 16 * 1024  # written at once; between two of them the deadline is looked at


class Meter:
    """Counts the bytes of one answer, to notice bytes that belong to no answer of ours.

    A connection on which more arrived than the answer's own length must not carry another request: the surplus would
    be taken for the next request's answer.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin to count the next answer."""
        self._head = bytearray()
        self._head_length = 0
        self._received = 0
        self._last = b""
        self._is_double = False

    def note(self, data: bytes) -> None:
        """Count what arrived."""
        self._received += len(data)
        seen = self._last + data
        self._is_double = _ANOTHER in seen  # before the last of what is read, this belongs to the answer itself
        self._last = seen[-5:]
        if not self._head_length:  # the parser gives a head up that grows too long
            self._head += data
            end = self._head.find(_HEAD_END)
            if end >= 0:
                self._head_length = end + len(_HEAD_END)

    def is_exact(self, content_length: str | None) -> bool:
        """Whether exactly one answer arrived: by its stated length, or up to the end of its last chunk."""
        if content_length is not None:
            return content_length.isdigit() and self._received == self._head_length + int(content_length)
        return self._last == b"0\r\n\r\n" and not self._is_double


def public_addresses(found: Iterable[Any], host: str, *, allow_private: bool) -> list[str]:
    """The addresses behind a name. Raises: ForbiddenAddressError when one of them is not public."""
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not allow_private and not all(is_public(address) for address in addresses):
        raise ForbiddenAddressError(f"{host} leads to an address that is not public", hint="nothing was sent")
    return addresses


def look_up(host: str, port: int, seconds: float) -> Any:
    """Resolve a name within a time: the system's resolver knows no deadline. Raises: OSError, ValueError."""
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as fault:  # raised where it is waited for; a name that is none is a UnicodeError
            answers.put(fault)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"{host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


@cache
def backend_classes(engine: str) -> tuple[type, type]:
    """The synchronous and the asynchronous network backend for an engine."""
    core = import_module(engine)
    return _sync_backend(core), _async_backend(core)


def _sync_backend(core: Any) -> type:  # noqa: C901 - two small classes, made for one engine
    class Stream(core.NetworkStream):  # type: ignore[misc]
        def __init__(self, inner: Any, meter: Meter) -> None:
            self._inner, self.meter, self.spoiled = inner, meter, False

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            call = current_call.get()
            if call.over:
                raise core.ReadTimeout("deadline")
            data: bytes = self._inner.read(max_bytes, call.left)
            self.meter.note(data)
            return data

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            call = current_call.get()
            for start in range(0, len(buffer), _PIECE):
                if call.over:
                    raise core.WriteTimeout("deadline")
                call.sent = True
                self.meter.restart()
                self._inner.write(buffer[start : start + _PIECE], min(timeout or call.left, call.left))

        def close(self) -> None:
            self._inner.close()

        def start_tls(
            self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> Any:
            left = current_call.get().left
            try:
                return Stream(
                    self._inner.start_tls(ssl_context, server_hostname, min(timeout or left, left)), self.meter
                )
            except BaseException:
                self._inner.close()
                raise

        def get_extra_info(self, info: str) -> Any:
            if info == "is_readable" and self.spoiled:
                return True  # makes the pool close the connection instead of reusing it
            return self._inner.get_extra_info(info)

    class Backend(core.NetworkBackend):  # type: ignore[misc]
        def __init__(self, *, allow_private: bool) -> None:
            self._inner, self._allow_private = core.SyncBackend(), allow_private

        def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:
            call = current_call.get()
            found = look_up(host, port, call.left)
            fault_of_last: Exception | None = None
            for address in public_addresses(found, host, allow_private=self._allow_private):
                try:
                    stream = self._inner.connect_tcp(address, port, min(timeout or call.left, call.left), **options)
                except (core.ConnectError, core.ConnectTimeout) as fault:
                    fault_of_last = fault
                else:
                    return Stream(stream, Meter())
            raise fault_of_last or core.ConnectError("no address")

    return Backend


def _has_unread(tls: ssl.SSLObject | None) -> bool:
    """Whether an idle TLS connection holds data, or its end, that is off the socket already and shows there no more."""
    if tls is None:
        return False
    try:
        tls.read(1)  # nothing at the end
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:  # nonsense
        return True
    return True


def _async_backend(core: Any) -> type:  # noqa: C901 - as above
    class Stream(core.AsyncNetworkStream):  # type: ignore[misc]
        def __init__(self, inner: Any, meter: Meter) -> None:
            self._inner, self.meter, self.spoiled = inner, meter, False

        async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            data: bytes = await self._inner.read(max_bytes, timeout)
            self.meter.note(data)
            return data

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:
            call = current_call.get()
            if call.over:  # the loop was busy for too long
                raise core.WriteTimeout("deadline")
            call.sent = True
            self.meter.restart()
            await self._inner.write(buffer, timeout)

        async def aclose(self) -> None:
            await self._inner.aclose()

        async def start_tls(
            self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> Any:
            try:
                return Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout), self.meter)
            except BaseException:
                await self._inner.aclose()
                raise

        def get_extra_info(self, info: str) -> Any:
            if info == "is_readable" and self.spoiled:
                return True  # makes the pool close the connection instead of reusing it
            if info == "is_readable" and _has_unread(self._inner.get_extra_info("ssl_object")):
                return True
            return self._inner.get_extra_info(info)

    class Backend(core.AsyncNetworkBackend):  # type: ignore[misc]
        def __init__(self, *, allow_private: bool) -> None:
            self._inner, self._allow_private = core.AnyIOBackend(), allow_private

        async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            fault_of_last: Exception | None = None
            for address in public_addresses(found, host, allow_private=self._allow_private):
                try:
                    stream = await self._inner.connect_tcp(address, port, timeout, **options)
                except (core.ConnectError, core.ConnectTimeout) as fault:
                    fault_of_last = fault
                else:
                    return Stream(stream, Meter())
            raise fault_of_last or core.ConnectError("no address")

    return Backend
