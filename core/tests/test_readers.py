"""Files that are imported, well-formed and not: B074, B076, B077, B078, B079."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unilead import InvalidLeadError, Lead
from unilead.importing.columns import read_lead
from unilead.importing.files import FileError
from unilead.importing.readers import Reader, open_reader
from unilead.importing.run import columns_of
from workbooks import DATE, MOMENT, cell, workbook


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(content: bytes | str, name: str = "leads.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def _rows(reader: Reader) -> list[Any]:
    found = [row.message if isinstance(row, InvalidLeadError) else row for _, row in reader.rows()]
    assert len(found) == reader.count
    return found


def _refused(path: Path, **options: Any) -> str:
    with pytest.raises(FileError) as caught:
        open_reader(path, **options)
    return caught.value.message


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"Name,Mail\nAda,a@x.example\nBo,\n",
        b"Name;Mail\r\nAda;a@x.example\r\nBo;\r\n",
        b"Name\tMail\rAda\ta@x.example\rBo\t\r",
        b"\xef\xbb\xbfName,Mail\nAda,a@x.example\nBo,",
        b'"Name";"Mail"\n"Ada";"a@x.example"\n\n"Bo";""\n',
        "Name,Mail\nAda,a@x.example\nBo,\n".encode("utf-16"),
        b"Name|Mail\nAda|a@x.example\nBo|\n",
    ],
    ids=["commas", "semicolons, CRLF", "tabs, CR", "byte order mark", "quotes, blank line", "UTF-16", "bars"],
)
def test_b074_common_forms_of_csv_are_understood(content: bytes, file: Any) -> None:
    reader = open_reader(file(content))
    assert reader.columns == ("Name", "Mail")
    assert _rows(reader) == [["Ada", "a@x.example"], ["Bo", ""]]


def test_b074_a_ragged_row_is_its_own_error(file: Any) -> None:
    assert _rows(open_reader(file("a,b\n1,2\n3\n\n4,5,6\n7,8\n"))) == [
        ["1", "2"], "line 3: cells: 1, columns: 2", "line 5: cells: 3, columns: 2", ["7", "8"],
    ]  # fmt: skip


def test_b074_rows_say_the_line_they_begin_in(file: Any) -> None:
    reader = open_reader(file('a,b\n"x\ny",1\n2,3\n'))
    assert [where for where, _ in reader.rows()] == ["line 2", "line 4"]


def test_b074_a_quote_in_the_wrong_place_is_that_rows_error(file: Any) -> None:
    assert _rows(open_reader(file('a,b\n1,2\n"x"y,3\n4,5\n'))) == [
        ["1", "2"], "line 3: a quoted cell goes on after its closing quote", ["4", "5"],
    ]  # fmt: skip


def test_b074_a_quote_never_closed_is_found_before_anything_is_sent(file: Any) -> None:
    message = _refused(file('a,b\n1,2\n3,"4\n5,6\n7,8\n'))
    assert message.endswith("line 3: a quote opens here and is never closed")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"a,b,a\n1,2,3\n", "columns 1 and 3 are both called 'a'"),
        ("Name\nAda\nJörg\n".encode("latin-1"), "line 3 is not utf-8 text"),
        ("Name\nAda\nBo\n".encode("utf-16-le"), "line 1 is not utf-8 text"),
        ("Name\nAda\nBo\n".encode("utf-16-be"), "line 1 is not utf-8 text"),
    ],
    ids=["0 bytes", "duplicate column", "Latin-1", "UTF-16 without mark, little end", "big end"],
)
def test_b074_what_makes_a_csv_useless_is_said_at_once(content: bytes, said: str, file: Any) -> None:
    assert said in _refused(file(content))


def test_b074_the_encoding_can_be_said(file: Any) -> None:
    path = file("Name\nJörg\n".encode("cp1252"))
    with pytest.raises(FileError) as caught:
        open_reader(path)
    assert "--encoding cp1252" in (caught.value.hint or "")
    assert _rows(open_reader(path, encoding="cp1252")) == [["Jörg"]]
    assert "no encoding" in _refused(path, encoding="nonsense")


def test_b074_a_bad_byte_far_down_is_found_with_its_line(file: Any) -> None:
    content = b"Name\n" + b"Ada Lovelace\n" * 200_000 + b"J\xf6rg\n"
    assert "line 200002 is not utf-8" in _refused(file(content))


def test_b074_big_cells_many_columns_and_no_rows_work(file: Any) -> None:
    assert _rows(open_reader(file("a,b\n" + "x" * 200_000 + ",1\n")))[0][0] == "x" * 200_000
    wide = open_reader(file(",".join(f"c{i}" for i in range(10_000)) + "\n" + ",".join("1" * 10_000) + "\n"))
    assert len(wide.columns) == len(_rows(wide)[0]) == 10_000
    assert _rows(open_reader(file("a,b\n"))) == []


def test_b074_a_nul_is_that_rows_error(file: Any) -> None:
    assert _rows(open_reader(file("a,b\n1,2\n3,\0\n"))) == [["1", "2"], "line 3: a cell holds a NUL character"]


def test_a_column_without_a_name_gets_its_number(file: Any) -> None:
    assert open_reader(file("a,,c\n1,2,3\n")).columns == ("a", "column 2", "c")


# --- JSONL ------------------------------------------------------------------------------------------------------------


def test_b076_lines_are_given_out_as_they_are(file: Any) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\n\n  \n{bad\n{"b": "' + b"x" * 2_000_000 + b'"}\n{"c": 3}'
    reader = open_reader(file(content, "leads.jsonl"))
    found = list(reader.rows())
    assert [where for where, _ in found] == ["line 1", "line 4", "line 5", "line 6"]
    assert (reader.count, found[-1][1]) == (4, b'{"c": 3}')


def test_b076_an_array_is_refused_with_the_way_out(file: Any) -> None:
    assert "JSON array" in _refused(file('[{"last_name": "x"}]', "leads.jsonl"))


def test_b076_a_line_that_ends_too_early_is_said_without_a_place_inside_it(file: Any) -> None:
    reader = open_reader(file("{\n}\n", "leads.jsonl"))
    where, row = next(reader.rows())
    found = read_lead(where, cast("bytes", row))
    assert isinstance(found, InvalidLeadError)
    assert found.message == "line 1: the line is not valid JSON"


# --- Parquet ----------------------------------------------------------------------------------------------------------


def test_b077_values_become_json(tmp_path: Path) -> None:
    columns = {
        "name": pa.array(["Ada", None]).dictionary_encode(),
        "price": pa.array([Decimal("1.50"), Decimal("2.00")]),
        "born": [date(1815, 12, 10), None],
        "seen": [datetime(2026, 11, 23, 10, tzinfo=UTC), None],
        "score": [1.5, float("nan")],
        "staff": [40, None],
        "phones": [[{"number": "1"}], None],
        "text": [b"plain", "x\u00e9".encode()],
    }
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table(columns), path)
    reader = open_reader(path)
    assert reader.columns == tuple(columns)
    assert _rows(reader) == [
        ["Ada", "1.5", "1815-12-10", "2026-11-23T10:00:00+00:00", 1.5, 40, [{"number": "1"}], "plain"],
        [None, "2", None, None, None, None, None, "xé"],
    ]


def test_b077_bytes_that_are_no_text_are_that_rows_error(tmp_path: Path) -> None:
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table({"name": [b"\xff\xfe", b"ok"]}), path)
    assert _rows(open_reader(path)) == ["row 1: column name holds bytes that are no text", ["ok"]]


def test_b077_a_column_that_goes_nowhere_makes_no_row_useless(tmp_path: Path) -> None:
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table({"last_name": ["Lovelace"], "logo": [b"\xff\xfe"], "score": [float("nan")]}), path)
    reader = open_reader(path)
    columns = columns_of(reader, [])
    [(where, row)] = reader.rows()
    assert columns.lead(where, row) == Lead(last_name="Lovelace")
    assert cast("list[Any]", row)[1:] == [b"\xff\xfe", None]


def test_b077_nested_columns_are_whole_fields_by_their_names(tmp_path: Path) -> None:
    lead = {
        "phone": "1",
        "email_addresses": [{"email": "ada@x.example"}],
        "account": {"name": "Engine Works"},
        "custom_fields": {"score": 80},
        "email": "second@x.example",
    }
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.Table.from_pylist([lead]), path)
    reader = open_reader(path)
    columns = columns_of(reader, [])
    assert columns.ignored == ["email"]
    [(where, row)] = reader.rows()
    found = columns.lead(where, row)
    expected = {name: lead[name] for name in ("email_addresses", "account", "custom_fields")}
    assert found == Lead.parse({"phone_numbers": [{"number": "1"}], **expected})


def test_b077_broken_files_are_refused(tmp_path: Path, file: Any) -> None:
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table({"name": ["x" * 50] * 5_000}), path)
    whole = path.read_bytes()
    assert "not a readable Parquet file" in _refused(file(whole[: len(whole) // 2], "cut.parquet"))
    assert "not a readable Parquet file" in _refused(file(b"PAR0" + whole[4:-4] + b"PAR0", "magic.parquet"))
    broken = file(whole[:20] + bytes(len(whole) - 420) + whole[-400:], "pages.parquet")
    with pytest.raises(FileError, match="not a readable Parquet file"):
        list(open_reader(broken).rows())


def test_b077_no_rows_and_many_row_groups_work(tmp_path: Path) -> None:
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table({"name": pa.array([], pa.string())}), path)
    assert _rows(open_reader(path)) == []
    pq.write_table(pa.table({"name": [str(i) for i in range(5_000)]}), path, row_group_size=700)
    assert _rows(open_reader(path)) == [[str(i)] for i in range(5_000)]


# --- XLSX -------------------------------------------------------------------------------------------------------------


def test_b078_formulas_dates_booleans_and_empty_rows(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "leads.xlsx",
        cell("A1", "Name") + cell("B1", "Staff") + cell("C1", "When") + cell("D1", "Primary"),
        cell("A2", "Ada") + cell("B2", 42, formula="40+2") + cell("C2", 45000, style=DATE) + cell("D2", True),
        "",
        cell("A4", "x & co".replace("&", "&amp;"), formula="A1") + cell("C4", 45000.5, style=MOMENT),
    )
    reader = open_reader(path)
    assert reader.columns == ("Name", "Staff", "When", "Primary")
    assert _rows(reader) == [["Ada", 42, "2023-03-15", True], ["x & co", "", "2023-03-15T12:00:00", ""]]
    assert [where for where, _ in reader.rows()] == ["row 2", "row 4"]


def test_b078_rows_are_numbered_as_in_excel(tmp_path: Path) -> None:
    path = workbook(tmp_path / "leads.xlsx", cell("A3", "Name"), cell("A4", "Ada"), first=3)
    assert [where for where, _ in open_reader(path).rows()] == ["row 4"]


def test_b078_error_cells_are_pointed_out_and_merged_cells_hold_their_value_once(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "leads.xlsx",
        cell("A1", "Name") + cell("B1", "Staff"),
        cell("A2", "Ada") + cell("B2", 0, error="#N/A"),
        cell("B3", 1),
        extra='<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>',
    )
    reader = open_reader(path)
    assert reader.notes == ["1 cells hold an error such as #N/A; they count as empty"]
    assert _rows(reader) == [["Ada", ""], ["", 1]]


def test_b078_a_whole_number_has_no_fraction(tmp_path: Path) -> None:
    cells = cell("A2", 42) + cell("B2", 1.5) + cell("C2", 2**60)
    path = workbook(tmp_path / "leads.xlsx", cell("A1", "Staff") + cell("B1", 2026) + cell("C1", "c"), cells)
    reader = open_reader(path)
    assert reader.columns == ("Staff", "2026", "c")
    assert list(map(repr, _rows(reader)[0])) == ["42", "1.5", repr(float(2**60))]


def test_b078_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "leads.xlsx", cell("A1", "Name"), more={"xl/media/image1.bin": bytes(200 * 1024**2)})
    assert path.stat().st_size < 1024**2
    assert "would unpack to 200 MiB" in _refused(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "encrypted, or of Excel's old format"),
        (b"PK\3\4 garbage", "not an Excel workbook"),
        (b"Name,Mail\n", "not an Excel workbook"),
    ],
    ids=["encrypted", "broken archive", "CSV by another name"],
)
def test_b078_what_is_no_open_workbook_is_refused(content: bytes, said: str, file: Any) -> None:
    assert said in _refused(file(content, "leads.xlsx"))


def test_b078_macros_are_ignored_and_a_sheet_can_be_chosen(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "leads.xlsm", cell("A1", "Name"), cell("A2", "Ada"), more={"xl/vbaProject.bin": b"macro"}
    )
    assert _rows(open_reader(path, sheet="Leads")) == [["Ada"]]
    assert "no sheet 'leads'" in _refused(path, sheet="leads")


# --- files ------------------------------------------------------------------------------------------------------------


def test_b079_only_plain_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a plain file" in _refused(tmp_path / "pipe.csv")
    assert "not a plain file" in _refused(Path("/dev/zero"))
    assert "is a folder" in _refused(tmp_path)
    assert "No such file" in _refused(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["leads.csv", "leads.jsonl"])
def test_b079_a_file_that_changes_while_it_is_read_is_noticed(name: str, file: Any) -> None:
    path = file('{"a":1}\n{"a":2}\n', name)
    rows = open_reader(path).rows()
    next(rows)
    with path.open("ab") as more:
        more.write(b'{"a":3}\n')
    with pytest.raises(FileError, match="changed while it was read"):
        list(rows)


def test_b079_no_row_of_a_parquet_file_that_was_written_to_is_given_out(tmp_path: Path) -> None:
    path = tmp_path / "leads.parquet"
    pq.write_table(pa.table({"a": range(5_000)}), path)
    rows = open_reader(path).rows()
    seen = [next(rows)]
    os.utime(path, (0, 0))
    with pytest.raises(FileError, match="changed while it was read"):
        seen.extend(rows)
    assert len(seen) <= 1_000


def test_a_format_can_be_said_where_the_suffix_says_nothing(file: Any) -> None:
    path = file("a\n1\n", "leads.data")
    assert "nothing here reads .data" in _refused(path)
    assert _rows(open_reader(path, form="csv")) == [["1"]]


def test_a_json_file_is_refused_with_what_is_read_instead(file: Any) -> None:
    with pytest.raises(FileError) as caught:
        open_reader(file('[{"last_name": "a"}]', "leads.json"))
    assert "--format jsonl" in (caught.value.hint or "") and "unilead create" in (caught.value.hint or "")
