"""Under strain: what a CRM that lets requests hang leaves for others, and what a busy event loop sends no more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module

import pytest

from unilead import ConnectError, Request
from unilead.transport import AsyncTransport
from unilead.transport.call import CallState, current_call
from unilead.transport.native import AiohttpTransport
from unilead.transport.network import backend_classes
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


@pytest.mark.anyio
@pytest.mark.parametrize("make", BACKENDS.values(), ids=BACKENDS)
async def test_nothing_is_sent_when_a_busy_loop_used_up_the_time_to_connect(
    make: Callable[..., AsyncTransport],
) -> None:
    received = asyncio.get_running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        time.sleep(0.3)
        received.set_result(await reader.read())
        writer.close()

    transport = make(allow_private=True)
    async with await asyncio.start_server(accept, "127.0.0.1") as server:
        request = Request("POST", "/", url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with pytest.raises(ConnectError, match="in time"):
            await transport.send_async(request, credentials={}, timeout=0.2)
        await transport.aclose()
        assert await asyncio.wait_for(received, 5) == b""


@pytest.mark.anyio
@pytest.mark.parametrize("engine", ["httpcore", "httpcore2"])
async def test_nothing_is_written_after_the_deadline(engine: str) -> None:
    """A busy loop may come to a write before it comes to the timer that would have ended the send."""
    received = asyncio.get_running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1") as server:
        backend = backend_classes(engine)[True](allow_private=True)
        stream = await backend.connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1], timeout=5)
        call = CallState(deadline=time.monotonic() - 1)
        token = current_call.set(call)
        with pytest.raises(import_module(engine).WriteTimeout):
            await stream.write(b"POST / HTTP/1.1\r\n", timeout=5)
        current_call.reset(token)
        await stream.aclose()
        assert not call.sent
        assert await asyncio.wait_for(received, 5) == b""
