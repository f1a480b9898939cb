"""Field, a row of the table that says where a lead's values go, and Part, what its converter may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Converter: TypeAlias = Callable[..., Any]


@dataclass(slots=True)
class Part:
    """What a converter made of a value that does not go over whole, or goes to several places.

    Attributes:
        value: the vendor's value; for a `Field` without target an object of vendor paths to values.
        dropped: paths below the field that were left out, such as ``[1]`` or ``[0].extension``.
        sources: vendor path to the path below the field that went there, such as ``{"Phone": "[0].number"}``; or what
            makes that, since it is asked for only when the CRM refuses a value.
    """

    value: Any
    dropped: Sequence[str] = ()
    sources: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One row: a unified field, and where it goes.

    Attributes:
        source: unified field (``last_name``) or part of one (``owner.id``, ``account.name``).
        target: dotted path in the vendor's record. Left out where the converter names the places itself, and where
            ``custom_fields`` go into the record as they are.
        required: the contract requires the field of this CRM.
        convert: turns the unified value into the vendor's; ``None`` as result leaves it out and reports it, a `Part`
            reports what was left out, a ValueError refuses the value with its message.
        setting: name of a setting that is given to ``convert`` as second argument.
    """

    source: str
    target: str = ""
    required: bool = False
    convert: Converter | None = None
    setting: str = ""


def is_empty(value: Any) -> bool:
    """Whether nothing was given: ``""``, ``[]``, ``{}``, an object whose parts are all empty, a list of such."""
    if not value:
        return bool(value != 0)  # a number given as 0 is given
    if isinstance(value, tuple):
        return all(map(is_empty, value))
    parts = getattr(value, "__dict__", None)
    return parts is not None and not any(parts.values()) and not value.model_extra


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
