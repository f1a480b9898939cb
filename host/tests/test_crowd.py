"""Very many clients at once, or slow ones: others are served all the same. S055."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from host_bulk import BULK, counted, ended
from host_callers import tenant
from host_stage import KEY, LEADS, Stage, log_lines
from unilead_host.bulk.jobs import Jobs, Posted
from unilead_host.bulk.upload import UPLOADS

CHILD = Path(__file__).with_name("serving_child.py")
SELL = "zendesk-sell"
BODY = b'{"leads": [{"last_name": "L"}]}'
pytestmark = pytest.mark.anyio
posix = pytest.mark.skipif(os.name != "posix", reason="limits of open files are a matter of POSIX")


# --- connections ------------------------------------------------------------------------------------------------------


@contextmanager
def serving(database_url: str, limit: str, *arguments: str) -> Iterator[str]:
    """A host in a process of its own that may have so many open files. Yields: its address."""
    command = shlex.join([sys.executable, str(CHILD), "0", *arguments])
    named = {"UNILEAD_HOST_DATABASE_URL": database_url, "UNILEAD_HOST_ENCRYPTION_KEYS": KEY}
    process = subprocess.Popen(
        ["sh", "-c", f"ulimit {limit} && exec {command}"], stdout=subprocess.PIPE, text=True, env=os.environ | named
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def connect(stack: ExitStack, url: str, count: int, head: bytes = b"") -> list[socket.socket]:
    """Clients that never ask for anything."""
    address = urlsplit(url)
    opened = []
    for _ in range(count):
        client = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=5))
        client.sendall(head)
        opened.append(client)
    return opened


def is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@posix
@pytest.mark.parametrize("head", [b"", b"GET /ping HT"], ids=["silent", "half-a-head"])
def test_s055_idle_connections_leave_room_for_others(sqlite_url: str, head: bytes) -> None:
    """Twice as many as the host may have files."""
    with serving(sqlite_url, "-n 300") as url, ExitStack() as stack:
        for _ in range(6):
            connect(stack, url, 100, head)
            assert httpx.get(f"{url}/readyz", timeout=5).status_code == 200


@posix
def test_s055_the_host_asks_for_as_many_files_as_it_may_have(sqlite_url: str) -> None:
    with serving(sqlite_url, "-S -n 100") as url, ExitStack() as stack:
        clients = connect(stack, url, 200)
        assert httpx.get(f"{url}/readyz", timeout=5).status_code == 200
        assert not any(map(is_closed, clients))


@posix
def test_s055_who_asks_for_nothing_is_let_go_of(sqlite_url: str) -> None:
    with serving(sqlite_url, "-n 300", "0.5") as url, ExitStack() as stack:
        clients = connect(stack, url, 3) + connect(stack, url, 3, b"GET /ping HT")
        deadline = time.monotonic() + 10
        while not all(map(is_closed, clients)):
            assert time.monotonic() < deadline
            time.sleep(0.05)


# --- bodies -----------------------------------------------------------------------------------------------------------


class Upload:
    """The body of a bulk job whose client takes its time.

    Attributes:
        asked: the host has begun to read it.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.rest = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.asked.set()
        yield BODY[:5]
        await self.rest.wait()
        yield BODY[5:]

    async def post(self, stage: Stage, token: str = "", account: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or stage.token}", "Content-Type": "application/json"}
        query = {"integrated_account_id": account or stage.accounts[SELL]}
        return await stage.http.post(BULK, params=query, headers=headers, content=self)


async def test_s055_a_tenant_has_few_bodies_read_at_a_time_and_gets_all_of_them_stored(stage: Stage) -> None:
    uploads = [Upload() for _ in range(UPLOADS + 3)]
    async with asyncio.TaskGroup() as group:
        posting = [group.create_task(upload.post(stage)) for upload in uploads]
        await asyncio.gather(*(upload.asked.wait() for upload in uploads[:UPLOADS]))
        await asyncio.sleep(0.1)
        assert not any(upload.asked.is_set() for upload in uploads[UPLOADS:])
        for upload in uploads:
            upload.rest.set()
    for task in posting:
        assert task.result().status_code == 202, task.result().text
        assert (await ended(stage, task.result().json()["id"]))["rows"] == counted(created=1)


async def test_s055_nobody_waits_long_for_a_place(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead_host.bulk.upload.WAIT", 0.2)
    slow = [Upload() for _ in range(UPLOADS)]
    async with asyncio.TaskGroup() as group:
        posting = [group.create_task(upload.post(stage)) for upload in slow]
        await asyncio.gather(*(upload.asked.wait() for upload in slow))
        async with asyncio.timeout(10):
            refused = await Upload().post(stage)
        assert (refused.status_code, refused.headers["connection"]) == (429, "close")
        assert "retry-after" in refused.headers
        for upload in slow:
            upload.rest.set()
    assert [task.result().status_code for task in posting] == [202] * UPLOADS
    assert (await stage.post(SELL, content=BODY, path=BULK)).status_code == 202


async def test_s055_a_slow_tenant_keeps_no_other_waiting(stage: Stage) -> None:
    slow = [Upload() for _ in range(UPLOADS + 1)]
    other = await tenant(stage.app, stage.http, "other")
    account = await stage.host.accounts.create(other.id, SELL, is_simulated=True)
    async with asyncio.TaskGroup() as group:
        posting = [group.create_task(upload.post(stage)) for upload in slow]
        await asyncio.gather(*(upload.asked.wait() for upload in slow[:UPLOADS]))
        prompt = Upload()
        prompt.rest.set()
        async with asyncio.timeout(10):
            assert (await prompt.post(stage, other.token, account.id)).status_code == 202
        assert not any(task.done() for task in posting)
        for upload in slow:
            upload.rest.set()


async def test_s055_few_jobs_are_stored_at_a_time_whosever_they_are(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storing, most = 0, 0
    going_on = asyncio.Event()
    store = Jobs.post

    async def post(*args: Any, **named: Any) -> Posted:
        nonlocal storing, most
        storing += 1
        most = max(most, storing)
        await going_on.wait()
        try:
            return await store(*args, **named)
        finally:
            storing -= 1

    callers = [await tenant(stage.app, stage.http, f"tenant {number}") for number in range(UPLOADS + 2)]
    accounts = [await stage.host.accounts.create(one.id, SELL, is_simulated=True) for one in callers]
    monkeypatch.setattr(Jobs, "post", post)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for caller, account in zip(callers, accounts, strict=True):
            upload = Upload()
            upload.rest.set()
            group.create_task(upload.post(stage, caller.token, account.id))
        while storing < UPLOADS:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        going_on.set()
    assert most == UPLOADS


async def test_a_refused_body_gives_its_place_away(stage: Stage) -> None:
    for _ in range(UPLOADS + 1):
        answer = await stage.post(SELL, content=b"[]", path=BULK)
        assert answer.status_code == 400
    async with asyncio.timeout(10):
        assert (await stage.post(SELL, content=BODY, path=BULK)).status_code == 202


@pytest.mark.parametrize("path", [BULK, LEADS, "/integrated-account"])
async def test_who_hangs_up_in_the_middle_of_a_body_is_no_crash(stage: Stage, path: str) -> None:
    """By the application's own interface: the tests' client always sends a whole body."""
    token = f"Bearer {stage.token}".encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "path": path, "scheme": "http", "root_path": "",
        "query_string": f"integrated_account_id={stage.accounts[SELL]}".encode(), "client": ("127.0.0.1", 1),
        "headers": [(b"authorization", token), (b"content-type", b"application/json"), (b"content-length", b"99")],
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}])
    answers: list[Any] = []

    async def receive() -> Any:
        return next(parts, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        answers.append(message)

    with log_lines() as lines:
        await stage.app(scope, receive, send)
    assert [line for line in lines if line["level"] == "error"] == []
    assert answers[0]["status"] == 400
    assert not stage.simulators[SELL].calls
