"""Reports that people look at: one self-contained HTML page, or a CSV file of the rows that need attention.

Everything that comes from the file or the CRM is escaped. The page loads nothing and runs nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from unilead.importing.columns import Columns
from unilead.importing.files import FileError
from unilead.importing.survey import Survey
from unilead.importing.tally import LISTED, Reason, Tally
from unilead.version import VERSION

WORDS = {
    "created": "created", "rejected": "rejected", "unknown": "unknown", "not_sent": "not sent",
    "ready": "ready", "missing": "missing fields", "invalid": "invalid",
}  # fmt: skip
MEANINGS = {
    "created": "The CRM answered with an id.",
    "rejected": "The CRM, or a check before it, said no. Nothing was created.",
    "unknown": "Sent, and no trustworthy answer came. The lead may exist: look it up before sending it again.",
    "not_sent": "Certainly not processed. <code>--resume</code> sends these.",
    "ready": "Would be sent as it is.",
    "missing": "Lacks a field that this CRM requires.",
    "invalid": "Holds a value that cannot be sent.",
}
LONG = 36  # characters; longer cells are wrapped
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the page.

    Attributes:
        about: a sentence below the title, in HTML.
        rows: cells; numbers are set to the right.
    """

    title: str
    about: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def import_page(
    summary: Mapping[str, Any], tally: Tally, columns: Columns, *, file: str, crm: str, stopped_by: str = ""
) -> str:
    """The page about an import that ran."""
    counts = {name: summary[name] for name in ("created", "rejected", "unknown", "not_sent")}
    facts = [
        ("File", file),
        ("CRM", crm),
        ("Rows", f"{summary['rows']:,}"),
        ("Requests in this run", f"{summary['calls']:,}"),
        ("Seconds", f"{summary['seconds']:,.1f}"),
        ("Results", summary["results"]),
        ("Ended early", stopped_by),
    ]
    unknown = (
        "Look these up in the CRM; <code>--retry-unknown</code> sends them again, once you know they are not there."
    )
    listed = ranges(tally.unknown) + (" …" if len(tally.unknown) == LISTED else "")
    sections = [
        _reasons(tally.reasons),
        Section("Rows with an unknown outcome", unknown, ("Rows",), [(listed,)] if listed else []),
        _dropped(tally),
        _mapping(columns),
        Section("First leads created", "", ("Row", "Id in the CRM"), tally.created),
    ]
    return _page(f"Import into {crm}", counts, facts, sections)


def survey_page(survey: Survey, document: Mapping[str, Any], *, file: str, crm: str) -> str:
    """The page about a dry run."""
    counts = {name: document[name] for name in ("ready", "missing", "invalid")}
    facts = [("File", file), ("CRM", crm), ("Rows", f"{document['rows']:,}"), ("Sent", "nothing: this was a dry run")]
    fates = [(fate.column, fate.field or "not imported", fate.filled, fate.dropped or "") for fate in survey.fates()]
    sections = [
        Section("Columns", "Where each column goes, and in how many rows this CRM does not take its value.",
                ("Column", "Field", "Rows with a value", "Rows where it is dropped"), fates),
        _reasons(survey.tally.reasons),
        _dropped(survey.tally),
    ]  # fmt: skip
    return _page(f"Dry run for {crm}", counts, facts, sections)


def ranges(rows: Sequence[int]) -> str:
    """Write ascending rows as ``1, 4-7, 9``."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][-1] + 1:
            runs[-1][1:] = [row]
        else:
            runs.append([row])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _reasons(reasons: Iterable[Reason]) -> Section:
    rows = [
        (reason.count, WORDS[reason.status], reason.message, ", ".join(reason.fields), ", ".join(map(str, reason.rows)))
        for reason in reasons
    ]
    about = "Rows with the same reason are counted together; numbers and quoted values in it are those of the first."
    return Section("Reasons", about, ("Rows", "Outcome", "Reason", "Fields", "For example rows"), rows)


def _dropped(tally: Tally) -> Section:
    about = "Parts of leads that this CRM does not take, or that are no fields of a lead."
    return Section("Left out", about, ("Path", "Rows"), tally.dropped.most_common())


def _mapping(columns: Columns) -> Section:
    rows = [*columns.chosen.items(), *((name, "not imported") for name in columns.ignored)]
    return Section("Columns", "", ("Column", "Field"), rows)


# --- the page ---------------------------------------------------------------------------------------------------------


def _page(title: str, counts: Mapping[str, int], facts: Iterable[tuple[str, str]], sections: Iterable[Section]) -> str:
    template = Template(files("unilead.importing").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        bar="".join(_bar(counts)),
        tiles="".join(_tile(name, count) for name, count in counts.items()),
        facts="".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value),
        sections="".join(_section(section) for section in sections if section.rows),
        made=f"unilead {VERSION} · {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )


def _bar(counts: Mapping[str, int]) -> Iterator[str]:
    for name, count in counts.items():
        if count:
            yield f'<i class="{name}" style="flex-grow:{count}" title="{count:,} {WORDS[name]}"></i>'


def _tile(name: str, count: int) -> str:
    kind = name if count else "none"
    return f'<li class="{kind}"><b>{count:,}</b> <span>{WORDS[name]}</span><p>{MEANINGS[name]}</p></li>'


def _section(section: Section) -> str:
    numeric = [
        all(isinstance(row[place], int) or row[place] == "" for row in section.rows)
        for place in range(len(section.headers))
    ]
    head = "".join(
        f"<th scope=col{' class=n' if right else ''}>{name}</th>"
        for name, right in zip(section.headers, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in section.rows)
    about = f"<p>{section.about}</p>" if section.about else ""
    table = f"<div class=scroll tabindex=0><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    return f"<section><h2>{section.title}</h2>{about}{table}</section>"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"<td class=n>{value:,}</td>"
    kind = " class=long" if len(str(value)) > LONG else ""
    return f"<td{kind}>{escape(str(value))}</td>"


# --- CSV --------------------------------------------------------------------------------------------------------------


def write_csv(path: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows that were not created, or not whole, for a spreadsheet; no cell can be taken for a formula."""
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "status", "id", "fields", "message", "dropped"])
            for entry in entries:
                error = entry["error"] or {"fields": (), "message": ""}
                if entry["status"] != "created" or entry["dropped"]:
                    cells = [
                        entry["id"] or "",
                        "; ".join(error["fields"]),
                        error["message"],
                        "; ".join(entry["dropped"]),
                    ]
                    writer.writerow([entry["row"], entry["status"], *map(harmless, cells)])
    except OSError as fault:
        raise FileError(f"report {path}: {fault.strerror or type(fault).__name__}") from None


def harmless(text: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_page(path: Path, page: str) -> None:
    """Write a page. Raises: FileError."""
    try:
        path.write_text(page, encoding="utf-8", errors="backslashreplace")
    except OSError as fault:
        raise FileError(f"report {path}: {fault.strerror or type(fault).__name__}") from None
