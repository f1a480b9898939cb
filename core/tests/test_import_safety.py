"""What could double or lose a row of an import: a disk that fails, a file written to, doubts of earlier runs."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acme_batch import SIZE, BatchSimulator
from unilead import Response
from unilead.importing.run import results_path


def _statuses(file: Path) -> dict[int, str]:
    lines = results_path(file).read_text(encoding="utf-8").splitlines()
    return {entry["row"]: entry["status"] for entry in map(json.loads, lines)}


def _failing_at(turn: int) -> Callable[[int], None]:
    """A wait for the disk that fails once, the first one being 0."""
    waits = iter(range(1_000))

    def wait(opened: int) -> None:
        if next(waits) == turn:
            raise OSError(errno.EIO, "Input/output error")

    return wait


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_f072_a_disk_that_fails_ends_the_import_and_nothing_more_is_sent(
    run: Any, leads: Any, crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = leads(500)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _failing_at(2))
        code, out, err = run("--concurrency", 1, file)
    assert (code, out, crm.count) == (2, "", 2 * SIZE)
    said = " ".join(err.split())
    assert f"Input/output error; nothing more was sent, {SIZE} rows are in doubt" in said
    assert "Traceback" not in err
    assert run("--resume", file)[0] == 3
    assert crm.count == 500 - SIZE
    assert len(set(crm.names)) == crm.count


def test_f072_a_disk_that_fails_under_many_requests_ends_the_import(
    run: Any, leads: Any, crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers of the requests in flight are still written down."""
    file = leads(500)
    crm.faults.latency = 0.02
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _failing_at(2))
        assert run("--concurrency", 4, file)[0] == 2
    found = _statuses(file)
    assert list(found.values()).count("created") == crm.count
    run("--resume", file)
    assert len(set(crm.names)) == crm.count


def test_f072_a_disk_that_fails_at_the_end_is_exit_2(
    run: Any, leads: Any, crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fdatasync", _failing_at(1))
    code, out, err = run(leads(5))
    assert (code, crm.count) == (2, 5)
    assert "5 created" in out
    assert "may not be whole on the disk" in err


def test_f072_verdicts_that_find_the_disk_full_leave_their_rows_unknown(
    run: Any, leads: Any, crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write = leads(500), os.write

    def full(opened: int, text: bytes) -> int:
        if b'"created"' in text and crm.count > 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(opened, text)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        code, _, err = run(file)
    assert code == 2
    assert "No space left on device; nothing more was sent" in " ".join(err.split())
    assert len(_statuses(file)) == crm.count
    assert run("--resume", file)[0] == 3
    assert len(set(crm.names)) == crm.count == 500


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_b079_a_file_that_is_written_over_sends_no_row_of_what_it_became(
    suffix: str, run: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    """A line more at its top would have rows read twice, or in halves, before the change is seen at its end."""
    file = tmp_path / f"leads.{suffix}"
    header = "last_name\n" if suffix == "csv" else ""
    lines = [f"ok{row:06}\n" if suffix == "csv" else f'{{"last_name": "ok{row:06}"}}\n' for row in range(20_000)]
    file.write_text(header + "".join(lines), encoding="utf-8")

    def edit(rows: list[Any]) -> list[Any]:
        if len(crm.sizes) == 1:
            with file.open("r+", encoding="utf-8") as opened:
                opened.write(header + "".join(lines[:100] + lines))
        return rows

    crm.rows = edit
    code, _, err = run("--concurrency", 1, file)
    assert code == 2
    assert "changed while it was read" in err
    assert crm.count < 20_000
    assert len(set(crm.names)) == crm.count, "a row was sent twice"


# --- doubts of earlier runs -------------------------------------------------------------------------------------------


def test_f080_an_unknown_row_that_is_not_reached_again_stays_unknown(run: Any, leads: Any, crm: BatchSimulator) -> None:
    """It may exist since the first run; else --resume would send it without anybody having looked."""
    file = leads(10)
    crm.faults.drop_after_commit = 1
    assert run(file)[0] == 3
    assert crm.count == 10
    crm.faults.refuse = 99
    code, out, _ = run("--json", "--retry-unknown", file)
    assert (code, json.loads(out)["unknown"], json.loads(out)["not_sent"]) == (3, 10, 0)
    crm.faults.refuse = 0
    code, out, _ = run("--resume", file)
    assert (code, crm.count) == (3, 10)
    assert "it may exist since an earlier run; in this one: could not connect" in " ".join(out.split())


def test_f080_an_unknown_row_that_is_throttled_stays_unknown(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(10)
    crm.faults.drop_after_commit = 1
    run(file)
    crm.faults.throttle = 99
    assert run("--retry-unknown", file)[0] == 3
    assert set(_statuses(file).values()) == {"unknown"}


def test_f080_an_unknown_row_whose_account_is_refused_stays_unknown(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(10)
    crm.faults.drop_after_commit = 1
    run(file)
    crm.unauthorized = lambda call: Response.of(401, {"text": "no"})  # type: ignore[method-assign]
    assert run("--retry-unknown", file)[0] == 3
    assert set(_statuses(file).values()) == {"unknown"}


def test_f080_an_unknown_row_that_is_refused_before_it_is_sent_stays_unknown(
    run: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("last_name,other\nok1,\n", encoding="utf-8")
    crm.faults.drop_after_commit = 1
    run(file)
    assert run("--retry-unknown", "--map", "last_name=", "--map", "other=last_name", file)[0] == 3
    assert _statuses(file) == {1: "unknown"}


def test_f080_an_unknown_row_takes_the_verdict_of_its_second_send(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(3)
    crm.faults.drop_before = 1
    run(file)
    crm._fault = lambda prospect: {"path": "surname", "text": "no"} if "1" in prospect["surname"] else None  # type: ignore[method-assign]
    assert run("--retry-unknown", file)[0] == 1
    assert _statuses(file) == {1: "rejected", 2: "created", 3: "created"}


def test_f080_a_second_ctrl_c_leaves_what_is_in_flight_unknown(
    run: Any, leads: Any, crm: BatchSimulator, tmp_path: Path
) -> None:
    file = leads(500)
    script = (
        "import sys, acme_batch, unilead.cli.dry_run\n"
        "simulator = acme_batch.BatchSimulator(); simulator.faults.latency = 600\n"
        "unilead.cli.dry_run.Registry = lambda: acme_batch.batch_registry(simulator=lambda: simulator)\n"
        "from unilead.cli import main\n"
        "main(['import', '--simulate', 'acme', '--concurrency', '2', sys.argv[1]])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], env=environment, stdout=-1, stderr=-1)
    while not results_path(file).exists() or results_path(file).read_bytes().count(b"\n") < 2 * SIZE:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    while b"stopping" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert _statuses(file) == dict.fromkeys(range(1, 2 * SIZE + 1), "unknown")
    code, out, _ = run("--json", "--resume", file)
    assert (code, json.loads(out)["unknown"], crm.count) == (3, 2 * SIZE, 500 - 2 * SIZE)
