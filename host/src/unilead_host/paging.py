"""Pages of what is listed by time: a cursor says where one begins, also when the row it was made of is gone by then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

CURSOR = r"^[0-9]{1,12}\.[0-9]{1,12}_[0-9a-f-]{36}$"


class Listed(Protocol):
    """A row that has its place in time."""

    @property
    def created_at(self) -> float:
        """Seconds since 1970."""

    @property
    def id(self) -> str:
        """A uuid."""


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Make a page of one row more than it may show. Returns: its rows, and the last of them where more follow."""
    shown = found[:limit]
    return shown, shown[-1] if len(found) > limit else None


def cursor_of(row: Listed | None) -> str | None:
    """The cursor of the page that follows after a row."""
    return None if row is None else f"{row.created_at!r}_{row.id}"


def place_of(cursor: str) -> sa.Tuple:
    """What a cursor means in SQL, to be compared with a row's time and id."""
    at, _, row_id = cursor.partition("_")
    return sa.tuple_(float(at), row_id, types=[sa.Double(), sa.Text()])
