"""A transport that the application hands in: there is no wire to watch, so what it says and takes is the evidence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest

from acme import AcmeSimulator
from unilead import Account, AsyncClient, Client, ConnectError, LeadError, MalformedResponseError, Registry
from unilead.transport.answer import MAX_ANSWER

LEAD = {"last_name": "Okafor"}
CREATED = b'{"prospect": {"id": 7, "surname": "Okafor"}}'
LIBRARIES = {"httpx": httpx, "httpx2": httpx2, "aiohttp": httpx}  # whose classes a transport is given


class Given:
    """Takes a request's body or does not, and then fails or answers."""

    def __init__(self, then: Callable[[], Any], *, takes: bool = True) -> None:
        self.then, self.takes = then, takes
        self.requests: list[Any] = []
        self.sent: list[bytes] = []
        self.closed = 0

    def handle_request(self, request: Any) -> Any:
        self.requests.append(request)
        if self.takes:
            self.sent.append(b"".join(request.stream))
        return self.then()

    async def handle_async_request(self, request: Any) -> Any:
        self.requests.append(request)
        if self.takes:
            self.sent.append(b"".join([part async for part in request.stream]))
        answer = self.then()
        return await answer if asyncio.iscoroutine(answer) else answer

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture(params=["httpx sync", "httpx2 sync", "httpx async", "httpx2 async", "aiohttp async"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    backend, kind = request.param.split()
    return backend, kind


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.sending.backoff", lambda attempt: 0.0)


def _create(given: Given, way: tuple[str, str], registry: Registry, account: Account, timeout: float = 30.0) -> Any:
    backend, kind = way
    options: dict[str, Any] = {"transport": given, "backend": backend, "registry": registry, "timeout": timeout}

    async def create_async() -> Any:
        async with AsyncClient(**options) as client:
            return await client.create(LEAD, account)

    if kind == "async":
        return asyncio.run(create_async())
    with Client(**options) as client:
        return client.create(LEAD, account)


def _raiser(name: str, library: Any) -> Callable[[], Any]:
    def fail() -> Any:
        raise getattr(library, name)("no")

    return fail


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize(
    "name", ["ConnectError", "ConnectTimeout", "PoolTimeout", "ReadTimeout", "RemoteProtocolError"]
)
def test_a_failure_is_not_sent_only_where_nothing_was_taken_and_the_library_says_not_connected(
    name: str, takes: bool, way: tuple[str, str], registry: Registry, account: Account
) -> None:
    given = Given(_raiser(name, LIBRARIES[way[0]]), takes=takes)
    with pytest.raises(LeadError) as caught:
        _create(given, way, registry, account)
    surely = not takes and name in ("ConnectError", "ConnectTimeout", "PoolTimeout")
    assert (caught.value.outcome, len(given.requests)) == (("not_sent", 3) if surely else ("unknown", 1))


class _Parts:
    """A body in parts, which notes whether it was closed."""

    def __init__(self, parts: list[bytes]) -> None:
        self.parts, self.read, self.closed = parts, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.read += 1
            yield part

    async def __aiter__(self) -> Any:
        for part in self:
            yield part

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def _answer(library: Any, *parts: bytes) -> tuple[Any, _Parts]:
    class Stream(_Parts, library.SyncByteStream, library.AsyncByteStream):
        pass

    stream = Stream(list(parts))
    return library.Response(201, stream=stream), stream


def test_an_answer_is_read_to_its_end_and_given_back(
    way: tuple[str, str], registry: Registry, account: Account
) -> None:
    answer, stream = _answer(LIBRARIES[way[0]], CREATED[:9], CREATED[9:])
    given = Given(lambda: answer)
    assert _create(given, way, registry, account, timeout=7.0).id == "7"
    assert (stream.closed, given.closed) == (1, 1)
    (request,) = given.requests
    assert isinstance(request, LIBRARIES[way[0]].Request)
    assert request.headers["Content-Length"] == str(len(given.sent[0]))
    assert {6.0 < seconds <= 7.0 for seconds in request.extensions["timeout"].values()} == {True}


@pytest.mark.parametrize(("surplus", "outcome"), [(0, "created"), (1, "unknown"), (2 * MAX_ANSWER, "unknown")])
def test_f026_an_answer_is_read_up_to_the_limit_and_no_further(
    surplus: int, outcome: str, way: tuple[str, str], registry: Registry, account: Account
) -> None:
    whole = CREATED.ljust(MAX_ANSWER + surplus)
    size = MAX_ANSWER // 2
    answer, stream = _answer(LIBRARIES[way[0]], *[whole[at : at + size] for at in range(0, len(whole), size)])
    given = Given(lambda: answer)
    try:
        assert _create(given, way, registry, account).id == "7"
        assert outcome == "created"
    except MalformedResponseError as error:
        assert error.outcome == outcome
    assert (len(given.requests), stream.closed) == (1, 1)
    assert stream.read <= 3


def test_names_of_headers_are_in_lower_case_and_repeated_ones_are_joined(
    way: tuple[str, str], registry: Registry, account: Account
) -> None:
    library = LIBRARIES[way[0]]
    headers = [("X-Acme", "1"), ("Vary", "a"), ("x-acme", "2")]
    given = Given(lambda: library.Response(201, headers=headers, stream=library.ByteStream(CREATED)))
    response = _create(given, way, registry, account).response
    assert (response.headers["x-acme"], response.headers["vary"], response.reason) == ("1, 2", "a", "Created")


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_asynchronous_transport_that_does_not_answer_in_time_is_left(
    part: str, registry: Registry, account: Account
) -> None:
    class Stuck(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            yield CREATED[:5]
            await asyncio.sleep(60)

    async def answer() -> Any:
        await asyncio.sleep(60 if part == "head" else 0)
        return httpx.Response(201, stream=Stuck())

    started = time.monotonic()
    with pytest.raises(LeadError) as caught:
        _create(Given(answer), ("httpx", "async"), registry, account, timeout=0.2)
    assert (caught.value.outcome, "in time" in caught.value.message) == ("unknown", True)
    assert time.monotonic() - started < 30


def test_s008_a_header_that_could_be_split_reaches_no_transport(
    way: tuple[str, str], registry: Registry, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead.access.credential_headers", lambda info, settings: {"X-Token": "a\r\nX: 1"})
    given = Given(lambda: None)
    with pytest.raises(ConnectError, match="X-Token") as caught:
        _create(given, way, registry, account)
    assert (caught.value.outcome, given.requests) == ("not_sent", [])


@contextmanager
def _served() -> Iterator[str]:
    with AcmeSimulator().serve() as served:
        yield served.url


def test_a_real_transport_sends_and_reads(way: tuple[str, str], registry: Registry, account: Account) -> None:
    backend, kind = way
    library = LIBRARIES[backend]
    given = library.AsyncHTTPTransport() if kind == "async" else library.HTTPTransport()
    with _served() as url:
        options: dict[str, Any] = {"transport": given, "backend": backend, "registry": registry, "base_url": url}

        async def create_async() -> Any:
            async with AsyncClient(**options, allow_private=True) as client:
                return await client.create(LEAD, account, read_back=True)

        if kind == "async":
            result = asyncio.run(create_async())
        else:
            with Client(**options, allow_private=True) as client:
                result = client.create(LEAD, account, read_back=True)
    assert (result.id, result.lead.first_name) == ("1", "Read")
