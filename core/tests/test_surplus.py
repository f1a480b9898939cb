"""F031: two answers to one request. The second is nobody's: it is not taken for the answer to the next lead."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import cache
from typing import Any

import pytest

from acme import EmptyRegistry, make_plugin
from unilead import Account, AsyncClient, Client, LeadError

LEAD = {"last_name": "Okafor"}
SENDS = 4
END, GARBLED = b"(the end of TLS)", b"(what is no TLS)"


def _body(number: int) -> bytes:
    return b'{"prospect": {"id": %d, "surname": "Okafor"}}' % number


def _with_length(number: int) -> bytes:
    return b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(_body(number)), _body(number))


def _in_chunks(number: int, trailer: bytes = b"") -> bytes:
    head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(_body(number)), _body(number), trailer)


FORMS: dict[str, Callable[[int, int], Sequence[bytes]]] = {
    "lengths": lambda own, other: (_with_length(own), _with_length(other)),
    "chunks": lambda own, other: (_in_chunks(own), _in_chunks(other)),
    "chunks and a trailer": lambda own, other: (_in_chunks(own, b"X-Time: 7\r\n"), _in_chunks(other)),
    "length, then chunks": lambda own, other: (_with_length(own), _in_chunks(other)),
    "chunks, then length": lambda own, other: (_in_chunks(own), _with_length(other)),
    "chunks, then nonsense": lambda own, other: (_in_chunks(own), b"nonsense"),
    "no body, then chunks": lambda own, other: (b"HTTP/1.1 204 No Content\r\n\r\n", _in_chunks(other)),
}


@cache
def _certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server and of a client that trusts it."""
    import trustme

    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


class _Line:
    """A server's end of a connection. What is written goes out at once, each write in a TLS record of its own."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        self._connection = connection
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context and context.wrap_bio(self._in, self._out, server_side=True)
        if self._tls:
            self._fed(self._tls.do_handshake)
            self._connection.sendall(self._out.read())

    def read(self) -> bytes:
        tls = self._tls
        return self._fed(lambda: tls.read(65_536)) if tls else self._connection.recv(65_536)

    def write(self, parts: Sequence[bytes]) -> None:
        for part in parts if self._tls else ():
            if part == END:
                with suppress(ssl.SSLWantReadError):
                    self._tls.unwrap()  # says that this is the end, and does not wait for the same word
            elif part != GARBLED:
                self._tls.write(part)
        self._connection.sendall((self._out.read() + GARBLED * (GARBLED in parts)) if self._tls else b"".join(parts))

    def _fed(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._connection.sendall(self._out.read())
                received = self._connection.recv(65_536)
                if not received:
                    raise OSError("the client is gone") from None
                self._in.write(received)


class Crm:
    """Answers each request as the form says: with the lead's id, counted from 1, and with one a thousand higher."""

    def __init__(self, form: Callable[[int, int], Sequence[bytes]], context: ssl.SSLContext | None) -> None:
        self.form, self.context, self.requests, self.connections = form, context, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            line = _Line(connection, self.context)
            request = b""
            while data := line.read():
                request += data
                if request.endswith(b"}}"):
                    self.requests, request = self.requests + 1, b""
                    line.write(self.form(self.requests, self.requests + 1000))


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def context(request: Any, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext | None:
    if not request.param:
        return None
    server, client = _certificates()
    for name in ("pool.tls_context", "native.trust"):
        monkeypatch.setattr(f"unilead.transport.{name}", lambda: client)
    return server


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def crm(request: Any, context: ssl.SSLContext | None) -> Iterator[Crm]:
    crm = Crm(request.param, context)
    yield crm
    crm.listener.close()


def _options(crm: Crm) -> Any:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin())
    return {"registry": registry, "base_url": crm.url, "allow_private": True, "timeout": 5.0}


ACCOUNT = Account(id="a", provider="acme", settings={"token": "canary-token-1"})


WAYS = ["httpx sync", "httpx2 sync", "httpx async", "httpx2 async", "aiohttp async"]


def _created_in_turn(way: str, crm: Crm) -> list[str]:
    """Create leads one after the other. Returns: their ids, or the outcomes of those that have none."""
    backend, kind = way.split()
    with closing(crm.listener):
        if kind == "async":
            return asyncio.run(_created_asynchronously(backend, crm))
        with Client(backend=backend, **_options(crm)) as client:
            return [_id_or_outcome(lambda: client.create(LEAD, ACCOUNT)) for _ in range(SENDS)]


async def _created_asynchronously(backend: str, crm: Crm) -> list[str]:
    found = []
    async with AsyncClient(backend=backend, **_options(crm)) as client:
        for _ in range(SENDS):
            try:
                found.append((await client.create(LEAD, ACCOUNT)).id)
            except LeadError as error:
                found.append(error.outcome)
    await asyncio.sleep(0.1)  # aiohttp takes leave of a TLS server after it was closed
    return found


def _id_or_outcome(create: Callable[[], Any]) -> str:
    try:
        return create().id
    except LeadError as error:
        return error.outcome


@pytest.mark.parametrize("way", WAYS)
def test_f031_a_second_answer_is_not_the_next_leads(way: str, crm: Crm) -> None:
    found = _created_in_turn(way, crm)
    assert crm.requests == SENDS
    assert found in (["1", "2", "3", "4"], ["unknown"] * SENDS)


def _in_two_parts(number: int, other: int) -> Sequence[bytes]:
    """A head that ends in the second part."""
    whole = _in_chunks(number)
    return whole[:40], whole[40:]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "form",
    [lambda own, other: [_with_length(own)], lambda own, other: [_in_chunks(own)], _in_two_parts],
    ids=["length", "chunks", "parts"],
)
def test_a_connection_that_carried_just_its_answers_is_used_again(
    form: Any, way: str, context: ssl.SSLContext | None
) -> None:
    crm = Crm(form, context)
    assert _created_in_turn(way, crm) == ["1", "2", "3", "4"]
    assert crm.connections == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("context", [True], indirect=True, ids=["tls"])
@pytest.mark.parametrize("more", [END, GARBLED], ids=["end", "nonsense"])
def test_a_connection_that_ended_with_its_answer_carries_no_other_lead(
    more: bytes, way: str, context: ssl.SSLContext
) -> None:
    crm = Crm(lambda own, other: [_with_length(own), more], context)
    found = _created_in_turn(way, crm)
    assert found == ["1", "2", "3", "4"] or (more == GARBLED and found == ["unknown"] * SENDS)
    assert (crm.requests, crm.connections) == (SENDS, SENDS)
