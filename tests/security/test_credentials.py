"""S010: credentials go to the CRM's own host and nowhere else, whatever the CRM answers.

Every connection of every back end ends at one local server that speaks TLS with a certificate for the host the client
asked for. It keeps each request with the host it was meant for, and answers as the CRM's simulator.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpcore
import httpcore2
import pytest
import trustme

from tests.faults.test_oauth import WAYS_IN
from tests.members import SLUGS
from tests.security.conftest import WAYS
from unilead import Account, AsyncClient, Client, LeadError, Registry, Result, Simulator
from unilead.auth import credential_headers, scheme_of
from unilead.oauth import token_url
from unilead.simulator import Call

LEAD = {
    "title": "Harbor Coffee",
    "name": "Harbor Coffee",
    "first_name": "Mira",
    "last_name": "Kos",
    "contact": {"id": "77002"},
    "account": {"name": "Harbor Coffee"},
}
NEED_A_COMPANY = [slug for slug in SLUGS if "account" in Registry(overrides=False).get(slug).required]
ELSEWHERE = "https://collector.example"


class Spy:
    """The one server behind every host name.

    Attributes:
        simulator: what answers.
        seen: host a request was meant for, as TLS named it, and the request.
        redirect: answer with this status and a location elsewhere instead.
    """

    def __init__(self) -> None:
        self.simulator: Simulator | None = None
        self.seen: list[tuple[str, Call]] = []
        self.redirect = 0
        self._certified: dict[str, ssl.SSLContext] = {}
        self._authority = trustme.CA()
        self.trust = ssl.create_default_context()
        self._authority.configure_trust(self.trust)
        spy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                spy.answer(self)

            do_GET = do_POST  # noqa: N815 - the name is http.server's

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._certify  # type: ignore[assignment]
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def _certify(self, connection: Any, name: str, context: ssl.SSLContext) -> None:
        if name not in self._certified:
            own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(name).configure_cert(own)
            self._certified[name] = own
        connection.context = self._certified[name]
        connection.meant_for = name

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        call = Call.of(handler.command, handler.path, dict(handler.headers.items()), body)
        self.seen.append((handler.connection.meant_for, call))
        if self.redirect:
            handler.send_response(self.redirect)
            handler.send_header("Location", f"{ELSEWHERE}/collect")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        response = self.simulator.respond(call)
        handler.send_response_only(response.status)
        for name, value in response.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(response.body)))
        handler.end_headers()
        handler.wfile.write(response.body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Spy]:
    spy = Spy()
    yield spy
    spy.close()


@pytest.fixture
def spy(server: Spy, monkeypatch: pytest.MonkeyPatch) -> Spy:
    """The server, emptied, and every back end led to it whatever host and port it asks for."""
    server.seen, server.redirect = [], 0
    for name in ("pool.tls_context", "native.trust"):
        monkeypatch.setattr(f"unilead.transport.{name}", lambda: server.trust)
    for module in ("unilead.transport.network", "unilead.transport.native"):
        monkeypatch.setattr(f"{module}.is_public", lambda address: True)
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port, *more, **options: [(2, 1, 6, "", ("127.0.0.1", port))])
    for core in (httpcore, httpcore2):
        for backend in (core.SyncBackend, core.AnyIOBackend):
            monkeypatch.setattr(backend, "connect_tcp", _led_to(server.port, backend.connect_tcp))
    resolved = {"hostname": "", "host": "127.0.0.1", "port": server.port, "family": 2, "proto": 6, "flags": 4}

    async def resolve(self: Any, host: str, port: int = 0, family: int = 0) -> list[Any]:
        return [{**resolved, "hostname": host}]

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    return server


def _led_to(port: int, connect: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, host, _, *more, **options: connect(self, "127.0.0.1", port, *more, **options)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("slug", SLUGS)
def test_s010_credentials_go_to_the_crm_alone(slug: str, way: str, spy: Spy) -> None:
    provider = Registry(overrides=False).get(slug)
    spy.simulator = provider.simulator()
    account = Account(slug, spy.simulator.sample_settings)
    secrets = provider.settings(spy.simulator.sample_settings).secrets()
    headers = credential_headers(provider.info, provider.settings(spy.simulator.sample_settings)).values()
    assert isinstance(create(way, account), Result)
    spy.simulator.faults.status, spy.simulator.faults.status_count = 500, 1
    assert isinstance(create(way, account), LeadError)
    for spy.redirect in (302, 307):
        assert isinstance(create(way, account), LeadError)
    assert [call.method for _, call in spy.seen].count("POST") == 4
    for host, call in spy.seen:
        assert any(re.fullmatch(pattern, host) for pattern in provider.info.allowed_hosts), host
        assert call.headers["host"] == host
        where = f"{call.method}{call.path}{call.query}{call.body!r}"
        assert not [secret for secret in secrets if secret in where], "a credential outside the headers"
        assert set(headers) <= set(call.headers.values())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("slug", WAYS_IN)
def test_s010_what_renews_a_token_goes_to_the_token_endpoint_alone(slug: str, way: str, spy: Spy) -> None:
    provider = Registry(overrides=False).get(slug)
    spy.simulator = provider.simulator()
    settings = provider.settings(WAYS_IN[slug])
    assert isinstance(create(way, Account(slug, WAYS_IN[slug])), Result)
    spy.redirect = 307
    assert isinstance(create(way, Account(slug, WAYS_IN[slug])), LeadError)
    scheme = scheme_of(provider.info, settings)
    endpoint = urlsplit(token_url(provider.info, scheme, settings))
    renewals = [(host, call) for host, call in spy.seen if call.path == endpoint.path]
    others = [(host, call) for host, call in spy.seen if call.path != endpoint.path]
    assert {host for host, _ in renewals} == {endpoint.hostname}
    assert others
    for host, call in others:
        assert any(re.fullmatch(pattern, host) for pattern in provider.info.allowed_hosts), host
        whole = f"{call.headers}{call.query}{call.body!r}"
        assert not [secret for secret in settings.secrets() if secret in whole]


def create(way: str, account: Account) -> Result | LeadError:
    """Create and read back; the result, or the error."""
    lead = LEAD | {"account": {"id": "77003"}} if account.provider in NEED_A_COMPANY else LEAD
    backend, kind = way.split()
    options: dict[str, Any] = {"registry": Registry(overrides=False), "backend": backend, "timeout": 5}
    if kind == "sync":
        with Client(**options) as client:
            try:
                return client.create(lead, account, read_back=True)
            except LeadError as error:
                return error

    async def run() -> Result | LeadError:
        async with AsyncClient(**options) as client:
            try:
                return await client.create(lead, account, read_back=True)
            except LeadError as error:
                return error

    return asyncio.run(run())
