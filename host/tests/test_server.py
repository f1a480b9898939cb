"""The real server in a process of its own, a CRM that outlives it, and clients with bad manners.

Reason phrases (vector 53), B014, B015, B070, and F086-F088 with a real SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from host_stage import KEY, LEADS
from unilead import Registry, Response, Simulator
from unilead_host.accounts import Accounts
from unilead_host.crypto import Vault
from unilead_host.storage import Database
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens

CHILD = Path(__file__).with_name("server_child.py")
SLUG = "zendesk-sell"
L = {"last_name": "L"}


@dataclass
class Served:
    """A host in a process of its own.

    Attributes:
        crm: the simulator it sends to, in the test's process.
    """

    process: subprocess.Popen[str]
    url: str
    crm: Simulator
    token: str
    account: str

    def target(self, query: str = "") -> str:
        return f"{LEADS}?integrated_account_id={self.account}{query}"

    def create(self, lead: Any = None, **headers: str) -> httpx.Response:
        named = {"Authorization": f"Bearer {self.token}", **headers}
        return httpx.post(self.url + self.target(), json=lead or L, headers=named, timeout=40)

    def connect(self, timeout: float = 20) -> socket.socket:
        address = urlsplit(self.url)
        return socket.create_connection((address.hostname, address.port), timeout=timeout)

    def head(self, *lines: str, method: str = "POST", query: str = "") -> bytes:
        named = ["Host: host", f"Authorization: Bearer {self.token}", "Content-Type: application/json", *lines]
        return "\r\n".join([f"{method} {self.target(query)} HTTP/1.1", *named, "", ""]).encode()

    def raw(self, *parts: bytes) -> bytes:
        """Send bytes, and read until the server closes or has nothing more to say."""
        with self.connect(timeout=12) as connection:
            answer = b""
            try:
                for part in parts:
                    connection.sendall(part)
                while chunk := connection.recv(65536):
                    answer += chunk
                    if b"\r\n\r\n" in answer and is_whole(answer):
                        break
            except OSError:
                pass
            return answer


def is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next((line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b"0")
    return len(body) >= int(length)


async def prepare(url: str) -> tuple[str, str]:
    """An account and a token. Returns: account id, token."""
    database = Database(url)
    tenant = await Tenants(database).create("ours")
    sample = Registry().get(SLUG).simulator().sample_settings
    account = await Accounts(database, Vault([KEY]), Registry()).create(tenant.id, SLUG, dict(sample))
    token, _ = await Tokens(database).create(tenant.id)
    await database.close()
    return account.id, token


@contextlib.contextmanager
def serving(database_url: str, crm_url: str, *, http: str = "httptools", **settings: str) -> Iterator[tuple[Any, str]]:
    named = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": KEY, **settings}
    environment = {**os.environ, **{f"UNILEAD_HOST_{name}": value for name, value in named.items()}}
    command = [sys.executable, str(CHILD), crm_url, http]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        wait_for(lambda: is_ready(url))
        yield process, url
    finally:
        process.kill()
        process.communicate()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["httptools", "h11"])
def served(
    request: pytest.FixtureRequest, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("server") / "host.sqlite"
    shutil.copy(migrated_file, path)
    account, token = asyncio.run(prepare(f"sqlite:///{path}"))
    crm = Registry().get(SLUG).simulator()
    with crm.serve() as where, serving(f"sqlite:///{path}", where.url, http=request.param) as (process, url):
        yield Served(process, url, crm, token, account)


@pytest.fixture(autouse=True)
def _quiet_crm(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "served" in request.fixturenames:
        crm = request.getfixturevalue("served").crm
        crm.faults.latency = 0
        crm.calls.clear()
        crm.leads.clear()
        vars(crm).pop("_dispatch", None)


# --- reason phrases ---------------------------------------------------------------------------------------------------

STATUSES = [400, 402, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415, 418, 420, 422, 423, 425, 429, 431, 451,
            477, 499, 500, 501, 502, 503, 504, 507, 520, 599]  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_v53_the_reason_phrase_is_the_error_of_the_body(served: Served, status: int) -> None:
    served.crm._dispatch = lambda call: Response.of(status, {"message": "no"})  # type: ignore[method-assign]
    answer = served.create({"last_name": f"L{status}"})
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert answer.reason_phrase == answer.json()["error"] != ""


def test_v53_the_hosts_own_errors_too(served: Served) -> None:
    made = [
        served.create(Authorization="Bearer x"),
        served.create(**{"Content-Type": "text/plain"}),
        served.create({"last_name": ""}),
        httpx.get(f"{served.url}{LEADS}"),
        httpx.get(f"{served.url}/nothing"),
    ]
    assert [answer.status_code for answer in made] == [401, 415, 400, 405, 404]
    assert [answer.reason_phrase for answer in made] == [answer.json()["error"] for answer in made]


def test_v53_a_redirect_is_a_500(served: Served) -> None:
    served.crm._dispatch = lambda call: Response.of(302, None, {"Location": served.url})  # type: ignore[method-assign]
    answer = served.create({"last_name": "L302"})
    assert (answer.status_code, answer.reason_phrase) == (500, "Internal Server Error")
    assert (answer.json()["truto_is_remote_error"], answer.json()["details"]["outcome"]) == (True, "unknown")


# --- bodies -----------------------------------------------------------------------------------------------------------

MEBIBYTE = 1024 * 1024


def padded(size: int) -> bytes:
    text = json.dumps(L).encode()
    return text + b" " * (size - len(text))


def test_b014_a_body_of_a_mebibyte_and_one_more_byte(served: Served) -> None:
    fits = served.raw(served.head(f"Content-Length: {MEBIBYTE}"), padded(MEBIBYTE))
    assert fits.startswith(b"HTTP/1.1 200 OK\r\n")
    # Refused by its stated length; a body under way would meet a closed connection, which may overtake the answer.
    exceeds = served.raw(served.head(f"Content-Length: {MEBIBYTE + 1}"))
    assert exceeds.startswith(b"HTTP/1.1 413 Payload Too Large\r\n")
    assert b'"message":"Request body exceeds 1048576 bytes"' in exceeds
    assert served.crm.count == 1


def test_b014_a_declared_body_is_not_waited_for(served: Served) -> None:
    start = time.monotonic()
    answer = served.raw(served.head("Content-Length: 100000000") + b"{")
    assert answer.startswith(b"HTTP/1.1 413 Payload Too Large\r\n")
    assert time.monotonic() - start < 5
    assert b"connection: close" in answer.lower()


def test_b014_a_chunked_body_is_refused_when_it_passes_the_limit(served: Served) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    answer = served.raw(served.head("Transfer-Encoding: chunked"), *[chunk] * 160)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 Payload Too Large\r\n")  # closed, or told before
    assert served.crm.count == 0


def test_b014_a_body_shorter_than_it_says(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(served.head("Content-Length: 50") + b"{}")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert served.crm.count == 0
    assert served.create().status_code == 200


@pytest.mark.parametrize("served", ["httptools"], indirect=True)  # takes its ten seconds
def test_b015_a_body_that_drips_is_not_waited_for(served: Served) -> None:
    start = time.monotonic()
    with served.connect(timeout=30) as connection:
        connection.sendall(served.head("Content-Length: 1000"))
        answer = b""
        connection.settimeout(1)
        while b"}" not in answer and time.monotonic() - start < 25:
            with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                if not answer:
                    connection.sendall(b" " * 10)
                answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"did not arrive within 10 s" in answer
    assert time.monotonic() - start < 20
    assert served.create().status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /unified/crm/leads HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /unified/crm/leads HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
        b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /unified/crm/leads HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 70_000 + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /unified/crm/leads HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST\r\n\r\n",
    ],
    ids=["no-host", "two-lengths", "length-and-chunks", "header-of-70-kB", "http-1.0", "tls", "nonsense"],
)
def test_b070_requests_that_break_http(served: Served, request_bytes: bytes) -> None:
    smuggled = b"GET /ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with served.connect(timeout=5) as connection, contextlib.suppress(OSError):
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        assert answer == b"" or answer.split(b" ", 2)[1] in (b"400", b"401", b"404", b"431")
        assert answer.count(b"HTTP/1.1 ") <= 1
    assert served.raw(smuggled).startswith(b"HTTP/1.1 200 OK\r\n")
    assert served.crm.count == 0


# --- clients and hosts that go away -----------------------------------------------------------------------------------


def test_f086_a_create_runs_to_its_end_when_the_client_hangs_up(served: Served) -> None:
    served.crm.faults.latency = 0.5
    name = f"f086-{served.url}"
    body = json.dumps(L).encode()
    with served.connect() as connection:
        connection.sendall(served.head(f"Content-Length: {len(body)}", f"Idempotency-Key: {name}") + body)
        time.sleep(0.2)  # it is on its way to the CRM, which takes its time
    assert served.crm.count == 0
    wait_for(lambda: served.crm.count == 1)
    wait_for(lambda: served.create(**{"Idempotency-Key": name}).status_code != 409)
    again = served.create(**{"Idempotency-Key": name})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert served.crm.count == 1


def test_f087_ten_clients_with_one_key_send_once(served: Served) -> None:
    served.crm.faults.latency = 0.2
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: served.create(**{"Idempotency-Key": "f087"}), range(10)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    assert served.crm.count == 1


def create_in_vain(served: Served, headers: dict[str, str]) -> None:
    with pytest.raises(httpx.TransportError):
        served.create(**headers)


def test_f088_a_host_killed_between_send_and_storing_does_not_send_again(sqlite_url: str) -> None:
    account, token = asyncio.run(prepare(sqlite_url))
    crm = Registry().get(SLUG).simulator()
    keyed = {"Idempotency-Key": "f088"}
    with crm.serve() as where:
        crm.faults.latency = 1.5
        with serving(sqlite_url, where.url) as (process, url):
            first = Served(process, url, crm, token, account)
            sending = threading.Thread(target=create_in_vain, args=(first, keyed))
            sending.start()
            time.sleep(0.8)
            process.send_signal(signal.SIGKILL)
            process.wait()
            sending.join()
        wait_for(lambda: crm.count == 1)
        crm.faults.latency = 0
        with serving(sqlite_url, where.url) as (process, url):
            second = Served(process, url, crm, token, account)
            again = second.create(**keyed)
            assert again.status_code == 500
            assert again.json()["details"] == {"outcome": "unknown", "safe_to_retry": False}
            assert second.create(**{"Idempotency-Key": "another"}).status_code == 200
    assert crm.count == 2
