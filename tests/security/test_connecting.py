"""S001, S002, S006, S007, S008 and S011 where it counts: on the way to a connection, over every back end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.security.conftest import TOKEN, WAYS, Listener, send
from unilead import Account, Client, ConnectError, LeadError, Registry, Response, hookimpl

HERE = [  # forms of this machine's own address that a resolver or a library may understand
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "0.0.0.0", "127.0.0.1.",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::]",
]  # fmt: skip
ELSEWHERE = [
    "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "192.0.0.170", "224.0.0.1", "240.0.0.1",
    "[fd00::1]", "[fe80::1]", "[fec0::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", HERE)
def test_s001_this_machine_is_never_connected_to(host: str, way: str, listener: Listener) -> None:
    outcome = send(way, f"http://{host}:{listener.port}/")
    assert isinstance(outcome, ConnectError), outcome
    assert outcome.outcome == "not_sent"
    assert listener.connections == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_s001_inside_addresses_are_refused_without_a_try(host: str, way: str, no_connections: list[Any]) -> None:
    outcome = send(way, f"http://{host}/")
    assert isinstance(outcome, ConnectError), outcome
    assert (outcome.outcome, outcome.retryable) == ("not_sent", False)
    assert no_connections == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "answers",
    [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:4700::1111", "::1"], ["fe80::1"], []],
)
def test_s002_a_name_that_leads_inside_is_refused(
    answers: list[str], way: str, resolver: Callable[..., list[str]], no_connections: list[Any]
) -> None:
    asked = resolver(lambda name: answers)
    outcome = send(way, "http://api.crm.example/")
    assert isinstance(outcome, ConnectError), outcome
    assert outcome.outcome == "not_sent"
    assert no_connections == []
    assert set(asked) == {"api.crm.example"}


@pytest.mark.parametrize("way", WAYS)
def test_s002_the_address_that_was_checked_is_the_one_connected_to(
    way: str, resolver: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address after the check: 127.0.0.2 plays the public one, 127.0.0.1 the inside one."""
    outside, inside = _two_on_one_port("127.0.0.2", "127.0.0.1")
    for module in ("unilead.transport.network", "unilead.transport.native"):
        monkeypatch.setattr(f"{module}.is_public", lambda address: address == "127.0.0.2")
    answers = iter([["127.0.0.2"], *[["127.0.0.1"]] * 9])
    asked = resolver(lambda name: next(answers))
    outcome = send(way, f"http://api.crm.example:{outside.port}/")
    outside.close()
    inside.close()
    assert isinstance(outcome, Response), outcome
    assert asked == ["api.crm.example"]
    assert (outside.connections, inside.connections) == (1, 0)
    assert b"host: api.crm.example" in outside.received[0].lower()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/", "http://evil.example/", "/elsewhere", "//127.0.0.1:{port}/"]
)
def test_s006_no_redirect_is_followed(
    target: str, way: str, monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    location = target.format(port=listener.port)
    answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as redirecting:
        _answer_once(redirecting, answer)
        outcome = send(way, f"http://127.0.0.1:{redirecting.getsockname()[1]}/", allow_private=True)
    assert isinstance(outcome, Response)
    assert outcome.status == 307
    assert listener.connections == 0


def test_s007_inside_addresses_need_the_word_of_the_application() -> None:
    with pytest.raises(ValueError, match="allow_private"):
        Client(base_url="http://127.0.0.1:8765")
    with pytest.raises(LeadError):
        Registry(overrides=False).get("zendesk-sell").settings({"access_token": "t", "allow_private": True})


ODD = {
    "line break": "a\r\nX-Evil: 1",
    "line feed": "a\nX-Evil: 1",
    "zero": "a\x00b",
    "not ASCII": "a\u00e9",
    "return": "a\rb",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_s008_a_header_that_could_be_split_is_refused_before_connecting(odd: str, way: str, listener: Listener) -> None:
    outcome = send(way, f"http://127.0.0.1:{listener.port}/", allow_private=True, headers={"X-Region": odd})
    assert isinstance(outcome, ConnectError), outcome
    assert (outcome.outcome, outcome.retryable) == ("not_sent", False)
    assert listener.connections == 0
    assert TOKEN not in f"{outcome}{outcome!r}{outcome.__cause__!r}{outcome.__context__!r}"


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_s008_a_plugin_s_header_is_refused_before_connecting(odd: str, listener: Listener) -> None:
    class Odd:
        @hookimpl(wrapper=True)
        def build_request(self, lead: Any) -> Any:
            request = yield
            request.headers["X-Region"] = odd
            return request

    registry = Registry(overrides=False)
    registry.register("zendesk-sell", Odd())
    outcome = _created(registry, listener, {"last_name": "Okafor"}, {"access_token": TOKEN})
    assert isinstance(outcome, LeadError)
    assert listener.connections == 0


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_s008_a_token_is_refused_before_connecting(odd: str, listener: Listener) -> None:
    outcome = _created(Registry(overrides=False), listener, {"last_name": "Okafor"}, {"access_token": f"{TOKEN}{odd}"})
    assert isinstance(outcome, LeadError)
    assert outcome.outcome != "unknown"
    assert TOKEN not in str(outcome)
    assert listener.connections == 0


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_s008_no_text_of_a_lead_becomes_a_header(odd: str, listener: Listener) -> None:
    lead = {"last_name": odd, "first_name": odd, "title": odd, "custom_fields": {"x": odd}}
    _created(Registry(overrides=False), listener, lead, {"access_token": TOKEN}, remote_query={"q": odd, odd: "x"})
    heads = [data.partition(b"\r\n\r\n")[0] for data in listener.received]
    assert not any(b"\nX-Evil" in head or b"\x00" in head for head in heads)


@pytest.mark.parametrize("way", WAYS)
def test_s011_proxies_of_the_environment_are_ignored(
    way: str, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Listener()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    outcome = send(way, f"http://127.0.0.1:{listener.port}/", allow_private=True)
    proxy.close()
    assert isinstance(outcome, Response), outcome
    assert (listener.connections, proxy.connections) == (1, 0)


# --- what the tests stand on ------------------------------------------------------------------------------------------


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keeps every connection from being made, and lists the tries."""
    tries: list[Any] = []

    def refuse(self: socket.socket, address: Any) -> None:
        tries.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return tries


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answers names from a table; addresses written as such are answered as ever."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def install(answers: Callable[[str], list[str]]) -> list[str]:
        def getaddrinfo(host: Any, port: Any, *more: Any, **options: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name != "api.crm.example":
                return real(host, port, *more, **options)
            asked.append(name)
            found = answers(name)
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            return [(_family(text), socket.SOCK_STREAM, 6, "", (text, port)) for text in found]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return install


def _two_on_one_port(first: str, second: str) -> tuple[Listener, Listener]:
    """Listen on two addresses; their port must be free on both, which the system does not promise."""
    for _ in range(50):
        one = Listener(first)
        try:
            return one, Listener(second, one.port)
        except OSError:
            one.close()
    raise AssertionError("no port is free on both addresses")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _answer_once(server: socket.socket, answer: bytes) -> None:
    def run() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    threading.Thread(target=run, daemon=True).start()


def _created(registry: Registry, listener: Listener, lead: Any, settings: Any, **options: Any) -> Any:
    """Create over a real socket; the result, or the error."""
    url = f"http://127.0.0.1:{listener.port}"
    with Client(registry=registry, base_url=url, allow_private=True, timeout=5) as client:
        try:
            return client.create(lead, Account("zendesk-sell", settings), **options)
        except LeadError as error:
            return error
