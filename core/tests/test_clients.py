"""A client in the long run: shared by threads and event loops, cancelled, forked, and what a fault leaves behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acme import TOKEN, AcmeSimulator, EmptyRegistry, make_info, make_plugin
from unilead import (
    Account,
    AsyncClient,
    Client,
    ConnectError,
    CredentialKey,
    Credentials,
    MemoryCredentialStore,
    OAuth2,
    OAuthSettings,
    Registry,
    Request,
    Response,
)
from unilead.transport import native
from unilead.transport.call import tls_context

LEAD = {"last_name": "Okafor"}
ANSWER = b'HTTP/1.1 201 Created\r\nContent-Length: 44\r\n\r\n{"prospect": {"id": "7", "surname": "Moss"}}'


class CountingServer:
    """Answers every request on every connection, and counts the connections."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while data := _received(connection):
                while b"surname" not in data:
                    data += connection.recv(65_536)
                connection.sendall(ANSWER)

    def close(self) -> None:
        self._socket.close()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""


@pytest.fixture
def server() -> Iterator[CountingServer]:
    found = CountingServer()
    yield found
    found.close()


@pytest.mark.parametrize("backend", ["httpx", "httpx2", "aiohttp"])
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_asynchronous_client_outlives_its_event_loop(
    backend: str, server: CountingServer, registry: Registry, account: Account
) -> None:
    client = AsyncClient(backend=backend, base_url=server.url, allow_private=True, registry=registry)
    assert [asyncio.run(client.create(LEAD, account)).id for _ in range(3)] == ["7"] * 3
    assert server.connections == 3, "no loop uses another one's connections"
    asyncio.run(client.aclose())
    del client
    gc.collect()  # what the ended loops left behind complains here, as it may


@pytest.mark.parametrize("backend", ["httpx", "httpx2"])
def test_a_forked_process_does_not_send_over_its_parents_connection(
    backend: str, server: CountingServer, registry: Registry, account: Account
) -> None:
    with Client(backend=backend, base_url=server.url, allow_private=True, registry=registry) as client:
        client.create(LEAD, account)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads and fork: the child does one create
            child = os.fork()
        if child == 0:
            code = 1
            try:
                code = int(client.create(LEAD, account).id != "7")
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        client.create(LEAD, account)
    assert server.connections == 2, "one of the parent, one of the child"


# --- refreshes that end early -----------------------------------------------------------------------------------------


class TokenAndCrm:
    """A transport that is the CRM and its token endpoint."""

    def send(self, request: Request, *, credentials: Any, timeout: float) -> Response:
        if request.path == "/token":
            return Response.of(200, {"access_token": TOKEN, "expires_in": 3600})
        return AcmeSimulator().send(request, credentials=credentials, timeout=timeout)

    async def send_async(self, request: Request, *, credentials: Any, timeout: float) -> Response:
        return self.send(request, credentials=credentials, timeout=timeout)

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


@pytest.fixture
def oauth_registry() -> Registry:
    scheme = OAuth2(token_url="https://api.acme.example/token")
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(describe=lambda: make_info(auth=scheme, settings=OAuthSettings)))
    return registry


OAUTH_ACCOUNT = Account("acme", {"client_id": "app", "refresh_token": "first"})


class SlowOnce(MemoryCredentialStore):
    """A store whose second look-up, the one that a refresh begins with, takes for ever once."""

    looks = 0

    async def load(self, key: CredentialKey) -> Credentials | None:  # type: ignore[override]
        self.looks += 1
        if self.looks == 2:
            await asyncio.sleep(60)
        return super().load(key)


def test_a_cancelled_create_leaves_the_account_to_others_even_while_its_fault_is_kept(oauth_registry: Registry) -> None:
    async def run() -> str:
        store = SlowOnce()
        async with AsyncClient(registry=oauth_registry, transport=TokenAndCrm(), credential_store=store) as client:
            first = asyncio.create_task(client.create(LEAD, OAUTH_ACCOUNT))
            while store.looks < 2:
                await asyncio.sleep(0)
            first.cancel()
            kept = await asyncio.gather(first, return_exceptions=True)
            result = await client.create(LEAD, OAUTH_ACCOUNT, timeout=2)
            assert isinstance(kept[0], asyncio.CancelledError)
            return result.id

    assert asyncio.run(run())


class NoLease(MemoryCredentialStore):
    """A store whose leases never hold anybody back."""

    def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        return True


def test_a_refresh_whose_thread_cannot_start_leaves_the_account_to_others(
    oauth_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with Client(registry=oauth_registry, transport=TokenAndCrm(), credential_store=NoLease()) as client:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(ConnectError, match="no thread"):
                client.create(LEAD, OAUTH_ACCOUNT)
        assert client.create(LEAD, OAUTH_ACCOUNT, timeout=2).id


# --- why there is no connection ---------------------------------------------------------------------------------------

WAYS = ["httpx sync", "httpx2 sync", "httpx async", "httpx2 async", "aiohttp async"]


def _create_over(way: str, registry: Registry, account: Account, **more: Any) -> None:
    backend, kind = way.split()
    options: dict[str, Any] = {"backend": backend, "registry": registry, "timeout": 30.0, "allow_private": True} | more

    async def create_async() -> None:
        async with AsyncClient(**options) as client:
            await client.create(LEAD, account)

    if kind == "async":
        asyncio.run(create_async())
    else:
        with Client(**options) as client:
            client.create(LEAD, account)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:9", "connection refused"), ("http://no-such-host.invalid", "its name does not resolve")],
)
def test_a_failed_connection_says_why(
    way: str, url: str, reason: str, registry: Registry, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead.sending.backoff", lambda attempt: 0.0)  # the pauses are not what is asked here
    with pytest.raises(ConnectError) as caught:
        _create_over(way, registry, account, base_url=url)
    assert caught.value.message.endswith(f": {reason}")


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_is_none_is_refused_at_once(way: str, registry: Registry, account: Account) -> None:
    with pytest.raises(ConnectError, match=r"the request to acme\.\.example is malformed") as caught:
        _create_over(way, registry, account, base_url="http://acme..example")
    assert (caught.value.outcome, caught.value.retryable) == ("not_sent", False)


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_is_not_resolved_in_time_says_so(
    way: str, registry: Registry, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def getaddrinfo(*_: Any, **__: Any) -> Any:
        answered.wait(20)
        return []

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    threading.Timer(1.0, answered.set).start()
    with pytest.raises(ConnectError) as caught:
        _create_over(way, registry, account, timeout=0.3)
    assert caught.value.message.endswith(": no connection in time")
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize("way", WAYS)
def test_where_one_address_of_a_name_refuses_the_next_one_is_tried(
    way: str, registry: Registry, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = CountingServer()
    port = int(server.url.rpartition(":")[2])
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *more: Any, **options: Any) -> Any:
        hosts = ["127.0.0.2", "127.0.0.1"] if host in ("crm.example", b"crm.example") else [host]
        return [entry for host in hosts for entry in real(host, *more, **options)]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    with closing(server):
        _create_over(way, registry, account, base_url=f"http://crm.example:{port}")
    assert server.connections == 1


@pytest.mark.parametrize("own", [False, True])
def test_certificates_are_the_systems_and_certifis_where_it_has_none(
    own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's own file counts as the system's, even when it holds nothing."""
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / ("none.pem" if own else "missing")))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    known = tls_context.__wrapped__().cert_store_stats()["x509_ca"]
    assert (known == 0) if own else (known > 50)
    tls_context.cache_clear()
    trusted = native.trust()
    tls_context.cache_clear()
    assert trusted is True if own else trusted.cert_store_stats()["x509_ca"] == known  # True: aiohttp's own context


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e10])
def test_a_time_that_no_socket_can_wait_is_refused_before_anything_is_sent(
    seconds: float, registry: Registry, account: Account
) -> None:
    with pytest.raises(ValueError, match="timeout is seconds, at most 86,400"):
        Client(registry=registry, timeout=seconds)
    crm = AcmeSimulator()
    with Client(registry=registry, transport=crm) as client, pytest.raises(ValueError, match="timeout"):
        client.create(LEAD, account, timeout=seconds)
    assert crm.count == 0


def test_a_client_waits_for_no_answer_without_end(registry: Registry) -> None:
    without_end: Any = None
    with pytest.raises(ValueError, match="timeout is seconds, at most 86,400"):
        Client(registry=registry, timeout=without_end)


@pytest.mark.parametrize(
    ("kind", "backend", "reason"),
    [
        (Client, "nope", "'nope' is not known; choose from httpx, httpx2$"),
        (Client, "aiohttp", "'aiohttp' cannot send synchronously"),
        (AsyncClient, "nope", "choose from httpx, httpx2, aiohttp$"),
    ],
)
def test_a_back_end_that_cannot_be_used_is_refused_at_once(kind: Any, backend: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        kind(backend=backend)


@pytest.mark.parametrize(("kind", "backend"), [(Client, "httpx2"), (AsyncClient, "httpx2"), (AsyncClient, "aiohttp")])
def test_a_back_end_without_its_library_names_its_extra(
    kind: Any, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead.transport.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=rf"pip install 'unilead\[{backend}\]'"):
        kind(backend=backend)
