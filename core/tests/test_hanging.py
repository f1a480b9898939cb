"""A CRM that lets requests hang: what is left for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from unilead import Request
from unilead.transport import AsyncTransport
from unilead.transport.native import AiohttpTransport
from unilead.transport.pool import AsyncPoolTransport

BACKENDS = {
    "aiohttp": AiohttpTransport,
    "httpx": partial(AsyncPoolTransport, "httpcore"),
    "httpx2": partial(AsyncPoolTransport, "httpcore2"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("make", BACKENDS.values(), ids=BACKENDS)
async def test_l011_a_crm_that_lets_requests_hang_takes_no_connections_of_the_others(
    make: Callable[..., AsyncTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("native", "pool"):
        monkeypatch.setattr(f"unilead.transport.{module}.MAX_CONNECTIONS", 20)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    transport = make(allow_private=True)
    async with (
        await asyncio.start_server(hang, "127.0.0.1") as dead,
        await asyncio.start_server(answer, "127.0.0.1") as alive,
    ):
        urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/" for server in (dead, alive)]
        hanging = [
            asyncio.create_task(transport.send_async(Request("POST", "/", url=urls[0]), credentials={}, timeout=20))
            for _ in range(40)
        ]
        await asyncio.sleep(0.1)
        found = await transport.send_async(Request("POST", "/", url=urls[1]), credentials={}, timeout=3)
        assert found.status == 200
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await transport.aclose()
