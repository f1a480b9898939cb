"""aiohttp, natively: the back end for many leads in flight. Asynchronous only, bound to one event loop."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from unilead.message import Request, Response
from unilead.origin import is_public
from unilead.transport.call import (
    CONNECT_TIMEOUT,
    HOSTS,
    KEEPALIVE,
    MAX_CONNECTIONS,
    CallState,
    outgoing_headers,
    split_url,
    tls_context,
)
from unilead.transport.failure import ForbiddenAddressError, failure
from unilead.transport.wire import Outgoing, Wire

_START = re.compile(r"[A-Z]+ [!-~]+")


def trust() -> ssl.SSLContext | bool:
    """The process's TLS context, or ``True`` for the one that aiohttp makes of the system's certificates at import.

    The same certificates in one more context would take a megabyte.
    """
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath) or tls_context()


class _CheckedResolver(AbstractResolver):
    """Resolves names to public addresses only; the connection goes to the very address that was checked."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(is_public(entry["host"]) for entry in found):
            raise ForbiddenAddressError(f"{host} leads to an address that is not public", hint="nothing was sent")
        return found

    async def close(self) -> None:
        await self._inner.close()


class AiohttpTransport:
    """Sends asynchronously over aiohttp's pool, past its client; see `unilead.transport.wire`.

    Args:
        allow_private: connect to addresses that are not public; for simulators.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._connector: aiohttp.TCPConnector | None = None
        self._wire: Wire | None = None
        self._origin = lru_cache(maxsize=1024)(self._origin_of)
        self._way = lru_cache(maxsize=128)(self._way_to)  # the creates of an account have one

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all."""
        call = CallState(time.monotonic() + timeout)
        try:
            await asyncio.sleep(0)  # what is ready by now leaves together (docs/decisions/0020)
            origin, start = self._way(request.method, request.url)
            return await self._opened().send(origin, _outgoing(start, request, credentials), call)
        except Exception as fault:
            error = failure(fault, call, request)
        raise error  # outside, so that no library error with our headers in it rides along as context

    def _way_to(self, method: str, url: str) -> tuple[aiohttp.ClientRequest, str]:
        """Where a request goes, and how its head begins. Raises: ConnectError, ValueError."""
        base, target = split_url(url)
        if not _START.fullmatch(f"{method} {target}"):
            raise ValueError("not a method and a path")
        origin = self._origin(base)
        return origin, f"{method} {target} HTTP/1.1\r\nHost: {origin.headers['Host']}\r\n"

    def _origin_of(self, base: str) -> aiohttp.ClientRequest:
        """What aiohttp wants to know in order to connect. Raises: ConnectError, ValueError."""
        url = URL(base, encoded=True)
        if url.scheme not in ("http", "https") or url.user is not None:
            raise ValueError("not an origin")
        self._check_literal(url.host or "")
        return aiohttp.ClientRequest("GET", url)

    def _check_literal(self, host: str) -> None:
        """Addresses written as such bypass the resolver, so they are checked here."""
        is_literal = ":" in host or host.replace(".", "").isdigit()
        if is_literal and not self._allow_private and not is_public(host):
            raise ForbiddenAddressError(f"{host} is not a public address", hint="nothing was sent")

    def _opened(self) -> Wire:
        if self._wire is None:
            resolver = None if self._allow_private else _CheckedResolver()
            self._connector = aiohttp.TCPConnector(
                limit=MAX_CONNECTIONS * HOSTS,
                limit_per_host=MAX_CONNECTIONS,
                keepalive_timeout=KEEPALIVE,
                ssl=trust(),
                resolver=resolver,
            )
            self._wire = Wire(self._connector, CONNECT_TIMEOUT)
        return self._wire

    async def aclose(self) -> None:
        """Close all connections."""
        if self._connector is not None:
            await self._connector.close()
            self._connector = self._wire = None


def _outgoing(start: str, request: Request, credentials: Mapping[str, str]) -> Outgoing:
    """The whole request as it goes over the wire. Raises: ConnectError for a header that could split it."""
    head = [start, *[f"{name}: {value}\r\n" for name, value in outgoing_headers(request, credentials)], "\r\n"]
    if request.body or request.method != "GET":
        head[0] += f"Content-Length: {len(request.body)}\r\n"
    return Outgoing("".join(head).encode("ascii") + request.body)
