"""Which import a results file belongs to, and that no file of an import stands in for another; B079, F080, F081."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acme_batch import BatchSimulator
from unilead.importing import run as run_module
from unilead.importing.files import FileError
from unilead.importing.key import ImportKey
from unilead.importing.readers import open_reader
from unilead.importing.run import Again, prepare, results_path


def _prepared(file: Path, account: str = "1", *, resume: bool = False) -> Any:
    again = Again(resume=resume)
    return prepare(open_reader(file), file, results_path(file), provider="acme", account=account, again=again)[1]


# --- names ------------------------------------------------------------------------------------------------------------


def test_f081_results_whose_names_differ_by_their_suffix_alone_are_those_of_two_imports(
    run: Any, leads: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    """Else --resume takes the rows of the one for those of the other: nothing is sent, and all is said to be there."""
    first, second = leads(3, name="first.csv"), leads(4, name="second.csv")
    assert run("--results", tmp_path / "out", first)[0] == 0
    crm.faults.throttle = 99
    assert run("--results", tmp_path / "out.jsonl", second)[0] == 1
    crm.faults.throttle = 0
    code, _, err = run("--resume", "--results", tmp_path / "out", second)
    assert (code, crm.count) == (2, 3)
    assert "before it changed" in err
    assert run("--resume", "--results", tmp_path / "out.jsonl", second)[0] == 0
    assert crm.count == 7


NAMES = st.lists(st.sampled_from(["out", "OUT", ".jsonl", ".JSONL", ".key.json", ".import-key.json", ".json", "."]))


@example(one="out", other="out.jsonl")
@given(one=NAMES.map("".join), other=NAMES.map("".join))
def test_f081_no_two_names_have_one_key(one: str, other: str) -> None:
    if {one, other} & {"", "."}:
        return
    keys = {ImportKey.path_of(Path("x", name)).name.casefold() for name in (one, other)}
    assert len(keys) == 2 or one.casefold() == other.casefold()


def test_f081_results_that_an_earlier_version_began_are_refused_with_the_way_out(
    run: Any, leads: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    file, results = leads(3), tmp_path / "out"
    crm.faults.throttle = 99
    run("--results", results, file)
    crm.faults.throttle = 0
    ImportKey.path_of(results).rename(tmp_path / "out.key.json")
    for arguments in ([], ["--resume"]):
        code, _, err = run(*arguments, "--results", results, file)
        assert (code, crm.count) == (2, 0)
        assert "nobody can say what" in err and "copy it to out.import-key.json" in err
    (tmp_path / "out.key.json").rename(tmp_path / "out.import-key.json")
    assert run("--resume", "--results", results, file)[0] == 0
    assert crm.count == 3


@pytest.mark.parametrize("name", ["a.key.json", "A.KEY.JSON", "a.import-key.json", "a.key.json.part"])
def test_f081_results_are_not_called_like_a_key(
    name: str, run: Any, leads: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    code, _, err = run("--results", tmp_path / name, leads(3))
    assert (code, crm.count) == (2, 0)
    assert "such names are kept for the keys" in err


@pytest.mark.parametrize(
    ("results", "report"),
    [
        ("leads.csv", "out.html"),
        ("out.html", "out.html"),
        ("OUT.html", "out.html"),
        ("link/../out.html", "out.html"),
        ("out.jsonl", "leads.csv"),
    ],
)
def test_b079_no_file_of_an_import_is_written_over_another(
    results: str, report: str, run: Any, leads: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    file = leads(3)
    (tmp_path / "link").mkdir()
    before = file.read_bytes()
    code, _, err = run("--results", tmp_path / results, "--report", tmp_path / report, file)
    assert (code, crm.count, file.read_bytes()) == (2, 0, before)
    assert "would be one file" in err
    assert not (tmp_path / "out.html").exists()


def test_b079_a_key_is_not_written_over_the_file_to_import(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    file = tmp_path / "out.key.json"
    file.write_text('{"last_name": "ok"}\n', encoding="utf-8")
    code, _, err = run("--format", "jsonl", "--results", tmp_path / "out.jsonl", file)
    assert (code, crm.count) == (2, 0)
    assert "the file to import and the key of the results would be one file" in err


def test_b079_a_key_is_written_over_keys_alone(run: Any, leads: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    other = tmp_path / "out.key.json"
    other.write_text('{"private": 1}', encoding="utf-8")
    code, _, err = run("--results", tmp_path / "out.jsonl", leads(3))
    assert (code, crm.count, other.read_text(encoding="utf-8")) == (2, 0, '{"private": 1}')
    assert "not the key of an import" in err


def test_b079_a_report_is_not_written_over_results(run: Any, leads: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    results, file = tmp_path / "out.csv", leads(3)
    run("--results", results, file)
    before = results.read_bytes()
    for arguments in (["--resume", "--results", tmp_path / "other.jsonl"], ["--dry-run"]):
        code, _, _ = run(*arguments, "--report", results, leads(2, name="other.csv"))
        assert (code, results.read_bytes()) == (2, before)
    assert crm.count == 3


def test_b079_a_dry_run_does_not_write_over_its_file(run: Any, leads: Any) -> None:
    file = leads(3, name="leads.html")
    before = file.read_bytes()
    code, _, err = run("--dry-run", "--format", "csv", "--report", file, file)
    assert (code, file.read_bytes()) == (2, before)
    assert "would be one file" in err


@pytest.mark.parametrize("results", ["/dev/null", "/dev/zero", ".", "folder", "pipe"])
@pytest.mark.parametrize("arguments", [[], ["--resume"]])
def test_b079_results_are_kept_in_a_plain_file(
    arguments: list[str],
    results: str,
    run: Any,
    leads: Any,
    tmp_path: Path,
    crm: BatchSimulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    code, _, err = run(*arguments, "--results", results, leads(3))
    assert (code, crm.count) == (2, 0)
    assert "is not a plain file" in err or "is a folder" in err


@pytest.mark.parametrize("file", ["", ".", "/"])
def test_b079_what_has_no_name_is_no_file(file: str, run: Any) -> None:
    code, _, err = run(file)
    assert (code, "is a folder" in err) == (2, True)


@pytest.mark.parametrize(
    "arguments", [["--results", "a" * 249 + ".jsonl"], ["--results", "a" * 250], ["--report", "a" * 300 + ".html"]]
)
def test_b079_a_name_that_is_too_long_is_refused(
    arguments: list[str], run: Any, leads: Any, crm: BatchSimulator
) -> None:
    code, _, err = run(*arguments, leads(3))
    assert (code, crm.count) == (2, 0)
    assert "File name too long" in err


# --- the beginning ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["--resume"], ["--retry-unknown"]])
def test_f080_an_import_that_was_killed_before_it_had_a_key_begins_anew(
    arguments: list[str], run: Any, leads: Any, crm: BatchSimulator
) -> None:
    file = leads(3)
    results_path(file).touch()
    assert run(*arguments, file)[0] == 0
    assert crm.count == 3
    assert run("--resume", file)[0] == 0
    assert crm.count == 3


def test_f080_results_with_a_row_and_without_a_key_stay_refused(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(3)
    run(file)
    ImportKey.path_of(results_path(file)).unlink()
    code, _, err = run("--resume", file)
    assert (code, crm.count) == (2, 3)
    assert "nobody can say what" in err


def test_f081_a_key_of_results_that_were_moved_away_does_not_speak_for_new_ones(
    leads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = leads(3)
    _prepared(file, "old").close()
    results_path(file).unlink()

    def killed(*arguments: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(SystemExit):
            _prepared(file, "new")
    _prepared(file, "new", resume=True).close()
    assert ImportKey.read(results_path(file))["account"] == "new"


def test_f081_of_two_that_begin_with_an_empty_file_the_later_one_sees_what_the_first_one_sent(
    leads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one is done before the second one, which saw nothing of it yet, holds the results."""
    file = leads(3)
    results_path(file).touch()
    columns_of = run_module.columns_of

    def decide_late(*arguments: Any) -> Any:
        monkeypatch.setattr(run_module, "columns_of", columns_of)
        ledger = _prepared(file, "first")
        ledger.mark([1])
        ledger.close()
        return columns_of(*arguments)

    monkeypatch.setattr(run_module, "columns_of", decide_late)
    with pytest.raises(FileError, match="another import has just begun it"):
        _prepared(file, "second")
    assert ImportKey.read(results_path(file))["account"] == "first"


def test_f081_an_import_goes_on_only_with_what_it_has_looked_at(leads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another import began these results while this one decided; its rows are not the rows of this account."""
    file = leads(3)
    _prepared(file, "first").close()
    columns_of = run_module.columns_of

    def decide_late(*arguments: Any) -> Any:
        monkeypatch.setattr(run_module, "columns_of", columns_of)
        results_path(file).unlink()
        _prepared(file, "second").close()
        return columns_of(*arguments)

    monkeypatch.setattr(run_module, "columns_of", decide_late)
    with pytest.raises(FileError, match="another import has just begun it"):
        _prepared(file, "first", resume=True)


def test_a_mapping_that_is_mended_stays_so(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    """Else the rows that a second --resume sends go by the mapping that was wrong."""
    file = tmp_path / "leads.csv"
    file.write_text("Person,Born\nwrong,ok1\n", encoding="utf-8")
    crm.faults.throttle = 99
    run("--map", "Person=last_name", file)
    run("--resume", "--map", "Person=", "--map", "Born=last_name", file)
    crm.faults.throttle = 0
    assert run("--resume", file)[0] == 0
    assert crm.names == ["ok1"]
    assert json.loads(ImportKey.path_of(results_path(file)).read_bytes())["file"] == "leads.csv"


def test_b081_a_mapping_that_is_no_text_is_refused(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("last_name,\\ud800\nok,1\n", encoding="utf-8")
    code, _, err = run("--encoding", "unicode_escape", "--map", "\ud800=custom_fields.a", file)
    assert (code, crm.count) == (2, 0)
    assert "lone surrogate" in err


def test_f080_the_name_of_new_results_is_on_the_disk_before_a_row_is_sent(
    run: Any, leads: Any, crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power failure takes the whole ledger, and the import begins anew with rows that were sent."""

    def broken(opened: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    code, _, err = run(leads(3))
    assert (code, crm.count) == (2, 0)
    assert "Input/output error" in err
