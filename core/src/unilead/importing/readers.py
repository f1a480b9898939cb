"""Readers: a file becomes rows, one after the other; what is wrong with one row is that row's error.

A reader is made for one file and looks through it before the first row is given out, so that what concerns the whole
file (its encoding, its header, a quote that is never closed) is said before anything is sent.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeAlias

from unilead.errors import InvalidLeadError, Problem
from unilead.importing.files import FileError, Unchanged, check_file, check_text, encoding_of

LARGEST_CELL = 16 * 1024 * 1024
DELIMITERS = ",;\t|"
SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
    ".xlsx": "xlsx", ".xlsm": "xlsx",
}  # fmt: skip
FORMATS = ("csv", "jsonl", "parquet", "xlsx")

Row: TypeAlias = Sequence[Any] | bytes | InvalidLeadError


class Reader(ABC):
    """Rows of one file.

    Attributes:
        columns: names of the columns; none where each row is a lead of its own, in unified words.
        count: number of rows.
        notes: what a user should know about the file.
        nested: names of the columns whose cells are lists or objects.
        left_out: places of the columns that go nowhere; what is in them makes no row useless.
        read_as: what was decided about how to read it; read in another way, its rows may be others.
    """

    columns: tuple[str, ...] = ()
    nested: frozenset[str] = frozenset()
    left_out: frozenset[int] = frozenset()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watch = Unchanged(path, check_file(path))
        self.count = 0
        self.notes: list[str] = []
        self.read_as: dict[str, str] = {}

    def check_unchanged(self) -> None:
        """Raises: FileError when the file is not what it was when the reader was made."""
        self._watch.check()

    @abstractmethod
    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give out the rows from the first on, with where each stands (``line 7``).

        A row is a cell for each column, or the bytes of a lead, or the error that makes it useless.
        Raises: FileError when the file changes meanwhile, or is broken further down.
        """


def open_reader(
    path: Path, *, form: str | None = None, encoding: str | None = None, delimiter: str | None = None, sheet: str = ""
) -> Reader:
    """Make the reader for a file: by its suffix, unless ``form`` says what it is.

    Raises: FileError.
    """
    check_file(path)
    form = form or SUFFIXES.get(path.suffix.lower())
    if form == "csv":
        return CsvReader(path, encoding=encoding, delimiter=delimiter)
    if form == "jsonl":
        return JsonLinesReader(path)
    if form in ("parquet", "xlsx"):
        from unilead.importing.tables import ParquetReader, XlsxReader

        return ParquetReader(path) if form == "parquet" else XlsxReader(path, sheet)
    hint = f"known are {', '.join(SUFFIXES)}; or say what it is: --format csv"
    if path.suffix.lower() == ".json":
        hint = "leads that stand one a line: --format jsonl; one lead alone: unilead create; a JSON array is not read"
    raise FileError(f"{path}: nothing here reads {path.suffix or 'a file without suffix'}", hint=hint)


def row_error(where: str, reason: str, code: str = "invalid", field: str = "body") -> InvalidLeadError:
    """Make the error of one row."""
    return InvalidLeadError([Problem(field, code, reason)], f"{where}: {reason}")


def checked_header(names: Sequence[Any], path: Path) -> tuple[str, ...]:
    """Name the columns; one without a name is called by its number. Raises: FileError for two of one name."""
    columns = [str(name).strip() or f"column {place}" for place, name in enumerate(names, 1)]
    seen: dict[str, int] = {}
    for place, name in enumerate(columns, 1):
        if name in seen:
            hint = "give each column a name of its own"
            raise FileError(f"{path}: columns {seen[name]} and {place} are both called {name!r}", hint=hint)
        seen[name] = place
    return tuple(columns)


class CsvReader(Reader):
    """Comma-separated values, or whatever separates them; the first line names the columns.

    Args:
        encoding: of the text; by default what its byte order mark says, else UTF-8.
        delimiter: by default the one of comma, semicolon, tab and bar that the first line has most of.
    """

    def __init__(self, path: Path, *, encoding: str | None = None, delimiter: str | None = None) -> None:
        super().__init__(path)
        self._encoding = encoding or encoding_of(path)
        self._has_nul = check_text(path, self._encoding)
        if csv.field_size_limit() < LARGEST_CELL:
            csv.field_size_limit(LARGEST_CELL)  # of the whole process: the module knows no other
        self._delimiter = delimiter or self._guess_delimiter()
        self.read_as = {"format": "csv", "encoding": self._encoding, "delimiter": self._delimiter}
        self._look_through()

    def _guess_delimiter(self) -> str:
        with self._path.open(encoding=self._encoding, newline="") as file:
            head = file.readline(LARGEST_CELL)
        return max(DELIMITERS, key=_outside_quotes(head).count)

    def _look_through(self) -> None:
        lines = self._lines()
        line, header = next(lines, (1, []))
        if isinstance(header, csv.Error):
            raise self._broken(line, header)
        self.columns = checked_header(header, self._path)
        for line, cells in lines:
            if isinstance(cells, csv.Error) and "unexpected end" in str(cells):
                raise self._broken(line, cells)
            if isinstance(cells, csv.Error) and "field limit" in str(cells):
                raise self._broken(line, cells)
            self.count += 1

    def _broken(self, line: int, fault: csv.Error) -> FileError:
        reason = _reason(fault)
        return FileError(f"{self._path}: line {line}: {reason}", hint="double a quote that belongs to the text")

    def _lines(self) -> Iterator[tuple[int, list[str] | csv.Error]]:
        """Give out the records, the header first, each with its first line; blank lines are none."""
        with TextIOWrapper(self._watch.opened(), encoding=self._encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                try:
                    for cells in reader:
                        if cells:
                            yield line, cells
                        line = reader.line_num + 1
                except csv.Error as fault:
                    yield line, fault
                else:
                    return

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give out the rows; one with too few or too many cells is its own error."""
        lines = self._lines()
        next(lines, None)
        width, has_nul = len(self.columns), self._has_nul
        for line, cells in lines:
            if type(cells) is list and len(cells) == width and not has_nul:
                yield f"line {line}", cells
            else:
                yield f"line {line}", self._judged(f"line {line}", cells)
        self.check_unchanged()

    def _judged(self, where: str, cells: list[str] | csv.Error) -> Row:
        if isinstance(cells, csv.Error):
            return row_error(where, _reason(cells), "malformed")
        if len(cells) != len(self.columns):
            return row_error(where, f"cells: {len(cells)}, columns: {len(self.columns)}", "ragged")
        if any("\0" in cell for cell in cells):
            return row_error(where, "a cell holds a NUL character", "nul")
        return cells


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _reason(fault: csv.Error) -> str:
    text = str(fault)
    if "unexpected end" in text or "field limit" in text:
        return "a quote opens here and is never closed"
    return "a quoted cell goes on after its closing quote" if "expected after" in text else text


class JsonLinesReader(Reader):
    """One JSON object a line, each a lead in unified words; blank lines are none."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read_as = {"format": "jsonl"}
        if encoding_of(path) == "utf-16":
            raise FileError(f"{path} is UTF-16", hint="save it as UTF-8")
        for line, text in self._lines():
            if not self.count and text.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[":
                hint = "one object a line is wanted; jq -c '.[]' makes it of an array"
                raise FileError(f"{path}: line {line} begins a JSON array", hint=hint)
            self.count += 1

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self._watch.opened() as file:
            number = 0
            while text := file.readline(LARGEST_CELL):
                number += 1
                if len(text) == LARGEST_CELL and not text.endswith(b"\n"):
                    raise FileError(f"{self._path}: line {number} is longer than {LARGEST_CELL} bytes")
                if text.strip():
                    yield number, text

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give out the lines as they are."""
        for number, text in self._lines():
            yield f"line {number}", text
        self.check_unchanged()
