"""Turns the rows of a file into leads, by the places that were chosen for its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from unilead.errors import InvalidLeadError
from unilead.importing.files import FileError
from unilead.importing.places import LISTS, MAX_INDEX, Place, place_of
from unilead.importing.readers import Row, row_error
from unilead.schema import Lead

Values: TypeAlias = Sequence[Any]

ONE_LEFT_OUT = "--map COLUMN= leaves one out"
_IN_THE_LINE = re.compile(r" \(line \d+ column \d+\)")


def is_given(cell: Any) -> bool:
    """Whether a cell holds something; written out where it is asked for every cell of every row."""
    return bool(cell) or cell == 0  # false and 0 are values


class Columns:
    """Turns rows into leads.

    Attributes:
        chosen: column to place.
        ignored: columns that go nowhere.
    """

    def __init__(self, columns: Sequence[str], chosen: Mapping[str, str], *, nested: bool = False) -> None:
        self.chosen = dict(chosen)
        self.ignored = [name for name in columns if name not in chosen]
        self._column_of = {path: name for name, path in chosen.items()}
        if len(self._column_of) < len(chosen):
            path, names = _clash(chosen)
            raise FileError(f"columns {' and '.join(names)} both go to {path}", hint=ONE_LEFT_OUT)
        places = [(columns.index(name), place_of(path, nested=nested)) for name, path in chosen.items()]
        self._places = places
        self._plain = [(index, place.field) for index, place in places if len(place.steps) == 1]
        grouped: dict[str, list[tuple[int, Place]]] = {}
        for index, place in places:
            if len(place.steps) > 1:
                grouped.setdefault(place.field, []).append((index, place))
        self._check_whole(grouped)
        self._parts = [(name, _part(name, group)) for name, group in grouped.items()]

    def _check_whole(self, grouped: Mapping[str, Sequence[tuple[int, Place]]]) -> None:
        """Make sure that no field comes as a whole and in parts: one would be lost. Raises: FileError."""
        for _, field in self._plain:
            if field in grouped:
                names = f"{self._column_of[field]} and {self._column_of[grouped[field][0][1].path]}"
                raise FileError(f"columns {names} both go to {field}", hint=ONE_LEFT_OUT)

    def values(self, cells: Values) -> dict[str, Any]:
        """Sort a row's cells into a lead; empty ones are *not given*."""
        found = {name: cell for index, name in self._plain if (cell := cells[index]) or cell == 0}
        for name, build in self._parts:
            part = build(cells)
            if part:
                found[name] = part
        return found

    def filled(self, cells: Values) -> Iterator[tuple[str, str]]:
        """The columns that hold something in this row, each with the path of its value in the lead."""
        seen: dict[str, list[str | int]] = {}
        for index, place in self._places:
            if not is_given(cells[index]):
                continue
            path = place.path
            if place.field in LISTS and len(place.steps) == 3:
                keys = self._item_keys(place.field, cells, seen)
                path = f"{place.field}[{keys.index(place.steps[1])}].{place.steps[2]}"
            yield self._column_of[place.path], path

    def _item_keys(self, field: str, cells: Values, seen: dict[str, list[str | int]]) -> list[str | int]:
        """The keys of a list's items that are there in this row, in the order in which they stand in the lead."""
        if field not in seen:
            group = [(index, place) for index, place in self._places if place.field == field]
            there = {place.steps[1] for index, place in group if is_given(cells[index])}
            seen[field] = [key for key in _item_order(group) if key in there]
        return seen[field]

    def lead(self, where: str, row: Row) -> Lead | InvalidLeadError:
        """Make a lead of a row; what is wrong with it names its place in the file and the column."""
        if isinstance(row, InvalidLeadError):
            return row
        if isinstance(row, bytes):
            return read_lead(where, row)
        try:
            return Lead.parse(self.values(row))
        except InvalidLeadError as error:
            first = error.problems[0]
            column = self._column_of.get(first.field)
            place = f"column {column}" if column else first.field
            return row_error(where, f"{place}: {first.message}", first.code, first.field)


def read_lead(where: str, text: bytes) -> Lead | InvalidLeadError:
    """Make a lead of a line of JSON."""
    try:
        return Lead.parse(text)
    except InvalidLeadError as error:
        first = error.problems[0]
        reason = first.message.replace("request body", "the line")
        reason = _IN_THE_LINE.sub("", reason)
        field = "" if first.field == "body" else f"{first.field}: "
        return row_error(where, field + reason, first.code, first.field)


def _clash(chosen: Mapping[str, str]) -> tuple[str, list[str]]:
    paths = list(chosen.values())
    path = next(path for path in paths if paths.count(path) > 1)
    return path, [name for name in chosen if chosen[name] == path]


def _part(name: str, group: Sequence[tuple[int, Place]]) -> Callable[[Values], Any]:
    """Compile what builds one nested field."""
    if len(group) == 1:
        return _single(*group[0])
    if name in LISTS:
        return _list_of(group)
    if name == "remote_data":
        return _tree_of(group)
    keys = [(index, str(place.steps[1])) for index, place in group]
    return lambda cells: {key: cell for index, key in keys if (cell := cells[index]) or cell == 0}


def _single(index: int, place: Place) -> Callable[[Values], Any]:
    """What most files have: one column for the field."""
    steps = place.steps
    if place.field not in LISTS:
        last, *parents = [str(step) for step in reversed(steps[1:])]

        def build_object(cells: Values) -> Any:
            cell = cells[index]
            found = {last: cell} if cell or cell == 0 else None
            for key in parents:
                found = {key: found} if found else None
            return found

        return build_object
    fixed = {"type": steps[1]} if isinstance(steps[1], str) else {}
    part = str(steps[2])

    def build_list(cells: Values) -> Any:
        cell = cells[index]
        return [{**fixed, part: cell}] if cell or cell == 0 else None

    return build_list


def _list_of(group: Sequence[tuple[int, Place]]) -> Callable[[Values], list[dict[str, Any]]]:
    """Items in the order of their first column, numbered ones by number; a named item carries its name as its type."""
    items: dict[str | int, list[tuple[int, str]]] = {}
    for index, place in group:
        items.setdefault(place.steps[1], []).append((index, str(place.steps[2])))
    compiled = [(key, items[key]) for key in _item_order(group)]

    def build(cells: Values) -> list[dict[str, Any]]:
        found = []
        for key, parts in compiled:
            item = {part: cell for index, part in parts if (cell := cells[index]) or cell == 0}
            if item:
                found.append(item if isinstance(key, int) else {"type": key, **item})
        return found

    return build


def _item_order(group: Sequence[tuple[int, Place]]) -> list[str | int]:
    keys = dict.fromkeys(place.steps[1] for _, place in group)
    return sorted(keys, key=lambda key: key if isinstance(key, int) else MAX_INDEX + 1)


def _tree_of(group: Sequence[tuple[int, Place]]) -> Callable[[Values], dict[str, Any]]:
    paths = [(index, [str(step) for step in place.steps[1:]]) for index, place in group]
    for _, path in paths:
        if any(other[: len(path)] == path for _, other in paths if other is not path):
            raise FileError(f"remote_data.{'.'.join(path)} cannot be a value and an object at once")

    def build(cells: Values) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for index, path in paths:
            if not is_given(cells[index]):
                continue
            inner = found
            for key in path[:-1]:
                inner = inner.setdefault(key, {})
            inner[path[-1]] = cells[index]
        return found

    return build
