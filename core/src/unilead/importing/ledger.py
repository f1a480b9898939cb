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
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic_core import from_json, to_json

from unilead.importing.files import BLOCK, FileError

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


class Ledger:
    """The results file of one import.

    Args:
        path: where it is.
        fresh: make it; it must not be there yet.
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
        self._written = 0
        self._synced = 0
        try:
            _hold(self._file, path)
            if fresh:
                _sync_folder(path.parent)
            else:
                self._load()
        except BaseException:
            os.close(self._file)
            raise

    def _opened(self, fresh: bool) -> int:
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if fresh else 0)
        try:
            return os.open(self.path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
        except FileExistsError:
            hint = "wait for it, then --resume"
            raise FileError(f"results file {self.path}: another import has just begun it", hint=hint) from None
        except OSError as fault:
            raise FileError(f"results file {self.path}: {fault.strerror or type(fault).__name__}") from None

    def _load(self) -> None:
        size = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    self._mend(line, size)
                    return
                size += len(line)
                self._take(line, number)

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

    def _mend(self, rest: bytes, size: int) -> None:
        """Take off a line that a crash cut short. Its row may have been sent, whatever the line was to say."""
        os.ftruncate(self._file, size)
        found = _CUT_ROW.match(rest)
        if found:
            self.cut.append(int(found[1]))
            self.mark([int(found[1])])

    # --- writing --------------------------------------------------------------------------------------------------

    def mark(self, rows: Sequence[int]) -> None:
        """Write rows as ``unknown``, and wait until that is on the disk. Called from the threads that send."""
        text = "".join([_MARK.format(row) for row in rows]).encode()
        with self._write_lock:
            self._append(text)
            for row in rows:
                self.states[row] = "unknown"
            place = self._written
        with self._sync_lock:
            if self._synced < place:  # else another thread's wait covered these rows too
                covered = self._written
                _sync(self._file)
                self._synced = covered

    def judge(
        self, row: int, status: Status, lead_id: str | None, error: Mapping[str, Any] | None, dropped: Sequence[str]
    ) -> None:
        """Write a row's verdict."""
        entry = {"row": row, "status": status, "id": lead_id, "error": error, "dropped": dropped}
        with self._write_lock:
            self._append(to_json(entry, serialize_unknown=True) + b"\n")
            self.states[row] = status

    def _append(self, text: bytes) -> None:
        """Append in one piece: in the file it is whole or, after a full disk or power failure, cut at its end."""
        written = os.write(self._file, text)
        if written != len(text):
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(28, "No space left on device", str(self.path))
        self._written += len(text)

    def close(self) -> None:
        """Let go of it; what it holds is on the disk then."""
        if self._file >= 0:
            _sync(self._file)
            os.close(self._file)
            self._file = -1

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


def _sync(file: int) -> None:
    getattr(os, "fdatasync", os.fsync)(file)


def _sync_folder(folder: Path) -> None:
    """Put a new file's name on the disk too, where folders can be synced."""
    with suppress(OSError):
        found = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(found)
        finally:
            os.close(found)


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


# --- which import it belongs to ---------------------------------------------------------------------------------------


class ImportKey(dict[str, Any]):
    """What an import is of, kept beside its ledger: the file, how it was read, provider, account, mapping."""

    IDENTITY = ("sha256", "read_as", "provider", "account")

    @staticmethod
    def path_of(results: Path) -> Path:
        """Where it is kept."""
        return results.with_name(results.name.removesuffix(".jsonl") + ".key.json")

    @classmethod
    def read(cls, results: Path) -> ImportKey:
        """Read the key beside a results file. Raises: FileError when there is none."""
        path = cls.path_of(results)
        try:
            found = from_json(path.read_bytes())
            return cls({name: found[name] for name in (*cls.IDENTITY, "map")})
        except (OSError, ValueError, TypeError, KeyError):
            hint = f"{path.name} says so, and it is missing or damaged; move both away to import anew"
            raise FileError(f"nobody can say what {results} holds the results of", hint=hint) from None

    def write(self, results: Path) -> None:
        """Write it, whole or not at all. Raises: FileError."""
        path = self.path_of(results)
        part = path.with_name(path.name + ".part")
        try:
            with part.open("wb") as file:
                file.write(to_json(dict(self), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as fault:
            raise FileError(f"{path}: {fault.strerror or type(fault).__name__}") from None

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """What of the identity is not the same."""
        return [name for name in self.IDENTITY if self[name] != other[name]]


def totals(states: States, rows: int) -> dict[str, int]:
    """Count the rows by status; rows that nothing is known of were not sent."""
    known = {str(status): states.counts[status] for status in STATUSES if status != "not_sent"}
    return {"rows": rows, **known, "not_sent": rows - sum(known.values())}
