"""Readers of Parquet (extra ``parquet``) and of Excel workbooks (extra ``xlsx``).

Values in text form: dates and times as ISO 8601, decimals as their digits. Null, and in Parquet NaN, is *not given*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from unilead.importing.files import FileError
from unilead.importing.readers import Reader, Row, checked_header, row_error
from unilead.values import decimal_text

ROWS_AT_ONCE = 1_000
LARGEST_WORKBOOK = 768 * 1024 * 1024  # unpacked; a full sheet of a million short rows has some 500 MB
LARGEST_RATIO = 200  # of unpacked to packed; spreadsheets reach 10 to 50
RATIO_MATTERS_FROM = 64 * 1024 * 1024
MOST_EXACT = 2**53  # from here on a workbook's numbers leave whole ones out
_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")


def _module(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        hint = f"pip install 'unilead[{extra}]'"
        raise FileError(f"reading this file needs the extra {extra}", hint=hint) from None


def plain(value: Any) -> Any:
    """Turn a value into what a JSON lead can hold. Raises: ValueError for bytes that are no text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError("holds bytes that are no text") from None
    if isinstance(value, timedelta):
        return decimal_text(value.total_seconds())
    return str(value)


def _plain_row(cells: list[Any], where: str, reader: Reader) -> Row:
    for place, cell in enumerate(cells):
        if type(cell) is not str:
            try:
                cells[place] = plain(cell)
            except ValueError as fault:
                if place not in reader.left_out:
                    return row_error(where, f"column {reader.columns[place]} {fault}")
    return cells


def _whole(cell: Any) -> Any:
    """A workbook keeps every number as a fraction, and shows those that are whole without one."""
    return int(cell) if type(cell) is float and cell.is_integer() and abs(cell) < MOST_EXACT else cell


class ParquetReader(Reader):
    """Apache Parquet, read a thousand rows at a time; nested columns become objects and lists."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._parquet = _module("pyarrow.parquet", "parquet")
        self.read_as = {"format": "parquet"}
        with self._opened() as file:
            schema = file.schema_arrow
            self.columns = checked_header(schema.names, path)
            pairs = zip(self.columns, schema.types, strict=True)
            self.nested = frozenset(name for name, kind in pairs if kind.num_fields)
            self.count = file.metadata.num_rows

    def _opened(self) -> Any:
        return self._guarded(lambda: self._parquet.ParquetFile(self._path, pre_buffer=False))

    def _guarded(self, read: Callable[[], Any], row: int = 0) -> Any:
        """Read on. Raises: FileError with the row where the file is broken."""
        try:
            return read()
        except (ValueError, OSError) as fault:  # pyarrow's own errors are one of these
            place = f" after row {row}" if row else ""
            reason = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
            raise FileError(f"{self._path} is not a readable Parquet file{place}: {reason}") from None

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give out the rows."""
        number = 0
        with self._opened() as file:
            batches = file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False)
            while (batch := self._guarded(lambda: next(batches, None), number)) is not None:
                values = self._guarded(partial(_columns_of, batch), number)
                self.check_unchanged()
                for cells in zip(*values, strict=True):
                    number += 1
                    where = f"row {number}"
                    yield where, _plain_row(list(cells), where, self)
        self.check_unchanged()


class XlsxReader(Reader):
    """One sheet of an Excel workbook; its first filled row names the columns. The whole sheet is held in memory.

    Args:
        sheet: its name; the first one by default.
    """

    def __init__(self, path: Path, sheet: str = "") -> None:
        super().__init__(path)
        self._calamine = _module("python_calamine", "xlsx")
        self._check_size()
        self._sheet = self._opened(sheet)
        self.read_as = {"format": "xlsx", "sheet": self._sheet.name}
        rows = self._filled()
        self.columns = checked_header([plain(name) for name in next(rows, (0, []))[1]], path)
        self.count = sum(1 for _ in rows)

    def _filled(self) -> Iterator[tuple[int, list[Any]]]:
        """Rows with a filled cell, numbered as Excel does."""
        for number, cells in enumerate(self._sheet.iter_rows(), 1):
            if any(cell != "" for cell in cells):
                yield number, [_whole(cell) for cell in cells]

    def _check_size(self) -> None:
        """Refuse what would unpack to far more than a workbook has, and what is no open workbook at all."""
        with self._path.open("rb") as file:
            if file.read(8) == _COMPOUND_FILE:
                hint = "save it as .xlsx without a password"
                raise FileError(f"{self._path} is encrypted, or of Excel's old format", hint=hint)
        try:
            with ZipFile(self._path) as archive:
                self._look_into(archive)
        except (BadZipFile, OSError, NotImplementedError, RuntimeError):
            raise FileError(f"{self._path} is not an Excel workbook (.xlsx)") from None

    def _look_into(self, archive: ZipFile) -> None:
        entries = archive.infolist()
        unpacked = sum(entry.file_size for entry in entries)
        dense = unpacked > LARGEST_RATIO * max(1, sum(entry.compress_size for entry in entries))
        if unpacked > LARGEST_WORKBOOK or (dense and unpacked > RATIO_MATTERS_FROM):
            raise FileError(
                f"{self._path} would unpack to {unpacked // 1024**2} MiB", hint="split it, or save it as CSV"
            )
        sheets = [entry.filename for entry in entries if entry.filename.startswith("xl/worksheets/sheet")]
        if faulty := sum(_error_cells(archive, name) for name in sheets):
            self.notes.append(f"{faulty} cells hold an error such as #N/A; they count as empty")

    def _opened(self, sheet: str) -> Any:
        try:
            book = self._calamine.load_workbook(self._path)
            if sheet and sheet not in book.sheet_names:
                raise FileError(f"{self._path} has no sheet {sheet!r}", hint=f"it has {', '.join(book.sheet_names)}")
            return book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)
        except self._calamine.PasswordError:
            raise FileError(f"{self._path} is encrypted", hint="save it without a password") from None
        except (self._calamine.CalamineError, IndexError) as fault:
            raise FileError(f"{self._path} is not a readable Excel workbook: {fault}") from None

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Give out the rows that have a filled cell."""
        rows = self._filled()
        next(rows, None)
        for number, cells in rows:
            yield f"row {number}", _plain_row(cells, f"row {number}", self)
        self.check_unchanged()


def _error_cells(archive: ZipFile, name: str) -> int:
    """Count the cells with an error: the reader gives them out like empty ones."""
    count, rest = 0, b""
    with archive.open(name) as file:
        while block := file.read(1024 * 1024):
            text = rest + block
            count += text.count(b' t="e"')
            rest = text[-5:]
    return count


def _columns_of(batch: Any) -> list[list[Any]]:
    return [column.to_pylist() for column in batch.columns]
