"""An answer leaves in one piece, and who makes no use of a connection loses it.

Over real connections: test_server.py, and test_crowd.py for a host with very many of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn

from unilead_host.connection import HEAD_SECONDS, READING_SECONDS, Joining, Protocol

pytestmark = pytest.mark.anyio


class Recorder(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 80)})
        self.written: list[bytes] = []
        self.unread = 0

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.written.append(b"closed")

    def abort(self) -> None:
        self.written.append(b"aborted")

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return not {b"closed", b"aborted"}.isdisjoint(self.written)


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

    protocol, recorder = connected(state_of(app))
    protocol.data_received(REQUEST)
    await turns()
    sent = [*recorder.written]
    protocol.connection_lost(None)
    assert sent == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]


# --- clients that keep the server waiting -----------------------------------------------------------------------------


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def state_of(app: Any) -> uvicorn.Server:
    config = uvicorn.Config(app, http=Protocol, lifespan="off", log_config=None, date_header=False, server_header=False)
    config.load()
    return uvicorn.Server(config)


def connected(server: uvicorn.Server, kind: type[Protocol] = Protocol) -> tuple[Protocol, Recorder]:
    protocol, recorder = kind(server.config, server.server_state, {}), Recorder()
    protocol.connection_made(recorder)
    return protocol, recorder


def end(server: uvicorn.Server) -> None:
    """Let go of the requests that hang."""
    for task in server.server_state.tasks:
        task.cancel()


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def hanging(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


async def prompt(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def test_requests_that_come_together_are_answered_one_after_the_other() -> None:
    protocol, recorder = connected(state_of(prompt))
    protocol.data_received(REQUEST * 3)
    await turns(30)
    assert b"".join(recorder.written).count(b"HTTP/1.1 200 OK") == 3


async def test_an_answer_waits_for_a_client_that_does_not_read() -> None:
    going_on = asyncio.Event()

    async def long(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await going_on.wait()
        for part in (b"o", b"k"):
            await send({"type": "http.response.body", "body": part, "more_body": part == b"o"})

    protocol, recorder = connected(state_of(long))
    protocol.data_received(REQUEST)
    await turns()
    protocol.pause_writing()
    going_on.set()
    await turns()
    assert not recorder.written[-1].endswith(b"ok")
    protocol.resume_writing()
    await turns()
    assert b"".join(recorder.written).endswith(b"\r\n\r\nok")


@pytest.mark.parametrize("head", [b"", REQUEST[:20]], ids=["nothing", "half a head"])
async def test_s055_a_head_that_does_not_come_is_not_waited_for(head: bytes) -> None:
    protocol, recorder = connected(state_of(prompt))
    made = asyncio.get_running_loop().time()
    if head:
        protocol.data_received(head)
    protocol.let_go(made + HEAD_SECONDS - 1)
    assert not recorder.is_closing()
    protocol.let_go(made + HEAD_SECONDS + 1)
    assert recorder.is_closing()


async def test_s055_the_time_of_a_head_begins_anew_after_each_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    protocol, recorder = connected(state_of(prompt))
    made = loop.time()
    monkeypatch.setattr(protocol, "loop", Later(loop, 10))
    protocol.data_received(REQUEST)
    await turns()
    protocol.data_received(REQUEST[:20])  # from here on uvicorn's own time for idle connections does not count
    protocol.let_go(made + 9 + HEAD_SECONDS)
    assert not recorder.is_closing()
    protocol.let_go(made + 11 + HEAD_SECONDS)
    assert recorder.is_closing()


class Later:
    """An event loop whose clock is ahead."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.loop = loop
        self.seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)

    def time(self) -> float:
        return self.loop.time() + self.seconds


async def test_a_request_under_way_is_not_let_go_of() -> None:
    server = state_of(hanging)
    protocol, recorder = connected(server)
    protocol.data_received(REQUEST)
    await turns()
    protocol.let_go(asyncio.get_running_loop().time() + 1_000)
    assert not recorder.is_closing()
    end(server)


@pytest.mark.parametrize("is_answered", [False, True])
async def test_s055_a_client_that_does_not_read_its_answer_is_let_go_of(is_answered: bool) -> None:
    """Also where little of it is left: closing such a connection would wait for its client for ever."""
    server = state_of(prompt if is_answered else hanging)
    protocol, recorder = connected(server)
    protocol.data_received(REQUEST)
    await turns()
    recorder.written.clear()
    begun = asyncio.get_running_loop().time()
    for seconds, unread in [(0.0, 9), (READING_SECONDS - 1, 9), (READING_SECONDS, 8), (2 * READING_SECONDS - 1, 8)]:
        recorder.unread = unread  # it reads little by little
        protocol.let_go(begun + seconds)
        assert recorder.written == []
    protocol.let_go(begun + 2 * READING_SECONDS + 1)
    assert recorder.written == [b"aborted"]
    end(server)


async def test_s055_a_connection_that_cannot_close_makes_room_all_the_same() -> None:
    class One(Protocol):
        most = 1

    server = state_of(prompt)
    first, recorder = connected(server, One)
    for _ in range(2):
        newcomer, _ = connected(server, One)
        newcomer.connection_lost(None)
    assert recorder.written == [b"closed", b"aborted"]
    first.connection_lost(None)


async def test_s055_when_there_are_too_many_the_longest_idle_one_makes_room() -> None:
    class Few(Protocol):
        most = 3

    server = state_of(hanging)
    busy, *idle = [connected(server, Few) for _ in range(3)]
    busy[0].data_received(REQUEST)
    await turns()
    newest = connected(server, Few)
    assert [recorder.is_closing() for _, recorder in (busy, *idle, newest)] == [False, True, False, False]
    end(server)


async def test_s055_a_newcomer_is_turned_away_where_all_others_are_busy() -> None:
    class Few(Protocol):
        most = 2

    server = state_of(hanging)
    busy = [connected(server, Few) for _ in range(2)]
    for protocol, _ in busy:
        protocol.data_received(REQUEST)
    await turns()
    newcomer = connected(server, Few)
    assert [recorder.is_closing() for _, recorder in (*busy, newcomer)] == [False, False, True]
    end(server)
