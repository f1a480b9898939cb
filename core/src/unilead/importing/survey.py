"""The survey of a file: what would become of each row at a CRM, without sending anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from unilead.errors import LeadError, MissingFieldsError
from unilead.importing.columns import Columns, is_given
from unilead.importing.readers import Reader, Row
from unilead.importing.tally import Tally
from unilead.provider import Provider
from unilead.schema import Lead
from unilead.settings import Settings

MOST_COLUMNS = 20_000
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class ColumnFate:
    """What becomes of one column.

    Attributes:
        column: its name; where rows are leads of their own, the lead's field.
        field: where it goes; ``None`` where it goes nowhere.
        filled: rows that have something in it.
        dropped: rows whose value this CRM does not take.
    """

    column: str
    field: str | None
    filled: int
    dropped: int


class Survey:
    """What would become of the rows of a file.

    Attributes:
        tally: rows that are ``ready``, ``missing`` a required field, or ``invalid``, with the reasons.
        missing: rows by the required field they lack.
    """

    def __init__(self, reader: Reader, columns: Columns, provider: Provider, settings: Settings) -> None:
        self.tally = Tally()
        self.missing: Counter[str] = Counter()
        self._reader = reader
        self._columns = columns
        self._provider = provider
        self._settings = settings
        self._origin = provider.base_url(settings)
        self._ignored = [(name, reader.columns.index(name)) for name in columns.ignored]
        self._filled: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()

    def run(self) -> Iterator[str]:
        """Look at each row. Yields: its status. Raises: FileError when the file breaks further down."""
        for number, (where, row) in enumerate(self._reader.rows(), 1):
            yield self._look_at(number, where, row)

    def _look_at(self, number: int, where: str, row: Row) -> str:
        lead = self._columns.lead(where, row)
        dropped: tuple[str, ...] = ()
        status = "ready"
        error: LeadError | None = None
        try:
            if isinstance(lead, LeadError):
                raise lead
            dropped = self._provider.build_request(lead, self._settings, base_url=self._origin).dropped
            dropped += lead.unknown
        except MissingFieldsError as fault:
            status, error = "missing", fault
            self.missing.update(fault.fields)
        except LeadError as fault:
            status, error = "invalid", fault
        if isinstance(lead, Lead):
            self._count_columns(lead, row, dropped)
        shown = tuple(dict.fromkeys(_INDEX.sub("[]", path) for path in dropped))
        self.tally.add(number, status, None, error.document() if error else None, shown)
        return status

    def _count_columns(self, lead: Lead, row: Row, dropped: tuple[str, ...]) -> None:
        if isinstance(row, (bytes, LeadError)):
            filled = [(name, name) for name in lead.model_fields_set | set(lead.unknown)]
        else:
            filled = list(self._columns.filled(row))
            self._filled.update(name for name, index in self._ignored if is_given(row[index]))
        for column, path in filled:
            if column not in self._filled and len(self._filled) >= MOST_COLUMNS:
                continue  # lines of JSON may have any names
            self._filled[column] += 1
            if any(_covers(lost, path) for lost in dropped):
                self._lost[column] += 1

    def fates(self) -> list[ColumnFate]:
        """What becomes of each column."""
        if not self._reader.columns:
            return [ColumnFate(name, name, self._filled[name], self._lost[name]) for name in sorted(self._filled)]
        chosen = self._columns.chosen
        return [
            ColumnFate(name, chosen.get(name), self._filled[name], self._lost[name]) for name in self._reader.columns
        ]

    def document(self) -> dict[str, Any]:
        """The survey as programs read it."""
        counts = self.tally.statuses
        return {
            "rows": self._reader.count,
            "ready": counts["ready"],
            "missing": counts["missing"],
            "invalid": counts["invalid"],
            "missing_fields": dict(self.missing.most_common()),
            "dropped": dict(self.tally.dropped.most_common()),
            "columns": [
                {"column": fate.column, "field": fate.field, "filled": fate.filled, "dropped": fate.dropped}
                for fate in self.fates()
            ],
            "reasons": [
                {"status": reason.status, "message": reason.message, "fields": list(reason.fields),
                 "count": reason.count, "rows": reason.rows}
                for reason in self.tally.reasons
            ],
        }  # fmt: skip


def _covers(lost: str, path: str) -> bool:
    """Whether losing the one path means losing (a part of) the other."""
    return lost == path or path.startswith((f"{lost}.", f"{lost}[")) or lost.startswith((f"{path}.", f"{path}["))
