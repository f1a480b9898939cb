"""Imports that are killed: nothing twice, nothing lost, and no more unknown than was in flight; F064, F080, B080."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unilead.importing.run import results_path

HERE = Path(__file__).parent
LANES = 4  # requests in flight


class Crm:
    """A simulator in another process, and the leads it has really stored."""

    def __init__(self, slug: str, latency: float) -> None:
        command = [sys.executable, str(HERE / "crm.py"), slug, str(latency)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        self.slug = slug
        self.url = self._ask(None)

    def _ask(self, line: str | None) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if line is not None:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def names(self) -> Counter[str]:
        """How often each name of the file is stored."""
        found = json.loads(self._ask("stored"))
        return Counter(text for record in found for text in set(record) if text.startswith("Lead "))

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[..., Crm]]:
    running: list[Crm] = []

    def make(slug: str, latency: float = 0.0) -> Crm:
        running.append(Crm(slug, latency))
        return running[-1]

    yield make
    for crm in running:
        crm.stop()


def _file(folder: Path, rows: int) -> Path:
    path = folder / "leads.csv"
    lines = (f"Lead {row:06},Lead {row:06},17,42\n" for row in range(1, rows + 1))
    path.write_text("last_name,title,contact.id,account.id\n" + "".join(lines), encoding="utf-8")
    return path


def _import(crm: Crm, file: Path, *point: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "importing.py"), crm.slug, crm.url, str(file), *map(str, point)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def _finished(crm: Crm, file: Path, *point: Any) -> tuple[int, str, str]:
    process = _import(crm, file, *point)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _statuses(file: Path) -> dict[int, str]:
    lines = results_path(file).read_text(encoding="utf-8").splitlines()
    return {entry["row"]: entry["status"] for entry in map(json.loads, lines)}


def _check_sums(crm: Crm, file: Path, rows: int, summary: dict[str, Any]) -> None:
    """Every row has one verdict, what is called created is stored once, and nothing is stored twice."""
    statuses = _statuses(file)
    stored = crm.names()
    assert sorted(statuses) == list(range(1, rows + 1))
    assert summary["created"] + summary["rejected"] + summary["unknown"] == rows
    assert Counter(statuses.values())["created"] == summary["created"]
    assert max(stored.values(), default=0) <= 1, "a lead was created twice"
    for row, status in statuses.items():
        assert stored[f"Lead {row:06}"] <= 1
        if status == "created":
            assert stored[f"Lead {row:06}"] == 1
        elif status == "rejected":
            assert stored[f"Lead {row:06}"] == 0


def _soon(look: Callable[[], int], wanted: int) -> bool:
    """Whether it becomes what is wanted within two seconds."""
    end = time.monotonic() + 2
    while look() != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return look() == wanted


@pytest.mark.parametrize(
    ("point", "status", "stored"),
    [
        ("before_mark", None, 0),
        ("after_mark", "unknown", 0),
        ("after_send", "unknown", 1),
        ("after_answer", "unknown", 1),
        ("after_verdict", "created", 1),
    ],
)
def test_f064_killed_at_one_step(
    point: str, status: str | None, stored: int, start: Callable[..., Crm], tmp_path: Path
) -> None:
    crm, file = start("zendesk-sell", 0.3 if point == "after_send" else 0.0), _file(tmp_path, 6)
    code, _, _ = _finished(crm, file, point, 4)
    assert code == -signal.SIGKILL
    assert _statuses(file).get(4) == status
    assert _soon(lambda: crm.names()["Lead 000004"], stored), "the CRM carries out what it has received"
    code, out, err = _finished(crm, file)
    assert code == 0, err
    summary = json.loads(out.splitlines()[-1])
    assert _statuses(file)[4] == (status or "created")
    assert summary["unknown"] == (status == "unknown")
    assert crm.names()["Lead 000004"] == (1 if status is None else stored), "a row that was marked is never sent again"
    _check_sums(crm, file, 6, summary)


def test_f064_killed_before_it_could_say_what_it_is_of(start: Callable[..., Crm], tmp_path: Path) -> None:
    crm, file = start("zendesk-sell"), _file(tmp_path, 6)
    code, _, _ = _finished(crm, file, "before_key", 0)
    assert (code, results_path(file).read_bytes()) == (-signal.SIGKILL, b"")
    code, out, err = _finished(crm, file)
    assert code == 0, err
    _check_sums(crm, file, 6, json.loads(out.splitlines()[-1]))
    assert len(crm.names()) == 6


@pytest.mark.parametrize(
    ("slug", "rows", "kills", "in_flight", "latency"),
    [("zendesk-sell", 5_000, 20, LANES, 0.0), ("hubspot", 5_000, 3, LANES * 100, 0.05)],
)
def test_f064_killed_at_random_moments_and_resumed(
    slug: str, rows: int, kills: int, in_flight: int, latency: float, start: Callable[..., Crm], tmp_path: Path
) -> None:
    crm, file = start(slug, latency), _file(tmp_path, rows)
    moments = random.Random(64)
    killed = 0
    for _ in range(kills):
        process = _import(crm, file)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(moments.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
    code, out, err = _finished(crm, file)
    assert code == 0, err
    summary = json.loads(out.splitlines()[-1])
    print(f"\n{slug}: {killed} kills, {summary}, {sum(crm.names().values())} stored")
    assert killed == kills
    assert summary["unknown"] <= kills * in_flight
    assert summary["rejected"] == summary["not_sent"] == 0
    _check_sums(crm, file, rows, summary)
