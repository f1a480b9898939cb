"""FieldMap: the table that says where each field of a lead goes in a CRM's record.

One table serves five ends: it renders the record, reports what was left out, knows what is required, finds the unified
field behind a vendor's name, and is the provider's row of the capability matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unilead.errors import InvalidLeadError, Problem
from unilead.fields import Field, Part, is_empty, is_missing
from unilead.schema import Lead
from unilead.writers import Record, Writer, reporter, writer_of

COMPANY_NAME = "account.name"  # extends the contract: a CRM may take it and still not list ``account``


class FieldMap:
    """The fields that a CRM takes.

    ``custom_fields`` are merged over the other fields, whatever the order of the rows.

    Attributes:
        fields: the rows.
        required: the fields that the contract requires of this CRM.
        supported: the fields that the contract lists for it, required ones included.
        taken: the same, and ``account.name`` where the CRM takes that.
    """

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self.required: tuple[str, ...] = tuple(name for name in _ORDER if self._requires(name))
        self.supported: tuple[str, ...] = tuple(name for name in _ORDER if self._supports(name))
        self.taken: tuple[str, ...] = tuple(name for name in REQUEST_FIELDS if self._takes(name))
        self._writers: dict[str, Writer] = {name: writer_of(name, self._rows(name)) for name in self.supported}
        self._write_custom_fields = self._writers.pop("custom_fields", reporter("custom_fields"))
        for row in fields:
            if row.source.split(".")[0] not in _ORDER:
                raise ValueError(f"{row.source} is not a field of Lead")
            if not row.target and row.convert is None and row.source != "custom_fields":
                raise ValueError(f"{row.source} goes nowhere; give a target, or a converter that names the places")
            if row.source == COMPANY_NAME and "account" not in self._writers:
                self._writers["account"] = writer_of("account", [row])

    def _rows(self, name: str) -> list[Field]:
        return [row for row in self.fields if row.source.split(".")[0] == name]

    def _requires(self, name: str) -> bool:
        return any(row.required for row in self._rows(name))

    def _supports(self, name: str) -> bool:
        return any(row.source != COMPANY_NAME for row in self._rows(name))

    def _takes(self, name: str) -> bool:
        if name == COMPANY_NAME:  # a row may also convert the whole account
            return any(row.source in ("account", COMPANY_NAME) for row in self.fields)
        return name in self.supported

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
        for name, value in lead.__dict__.items():
            if value is None or (not value and value != 0):  # a number given as 0 is given
                continue
            writer = writers.get(name)
            if writer is not None:
                writer(record, value, settings, dropped, problems)
            elif name not in _MERGED and not is_empty(value):
                dropped.append(name)
        if lead.custom_fields:
            self._write_custom_fields(record, lead.custom_fields, settings, dropped, problems)
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
REQUEST_FIELDS = tuple(
    path for name in _ORDER for path in ((name, COMPANY_NAME) if name == "account" else (name,))
)  # what the matrix has a row for
_MERGED = frozenset({"custom_fields", "remote_data"})  # over all other fields, after them


def _holds(extra: Any, path: str) -> bool:
    """Whether nested data has something at a dotted path; the name at its end may hold dots itself."""
    if not isinstance(extra, Mapping):
        return False
    step, _, rest = path.partition(".")
    return path in extra or _holds(extra.get(step), rest)


def _trace(row: Field, path: str, lead: Lead | None, settings: Any) -> str | None:
    value = getattr(lead, row.source, None) if lead is not None else None
    if value is not None:
        for target, below in _sources(row, value, settings).items():
            if path == target or path.startswith(target + "."):
                return row.source + below
    targets: Sequence[str] = getattr(row.convert, "targets", ())
    if any(path == target or path.startswith(target + ".") for target in targets):
        return row.source
    return None


def _sources(row: Field, value: Any, settings: Any) -> Mapping[str, str]:
    """Ask the converter which part of the value went where."""
    convert: Any = row.convert
    part = convert(value, getattr(settings, row.setting)) if row.setting else convert(value)
    sources = part.sources if isinstance(part, Part) else None
    return (sources() if callable(sources) else sources) or {}
