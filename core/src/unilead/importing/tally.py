"""Counts for people: what became of the rows, for which reasons, and what of them was left out. Bounded in memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_REASONS = 300
SAMPLES = 5
LISTED = 100
_PLACE = re.compile(r"^(line|row) \d+: ")
_VARYING = re.compile(r"\d+|\"[^\"]*\"|'[^']*'")


@dataclass
class Reason:
    """Why rows were not created.

    Attributes:
        status: what became of them.
        message: that of the first row, in full.
        fields: unified paths at fault.
        count: how many rows.
        rows: the first few of them.
    """

    status: str
    message: str
    fields: tuple[str, ...]
    count: int = 0
    rows: list[int] = field(default_factory=list)

    def add(self, row: int, message: str) -> None:
        """Count one more row."""
        self.count += 1
        self.rows = sorted([*self.rows, row])[:SAMPLES]
        if row == self.rows[0]:
            self.message = message


class Tally:
    """Rows that were judged, counted.

    Attributes:
        statuses: rows by status.
        dropped: rows by the path that was left out of them.
        created: the first rows that were created, with the lead's id.
        unknown: the first rows whose outcome is unknown.
    """

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.created: list[tuple[int, str]] = []
        self.unknown: list[int] = []
        self._reasons: dict[tuple[Any, ...], Reason] = {}

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> Tally:
        """Count the entries of a ledger."""
        tally = cls()
        for entry in entries:
            tally.add(entry["row"], entry["status"], entry["id"], entry["error"], entry["dropped"])
        return tally

    def add(
        self, row: int, status: str, lead_id: str | None, error: Mapping[str, Any] | None, dropped: Iterable[str]
    ) -> None:
        """Count one row."""
        self.statuses[status] += 1
        for path in dropped:
            if path in self.dropped or len(self.dropped) < MOST_REASONS:
                self.dropped[path] += 1
        if status == "ready":
            return
        if status == "created":
            self.created = sorted([*self.created, (row, lead_id or "")])[:SAMPLES]
            return
        if status == "unknown":
            self.unknown = sorted([*self.unknown, row])[:LISTED]
        self._count_reason(row, status, error)

    def _count_reason(self, row: int, status: str, error: Mapping[str, Any] | None) -> None:
        """Rows share a reason whose words are the same, whatever numbers and quotes are in them."""
        message = _PLACE.sub("", error["message"]) if error else "the import ended before the answer came"
        fields = tuple(error["fields"]) if error else ()
        key = (status, fields, _VARYING.sub("#", message))
        if key not in self._reasons and len(self._reasons) >= MOST_REASONS:
            key, message, fields = (status, (), ""), "other reasons", ()
        self._reasons.setdefault(key, Reason(status, message, fields)).add(row, message)

    @property
    def reasons(self) -> list[Reason]:
        """The reasons, the most frequent first."""
        return sorted(self._reasons.values(), key=lambda reason: (-reason.count, reason.rows))
