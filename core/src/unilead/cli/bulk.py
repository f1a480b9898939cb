"""``import``: the leads of a file go to a CRM, or, with ``--dry-run``, nowhere."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click

from unilead.cli.client import open_client
from unilead.cli.dry_run import Target, note_unmapped, survey_of, target_of
from unilead.cli.inputs import check_one_target
from unilead.cli.progress import progress_of
from unilead.cli.show import (
    INTERRUPTED,
    TERMINATED,
    UNKNOWN,
    Command,
    heading,
    in_rows,
    note,
    note_way_out,
    one_line,
    pairs,
    print_json,
    which,
)
from unilead.importing.columns import Columns
from unilead.importing.key import check_apart
from unilead.importing.ledger import STATUSES, Ledger
from unilead.importing.readers import FORMATS, Reader, open_reader
from unilead.importing.report import import_page, write_csv, write_page
from unilead.importing.run import Again, AlreadyImportedError, Import, prepare, results_path
from unilead.importing.tally import Tally

TOP_REASONS = 5
TOP_DROPPED = 10
STOPPING = b"\nunilead: stopping; waiting for the requests in flight (again: leave at once)\n"


@click.command("import", cls=Command)
@click.option("--account", "account_file", metavar="FILE", help="Account file, TOML or JSON.")
@click.option("--simulate", "slug", metavar="SLUG", help="Send to this CRM's simulator instead.")
@click.option("--map", "mapping", multiple=True, metavar="COLUMN=FIELD", help="Where a column goes; empty: nowhere.")
@click.option("--dry-run", is_flag=True, help="Say what would become of each row; send nothing.")
@click.option("--resume", is_flag=True, help="Go on where an earlier import of this file ended.")
@click.option("--retry-unknown", is_flag=True, help="Send rows again that may exist: only after looking in the CRM.")
@click.option("--retry-rejected", is_flag=True, help="Send rows again that the CRM refused.")
@click.option("--report", "report_file", metavar="FILE", help="Write a report: .html a page, .csv a table.")
@click.option("--results", "results_file", metavar="FILE", help="Keep the verdicts here, not in FILE.results.jsonl.")
@click.option("--concurrency", type=click.IntRange(1, 100), default=4, help="Requests in flight, 4 by default.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What FILE is, where its suffix does not say.")
@click.option("--encoding", help="Of a CSV file; UTF-8 by default.")
@click.option("--delimiter", help="Of a CSV file; seen from its first line by default.")
@click.option("--sheet", default="", help="Of a workbook; the first one by default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("file", metavar="FILE")
def import_(
    account_file: str | None,
    slug: str | None,
    mapping: tuple[str, ...],
    dry_run: bool,
    resume: bool,
    retry_unknown: bool,
    retry_rejected: bool,
    report_file: str | None,
    results_file: str | None,
    concurrency: int,
    form: str | None,
    encoding: str | None,
    delimiter: str | None,
    sheet: str,
    as_json: bool,
    file: str,
) -> int:
    """Create the leads of FILE (CSV, JSONL, Parquet or XLSX), with a verdict for each row.

    Verdicts go to FILE.results.jsonl. A row that was sent is never sent again; --resume sends those that were not.
    """
    check_one_target(account_file, slug)
    if file == "-":
        raise click.UsageError("an import reads its file twice, and again to go on: name a file, not standard input")
    if delimiter is not None:
        delimiter = _delimiter(delimiter)
    report = _report_path(report_file, dry_run=dry_run)
    results = Path(results_file) if results_file else results_path(Path(file))
    check_apart(Path(file), None if dry_run else results, report)
    target = target_of(account_file, slug)
    reader = open_reader(Path(file), form=form, encoding=encoding, delimiter=delimiter, sheet=sheet)
    for text in reader.notes:
        note(f"note: {text}")
    if dry_run:
        return survey_of(target, reader, file, mapping, report, as_json=as_json)
    again = Again(resume, retry_unknown, retry_rejected)
    try:
        columns, ledger = prepare(
            reader,
            Path(file),
            results,
            provider=target.account.provider,
            account=target.account.id,
            mapping=mapping,
            again=again,
        )
    except AlreadyImportedError as earlier:
        note(f"warning: {earlier.message}")
        note_way_out(earlier.hint or "")
        return _ended(earlier.summary, earlier.ledger, earlier.columns, file, target.title, report, as_json=as_json)
    _show_columns(reader, columns, file, target.title, mapping)
    with ledger:
        return _import(target, reader, columns, ledger, again, concurrency, file, report, as_json=as_json)


def _delimiter(text: str) -> str:
    found = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(found) != 1:
        raise click.UsageError("--delimiter wants one character, or tab")
    return found


def _report_path(text: str | None, *, dry_run: bool) -> Path | None:
    path = Path(text) if text else None
    known = (".html", ".htm") if dry_run else (".html", ".htm", ".csv")
    if path is not None and path.suffix.lower() not in known:
        raise click.UsageError(f"--report wants a file ending in {'.html' if dry_run else '.html or .csv'}")
    if path is not None and not path.parent.is_dir():
        raise click.UsageError(f"--report: there is no folder {path.parent}")
    return path


# --- sending ----------------------------------------------------------------------------------------------------------


def _import(
    target: Target,
    reader: Reader,
    columns: Columns,
    ledger: Ledger,
    again: Again,
    concurrency: int,
    file: str,
    report: Path | None,
    *,
    as_json: bool,
) -> int:
    for row in ledger.cut:
        note(f"note: the last line of the results was cut off; row {row} is unknown")
    with open_client(target.registry, target.simulator, paced=True) as client, progress_of(reader.count) as seen:
        running = Import(
            reader, columns, ledger, client, target.account, concurrency=concurrency, again=again, seen=seen
        )
        seen.done = reader.count - _left(ledger, reader.count, again)
        with _stopping(running) as caught, _collecting_less():
            summary = running.run()
    if running.stopped_by is not None:
        wait = running.stopped_by.retry_after
        asked = f" (it asks to wait {wait:,.0f} seconds)" if wait else ""
        note(f"unilead: stopped: {running.stopped_by.message}{asked}")
        note_way_out(f"{running.stopped_by.hint or 'mend the account'}; --resume goes on")
    reason = running.stopped_by.message if running.stopped_by else ""
    code = _ended(summary, ledger, columns, file, target.title, report, stopped_by=reason, as_json=as_json)
    if caught:
        note("unilead: interrupted; --resume goes on")
    return caught[0] if caught else code


def _left(ledger: Ledger, rows: int, again: Again) -> int:
    """How many rows this run sends."""
    if not again.any:
        return rows
    return sum(again.sends(ledger.states[row]) for row in range(1, rows + 1))


def _ended(
    summary: dict[str, Any],
    ledger: Ledger,
    columns: Columns,
    file: str,
    title: str,
    report: Path | None,
    *,
    stopped_by: str = "",
    as_json: bool,
) -> int:
    """Write the report that is asked for, and print the summary. Returns: the exit code."""
    tally = Tally() if as_json and report is None else Tally.of(ledger.last_entries())
    if report is not None and report.suffix.lower() == ".csv":
        write_csv(report, ledger.last_entries())
    elif report is not None:
        write_page(report, import_page(summary, tally, columns, file=file, crm=title, stopped_by=stopped_by))
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary, tally, title)
    if summary["unknown"]:
        return UNKNOWN
    return int(summary["created"] < summary["rows"])


def _print_summary(summary: dict[str, Any], tally: Tally, title: str) -> None:
    counts = {name.replace("_", " "): summary[name] for name in STATUSES}
    found = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    heading(f"{in_rows(summary['rows'])} into {title}: {found}")
    pairs(
        [
            ("requests", f"{summary['calls']:,}"),
            ("seconds", f"{summary['seconds']:,.1f}"),
            ("results", summary["results"]),
            *_reason_lines(tally),
            *_dropped_lines(tally),
        ]
    )


def _reason_lines(tally: Tally) -> Iterator[tuple[str, str]]:
    reasons = tally.reasons
    for reason in reasons[:TOP_REASONS]:
        yield reason.status.replace("_", " "), f"{in_rows(reason.count)}: {reason.message} ({which(reason.rows)})"
    if len(reasons) > TOP_REASONS:
        yield "", f"and {len(reasons) - TOP_REASONS} more reasons; --report FILE.html lists them"


def _dropped_lines(tally: Tally) -> Iterator[tuple[str, str]]:
    paths = tally.dropped.most_common()
    for path, count in paths[:TOP_DROPPED]:
        yield "dropped", f"{path} in {in_rows(count)}"
    if len(paths) > TOP_DROPPED:
        yield "", f"and {len(paths) - TOP_DROPPED} more fields; --report FILE.html lists them"


@contextmanager
def _stopping(running: Import) -> Iterator[list[int]]:
    """Let the first Ctrl-C or SIGTERM stop the import in good order, and the second one at once.

    Either leaves the results whole: each row has its verdict there, or its mark that it may have been sent.
    Yields: a list that holds the exit code once one came.
    """
    caught: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if caught:
            os._exit(caught[0])  # threads that wait for an answer would keep the process
        caught.append(INTERRUPTED if number == signal.SIGINT else TERMINATED)
        running.stop()
        with suppress(OSError):  # straight to the terminal: what was interrupted may be in the middle of a write
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, STOPPING)

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _collecting_less() -> Iterator[None]:
    """Keep the garbage collector from looking at the whole program again and again: a quarter of the time per row.

    Leads and answers are freed as soon as nothing refers to them; only what is made from here on is looked at.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


# --- on standard error ------------------------------------------------------------------------------------------------


def _show_columns(reader: Reader, columns: Columns, file: str, title: str, mapping: Sequence[str]) -> None:
    """Say where each column goes, before anything is sent."""
    note(f"{file}: {in_rows(reader.count)} to {title}")
    width = max((len(one_line(name)) for name in reader.columns), default=0)
    for name in reader.columns:
        field = columns.chosen.get(name)
        click.echo(f"  {one_line(name):<{width}}  →  {field or '(not imported)'}", err=True)
    note_unmapped(columns.ignored, mapping)
