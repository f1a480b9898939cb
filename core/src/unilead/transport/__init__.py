"""The seam to the HTTP libraries: takes our `Request`, gives our `Response`, decides what a failure means.

Nothing outside this package imports an HTTP library. Whether a request was sent is judged by evidence, not by an
exception's name: a failure counts as *not sent* only when no byte of the request was handed to a connection.

Back ends: ``httpx`` (the default) and ``httpx2`` through their connection pools, ``aiohttp`` natively (asynchronous
only, fastest with many leads in flight). Which one is used is the application's word, never what happens to be
installed.

All of them share `call`, `failure` and `answer`. `pool`, `pools` and `network` are httpx and httpx2; `native` and
`wire` are aiohttp; `given` is a transport that the application hands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from unilead.message import Request, Response

Backend: TypeAlias = Literal["httpx", "httpx2", "aiohttp"]
ENGINES = {"httpx": "httpcore", "httpx2": "httpcore2"}
NATIVE = "aiohttp"  # the back end and its library; asynchronous only


@runtime_checkable
class Transport(Protocol):
    """Sends one request and waits for the answer."""

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all. Raises: ConnectError or OutcomeUnknownError."""

    def close(self) -> None:
        """Close all connections."""


@runtime_checkable
class AsyncTransport(Protocol):
    """Sends one request and waits for the answer, asynchronously."""

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all. Raises: ConnectError or OutcomeUnknownError."""

    async def aclose(self) -> None:
        """Close all connections."""


def check_backend(backend: str, *, asynchronous: bool) -> None:
    """Find out whether a back end can be used, without importing its library.

    Raises: ValueError for one that is not known or cannot send so, ImportError where its extra is not installed.
    """
    libraries = ENGINES | {NATIVE: NATIVE} if asynchronous else ENGINES
    if backend not in libraries:
        fault = "cannot send synchronously" if backend == NATIVE else "is not known"
        raise ValueError(f"backend {backend!r} {fault}; choose from {', '.join(libraries)}")
    if find_spec(libraries[backend]) is None:
        raise ImportError(f"backend {backend!r} needs its extra: pip install 'unilead[{backend}]'")


def open_transport(given: Any, backend: str, *, allow_private: bool = False) -> Transport:
    """Make what sends: the application's own transport (a simulator, one of httpx's), or a pool of the back end.

    Args:
        backend: one that `check_backend` has passed.
    Raises: ValueError for a transport that cannot send synchronously.
    """
    if isinstance(given, Transport):
        return given
    if given is not None:
        from unilead.transport.given import GivenTransport

        return GivenTransport(given, backend)
    from unilead.transport.pool import PoolTransport

    return PoolTransport(ENGINES[backend], allow_private=allow_private)


def open_async_transport(given: Any, backend: str, *, allow_private: bool = False) -> AsyncTransport:
    """As `open_transport`, for asynchronous sending. Raises: ValueError for a transport that cannot."""
    if isinstance(given, AsyncTransport):
        return given
    if given is not None:
        from unilead.transport.given import AsyncGivenTransport

        return AsyncGivenTransport(given, backend)
    if backend == NATIVE:
        from unilead.transport.native import AiohttpTransport

        return AiohttpTransport(allow_private=allow_private)
    from unilead.transport.pool import AsyncPoolTransport

    return AsyncPoolTransport(ENGINES[backend], allow_private=allow_private)
