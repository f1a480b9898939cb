"""The file that is imported: whether it can be read, and its fingerprint."""

from __future__ import annotations

import codecs
import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unilead.errors import ConfigurationError

BLOCK = 1024 * 1024
DISK_FAILS = (errno.EIO, errno.ENOSPC, errno.EDQUOT)
WIDE = "it looks like UTF-16 without a byte order mark; say --encoding utf-16-le or utf-16-be"
CP1252 = "save it as UTF-8, or say what it is: --encoding cp1252 (what Windows and Excel write in Western Europe)"
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class FileError(ConfigurationError):
    """The file, its mapping or its results cannot be used for this import."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one state of a file from another.

    Attributes:
        size: bytes.
        sha256: of the whole content.
    """

    size: int
    sha256: str


def check_file(path: Path) -> os.stat_result:
    """Make sure that the path leads to a plain file with something in it; a pipe or device would never end.

    Raises: FileError.
    """
    try:
        found = path.stat()
        check_plain(path, found, hint="an import reads its file twice, so it must be a file on disk")
        with path.open("rb"):
            pass
    except OSError as fault:
        raise FileError(f"{path}: {fault.strerror or type(fault).__name__}") from None
    if not found.st_size:
        raise FileError(f"{path} is empty")
    return found


def is_there(path: Path) -> bool:
    """Whether there is something at a path. Raises: OSError where nobody can say; `Path.exists` may call that a no."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def check_plain(path: Path, found: os.stat_result, *, hint: str) -> None:
    """Raises: FileError for what is no plain file."""
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a plain file"
        raise FileError(f"{path} is {kind}", hint=hint)


def blocks(path: Path) -> Iterator[bytes]:
    """Read a file block by block."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block


def fingerprint(path: Path) -> Fingerprint:
    """Take a file's fingerprint."""
    digest, size = hashlib.sha256(), 0
    for block in blocks(path):
        digest.update(block)
        size += len(block)
    return Fingerprint(size, digest.hexdigest())


def encoding_of(path: Path) -> str:
    """The encoding that a file's byte order mark names; UTF-8 without one."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")


def check_text(path: Path, encoding: str) -> bool:
    """Make sure that a whole file is text of this encoding, so that no row is sent before a later one fails.

    Returns: whether it holds a NUL character.
    Raises: FileError naming the first line that is no such text.
    """
    line, has_nul = 1, False
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError:
        raise FileError(f"there is no encoding {encoding!r}") from None
    try:
        for block in blocks(path):
            text = decoder.decode(block)
            line += text.count("\n")
            has_nul = has_nul or "\0" in text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as fault:
        line += fault.object[: fault.start].count(b"\n")
        hint = WIDE if _is_wide(path) else CP1252
        raise FileError(f"{path}: line {line} is not {encoding} text", hint=hint) from None
    if has_nul and _is_wide(path):
        raise FileError(f"{path}: line 1 is not {encoding} text", hint=WIDE)
    return has_nul


def _is_wide(path: Path) -> bool:
    """Whether every second byte or so is a zero, as in UTF-16 of Western words."""
    head = next(blocks(path))[:512]
    return head.count(0) * 3 > len(head)


def sync_folder(folder: Path) -> None:
    """Put the names of new files on the disk too, where folders can be synced.

    Raises: OSError when the disk fails: a name that is lost is a file that is lost.
    """
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # where folders are not opened, or may not be read
        return
    try:
        os.fsync(opened)
    except OSError as fault:
        if fault.errno in DISK_FAILS:
            raise
    finally:
        os.close(opened)


class Unchanged:
    """Watches that a file stays as it is while it is read.

    A file that was written to may give out a row twice, or halves of two rows as one, so no block of it is given out
    before a look whether it still is what it was.
    """

    def __init__(self, path: Path, found: os.stat_result) -> None:
        self._path = path
        self._seen = _mark(found)

    def check(self) -> None:
        """Raises: FileError when the file was written to, replaced or removed."""
        try:
            same = _mark(self._path.stat()) == self._seen
        except OSError:
            same = False
        if not same:
            hint = "what was sent is in the results file; an import needs a file that stays as it is"
            raise FileError(f"{self._path} changed while it was read", hint=hint)

    def opened(self) -> io.BufferedReader:
        """Open it. Reading on raises FileError once it is not what it was."""
        return io.BufferedReader(_Watched(self._path, self))


class _Watched(io.FileIO):
    """A file that is looked at after each block."""

    def __init__(self, path: Path, watch: Unchanged) -> None:
        super().__init__(path)
        self._watch = watch

    def readinto(self, buffer: Any) -> int:
        """Read a block. Raises: FileError."""
        size = super().readinto(buffer)
        self._watch.check()
        return size or 0


def _mark(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
