"""The HTTP clients alone: the same bytes sent, the answer's bytes read, nothing understood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": "Bearer token"}
Post = Callable[[], Awaitable[Any]]


@asynccontextmanager
async def aiohttp_post(url: str, body: bytes) -> AsyncIterator[Post]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:

        async def post() -> None:
            async with session.post(url, data=body, headers=HEADERS) as answer:
                await answer.read()

        yield post


@asynccontextmanager
async def httpx_post(module: str, url: str, body: bytes) -> AsyncIterator[Post]:
    """For ``httpx`` and ``httpx2``, whose names are the same."""
    library = import_module(module)
    limits = library.Limits(max_connections=100, max_keepalive_connections=100)
    async with library.AsyncClient(limits=limits) as client:
        yield lambda: client.post(url, content=body, headers=HEADERS)
