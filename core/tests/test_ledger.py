"""The results file as a ledger: what is on disk when, what a crash leaves, and who may write; F080, F081."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unilead.importing.files import FileError
from unilead.importing.ledger import ImportKey, Ledger, lines_backwards
from unilead.importing.run import Again


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv.results.jsonl"


def _entries(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_mark_is_a_whole_line_that_says_unknown(path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1, 2])
    assert _entries(path) == [
        {"row": row, "status": "unknown", "id": None, "error": None, "dropped": []} for row in (1, 2)
    ]
    ledger.judge(1, "created", "77", None, ("status",))
    assert _entries(path)[-1] == {"row": 1, "status": "created", "id": "77", "error": None, "dropped": ["status"]}
    ledger.close()


def test_marks_are_on_the_disk_before_mark_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    sync = os.fdatasync
    ledger = Ledger(path, fresh=True)
    monkeypatch.setattr(os, "fdatasync", lambda file: (synced.append(path.stat().st_size), sync(file))[1])
    ledger.mark([1])
    assert synced == [path.stat().st_size]
    ledger.judge(1, "created", "7", None, ())
    assert len(synced) == 1, "a verdict does not wait for the disk"
    ledger.close()


def test_marks_of_many_threads_are_all_there(path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    threads = [threading.Thread(target=ledger.mark, args=([n * 10 + i for i in range(1, 11)],)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    assert sorted(entry["row"] for entry in _entries(path)) == list(range(1, 201))


def test_requests_that_wait_for_the_disk_at_the_same_time_share_one_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, free = threading.Event(), threading.Event()
    syncs: list[int] = []

    def slow(file: int) -> None:
        syncs.append(path.stat().st_size)
        busy.set()
        assert free.wait(10)

    ledger = Ledger(path, fresh=True)
    monkeypatch.setattr(os, "fdatasync", slow)
    threads = [threading.Thread(target=ledger.mark, args=([row],)) for row in (1, 2, 3)]
    threads[0].start()
    assert busy.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(_entries(path)) < 3:
        time.sleep(0.001)
    free.set()
    for thread in threads:
        thread.join(10)
    assert syncs == [path.stat().st_size // 3, path.stat().st_size]
    ledger.close()


def test_the_last_line_about_a_row_counts(path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1, 2, 3])
    ledger.judge(1, "created", "7", None, ())
    ledger.judge(2, "not_sent", None, None, ())
    ledger.close()
    again = Ledger(path, fresh=False)
    assert [again.states[row] for row in range(1, 5)] == ["created", "not_sent", "unknown", None]
    assert again.states.counts == {"created": 1, "rejected": 0, "unknown": 1, "not_sent": 1}
    assert {entry["row"]: entry["status"] for entry in again.last_entries()} == {
        1: "created", 2: "not_sent", 3: "unknown",
    }  # fmt: skip
    again.close()


@pytest.mark.parametrize("kept", [1, 9, 20, 62])
def test_f080_a_line_cut_by_a_power_failure_leaves_its_row_unknown(kept: int, path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1, 2])
    whole = path.read_bytes()
    ledger.judge(2, "not_sent", None, None, ())
    ledger.close()
    path.write_bytes(path.read_bytes()[: len(whole) + kept])
    again = Ledger(path, fresh=False)
    assert again.states[2] == "unknown"
    assert again.cut == ([2] if kept > 8 else [])
    again.judge(1, "created", "7", None, ())
    again.close()
    assert _entries(path)[-1]["row"] == 1, "the file stays readable"
    assert all(entry["status"] for entry in _entries(path))


def test_f080_a_cut_verdict_of_a_row_that_was_never_marked_is_not_sent_either(path: Path) -> None:
    path.write_bytes(b'{"row":7,"status":"rej')
    ledger = Ledger(path, fresh=False)
    assert (ledger.states[7], ledger.cut) == ("unknown", [7])
    ledger.close()


def test_f081_one_import_at_a_time_holds_a_ledger(path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    with pytest.raises(FileError, match="another import is writing"):
        Ledger(path, fresh=False)
    ledger.close()
    Ledger(path, fresh=False).close()


@pytest.mark.parametrize(
    "line", ["nonsense", "{}", '{"row": "1", "status": "created"}', '{"row": 1, "status": "x"}', "5"]
)
def test_a_file_that_is_no_ledger_is_refused(line: str, path: Path) -> None:
    path.write_text(f'{{"row":1,"status":"created"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(FileError, match="line 2 is no verdict"):
        Ledger(path, fresh=False)


def test_f072_a_full_disk_is_said_and_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1])
    whole = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, text: write(file, text[:10]))
    with pytest.raises(OSError, match="No space left"):
        ledger.mark([2])
    monkeypatch.undo()
    assert path.read_bytes() == whole
    ledger.mark([2])
    assert [entry["row"] for entry in _entries(path)] == [1, 2]
    ledger.close()


def test_lines_are_read_backwards_across_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.importing.ledger.BLOCK", 7)
    lines = [b"a", b"bbbbbbbbbbbbbbbbbbbb", b"cc", b"ddddddd"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert list(lines_backwards(path)) == lines[::-1]


def test_a_key_is_read_as_it_was_written_and_its_absence_is_said(path: Path) -> None:
    key = ImportKey(sha256="x", read_as={"format": "csv"}, provider="acme", account="1", map={"Name": "last_name"})
    key.write(path)
    assert ImportKey.read(path) == key
    assert key.differences({**key, "sha256": "y", "account": "2"}) == ["sha256", "account"]
    ImportKey.path_of(path).unlink()
    with pytest.raises(FileError, match="nobody can say what"):
        ImportKey.read(path)


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["mark", "created", "rejected", "not_sent", "unknown"]), st.integers(1, 30)), max_size=30
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=OPERATIONS, data=st.data())
def test_f064_f080_wherever_a_crash_cuts_the_file_a_marked_row_is_not_sent_again(
    operations: list[tuple[str, int]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "x.jsonl"
    ledger = Ledger(path, fresh=True)
    durable = 0
    for word, row in operations:
        if word == "mark":
            ledger.mark([row])
            durable = path.stat().st_size
        else:
            ledger.judge(row, word, "7" if word == "created" else None, None, ())  # type: ignore[arg-type]
    ledger.close()
    text = path.read_bytes()
    cut = data.draw(st.integers(durable, len(text)), label="bytes that reached the disk")
    path.write_bytes(text[:cut])
    again = Ledger(path, fresh=False)
    again.close()
    expected: dict[int, str] = {}
    for line in text[:cut].decode().splitlines(keepends=True):
        if line.endswith("\n"):
            expected[json.loads(line)["row"]] = json.loads(line)["status"]
        elif line.count(","):
            expected[int(line.split(":")[1].split(",")[0])] = "unknown"
    assert {row: again.states[row] for row in expected} == expected
    for row in {row for word, row in operations if word == "mark"}:
        assert again.states[row] is not None
        assert Again(resume=True).sends(again.states[row]) == (expected[row] == "not_sent")
