"""An answer leaves in one piece; what it says over a real connection is in test_server.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn

from unilead_host.connection import Joining, Protocol

pytestmark = pytest.mark.anyio


class Recorder(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.written.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.written


async def test_what_is_written_in_one_turn_is_passed_on_together() -> None:
    recorder = Recorder()
    joining = Joining(recorder, asyncio.get_running_loop())
    joining.write(b"head")
    joining.write(b"body")
    assert recorder.written == []
    await asyncio.sleep(0)
    joining.write(b"more")
    await asyncio.sleep(0)
    assert recorder.written == [b"headbody", b"more"]
    assert joining.get_extra_info("peername") == ("192.0.2.1", 1)


async def test_closing_loses_nothing() -> None:
    recorder = Recorder()
    joining = Joining(recorder, asyncio.get_running_loop())
    joining.write(b"last")
    joining.close()
    await asyncio.sleep(0)
    assert recorder.written == [b"last", b"closed"]
    assert joining.is_closing()


async def test_what_is_held_for_a_client_that_has_gone_is_dropped() -> None:
    recorder = Recorder()
    joining = Joining(recorder, asyncio.get_running_loop())
    joining.write(b"late")
    recorder.close()
    await asyncio.sleep(0)
    assert recorder.written == [b"closed"]


async def test_an_answer_is_one_write() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, http=Protocol, lifespan="off", log_config=None, date_header=False, server_header=False)
    config.load()
    protocol = Protocol(config, uvicorn.Server(config).server_state, {})
    recorder = Recorder()
    protocol.connection_made(recorder)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(5):
        await asyncio.sleep(0)
    sent = [*recorder.written]
    protocol.connection_lost(None)
    assert sent == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]
