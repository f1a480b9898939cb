"""The aiohttp back end on raw sockets: what leaves, which answers are read whole, which connections are used again."""

from __future__ import annotations

import asyncio
import inspect
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import aiohttp
import aiohttp.client_proto
import aiohttp.connector
import pytest

from unilead import ConnectError, LeadError, OutcomeUnknownError, Request, Response
from unilead.transport.native import AiohttpTransport

CREDENTIALS = {"Authorization": "Bearer canary-token-77"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Crm:
    """A CRM on a socket: what it read on each connection, and what it answers."""

    def __init__(self, answer: bytes | Callable[[Reader, Writer], Awaitable[None]] = OK) -> None:
        self.answer = answer
        self.connections: list[bytearray] = []
        self.serving: list[Any] = []
        self.url = ""
        self.transport = AiohttpTransport(allow_private=True)

    async def serve(self, reader: Reader, writer: Writer) -> None:
        received = bytearray()
        self.connections.append(received)
        self.serving.append(asyncio.current_task())
        with closing(writer), suppress(OSError):
            while data := await reader.read(65_536):
                received += data
                if callable(self.answer):
                    await self.answer(reader, writer)
                else:
                    writer.write(self.answer)

    async def send(self, body: bytes = b"{}", *, timeout: float = 5.0, **more: Any) -> Response:
        request = Request(**{"method": "POST", "path": "/leads", "url": f"{self.url}/leads?a=b%20c", **more}, body=body)
        return await self.transport.send_async(request, credentials=CREDENTIALS, timeout=timeout)


@asynccontextmanager
async def serving(*answer: bytes | Callable[[Reader, Writer], Awaitable[None]]) -> AsyncIterator[Crm]:
    crm = Crm(*answer)
    async with await asyncio.start_server(crm.serve, "127.0.0.1", 0) as server:
        crm.url = "http://{}:{}".format(*server.sockets[0].getsockname())
        yield crm
        await crm.transport.aclose()
        await asyncio.gather(*crm.serving)


def test_what_aiohttp_does_not_document_is_there() -> None:
    """The names that `unilead.transport.wire` uses; when one is missing, that module is what has to be changed."""
    connect = inspect.signature(aiohttp.TCPConnector.connect).parameters
    assert list(connect) == ["self", "req", "traces", "timeout"]
    assert {"method", "url"} <= set(inspect.signature(aiohttp.ClientRequest).parameters)
    for name in ("protocol", "transport", "release", "close"):
        assert hasattr(aiohttp.connector.Connection, name), name
    protocol = aiohttp.client_proto.ResponseHandler
    for name in ("read", "set_exception", "should_close"):
        assert hasattr(protocol, name), name
    assert {"read_until_eof", "auto_decompress"} <= set(inspect.signature(protocol.set_response_params).parameters)
    for name in ("is_eof", "read_nowait", "iter_any"):
        assert hasattr(aiohttp.StreamReader, name), name


async def _exactly_these_bytes_leave() -> None:
    async with serving() as crm:
        await crm.send(headers={"X-Region": "eu"})
        start = "POST /leads?a=b%20c HTTP/1.1\r\nHost: {}\r\n".format(crm.url.removeprefix("http://"))
        rest = "Content-Length: 2\r\nX-Region: eu\r\nAuthorization: Bearer canary-token-77\r\n\r\n{}"
        assert crm.connections == [bytearray((start + rest).encode())]


def test_exactly_these_bytes_leave() -> None:
    asyncio.run(_exactly_these_bytes_leave())


HEAD = b"HTTP/1.1 201 Created\r\n"
FRAMINGS = {
    "length": HEAD + b'Content-Length: 8\r\n\r\n{"id":7}',
    "chunks": HEAD + b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n4\r\n":7}\r\n0\r\n\r\n',
    "to the end": HEAD + b'Connection: close\r\n\r\n{"id":7}',
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hm\r\nLink: x\r\n\r\n"
    + HEAD
    + b'Content-Length: 8\r\n\r\n{"id":7}',
}


@pytest.mark.parametrize("in_bits", [False, True])
@pytest.mark.parametrize("answer", FRAMINGS.values(), ids=FRAMINGS)
def test_an_answer_is_read_whole_however_it_is_framed(answer: bytes, in_bits: bool) -> None:
    async def play(_: Reader, writer: Writer) -> None:
        for bit in [bytes([byte]) for byte in answer] if in_bits else [answer]:
            writer.write(bit)
            await asyncio.sleep(0)
        if b"close" in answer:
            writer.close()

    async def run() -> Response:
        async with serving(play) as crm:
            return await crm.send()

    found = asyncio.run(run())
    assert (found.status, found.body, found.reason, found.truncated) == (201, b'{"id":7}', "Created", False)


TAILS = {
    "a chunk of no size": (b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n', b"zz\r\n"),
    "a reset": (b'Content-Length: 9\r\n\r\n{"id', b"reset"),
    "the end, too early": (b'Content-Length: 9\r\n\r\n{"id', b"close"),
    "nothing in time": (b'Content-Length: 9\r\n\r\n{"id', b""),
}


@pytest.mark.parametrize(("body", "tail"), TAILS.values(), ids=TAILS)
def test_a_status_counts_whatever_becomes_of_its_body_and_its_connection_is_given_up(body: bytes, tail: bytes) -> None:
    async def play(_: Reader, writer: Writer) -> None:
        writer.write(HEAD + body)
        await writer.drain()
        await asyncio.sleep(0.05)
        if tail == b"reset":
            writer.transport.abort()
        elif tail == b"close":
            writer.close()
        else:
            writer.write(tail)

    async def run() -> tuple[Response, int]:
        async with serving(play) as crm:
            answers = [await crm.send(timeout=0.5) for _ in range(2)]
            return answers[1], len(crm.connections)

    found, connections = asyncio.run(run())
    assert (found.status, found.truncated, found.body[:4]) == (201, True, b'{"id')
    assert connections == 2


@pytest.mark.parametrize("head", ["204 No", "304 Not\r\nContent-Length: 9", "200 OK\r\nContent-Length: 0"])
def test_an_answer_without_body_is_whole_at_once(head: str) -> None:
    async def run() -> list[tuple[int, bytes, bool]]:
        async with serving(f"HTTP/1.1 {head}\r\n\r\n".encode()) as crm:
            found = [await crm.send(timeout=2) for _ in range(2)]
            assert len(crm.connections) == 1
        return [(answer.status, answer.body, answer.truncated) for answer in found]

    assert asyncio.run(run()) == [(int(head[:3]), b"", False)] * 2


def connections_of_two_sends(answer: bytes) -> int:
    """How many connections two sends take, one after the other, when each is answered so."""

    async def run() -> int:
        async with serving(answer) as crm:
            for _ in range(2):
                with suppress(OutcomeUnknownError):  # garbage makes the whole answer unreadable
                    await crm.send(timeout=2)
            return len(crm.connections)

    return asyncio.run(run())


def test_a_connection_is_used_again() -> None:
    assert connections_of_two_sends(OK) == 1


@pytest.mark.parametrize("surplus", [OK, b"garbage", b"\r\n\r\n\0"])
def test_a_connection_with_a_surplus_is_not_used_again(surplus: bytes) -> None:
    assert connections_of_two_sends(OK + surplus) == 2


@pytest.mark.parametrize("word", [b"Connection: close\r\n", b"Content-Length: 3\r\n"])
def test_a_connection_that_is_to_be_closed_or_whose_body_is_not_all_there_is_not_used_again(word: bytes) -> None:
    async def play(_: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + word + b"\r\n{}")
        writer.close()

    async def run() -> int:
        async with serving(play) as crm:
            for _ in range(2):
                with suppress(LeadError):
                    await crm.send(timeout=2)
            return len(crm.connections)

    assert asyncio.run(run()) == 2


def test_what_comes_late_on_an_idle_connection_is_nobodys_answer() -> None:
    async def play(_: Reader, writer: Writer) -> None:
        writer.write(OK)
        asyncio.get_running_loop().call_later(0.05, writer.write, OK.replace(b"{}", b"[]"))

    async def run(crm: Crm) -> list[bytes]:
        first = await crm.send()
        await asyncio.sleep(0.2)
        return [first.body, (await crm.send()).body]

    async def both() -> None:
        async with serving(play) as crm:
            assert await run(crm) == [b"{}", b"{}"]
            assert len(crm.connections) == 2

    asyncio.run(both())


def test_a_connection_that_is_closed_before_the_write_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = aiohttp.TCPConnector.connect

    async def connect_too_late(*given: Any, **more: Any) -> Any:
        connection = await connect(*given, **more)
        assert connection.transport is not None
        connection.transport.close()
        return connection

    async def run() -> None:
        async with serving() as crm:
            await crm.send()
            with monkeypatch.context() as patch:
                patch.setattr(aiohttp.TCPConnector, "connect", connect_too_late)
                with pytest.raises(ConnectError) as caught:
                    await crm.send()
            assert caught.value.retryable
            await crm.send()
            assert [bytes(received).count(b"POST") for received in crm.connections] == [1, 1]

    asyncio.run(run())


def test_an_answer_that_comes_before_the_request_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: list[Any] = []

    async def talk_first(reader: Reader, writer: Writer) -> None:
        handlers.append(asyncio.current_task())
        with closing(writer), suppress(OSError):
            writer.write(OK)
            await reader.read()

    connect = aiohttp.TCPConnector.connect

    async def connect_and_wait(*given: Any, **more: Any) -> Any:
        connection = await connect(*given, **more)
        await asyncio.sleep(0.1)
        return connection

    async def run() -> None:
        async with serving() as crm, await asyncio.start_server(talk_first, "127.0.0.1", 0) as server:
            crm.url = "http://{}:{}".format(*server.sockets[0].getsockname())
            monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect_and_wait)
            with pytest.raises(ConnectError):
                await crm.send()
            await asyncio.gather(*handlers)

    asyncio.run(run())


def test_a_cancelled_send_closes_its_connection() -> None:
    async def hang(reader: Reader, writer: Writer) -> None:
        await reader.read()

    async def run() -> None:
        async with serving(hang) as crm:
            send = asyncio.create_task(crm.send())
            while not crm.connections or not crm.connections[0]:
                await asyncio.sleep(0.01)
            send.cancel()
            with pytest.raises(asyncio.CancelledError):
                await send
            crm.answer = OK
            assert (await crm.send()).status == 200
            assert len(crm.connections) == 2

    asyncio.run(run())


def test_a_large_request_waits_for_a_slow_crm() -> None:
    body = b"x" * 3_000_000

    async def slowly(reader: Reader, writer: Writer) -> None:
        read = 0
        while read < len(body) - 65_536:
            read += len(await reader.read(300_000))
            await asyncio.sleep(0.005)
        writer.write(OK)

    async def run() -> None:
        async with serving(slowly) as crm:
            assert (await crm.send(body)).status == 200

    asyncio.run(run())


def test_after_an_early_answer_the_rest_of_the_request_stays_here() -> None:
    body = b"x" * 30_000_000
    read = 0

    async def refuse(reader: Reader, writer: Writer) -> None:
        nonlocal read
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.1)
        with suppress(OSError):
            while data := await reader.read(1 << 20):
                read += len(data)

    async def run() -> None:
        async with serving(refuse) as crm:
            assert (await crm.send(body)).status == 413
            await asyncio.sleep(0.3)
            crm.answer = OK
            assert (await crm.send()).status == 200
            assert len(crm.connections) == 2

    asyncio.run(run())
    assert read < len(body) - 65_536


def test_after_its_deadline_nothing_is_sent_however_busy_the_loop_was() -> None:
    async def run() -> tuple[list[bytearray], int]:
        async with serving() as crm:
            await crm.send(b"first")
            late = asyncio.create_task(crm.send(b"late", timeout=0.05))
            await asyncio.sleep(0)
            time.sleep(0.1)
            with pytest.raises(ConnectError, match="in time"):
                await late
            await crm.send(b"next")
            return crm.connections, sum(received.count(b"POST ") for received in crm.connections)

    connections, requests = asyncio.run(run())
    assert (len(connections), requests) == (1, 2)
    assert b"late" not in connections[0]


def test_the_deadline_ends_a_send_whose_answer_does_not_come_and_nothing_more_leaves() -> None:
    body = b"x" * 30_000_000
    read = 0

    async def stall(reader: Reader, writer: Writer) -> None:
        nonlocal read
        await asyncio.sleep(0.6)
        with suppress(OSError):
            while data := await reader.read(1 << 20):
                read += len(data)

    async def run() -> None:
        async with serving(stall) as crm:
            with pytest.raises(OutcomeUnknownError, match="in time"):
                await crm.send(body, timeout=0.3)
            await asyncio.sleep(0.6)

    asyncio.run(run())
    assert read < len(body) - 65_536


@pytest.mark.parametrize("before", [[20.0], [1.0], [1.0, 20.0], [20.0, 1.0]])
def test_each_send_on_a_connection_has_its_own_deadline(before: list[float]) -> None:
    """Neither an earlier deadline nor a later one of a send that was answered ends the wait of the next one."""

    async def run() -> float:
        async with serving() as crm:
            for timeout in before:
                await crm.send(timeout=timeout)

            async def hang(reader: Reader, writer: Writer) -> None:
                await reader.read()

            crm.answer = hang
            started = asyncio.get_running_loop().time()
            with pytest.raises(OutcomeUnknownError, match="in time"):
                await crm.send(timeout=1.5)
            assert len(crm.connections) == 1
            return asyncio.get_running_loop().time() - started

    assert 1.5 <= asyncio.run(run()) < 4


def test_an_answer_in_time_is_taken_although_an_earlier_deadline_passes_meanwhile() -> None:
    async def late(_: Reader, writer: Writer) -> None:
        await asyncio.sleep(1.3)
        writer.write(OK)

    async def run() -> None:
        async with serving() as crm:
            await crm.send(timeout=1)
            crm.answer = late
            assert (await crm.send(timeout=5)).status == 200
            assert (await crm.send(timeout=5)).status == 200
            assert len(crm.connections) == 1

    asyncio.run(run())


REFUSED = {
    "path": {"url": "http://127.0.0.1:9/a b"},
    "line break in the path": {"url": "http://127.0.0.1:9/a\r\nX-Evil: 1"},
    "method": {"method": "POST /x HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET"},
    "scheme": {"url": "ftp://127.0.0.1:9/a"},
    "no host": {"url": "http:///a"},
    "user": {"url": "http://me:secret@127.0.0.1:9/a"},
    "header name": {"headers": {"X-A: 1\r\nX-Evil": "1"}},
    "header": {"headers": {"X-A": "1\r\nX-Evil: 1"}},
}


@pytest.mark.parametrize("odd", REFUSED.values(), ids=REFUSED)
def test_what_could_split_a_request_is_refused_before_connecting(odd: dict[str, Any]) -> None:
    async def run() -> None:
        async with serving() as crm:
            with pytest.raises(ConnectError) as caught:
                await crm.send(**odd)
            assert (caught.value.outcome, caught.value.retryable) == ("not_sent", False)
            assert crm.connections == []
            shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
            assert "canary" not in "".join(shown).replace(str(CREDENTIALS), "")

    asyncio.run(run())


def test_a_request_shows_nothing_in_a_traceback_with_local_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: Any, origin: Any, traces: Any, timeout: Any) -> Any:
        raise ConnectError("no", hint="nothing was sent")

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", refuse)

    async def run() -> None:
        async with serving() as crm:
            with pytest.raises(ConnectError) as caught:
                await crm.send(b"personal")
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        text = "".join(shown).replace(str(CREDENTIALS), "")
        assert "bytes>" in text
        assert "canary" not in text

    asyncio.run(run())
