"""The capability matrix as the page shows it: fields by providers, with the parts of a field below it.

A part follows its field, as the contract says, except where the provider's own table takes only some of the parts: then
the part says so (``account.name``, which some CRMs take and others do not).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from unilead import CreatedLead, Lead, Provider
from unilead.render import PARTS

Cell: TypeAlias = Literal["required", "supported", "no"]
Side: TypeAlias = Literal["request", "response"]
SIDES: tuple[Side, ...] = ("request", "response")
_MODELS: dict[Side, type[BaseModel]] = {"request": Lead, "response": CreatedLead}


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field, or a part of one.

    Attributes:
        path: as callers write it, ``phone_numbers[].number``.
        parent: the field it is a part of; empty for a field.
        type: JSON type in words.
        meaning: the schema's description.
    """

    path: str
    parent: str
    type: str
    meaning: str

    @property
    def head(self) -> str:
        """The field this row belongs to: itself, or the one it is a part of."""
        return self.path.split(".")[0].removesuffix("[]")

    @property
    def below(self) -> str:
        """The path below the parent, ``.number``; the whole path of a field."""
        return self.path.removeprefix(self.parent)


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A field and what each provider makes of it, in the order of the providers."""

    field: FieldRow
    cells: tuple[Cell, ...]


@cache
def schema_rows(side: Side) -> tuple[FieldRow, ...]:
    """All fields of the request or the response schema, each followed by its parts; ``remote_data`` is the last."""
    schema = _MODELS[side].model_json_schema()
    rows = [row for name, field in schema["properties"].items() for row in _rows(name, field, schema["$defs"])]
    if side == "request":
        return tuple(rows)
    answered = [row for row in rows if "[]" not in row.parent or row.below.removeprefix(".") in PARTS[row.head]]
    return (*answered, FieldRow("remote_data", "", "object", "What the CRM answered, untouched"))


def _rows(name: str, field: dict[str, Any], definitions: dict[str, Any]) -> Iterator[FieldRow]:
    shape = shape_of(field)
    below = shape.get("items", shape)
    many = "items" in shape
    yield FieldRow(name, "", _type_text(shape, many=many), field.get("description", ""))
    parts = definitions.get(below.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
    parent = f"{name}[]" if many else name
    for part, details in parts.items():
        kind = shape_of(details)
        options = details.get("enum")
        type_text = f"{kind.get('type', 'string')}: {', '.join(options)}" if options else kind.get("type", "string")
        yield FieldRow(f"{parent}.{part}", parent, type_text, details.get("description", ""))


def shape_of(details: dict[str, Any]) -> dict[str, Any]:
    """What a JSON Schema wants where it does not take ``null``."""
    return next((option for option in details.get("anyOf", ()) if option.get("type") != "null"), details)


def _type_text(shape: dict[str, Any], *, many: bool) -> str:
    if many:
        return "list of objects"
    if "$ref" in shape:
        return "object"
    kind = shape.get("type", "any")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return "date-time" if shape.get("format") == "date-time" else text


def matrix(side: Side, providers: Sequence[Provider], field: str = "") -> list[MatrixRow]:
    """Tabulate the providers.

    Args:
        field: only fields whose path contains this text; a field is shown with all its parts, a part with its field.
    """
    rows = schema_rows(side)
    wanted = field.strip().lower()
    heads = {row.head for row in rows if wanted in row.path}
    return [
        MatrixRow(row, tuple(cell(side, provider, row) for provider in providers)) for row in rows if row.head in heads
    ]


def cell(side: Side, provider: Provider, row: FieldRow) -> Cell:
    """What one provider makes of one field or part."""
    if row.head == "remote_data":
        return "supported"
    if side == "response":
        return "supported" if row.head in provider.info.response_fields else "no"
    if row.parent and not _takes_part(provider, row):
        return "no"
    if row.head in provider.required:
        return "required"
    return "supported" if row.parent or row.head in provider.supported else "no"


def _takes_part(provider: Provider, row: FieldRow) -> bool:
    sources = {field.source for field in provider.info.fields.fields}
    return row.head in sources or row.path.replace("[]", "") in sources
