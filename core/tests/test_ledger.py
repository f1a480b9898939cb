"""The results file as a ledger: what is on disk when, what a crash leaves, and who may write; F080, F081."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unilead.importing.files import FileError
from unilead.importing.key import ImportKey
from unilead.importing.ledger import Ledger, LedgerError, lines_backwards
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


@contextmanager
def _three_marks(path: Path, mark: Callable[[int], None], busy: threading.Event) -> Iterator[None]:
    """Three rows marked at once: the first waits for the disk, which sets ``busy``; the others are written by then."""
    threads = [threading.Thread(target=mark, args=(row,)) for row in (1, 2, 3)]
    threads[0].start()
    assert busy.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(_entries(path)) < 3:
        time.sleep(0.001)
    yield
    for thread in threads:
        thread.join(10)


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
    with _three_marks(path, lambda row: ledger.mark([row]), busy):
        ledger.judge(1, "created", "7", None, ())  # by then the other two have written, and wait for the disk
        free.set()
    one_mark = len(path.read_bytes().split(b"\n")[0]) + 1
    assert syncs == [one_mark, path.stat().st_size]
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


@pytest.mark.parametrize("rows", [[1023, 1024, 1025], [1024], [5000, 1024, 5]])
def test_any_number_of_rows_has_a_place(rows: list[int], path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    assert [ledger.states[row] for row in rows] == [None] * len(rows)
    ledger.mark(rows)
    ledger.judge(rows[-1], "created", "7", None, ())
    ledger.close()
    again = Ledger(path, fresh=False)
    assert [again.states[row] for row in rows] == [*["unknown"] * (len(rows) - 1), "created"]
    assert sorted(entry["row"] for entry in again.last_entries()) == sorted(rows)
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
    assert path.read_bytes().startswith(whole)
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
    "line",
    [
        "nonsense",
        "{}",
        "5",
        *(f'{{"row": {row}, "status": "created"}}' for row in ('"1"', 0, -1, 1.5)),
        '{"row": 1, "status": "x"}',
    ],
)
def test_a_file_that_is_no_ledger_is_refused(line: str, path: Path) -> None:
    path.write_text(f'{{"row":1,"status":"created"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(FileError, match="line 2 is no verdict"):
        Ledger(path, fresh=False)


def test_results_to_go_on_with_are_not_begun_anew_where_there_are_none(path: Path) -> None:
    with pytest.raises(FileError, match="No such file"):
        Ledger(path, fresh=False)
    assert not path.exists()


def _full_after(*sizes: int) -> Any:
    """Writes that take so many bytes each, and then find the disk full."""
    write, left = os.write, list(sizes)

    def some(file: int, text: bytes) -> int:
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, text[: left.pop(0)])

    return some


def test_f072_a_full_disk_is_said_and_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1])
    whole = path.read_bytes()
    monkeypatch.setattr(os, "write", _full_after(10, 3))
    with pytest.raises(LedgerError, match="No space left"):
        ledger.mark([2])
    with pytest.raises(LedgerError, match="No space left"):
        ledger.judge(1, "created", "7", None, ())
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert [ledger.states[row] for row in (1, 2)] == ["unknown", None]
    ledger.mark([2])
    assert [entry["row"] for entry in _entries(path)] == [1, 2]
    ledger.close()


def test_f072_a_write_that_took_a_part_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network disk after a signal; the disk is not full."""
    ledger = Ledger(path, fresh=True)
    monkeypatch.setattr(os, "write", _full_after(10, 1, 1000))
    ledger.mark([1])
    ledger.close()
    assert [entry["row"] for entry in _entries(path)] == [1]


def test_f072_a_half_line_that_cannot_be_taken_off_is_not_joined_to_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1])
    whole = path.read_bytes()

    def broken(file: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", _full_after(10))
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(LedgerError, match="No space left"):
        ledger.mark([2])
    assert path.read_bytes() == whole + b'{"row":2,"'
    with pytest.raises(LedgerError, match="Input/output error"):
        ledger.mark([3])
    monkeypatch.undo()
    ledger.mark([3])
    ledger.close()
    assert [entry["row"] for entry in _entries(path)] == [1, 3]


def _broken(file: int) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_f072_after_the_disk_lost_a_mark_no_later_mark_counts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next wait may end well without what the failed one threw away."""
    ledger = Ledger(path, fresh=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _broken)
        with pytest.raises(LedgerError, match="Input/output error"):
            ledger.mark([1])
    size = path.stat().st_size
    with pytest.raises(LedgerError, match="Input/output error"):
        ledger.mark([2])
    assert path.stat().st_size == size, "what is not sent has no mark"
    ledger.judge(1, "created", "7", None, ())
    with pytest.raises(FileError, match="may not be whole on the disk: Input/output error"):
        ledger.close()
    again = Ledger(path, fresh=False)
    assert again.states.counts["created"] == 1, "the verdicts are read again, and the ledger was let go of"
    again.close()


def test_f072_marks_that_wait_behind_a_failed_wait_fail_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(path, fresh=True)
    busy, free = threading.Event(), threading.Event()
    marked: list[int] = []

    def first_fails(file: int) -> None:
        if not busy.is_set():
            busy.set()
            assert free.wait(10)
            _broken(file)

    def mark(row: int) -> None:
        with suppress(LedgerError):
            ledger.mark([row])
            marked.append(row)

    monkeypatch.setattr(os, "fdatasync", first_fails)
    with _three_marks(path, mark, busy):
        free.set()
    assert marked == []
    with pytest.raises(FileError):
        ledger.close()


def test_f072_a_disk_that_fails_at_the_end_is_said_and_the_ledger_let_go_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _broken)
        with pytest.raises(FileError, match="may not be whole on the disk"):
            ledger.close()
    Ledger(path, fresh=False).close()


def test_f080_a_disk_that_fails_while_a_cut_line_is_mended_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b'{"row":7,"status":"rej')
    monkeypatch.setattr(os, "fdatasync", _broken)
    with pytest.raises(FileError, match="Input/output error"):
        Ledger(path, fresh=False)


@pytest.mark.parametrize(("piece", "status"), [(b"", "created"), (b'{"row":2,"sta', "unknown")])
def test_f080_zeros_at_the_end_are_taken_off(piece: bytes, status: str, path: Path) -> None:
    """Some file systems leave them after a power failure, in place of what no wait for the disk had covered."""
    ledger = Ledger(path, fresh=True)
    ledger.mark([1, 2])
    ledger.judge(2, "created", "7", None, ())
    ledger.close()
    path.write_bytes(path.read_bytes() + piece + bytes(9_000))
    again = Ledger(path, fresh=False)
    assert [again.states[row] for row in (1, 2)] == ["unknown", status]
    again.judge(1, "created", "8", None, ())
    again.close()
    assert b"\0" not in path.read_bytes()
    assert _entries(path)[-1]["row"] == 1


def test_f080_zeros_in_the_middle_are_refused(path: Path) -> None:
    ledger = Ledger(path, fresh=True)
    ledger.mark([1])
    ledger.close()
    path.write_bytes(path.read_bytes() + bytes(4_096) + path.read_bytes())
    with pytest.raises(FileError, match="line 2 is no verdict"):
        Ledger(path, fresh=False)


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
    for _ in range(2):  # the second time from what the first one made of it
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
