"""Turns the rows of a `FieldMap` into functions, once, so that rendering a lead looks nothing up.

A writer takes the vendor's record so far, the value, the account's settings, and two lists to add to: the unified paths
that are left out, and the problems of values that a converter refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from unilead.errors import InvalidLeadError, Problem
from unilead.fields import Converter, Field, Part, extension_paths
from unilead.merging import merge

Record: TypeAlias = dict[str, Any]
Writer: TypeAlias = Callable[[Record, Any, Any, list[str], list[Problem]], None]


def writer_of(name: str, rows: Sequence[Field]) -> Writer:
    """Compile the rows of one top-level field into one function, so that rendering pays for no look-ups."""
    if rows[0].source != name:
        return _parts_writer(name, {row.source.split(".", 1)[1]: row for row in rows})
    if len(rows) > 1:
        raise ValueError(f"{name} has two rows; let one converter name both places")
    return _converting(rows[0], _merger(rows[0].target)) if name == "custom_fields" else _value_writer(rows[0])


def _value_writer(row: Field) -> Writer:
    place = _placer(row.target)
    if row.convert is not None:
        return _converting(row, place)
    return lambda record, value, settings, dropped, problems: place(record, value)


def _converting(row: Field, place: Callable[[Record, Any], None]) -> Writer:
    """Convert a value and place what came out; what a converter refuses becomes a problem."""
    source, setting = row.source, row.setting
    convert: Converter = row.convert or (lambda value: value)

    def write(record: Record, value: Any, settings: Any, dropped: list[str], problems: list[Problem]) -> None:
        try:
            result = convert(value, getattr(settings, setting)) if setting else convert(value)
        except InvalidLeadError as refusal:
            problems += refusal.problems
            return
        except ValueError as fault:
            problems.append(Problem(source, "invalid", str(fault)))
            return
        if type(result) is Part:
            if result.dropped:
                dropped += [source + below for below in result.dropped]
            result = result.value
            if result is None:
                return
        elif result is None:
            dropped.append(source)
            return
        place(record, result)

    return write


def _placer(target: str) -> Callable[[Record, Any], None]:
    """Make what puts a value into the record: at the target, or where a converter's own paths say."""
    if not target:
        return _spread
    parents, last = _steps(target)
    if len(parents) == 1:  # as most nested records are
        [parent] = parents

        def place_inside(record: Record, value: Any) -> None:
            record.setdefault(parent, {})[last] = value

        return place_inside

    def place(record: Record, value: Any) -> None:
        _inside(record, parents)[last] = value

    return place


def _spread(record: Record, found: Mapping[str, Any]) -> None:
    for path, value in found.items():
        if "." in path:
            parents, last = _steps(path)
            _inside(record, parents)[last] = value
        else:
            record[path] = value


@cache
def _steps(target: str) -> tuple[tuple[str, ...], str]:
    """Split a dotted path: the names on the way, and the last one."""
    *parents, last = target.split(".")
    return tuple(parents), last


def _inside(record: Record, parents: Sequence[str]) -> Record:
    """The object at the end of a path, made where it is not there yet."""
    for parent in parents:
        record = record.setdefault(parent, {})
    return record


def _merger(target: str) -> Callable[[Record, Any], None]:
    """Make what merges an object such as ``custom_fields`` over what is there; its keys are names, never paths."""
    if not target:
        return lambda record, value: record.update(merge(record, value))
    parents, last = _steps(target)

    def place(record: Record, value: Any) -> None:
        inner = _inside(record, parents)
        inner[last] = merge(inner.get(last), value)  # a copy: what is there may be a constant of the plugin's

    return place


def _parts_writer(name: str, rows: Mapping[str, Field]) -> Writer:
    """Write the parts of an object, such as ``owner.id``, and report the parts that have no row."""
    writers = {part: _value_writer(row) for part, row in rows.items()}

    def write(record: Record, value: Any, settings: Any, dropped: list[str], problems: list[Problem]) -> None:
        for part, item in value.__dict__.items():
            if item:
                writer = writers.get(part)
                if writer is not None:
                    writer(record, item, settings, dropped, problems)
                else:
                    dropped.append(f"{name}.{part}")
        if value.__pydantic_extra__:
            dropped.extend(extension_paths(value, name))

    return write


def reporter(name: str) -> Writer:
    """Make what stands in for the row of a field that the CRM does not take."""
    return lambda record, value, settings, dropped, problems: dropped.append(name)
