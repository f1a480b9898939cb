"""Field and FieldMap: the table that says where each field of a lead goes in a CRM's record.

One table serves five ends: it renders the record, reports what was left out, knows what is required, finds the unified
field behind a vendor's name, and is the provider's row of the capability matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from unilead.errors import InvalidLeadError, Problem
from unilead.schema import FrozenDict, FrozenList, Lead

Converter: TypeAlias = Callable[..., Any]
Record: TypeAlias = dict[str, Any]
_Writer: TypeAlias = Callable[[Record, Any, Any, list[str], list[Problem]], None]


@dataclass(frozen=True, slots=True)
class Part:
    """What a converter made of a value that does not go over whole, or goes to several places.

    Attributes:
        value: the vendor's value; for a `Field` without target an object of vendor paths to values.
        dropped: paths below the field that were left out, such as ``[1]`` or ``[0].extension``.
        sources: vendor path to the path below the field that went there, such as ``{"Phone": "[0].number"}``.
    """

    value: Any
    dropped: Sequence[str] = ()
    sources: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One row: a unified field, and where it goes.

    Attributes:
        source: unified field (``last_name``) or part of one (``owner.id``, ``account.name``).
        target: dotted path in the vendor's record; empty where the converter names the places itself.
        required: the contract requires the field of this CRM.
        convert: turns the unified value into the vendor's; ``None`` as result leaves it out and reports it, a `Part`
            reports what was left out, a ValueError refuses the value with its message.
        setting: name of a setting that is given to ``convert`` as second argument.
    """

    source: str
    target: str
    required: bool = False
    convert: Converter | None = None
    setting: str = ""


class FieldMap:
    """The fields that a CRM takes.

    ``custom_fields`` are merged over the other fields, whatever the order of the rows.
    """

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.required: tuple[str, ...] = tuple(name for name in _ORDER if self._requires(name))
        self.supported: tuple[str, ...] = tuple(name for name in _ORDER if self._takes(name))
        self._writers: dict[str, _Writer] = {name: _writer(name, self._rows(name)) for name in self.supported}
        for row in fields:
            if row.source.split(".")[0] not in _ORDER:
                raise ValueError(f"{row.source} is not a field of Lead")
            # account.name is an extension of the schema: a CRM may take it and still not list account.
            if row.source == "account.name" and "account" not in self._writers:
                self._writers["account"] = _writer("account", [row])

    def _rows(self, name: str) -> list[Field]:
        return [row for row in self.fields if row.source.split(".")[0] == name]

    def _requires(self, name: str) -> bool:
        return any(row.required for row in self._rows(name))

    def _takes(self, name: str) -> bool:
        return any(row.source != "account.name" for row in self._rows(name))

    def missing(self, lead: Lead) -> list[Problem]:
        """List the required fields that the lead lacks, in the order of the schema.

        Absent, ``None``, blank text, ``{}`` and ``[]`` count as missing; an object is there when its ``id`` is.
        """
        values = lead.__dict__
        return [
            Problem(name, "missing", "is required by this CRM") for name in self.required if is_missing(values[name])
        ]

    def render(self, lead: Lead, settings: Any = None) -> tuple[Record, tuple[str, ...]]:
        """Make the vendor's record.

        Returns: the record, and the unified paths of everything that is not in it.
        Raises: InvalidLeadError naming every value that a converter refused.
        """
        record: Record = {}
        dropped: list[str] = []
        problems: list[Problem] = []
        writers = self._writers
        custom_fields = None
        for name, value in lead.__dict__.items():
            if value is None or value == "":
                continue
            if name == "custom_fields":
                custom_fields = value
                continue
            if name == "remote_data":
                continue
            writer = writers.get(name)
            if writer is not None:
                writer(record, value, settings, dropped, problems)
            elif not is_empty(value):
                dropped.append(name)
        if custom_fields:
            writer = writers.get("custom_fields")
            if writer is not None:
                writer(record, custom_fields, settings, dropped, problems)
            else:
                dropped.append("custom_fields")
        if problems:
            raise InvalidLeadError(problems)
        return record, tuple(dropped)

    def source_of(self, path: str | None, lead: Lead | None = None, settings: Any = None) -> str | None:
        """Find the unified path behind a vendor's path, such as ``Phone`` or ``address.city``.

        With the lead at hand the very item is named (``phone_numbers[1].number``), else the field; what the lead's
        ``remote_data`` overrides is named there. A path below a target belongs to that target's field, and below the
        one of ``custom_fields`` to the custom field of that name. ``None`` for a path that no field goes to.
        """
        if not path:
            return None
        if lead is not None and _holds(lead.remote_data, path):
            return f"remote_data.{path}"
        for row in self.fields:
            if row.target and path == row.target:
                return row.source
            if row.target and path.startswith(row.target + "."):
                return f"custom_fields{path[len(row.target) :]}" if row.source == "custom_fields" else row.source
        for row in self.fields:
            if row.target or row.convert is None:
                continue
            found = _trace(row, path, lead, settings)
            if found:
                return found
        return None


_ORDER = tuple(name for name in Lead.model_fields if name != "remote_data")
_WHOLE_OBJECTS = ("custom_fields",)


def _holds(extra: Any, path: str) -> bool:
    """Whether nested data has something at a dotted path."""
    for step in path.split("."):
        if not isinstance(extra, Mapping) or step not in extra:
            return False
        extra = extra[step]
    return True


def is_empty(value: Any) -> bool:
    """Whether nothing was given: ``""``, ``[]``, ``{}``, an object whose parts are all empty, a list of such."""
    if value is None or value == "":
        return True
    if isinstance(value, tuple):
        return all(is_empty(item) for item in value)
    if isinstance(value, dict):
        return not value
    parts = getattr(value, "__dict__", None)
    return parts is not None and all(is_empty(part) for part in parts.values()) and not value.model_extra


def is_missing(value: Any) -> bool:
    """Whether a required field counts as absent: as `is_empty`, and blank text; an object counts by its ``id``."""
    if isinstance(value, str):
        return not value.strip()
    if value is not None and "id" in getattr(value, "__dict__", ()):
        return value.id is None or not value.id.strip()
    return is_empty(value)


def extension_paths(value: Any, path: str) -> Iterator[str]:
    """Name the keys of a part that are not in the schema."""
    for key in value.model_extra or ():
        yield f"{path}.{key}"


def put(record: Record, target: str, value: Any) -> None:
    """Set a value at a dotted path, making the objects on the way."""
    if "." not in target:
        record[target] = value
        return
    parents, last = _steps(target)
    for parent in parents:
        record = record.setdefault(parent, {})
    record[last] = value


@cache
def _steps(target: str) -> tuple[tuple[str, ...], str]:
    *parents, last = target.split(".")
    return tuple(parents), last


def thaw(value: Any) -> Any:
    """Copy a lead's frozen JSON value into plain dicts and lists."""
    if isinstance(value, FrozenDict):
        return {key: thaw(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    if isinstance(value, FrozenList):
        return [thaw(item) for item in value]
    return value


def merge(base: Any, extra: Any) -> Any:
    """Merge JSON values: objects key by key, everything else replaced by ``extra``. Neither argument is changed."""
    if not (isinstance(base, dict) and isinstance(extra, dict)):
        return thaw(extra)
    merged = dict(base)
    for key, value in extra.items():
        merged[key] = merge(merged[key], value) if key in merged else thaw(value)
    return merged


def _trace(row: Field, path: str, lead: Lead | None, settings: Any) -> str | None:
    value = getattr(lead, row.source, None) if lead is not None else None
    converter = row.convert
    if converter is None:
        return None
    targets: Sequence[str] = getattr(converter, "targets", ())
    if value is not None:
        part = _convert(row, value, settings)
        for target, below in (part.sources or {}).items() if isinstance(part, Part) else ():
            if path == target or path.startswith(target + "."):
                return row.source + below
    if any(path == target or path.startswith(target + ".") for target in targets):
        return row.source
    return None


def _convert(row: Field, value: Any, settings: Any) -> Any:
    convert: Converter = row.convert or _unchanged
    return convert(value, getattr(settings, row.setting)) if row.setting else convert(value)


def _unchanged(value: Any) -> Any:
    return value


def _writer(name: str, rows: Sequence[Field]) -> _Writer:
    """Compile the rows of one top-level field into one function, so that rendering pays for no look-ups."""
    if rows[0].source == name:
        return _plain_writer(rows[0]) if len(rows) == 1 else _all(rows)
    return _parts_writer(name, {row.source.split(".", 1)[1]: row for row in rows})


def _all(rows: Sequence[Field]) -> _Writer:
    raise ValueError(f"{rows[0].source} has two rows; let one converter name both places")


def _plain_writer(row: Field) -> _Writer:
    source, target, convert = row.source, row.target, row.convert
    if source in _WHOLE_OBJECTS:
        return _object_writer(row)
    if convert is None and "." not in target:

        def write_plain(record: Record, value: Any, settings: Any, dropped: list[str], problems: list[Problem]) -> None:
            record[target] = value

        return write_plain

    def write(record: Record, value: Any, settings: Any, dropped: list[str], problems: list[Problem]) -> None:
        if not value and value != 0:
            return
        try:
            result = _convert(row, value, settings) if convert else value
        except InvalidLeadError as refusal:
            problems += refusal.problems
            return
        except ValueError as fault:
            problems.append(Problem(source, "invalid", str(fault)))
            return
        _place(record, source, target, result, dropped)

    return write


def _place(record: Record, source: str, target: str, result: Any, dropped: list[str]) -> None:
    """Write a converter's result, and note what it left out."""
    if type(result) is Part:
        dropped += [source + below for below in result.dropped]
        result = result.value
        if result is None:
            return
    elif result is None:
        dropped.append(source)
        return
    if target:
        put(record, target, result)
        return
    for path, item in result.items():
        put(record, path, item)


def _object_writer(row: Field) -> _Writer:
    """Merge an object such as ``custom_fields`` over what is there; its keys are names, never paths."""
    source, target, convert = row.source, row.target, row.convert

    def write(record: Record, value: Any, settings: Any, dropped: list[str], problems: list[Problem]) -> None:
        try:
            result = _convert(row, value, settings) if convert else value
        except InvalidLeadError as refusal:
            problems += refusal.problems
            return
        except ValueError as fault:
            problems.append(Problem(source, "invalid", str(fault)))
            return
        if type(result) is Part:
            dropped += [source + below for below in result.dropped]
            result = result.value
        if target:
            put(record, target, merge(_get(record, target), result))
            return
        for name, item in result.items():
            record[name] = merge(record.get(name), item)

    return write


def _get(record: Record, target: str) -> Any:
    """Read a dotted path; ``None`` where nothing is there."""
    value: Any = record
    for step in target.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _parts_writer(name: str, rows: Mapping[str, Field]) -> _Writer:
    """Write the parts of an object, such as ``owner.id``, and report the parts that have no row."""
    writers = {part: _plain_writer(row) for part, row in rows.items()}

    def write(record: Record, value: Any, settings: Any, dropped: list[str], problems: list[Problem]) -> None:
        for part, item in value.__dict__.items():
            if item is None or item == "":
                continue
            writer = writers.get(part)
            if writer is not None:
                writer(record, item, settings, dropped, problems)
            else:
                dropped.append(f"{name}.{part}")
        if value.model_extra:
            dropped.extend(extension_paths(value, name))

    return write
