"""F051 to F054: several processes share one account over an SQLite store; some of them are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Child:
    """One process of `oauth_client`."""

    def __init__(self, url: str, store: Path, *, lease: float = 30, calls: int = 20) -> None:
        self.process = _start("tests.faults.oauth_client", url, str(store), str(lease), str(calls))

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Crm:
    """The process of `oauth_server`."""

    def __init__(self) -> None:
        self.process = _start("tests.faults.oauth_server")
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_state", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def tell(self, what: str) -> None:
        headers = {"User-Agent": "test", "Content-Length": "0"}
        request = urllib.request.Request(f"{self.url}/_{what}", b"", headers, method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def wait_until_asked(self, times: int) -> None:
        end = time.monotonic() + 30
        while self.state()["asked"] < times:
            assert time.monotonic() < end, "the token endpoint was never asked"
            time.sleep(0.02)


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )


@pytest.fixture
def crm() -> Iterator[Crm]:
    found = Crm()
    yield found
    found.process.kill()
    found.process.communicate()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        if child.process.poll() is None:
            child.kill()


def test_f051_four_processes_refresh_once(crm: Crm, children: list[Child], tmp_path: Path) -> None:
    children += [Child(crm.url, tmp_path / "store") for _ in range(4)]
    for child in children:
        child.go()
    assert [child.result() for child in children] == [{"created": 20, "errors": []}] * 4
    state = crm.state()
    assert (state["count"], state["granted"], state["refused"], state["revoked"]) == (80, 1, 0, False)


def test_f052_rotating_tokens_are_refreshed_once_a_round(crm: Crm, children: list[Child], tmp_path: Path) -> None:
    children += [Child(crm.url, tmp_path / "store", calls=5) for _ in range(4)]
    for number in (1, 2, 3):
        for child in children:
            child.go()
        assert [child.result()["created"] for child in children] == [5] * 4
        state = crm.state()
        assert (state["granted"], state["refused"], state["revoked"]) == (number, 0, False)
        crm.tell("expire")
    assert state["count"] == 60


def test_f053_killed_between_the_rotation_and_the_store(crm: Crm, children: list[Child], tmp_path: Path) -> None:
    crm.tell("hang/after")
    victim = Child(crm.url, tmp_path / "store", lease=1, calls=1)
    children.append(victim)
    victim.go()
    crm.wait_until_asked(1)
    victim.kill()
    heir = Child(crm.url, tmp_path / "store", lease=1, calls=3)
    children.append(heir)
    for _ in range(2):
        heir.go()
        result = heir.result()
        assert result["created"] == 0
        assert all(error.startswith("AuthError") and "invalid_grant" in error for error in result["errors"])
    state = crm.state()
    assert (state["asked"], state["granted"], state["refused"], state["count"]) == (2, 1, 1, 0)


def test_f054_killed_with_the_lease_in_hand(crm: Crm, children: list[Child], tmp_path: Path) -> None:
    crm.tell("hang/before")
    victim = Child(crm.url, tmp_path / "store", lease=1, calls=1)
    children.append(victim)
    victim.go()
    crm.wait_until_asked(1)
    victim.kill()
    children += [Child(crm.url, tmp_path / "store", lease=1, calls=5) for _ in range(2)]
    for child in children[1:]:
        child.go()
    assert [child.result()["created"] for child in children[1:]] == [5, 5]
    state = crm.state()
    assert (state["asked"], state["granted"], state["refused"], state["count"]) == (2, 1, 0, 10)
