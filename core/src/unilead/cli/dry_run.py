"""What an import is to, and its dry run: what would become of each row and column, without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from unilead.account import Account
from unilead.account_files import load_account
from unilead.cli.progress import progress_of
from unilead.cli.show import heading, in_rows, line, one_line, pairs, print_json, table, which
from unilead.importing.readers import Reader
from unilead.importing.report import survey_page, write_page
from unilead.importing.run import columns_of
from unilead.importing.survey import Survey
from unilead.registry import Registry
from unilead.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Target:
    """The account that an import goes to.

    Attributes:
        simulator: what is sent to instead of the CRM, if anything.
    """

    registry: Registry
    account: Account
    simulator: Simulator | None

    @property
    def title(self) -> str:
        """The CRM's name for people."""
        return self.registry.get(self.account.provider).info.title


def target_of(account_file: str | None, slug: str | None) -> Target:
    """The account of a file, or a simulator's."""
    registry = Registry()
    if slug is None:
        return Target(registry, load_account(account_file or ""), None)
    simulator = registry.get(slug).simulator()
    return Target(registry, Account(slug, simulator.sample_settings, id=f"simulator-{slug}"), simulator)


def survey_of(
    target: Target, reader: Reader, file: str, mapping: tuple[str, ...], report: Path | None, *, as_json: bool
) -> int:
    """Look at each row, and print what would become of it. Returns: the exit code."""
    provider = target.registry.get(target.account.provider)
    columns = columns_of(reader, mapping)
    survey = Survey(reader, columns, provider, provider.settings_of(target.account))
    with progress_of(reader.count) as seen:
        for status in survey.run():
            seen(status)
    document = survey.document()
    if report is not None:
        write_page(report, survey_page(survey, document, file=file, crm=target.title))
    if as_json:
        print_json(document)
    else:
        _print_survey(document, target.title)
        note_unmapped(columns.ignored, mapping)
    return int(document["ready"] < document["rows"])


def note_unmapped(ignored: Sequence[str], mapping: Sequence[str]) -> None:
    """Say how a column is imported that no field was found for; those that were left out on purpose are known."""
    name = next((name for name in ignored if f"{name}=" not in mapping), None)
    if name is not None:
        click.echo(f"  --map {one_line(name)!r}=FIELD imports it", err=True)


def _print_survey(document: dict[str, Any], title: str) -> None:
    counts = ", ".join(f"{document[name]:,} {name}" for name in ("ready", "missing", "invalid"))
    heading(f"{in_rows(document['rows'])} for {title}: {counts}; nothing was sent")
    pairs(
        [
            *((f"missing {name}", f"in {in_rows(count)}") for name, count in document["missing_fields"].items()),
            *((f"dropped {path}", f"in {in_rows(count)}") for path, count in document["dropped"].items()),
            *(
                (
                    "invalid",
                    f"{in_rows(reason['count'])}: {reason['message']} ({which(reason['rows'])})",
                )
                for reason in document["reasons"]
                if reason["status"] == "invalid"
            ),
        ]
    )
    line()
    rows = [
        (entry["column"], entry["field"] or "not imported", f"{entry['filled']:,}", f"{entry['dropped']:,}")
        for entry in document["columns"]
    ]
    table(("COLUMN", "FIELD", "FILLED", "DROPPED"), rows)
