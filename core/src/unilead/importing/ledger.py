"""The ledger: a file with a line for each thing that is known about a row. Its last line about a row counts.

A row is written as ``unknown`` before it is sent, and that line is on the disk before the request leaves; so whatever
happens later, power failure included, a row that may have been sent is never taken for one that was not. A verdict's
line is handed to the operating system at once and reaches the disk with the next mark: if it is lost, its row is
``unknown``, which is safe. Requests that wait for the disk at the same time share one wait.

Only one import can hold a ledger.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic_core import from_json, to_json

from unilead.importing.files import BLOCK, FileError, sync_folder

Status: TypeAlias = Literal["created", "rejected", "unknown", "not_sent"]
STATUSES: tuple[Status, ...] = ("created", "rejected", "unknown", "not_sent")

_CODES = {status: code for code, status in enumerate(STATUSES, 1)}
_MARK = '{{"row":{},"status":"unknown","id":null,"error":null,"dropped":[]}}\n'
_CUT_ROW = re.compile(rb'\{"row":(\d+),')


class States:
    """The last known status of each row, in one byte a row."""

    def __init__(self) -> None:
        self._codes = bytearray(1024)
        self.counts = dict.fromkeys(STATUSES, 0)

    def __getitem__(self, row: int) -> Status | None:
        code = self._codes[row] if row < len(self._codes) else 0
        return STATUSES[code - 1] if code else None

    def __setitem__(self, row: int, status: Status) -> None:
        if row >= len(self._codes):
            self._codes.extend(bytes(max(row + 1 - len(self._codes), len(self._codes) // 8)))
        if before := self._codes[row]:
            self.counts[STATUSES[before - 1]] -= 1
        self._codes[row] = _CODES[status]
        self.counts[status] += 1


class LedgerError(OSError):
    """What was to be written down may not be on the disk. It is about the whole import, and no verdict of a lead."""


class Ledger:
    """The results file of one import.

    Args:
        path: where it is.
        fresh: begin it; nothing may be in it yet.
    Attributes:
        states: what is known about each row.
        cut: rows whose last line was cut off by a crash.
    Raises: FileError when it cannot be made, is held by another import, or is no ledger.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        self.states = States()
        self.cut: list[int] = []
        self._file = self._opened(fresh)
        self._write_lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._written = 0  # bytes: the end of its last whole line
        self._synced = 0
        self._is_torn = False  # a piece of a line is behind that end
        self._lost: OSError | None = None  # why a part of it may never reach the disk
        try:
            _hold(self._file, path)
            if fresh:
                self._begin()
            else:
                self._load()
        except BaseException as fault:
            os.close(self._file)
            if isinstance(fault, OSError):
                raise self._refusal(fault) from None
            raise

    def _opened(self, fresh: bool) -> int:
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT if fresh else 0)
        try:
            return os.open(self.path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as fault:
            raise self._refusal(fault) from None

    def _refusal(self, fault: OSError) -> FileError:
        return FileError(f"results file {self.path}: {fault.strerror or type(fault).__name__}")

    def _begin(self) -> None:
        """Begin it, now that it is held: whoever made it, nothing was sent as long as it is empty."""
        if os.fstat(self._file).st_size:
            hint = "wait for it, then --resume"
            raise FileError(f"results file {self.path}: another import has just begun it", hint=hint)
        sync_folder(self.path.resolve().parent)

    def _load(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    self._mend(line)
                    return
                self._take(line, number)
                self._written += len(line)

    def _take(self, line: bytes, number: int) -> None:
        try:
            entry = from_json(line)
            row, status = entry["row"], entry["status"]
            if status not in _CODES or not isinstance(row, int) or row < 1:
                raise ValueError(status)
        except (ValueError, TypeError, KeyError):
            hint = "it was changed by something else; it is not safe to go on from it"
            raise FileError(f"results file {self.path}: line {number} is no verdict", hint=hint) from None
        self.states[row] = status

    def _mend(self, rest: bytes) -> None:
        """Take off what a crash left behind the last whole line: a cut line, or zeros that a file system put there.

        No wait for the disk has covered it, so it holds no mark of a row that was sent by this. But the row of a cut
        line may have been sent before, whatever the line was to say.
        """
        os.ftruncate(self._file, self._written)
        found = _CUT_ROW.match(rest)
        if found:
            self.cut.append(int(found[1]))
            self.mark([int(found[1])])

    # --- writing --------------------------------------------------------------------------------------------------

    def mark(self, rows: Sequence[int]) -> None:
        """Write rows as ``unknown``, and wait until that is on the disk. Called from the threads that send.

        Raises: LedgerError when it may not be, and then ever again: these rows must not be sent.
        """
        text = "".join([_MARK.format(row) for row in rows]).encode()
        with self._write_lock:
            self._check()
            self._append(text)
            for row in rows:
                self.states[row] = "unknown"
            place = self._written
        with self._sync_lock:
            if self._synced < place:  # else another thread's wait covered these rows too
                self._sync()

    def judge(
        self, row: int, status: Status, lead_id: str | None, error: Mapping[str, Any] | None, dropped: Sequence[str]
    ) -> None:
        """Write a row's verdict. Raises: LedgerError; the row stays ``unknown``."""
        entry = {"row": row, "status": status, "id": lead_id, "error": error, "dropped": dropped}
        with self._write_lock:
            self._append(to_json(entry, serialize_unknown=True) + b"\n")
            self.states[row] = status

    def _append(self, text: bytes) -> None:
        """Append in one piece: in the file it is whole or, after a power failure, cut at its end."""
        written = 0
        try:
            if self._is_torn:
                self._take_back()
            while written < len(text):
                written += os.write(self._file, text[written:])
        except OSError as fault:
            self._is_torn = self._is_torn or written > 0
            with suppress(OSError):  # tried again before the next line, which must not be joined to this one
                self._take_back()
            raise self._error(fault) from None
        self._written += len(text)

    def _take_back(self) -> None:
        os.ftruncate(self._file, self._written)
        self._is_torn = False

    def _sync(self) -> None:
        """Wait until all that was written is on the disk.

        After one failure there is no second try: the operating system may have thrown away what it could not write,
        and the next wait would end well without it.
        """
        self._check()
        covered = self._written
        try:
            getattr(os, "fdatasync", os.fsync)(self._file)
        except OSError as fault:
            self._lost = fault
            raise self._error(fault) from None
        self._synced = covered

    def _check(self) -> None:
        if self._lost is not None:
            raise self._error(self._lost)

    def _error(self, fault: OSError) -> LedgerError:
        return LedgerError(fault.errno, fault.strerror or type(fault).__name__, str(self.path))

    def close(self) -> None:
        """Let go of it; what it holds is on the disk then.

        Raises: FileError when a part of it may not be, now or since an earlier wait for the disk.
        """
        if self._file < 0:
            return
        try:
            self._sync()
        except LedgerError as fault:
            hint = "after a power failure, rows whose verdict is lost are unknown; see to the disk, then --resume"
            raise FileError(
                f"results file {self.path} may not be whole on the disk: {fault.strerror}", hint=hint
            ) from None
        finally:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *fault: object) -> None:
        """Close it; what already went wrong is said before what goes wrong now."""
        with suppress(FileError) if kind else nullcontext():
            self.close()

    # --- reading --------------------------------------------------------------------------------------------------

    def last_entries(self) -> Iterator[dict[str, Any]]:
        """Give out the entry that counts for each row, the newest first, without holding them all."""
        seen = bytearray()
        for line in lines_backwards(self.path):
            entry = from_json(line)
            row = entry["row"]
            if row >= len(seen):
                seen.extend(bytes(max(row + 1 - len(seen), 1024)))
            if not seen[row]:
                seen[row] = 1
                yield entry


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Read a file's lines from the last to the first, block by block."""
    with path.open("rb") as file:
        place = file.seek(0, os.SEEK_END)
        rest = b""
        while place > 0:
            size = min(BLOCK, place)
            place = file.seek(place - size)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
        if rest:
            yield rest


def _hold(file: int, path: Path) -> None:
    """Take the lock that a second import of the same file does not get; it ends with the process."""
    try:
        _lock(file)
    except OSError as fault:
        if fault.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise FileError(f"another import is writing {path}", hint="wait until it is done") from None
        hint = "keep the results on a disk that can lock files: --results FILE"
        raise FileError(f"{path} cannot be locked: {fault.strerror}", hint=hint) from None


def _lock(file: int) -> None:
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def totals(states: States, rows: int) -> dict[str, int]:
    """Count the rows by status; rows that nothing is known of were not sent."""
    known = {str(status): states.counts[status] for status in STATUSES if status != "not_sent"}
    return {"rows": rows, **known, "not_sent": rows - sum(known.values())}
