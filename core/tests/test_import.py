"""`unilead import`: what is sent, what is written down, what is printed; B050, B074-B080, F039, F059, F079-F081."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from acme_batch import BatchSimulator
from unilead import Response
from unilead.cli import main
from unilead.importing import run as run_module
from unilead.importing.files import FileError
from unilead.importing.key import ImportKey
from unilead.importing.readers import open_reader
from unilead.importing.report import ranges
from unilead.importing.run import prepare, results_path


def _results(path: Path) -> dict[int, dict[str, Any]]:
    lines = Path(f"{path}.results.jsonl").read_text(encoding="utf-8").splitlines()
    return {entry["row"]: entry for entry in map(json.loads, lines)}


# --- sending ----------------------------------------------------------------------------------------------------------


def test_each_row_has_a_verdict_and_the_summary_counts_them(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(25, bad=(7,))
    code, out, err = run("--json", file)
    summary = json.loads(out)
    seconds = summary.pop("seconds")
    assert summary == {
        "rows": 25, "created": 24, "rejected": 1, "unknown": 0, "not_sent": 0, "calls": 3,
        "results": f"{file}.results.jsonl",
    }  # fmt: skip
    assert (code, crm.count) == (1, 24)
    assert seconds >= 0
    results = _results(file)
    assert sorted(results) == list(range(1, 26))
    assert crm.leads[results[3]["id"]]["surname"] == "ok003"
    assert results[3] == {"row": 3, "status": "created", "id": results[3]["id"], "error": None, "dropped": ["status"]}
    assert (results[7]["status"], results[7]["id"]) == ("rejected", None)
    assert results[7]["error"] == {
        "type": "RejectedError", "category": "validation", "message": "Surname bad007 is bad",
        "fields": ["last_name"], "vendor_code": None, "retry_after": None, "outcome": "rejected",
    }  # fmt: skip
    assert "Given name  →  first_name" in err


def test_people_get_a_sentence_and_the_reasons(run: Any, leads: Any) -> None:
    code, out, err = run(leads(25, bad=(7, 9)))
    assert code == 1
    assert "25 rows into Acme CRM: 23 created, 2 rejected, 0 unknown, 0 not sent" in out
    assert "2 rows: Surname bad007 is bad (rows 7, 9)" in " ".join(out.split())
    assert "\r" not in err and "\x1b" not in err, "a bar is for terminals"


def test_a_column_without_a_field_is_told_unless_it_is_left_out_on_purpose(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("last_name,odd,even\nOkafor,1,2\n", encoding="utf-8")
    assert "--map 'odd'=FIELD imports it" in run("--dry-run", file)[2]
    assert "--map 'even'=FIELD imports it" in run("--dry-run", "--map", "odd=", file)[2]
    assert "imports it" not in run("--map", "odd=", "--map", "even=", file)[2]


def test_all_created_is_exit_0(run: Any, leads: Any) -> None:
    assert run(leads(3))[0] == 0


def test_an_unknown_outcome_is_exit_3(run: Any, leads: Any, crm: BatchSimulator) -> None:
    crm.faults.drop_after_commit = 1
    code, out, _ = run("--json", leads(5, bad=(2,)))
    assert (code, json.loads(out)["unknown"]) == (3, 5)


def test_a_row_is_marked_before_it_is_sent(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(10)
    seen: list[Any] = []

    def look(rows: list[Any]) -> list[Any]:
        seen.append(_results(file))
        return rows

    crm.rows = look
    run(file)
    assert {row: entry["status"] for row, entry in seen[0].items()} == dict.fromkeys(range(1, 11), "unknown")


def test_bad_rows_are_rejected_with_their_line_and_the_others_go_on(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text('Last name,created_at\nok1,\nok2\n"ok\n3",today\n,\nok5,\n', encoding="utf-8")
    assert run(file)[0] == 1
    found = {row: (entry["status"], (entry["error"] or {}).get("message")) for row, entry in _results(file).items()}
    assert found[1] == found[5] == ("created", None)
    assert found[2] == ("rejected", "line 3: cells: 1, columns: 2")
    assert found[3][1].startswith("line 4: column created_at: must be an RFC 3339")
    assert found[4] == ("rejected", "last_name is required")


def test_b076_lines_of_json_are_leads_as_they_are(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.jsonl"
    file.write_text('{"last_name": "a"}\n\n{bad\n{"last_name": "b", "foo": 1}\n', encoding="utf-8")
    assert run(file)[0] == 1
    results = _results(file)
    assert [results[row]["status"] for row in (1, 2, 3)] == ["created", "rejected", "created"]
    assert results[2]["error"]["message"] == "line 3: the line is not valid JSON"
    assert results[3]["dropped"] == ["foo"]


# --- going on ---------------------------------------------------------------------------------------------------------


def test_f081_the_same_file_twice_warns_and_sends_nothing(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(25, bad=(7,))
    run(file)
    calls, before = len(crm.calls), Path(f"{file}.results.jsonl").read_bytes()
    code, out, err = run("--json", file)
    assert (code, len(crm.calls)) == (1, calls)
    assert "was imported before (24 created, 1 rejected, 0 unknown, 0 not_sent)" in err.replace(
        "not sent", "not_sent", 1
    )
    assert "--resume sends what was not sent, --retry-rejected also what was refused" in err
    assert json.loads(out)["calls"] == 0
    assert Path(f"{file}.results.jsonl").read_bytes() == before


def test_the_same_file_twice_says_again_why_rows_failed_and_writes_the_report(run: Any, leads: Any) -> None:
    file = leads(25, bad=(7,))
    first = run(file)[1]
    page, table = file.with_name("out.html"), file.with_name("out.csv")
    code, out, err = run("--report", page, file)
    assert code == 1 and "nothing was sent" in err
    assert out.splitlines()[0] == first.splitlines()[0]
    assert "(row 7)" in out
    assert "<html" in page.read_text(encoding="utf-8")
    run("--report", table, file)
    assert "7,rejected" in table.read_text(encoding="utf-8")


def test_the_summary_names_what_was_dropped(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "leads.jsonl"
    file.write_text('{"last_name": "a", "titel": "x"}\n' * 2 + '{"last_name": "b"}\n', encoding="utf-8")
    code, out, _ = run(file)
    assert code == 0
    assert "  dropped   titel in 2 rows" in out.splitlines()


def test_resume_sends_what_was_not_sent_and_nothing_else(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(30, bad=(7,))
    crm.faults.throttle = 15
    assert run("--concurrency", 1, file)[0] == 1
    assert crm.count == 0
    code, out, _ = run("--json", "--resume", file)
    assert (code, json.loads(out)["created"], json.loads(out)["rejected"]) == (1, 29, 1)
    assert crm.count == 29
    assert json.loads(run("--json", "--resume", file)[1])["calls"] == 0


def test_unknown_and_rejected_rows_are_sent_again_only_by_explicit_word(
    run: Any, leads: Any, crm: BatchSimulator
) -> None:
    file = leads(10)
    crm.faults.drop_before = 1
    assert run(file)[0] == 3
    assert run("--resume", file)[0] == 3
    assert run("--retry-rejected", file)[0] == 3
    assert crm.count == 0
    code, out, _ = run("--json", "--resume", "--retry-unknown", file)
    assert (code, json.loads(out)["created"], crm.count) == (0, 10, 10)
    assert run("--retry-unknown", file)[0] == 0
    assert crm.count == 10, "created rows are never sent again"


def test_rejected_rows_can_be_sent_again_when_the_crm_was_mended(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(10, bad=(7,))
    run(file)
    crm._fault = lambda prospect: None  # type: ignore[method-assign]
    assert run("--resume", file)[0] == 1
    assert run("--retry-rejected", file)[0] == 0
    assert (crm.count, len(crm.names)) == (10, 10)


def test_a_resumed_import_keeps_its_mapping(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("Person\nok1\n", encoding="utf-8")
    crm.faults.throttle = 99
    run("--map", "Person=last_name", file)
    crm.faults.throttle = 0
    assert run("--resume", file)[0] == 0
    assert crm.names == ["ok1"]


def test_f080_a_cut_line_is_pointed_out_and_its_row_is_not_sent(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(10)
    run(file)
    results = Path(f"{file}.results.jsonl")
    results.write_bytes(results.read_bytes()[:-30])
    code, out, err = run("--json", "--resume", file)
    assert (code, json.loads(out)["unknown"], json.loads(out)["created"]) == (3, 1, 9)
    assert "row 10 is unknown" in err
    assert crm.count == 10


@pytest.mark.parametrize("arguments", [[], ["--resume"]])
def test_b079_a_changed_file_is_not_gone_on_with(
    arguments: list[str], run: Any, leads: Any, crm: BatchSimulator
) -> None:
    file = leads(10)
    run(file)
    file.write_text(file.read_text(encoding="utf-8") + "more,x,new\n", encoding="utf-8")
    code, _, err = run(*arguments, file)
    assert (code, crm.count) == (2, 10)
    assert "before it changed" in err


def test_a_file_read_in_another_way_has_other_rows(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("last_name,x;y\nok1,2;3\n", encoding="utf-8")
    crm.faults.throttle = 9
    run(file)
    code, _, err = run("--resume", "--delimiter", ";", "--map", "last_name,x=last_name", file)
    assert (code, crm.count) == (2, 0)
    assert "read in another way" in err and "--delimiter ','" in err


def test_results_of_another_account_are_left_alone(
    run: Any, leads: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = leads(10)
    run(file)
    account = tmp_path / "account.toml"
    account.write_text('provider = "acme"\n[settings]\ntoken = "x"\n', encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["import", "--account", str(account), str(file)])
    assert caught.value.code == 2
    assert "results of another account" in capsys.readouterr().err


def test_resume_without_results_is_refused(run: Any, leads: Any, crm: BatchSimulator) -> None:
    code, _, err = run("--resume", leads(1))
    assert (code, crm.count) == (2, 0)
    assert "nothing to go on with" in err


# --- ending early -----------------------------------------------------------------------------------------------------


def test_f039_a_quota_of_hours_ends_the_import_and_the_rest_is_not_sent(
    run: Any, leads: Any, crm: BatchSimulator
) -> None:
    file = leads(500)
    crm.throttled = lambda call: Response.of(429, {"text": "daily limit"}, {"Retry-After": "9999"})  # type: ignore[method-assign]
    crm.faults.throttle = 999
    code, out, err = run("--json", "--concurrency", 2, file)
    assert (code, json.loads(out)["not_sent"]) == (1, 500)
    assert len(crm.calls) <= 4
    assert "stopped: daily limit" in err and "--resume" in err
    crm.faults.throttle = 0
    assert run("--resume", file)[0] == 0
    assert crm.count == 500


def test_f059_a_refused_key_ends_the_import_and_spoils_no_row(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(500)
    crm.unauthorized = lambda call: Response.of(401, {"text": "no"})  # type: ignore[method-assign]
    code, out, _ = run("--json", "--concurrency", 1, file)
    assert (code, json.loads(out)["not_sent"], len(crm.calls)) == (1, 500, 1)
    del crm.unauthorized
    assert run("--resume", file)[0] == 0


def test_l010_a_crm_that_fails_on_everything_does_not_make_the_whole_file_unknown(
    run: Any, leads: Any, crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)
    crm.faults.status, crm.faults.status_count = 503, 9_999
    code, out, err = run("--json", "--concurrency", 1, leads(500))
    assert (code, json.loads(out)["unknown"], json.loads(out)["not_sent"]) == (3, 10 + 9, 481)
    assert "stopped: the outcome of 10 requests in a row is unknown, the last one:" in err


def test_a_crm_that_cannot_be_reached_ends_the_import(run: Any, leads: Any, crm: BatchSimulator) -> None:
    crm.faults.refuse = 9_999
    code, out, err = run("--json", "--concurrency", 1, leads(500))
    assert (code, json.loads(out)["not_sent"]) == (1, 500)
    assert "stopped: could not connect" in err


def test_b081_a_file_name_that_is_no_text(run: Any, leads: Any, tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/l\xffeads.csv"))
    leads(3).rename(file)
    assert run("--report", tmp_path / "out.html", file)[0] == 0
    assert run("--resume", "--json", file)[0] == 0


def test_b079_a_file_that_changes_meanwhile_ends_the_import(run: Any, leads: Any, crm: BatchSimulator) -> None:
    file = leads(30)

    def change(rows: list[Any]) -> list[Any]:
        with file.open("a", encoding="utf-8") as more:
            more.write("late,x,new\n")
        return rows

    crm.rows = change
    code, _, err = run("--concurrency", 1, file)
    assert code == 2
    assert "changed while it was read" in err
    assert {entry["status"] for entry in _results(file).values()} == {"created"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_f079_f085_b080_an_interrupted_import_finishes_what_is_in_flight(
    number: int, code: int, tmp_path: Path
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("last_name\n" + "".join(f"n{row}\n" for row in range(2_000)), encoding="utf-8")
    script = (
        "import sys, acme_batch, unilead.cli.dry_run\n"
        "simulator = acme_batch.BatchSimulator(); simulator.faults.latency = 0.1\n"
        "unilead.cli.dry_run.Registry = lambda: acme_batch.batch_registry(simulator=lambda: simulator)\n"
        "from unilead.cli import main\n"
        "main(['import', '--simulate', 'acme', '--json', sys.argv[1]])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(file)], env=environment, stdout=-1, stderr=-1, encoding="utf-8"
    )
    results = Path(f"{file}.results.jsonl")
    while not results.exists() or '"created"' not in results.read_text(encoding="utf-8"):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    summary = json.loads(out)
    assert process.returncode == code
    assert "Traceback" not in err and "--resume goes on" in err
    assert summary["unknown"] == 0
    assert 0 < summary["created"] < 2_000
    assert summary["created"] + summary["not_sent"] == 2_000
    assert {entry["status"] for entry in _results(file).values()} <= {"created", "not_sent"}


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--concurrency", "0"], "concurrency"),
        (["--map", "Nobody=last_name"], "no column"),
        (["--map", "Stage=stage"], "no field"),
        (["--report", "out.pdf"], ".html or .csv"),
        (["--dry-run", "--report", "out.csv"], "ending in .html"),
        (["--delimiter", ",,"], "one character"),
        (["--encoding", "nonsense"], "no encoding"),
        (["--results", "/no/such/folder/x.jsonl"], "No such file"),
        (["--account", "x.toml"], "either --account or --simulate, not both"),
    ],
)
def test_b075_b080_bad_usage_is_exit_2_and_nothing_is_sent(
    arguments: list[str], said: str, run: Any, leads: Any, crm: BatchSimulator
) -> None:
    code, out, err = run(*arguments, leads(3))
    assert (code, out, crm.count) == (2, "", 0)
    assert said in err
    assert "Traceback" not in err


def test_b075_lines_of_json_have_no_columns_to_map(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    file = tmp_path / "leads.jsonl"
    file.write_text('{"last_name": "a"}', encoding="utf-8")
    code, _, err = run("--map", "a=title", file)
    assert (code, crm.count) == (2, 0)
    assert "each line is a lead" in err


@pytest.mark.parametrize("name", ["none.csv", ".", "/dev/zero"])
def test_b079_what_is_no_file_is_exit_2(name: str, run: Any, tmp_path: Path) -> None:
    code, _, err = run(tmp_path / name)
    assert code == 2
    assert err.startswith("unilead: ")


# --- looking first ----------------------------------------------------------------------------------------------------


def test_a_dry_run_sends_nothing_and_says_what_would_become_of_each_column(
    run: Any, tmp_path: Path, crm: BatchSimulator
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text(
        "Last name,Email,Mobile,Created,Shoe size\nok,a@x,1,,38\n,b@x,,,\nok,,,today,\nragged\n", encoding="utf-8"
    )
    code, out, _ = run("--dry-run", "--json", file)
    assert (code, crm.calls) == (1, type(crm.calls)(maxlen=crm.calls.maxlen))
    assert not Path(f"{file}.results.jsonl").exists()
    found = json.loads(out)
    reasons = found.pop("reasons")
    assert found == {
        "rows": 4, "ready": 1, "missing": 1, "invalid": 2,
        "missing_fields": {"last_name": 1},
        "dropped": {"email_addresses": 1, "phone_numbers": 1},
        "columns": [
            {"column": "Last name", "field": "last_name", "filled": 1, "dropped": 0},
            {"column": "Email", "field": "email_addresses[0].email", "filled": 2, "dropped": 1},
            {"column": "Mobile", "field": "phone_numbers[mobile].number", "filled": 1, "dropped": 1},
            {"column": "Created", "field": "created_at", "filled": 0, "dropped": 0},
            {"column": "Shoe size", "field": None, "filled": 1, "dropped": 0},
        ],
    }  # fmt: skip
    assert [(reason["status"], reason["rows"]) for reason in reasons] == [
        ("missing", [2]),
        ("invalid", [3]),
        ("invalid", [4]),
    ]


def test_a_dry_run_for_people(run: Any, leads: Any) -> None:
    code, out, _ = run("--dry-run", leads(25))
    assert code == 0
    assert "25 rows for Acme CRM: 25 ready, 0 missing, 0 invalid; nothing was sent" in out
    assert re.search(r"Stage +status +25 +25", out)


# --- reports ----------------------------------------------------------------------------------------------------------


def test_b050_the_page_escapes_what_it_shows_and_loads_nothing(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "a&b <leads>.csv"
    file.write_text("last_name,<b>x</b>\nbad<script>alert(1)</script>,1\nok,1\n", encoding="utf-8")
    page = tmp_path / "out.html"
    assert run("--report", page, file)[0] == 1
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text and "<b>x" not in text
    assert "bad&lt;script&gt;alert(1)&lt;/script&gt; is bad" in text
    assert "a&amp;b &lt;leads&gt;.csv" in text
    assert not re.search(r"(src|href)=|url\(|@import", text)
    assert "default-src 'none'" in text


def test_the_page_of_a_dry_run_shows_the_columns(run: Any, leads: Any, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    run("--dry-run", "--report", page, leads(25))
    text = page.read_text(encoding="utf-8")
    assert "Dry run for Acme CRM" in text
    assert "<td>Stage</td><td>status</td><td class=n>25</td><td class=n>25</td>" in text


def test_b050_no_cell_of_the_table_is_a_formula(run: Any, tmp_path: Path, crm: BatchSimulator) -> None:
    file, table = tmp_path / "leads.csv", tmp_path / "out.csv"
    file.write_text("last_name\nbad\nok\n", encoding="utf-8")
    crm._fault = lambda prospect: (
        {"path": "surname", "text": "=cmd|' /C calc'!A0"} if prospect["surname"] == "bad" else None
    )  # type: ignore[method-assign]
    run("--report", table, file)
    with table.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["row"], row["status"], row["fields"]) for row in rows] == [("1", "rejected", "last_name")]
    assert rows[0]["message"] == "'=cmd|' /C calc'!A0"


def test_a_report_that_cannot_be_written_is_said_after_the_verdicts_are_kept(
    run: Any, leads: Any, tmp_path: Path
) -> None:
    file = leads(3)
    taken = tmp_path / "out.html"
    taken.mkdir()
    code, _, err = run("--report", str(taken), file)
    assert code == 2
    assert "out.html" in err
    assert len(_results(file)) == 3


def test_a_report_in_no_folder_is_refused_before_anything_is_sent(run: Any, leads: Any) -> None:
    file = leads(3)
    code, _, err = run("--report", "/no/such/folder/out.html", file)
    assert code == 2
    assert "there is no folder /no/such/folder" in err
    assert not Path(f"{file}.results.jsonl").exists()


# --- on a terminal ----------------------------------------------------------------------------------------------------


def test_a_terminal_gets_a_bar_with_counts(leads: Any) -> None:
    file = leads(3_000)
    script = (
        "import sys, acme_batch, unilead.cli.dry_run\n"
        "unilead.cli.dry_run.Registry = acme_batch.batch_registry\n"
        "from unilead.cli import main\n"
        "main(['import', '--simulate', 'acme', '--json', sys.argv[1]])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "TERM": "xterm", "COLUMNS": "120"}
    reading, writing = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], env=environment, stdout=-1, stderr=writing)
    os.close(writing)
    shown = b""
    try:
        while block := os.read(reading, 65_536):
            shown += block
    except OSError:  # the other end is closed
        pass
    os.close(reading)
    assert json.loads(process.communicate()[0])["created"] == 3_000
    assert process.returncode == 0
    assert b"3000/3000" in shown and b"created" in shown and b"/s" in shown


def test_rows_are_listed_in_ranges() -> None:
    assert ranges([]) == ""
    assert ranges([1, 4, 5, 6, 7, 9, 10]) == "1, 4-7, 9-10"


# --- two imports that begin at once -----------------------------------------------------------------------------------


def _prepared(file: Path, account: str) -> tuple[Any, Any]:
    return prepare(open_reader(file), file, results_path(file), provider="acme", account=account)


def test_f081_of_two_imports_that_begin_at_once_one_gets_the_results(
    leads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the loser's account would stand over the winner's rows, and --resume would take them for its own."""
    file = leads(3)
    others: list[Any] = []
    decide = run_module.columns_of

    def decide_late(*arguments: Any) -> Any:
        monkeypatch.setattr(run_module, "columns_of", decide)
        others.append(_prepared(file, "second"))
        return decide(*arguments)

    monkeypatch.setattr(run_module, "columns_of", decide_late)
    with pytest.raises(FileError, match="another import"):
        _prepared(file, "first")
    others[0][1].close()
    assert ImportKey.read(results_path(file))["account"] == "second"


def test_f072_an_import_that_could_not_say_what_it_is_of_begins_again(
    leads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = leads(3)

    def fail(key: ImportKey, results: Path, **options: bool) -> None:
        raise FileError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ImportKey, "write", fail)
        with pytest.raises(FileError, match="No space"):
            _prepared(file, "first")
    _, ledger = _prepared(file, "first")
    ledger.close()
