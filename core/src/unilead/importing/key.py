"""Which import a results file belongs to: the key that is kept beside it, and which files an import may write."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from unilead.importing.files import FileError, check_plain, is_there, sync_folder

_KEPT_FOR_KEYS = re.compile(r"[.](import-)?key[.]json([.]part)?\Z", re.IGNORECASE)
_VERDICT = b'{"row":'


class ImportKey(dict[str, Any]):
    """What an import is of, kept beside its ledger: the file, how it was read, provider, account, mapping."""

    IDENTITY = ("sha256", "read_as", "provider", "account")

    @staticmethod
    def path_of(results: Path) -> Path:
        """Where it is kept. No two results files have one place for it, and none is that place itself."""
        if results.name.endswith(".jsonl"):
            return _former_path_of(results)
        return results.with_name(results.name + ".import-key.json")

    @classmethod
    def read(cls, results: Path) -> ImportKey:
        """Read the key beside a results file. Raises: FileError when there is none."""
        path = cls.path_of(results)
        try:
            return cls._read(path)
        except (OSError, ValueError, TypeError, KeyError):
            hint = f"{path.name} says so, and it is missing or damaged; move both away to import anew"
            former = _former_path_of(results)
            if former.exists() and not path.exists():
                hint = (
                    f"an earlier version said so in {former.name}, a name that results of another import may share; "
                    f"if its file and account are those of {results.name}, copy it to {path.name}"
                )
            raise FileError(f"nobody can say what {results} holds the results of", hint=hint) from None

    @classmethod
    def _read(cls, path: Path) -> ImportKey:
        found = from_json(path.read_bytes())
        return cls({name: found[name] for name in (*cls.IDENTITY, "map")})

    def write(self, results: Path, *, fresh: bool = False) -> None:
        """Write it, whole or not at all; it is on the disk then.

        Args:
            fresh: a key that is there already is of results that were moved away.
        Raises: FileError, also when what is there is no key.
        """
        path = self.path_of(results)
        part = _part_of(path)
        text = self._text()
        try:
            if is_there(path):
                self._check(path, results)
            if fresh:
                path.unlink(missing_ok=True)  # else it would speak for these results if this one were not finished
            with part.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
        except OSError as fault:
            raise FileError(f"{path}: {fault.strerror or type(fault).__name__}") from None

    def _text(self) -> bytes:
        try:
            return to_json(dict(self), indent=2) + b"\n"
        except ValueError:
            hint = "say what the file is encoded in: --encoding"
            raise FileError("the name of a column, or of its field, has a lone surrogate", hint=hint) from None

    @classmethod
    def _check(cls, path: Path, results: Path) -> None:
        """Make sure that what is there is a key. Raises: FileError."""
        try:
            cls._read(path)
        except (ValueError, TypeError, KeyError):
            hint = f"it would be written over with what {results.name} belongs to; move it away, or --results FILE"
            raise FileError(f"{path} is not the key of an import", hint=hint) from None

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """What of the identity is not the same."""
        return [name for name in self.IDENTITY if self[name] != other[name]]


def is_begun(results: Path) -> bool:
    """Whether there are results of an earlier run.

    An empty file without a key holds none: an import that ended before it could say what it is of leaves one, and
    nothing was sent under it, as each row has a line before it is sent.

    Raises: FileError for what is no plain file: it would not keep what was sent.
    """
    keys = (ImportKey.path_of(results), _former_path_of(results))
    try:
        found = results.stat()
        has_key = any(map(is_there, keys))
    except FileNotFoundError:
        return False
    except OSError as fault:
        raise FileError(f"results file {results}: {fault.strerror or type(fault).__name__}") from None
    check_plain(results, found, hint="the results say what was sent, so they must be a file on disk: --results FILE")
    return bool(found.st_size) or has_key


def check_apart(file: Path, results: Path | None, report: Path | None) -> None:
    """Make sure that no file of an import would be written over another. Raises: FileError."""
    named = {"the file to import": file}
    if results is not None:
        _check_name(results)
        key = ImportKey.path_of(results)
        named |= {"the results": results, "the key of the results": key, "the key on its way": _part_of(key)}
    if report is not None:
        named["the report"] = report
    try:
        if report is not None and _holds_verdicts(report):
            raise FileError(f"{report} holds the results of an import", hint="write the report to another file")
        for (one, path), (other, second) in combinations(named.items(), 2):
            if _are_one(path, second):
                raise FileError(f"{one} and {other} would be one file, {second}", hint="each needs a file of its own")
    except OSError as fault:
        raise FileError(f"{fault.filename}: {fault.strerror or type(fault).__name__}") from None


def _check_name(results: Path) -> None:
    if not results.name:
        raise FileError(f"results file {results} is a folder")
    if _KEPT_FOR_KEYS.search(results.name):
        hint = "call it NAME.jsonl; to go on with an import, rename its results and their key alike"
        raise FileError(f"results file {results}: such names are kept for the keys of imports", hint=hint)


def _former_path_of(results: Path) -> Path:
    """Where earlier versions kept every key: results that are not called ``.jsonl`` shared it with those that are."""
    return results.with_name(results.name.removesuffix(".jsonl") + ".key.json")


def _part_of(key: Path) -> Path:
    return key.with_name(key.name + ".part")


def _are_one(path: Path, other: Path) -> bool:
    """Whether both lead to one file, or would, on a file system that folds case too."""
    with suppress(OSError):
        return path.samefile(other)
    if is_there(path) or is_there(other):
        return False
    return os.path.realpath(path).casefold() == os.path.realpath(other).casefold()


def _holds_verdicts(path: Path) -> bool:
    if not is_there(path) or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_VERDICT)) == _VERDICT
