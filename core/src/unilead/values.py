"""The types of the schema's fields: text, flags, scalars, moments and JSON objects that cannot be changed.

Strings pass on pydantic's fast path; only what is no string pays for a call of Python.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError, core_schema

from unilead.strict_json import MAX_DEPTH, MAX_KEY

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_FORM_FAULT = "must be an RFC 3339 date-time with an offset, such as 2026-11-23T10:00:00Z"
_DATE_FAULT = "is not a date and time that exists"


def decimal_text(number: float | Decimal) -> str:
    """Write a number as its shortest decimal text: ``5.0`` becomes ``5``, ``1e21`` is written out."""
    text = format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json_number(number: Decimal) -> int | float | str:
    """Turn a Decimal into the number that JSON has for it, or into its digits where a float would lose some."""
    if not number.is_finite():
        raise PydanticCustomError("invalid_number", "NaN and Infinity are not JSON numbers")
    text, value = decimal_text(number), float(number)
    if "." not in text and isfinite(value):
        return int(text)
    return value if isfinite(value) and decimal_text(value) == text else text


def _text_from_number(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite():
            return decimal_text(value)
    raise PydanticCustomError("wrong_type", "expected string")


def _text_from_flag(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _text_from_number(value)


class _TextSchema:
    """Strings on pydantic's fast path; only what is not a string pays for a Python call."""

    def __init__(self, fallback: Any) -> None:
        self.fallback = fallback

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.union_schema(
            [core_schema.str_schema(strict=True), core_schema.no_info_plain_validator_function(self.fallback)],
            mode="left_to_right",
            custom_error_type="wrong_type",
            custom_error_message="expected string",
            serialization=core_schema.to_string_ser_schema(when_used="unless-none"),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string"}


class _ScalarSchema:
    """A string or a number, unchanged; a boolean is neither."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.str_schema(strict=True),
                core_schema.int_schema(strict=True),
                core_schema.float_schema(strict=True, allow_inf_nan=False),
            ],
            mode="left_to_right",
            custom_error_type="wrong_type",
            custom_error_message="expected string or number",
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "number"]}


def parse_timestamp(text: str) -> datetime:
    """Read an RFC 3339 date-time with its offset.

    Raises: ValueError for anything else: a bare date, no offset, impossible dates, leap seconds.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(_FORM_FAULT)
    try:
        return _moment(text)
    except (ValueError, OverflowError):
        raise ValueError(_DATE_FAULT) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.upper())
    if moment.year in (MINYEAR, MAXYEAR):
        moment.astimezone(UTC)  # at either end of the calendar an offset can lead out of it
    return moment


def utc_text(moment: datetime) -> str:
    """Write an aware moment as RFC 3339 in UTC with ``Z``; fractional seconds are kept."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _check_timestamp(text: str) -> str:
    try:
        parse_timestamp(text)
    except ValueError as fault:
        raise PydanticCustomError("invalid_date_time", str(fault)) from None
    return text


class _TimestampSchema:
    """An RFC 3339 text, unchanged. Checked in Python: pydantic's own pattern takes three times as long."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        text = core_schema.str_schema(strict=True)
        return core_schema.no_info_after_validator_function(_check_timestamp, text)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


class FrozenDict(dict[str, Any]):
    """A JSON object that plugins can read and pass on but not change."""

    __slots__ = ()

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a lead's data cannot be changed; make a new dict")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


class FrozenList(list[Any]):
    """A JSON array that plugins can read and pass on but not change."""

    __slots__ = ()

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a lead's data cannot be changed; make a new list")

    __setitem__ = __delitem__ = append = clear = extend = insert = pop = remove = reverse = sort = _refuse
    __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FrozenList, (list(self),)


_FROZEN_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def _freeze(value: Any, depth: int = 1) -> Any:
    if type(value) in _FROZEN_AS_THEY_ARE:
        return value
    if isinstance(value, float) and not isfinite(value):
        raise PydanticCustomError("invalid_number", "NaN and Infinity are not JSON numbers")
    if isinstance(value, Decimal):
        return _json_number(value)
    if depth > MAX_DEPTH and isinstance(value, (dict, list, tuple)):
        raise PydanticCustomError("too_deep", "nested deeper than {most} levels", {"most": MAX_DEPTH})
    if isinstance(value, dict):
        return _frozen_dict(value, depth)
    if isinstance(value, (list, tuple)):
        return FrozenList([_freeze(item, depth + 1) for item in value])
    return value


def _frozen_dict(value: dict[Any, Any], depth: int = 1) -> FrozenDict:
    frozen = FrozenDict(value)
    for key, item in value.items():
        if type(key) is str and len(key) > MAX_KEY:
            raise _long_key()
        if type(item) not in _FROZEN_AS_THEY_ARE:
            dict.__setitem__(frozen, key, _freeze(item, depth + 1))
    return frozen


def _freeze_object(value: dict[str, Any]) -> dict[str, Any]:
    for key in value:
        if not isinstance(key, str) or not key.strip():
            raise PydanticCustomError("empty_name", "a name is empty")
    return _frozen_dict(value)


def _check_name(key: str) -> str:
    if len(key) > MAX_KEY:
        raise _long_key()
    return key


def _long_key() -> PydanticCustomError:
    return PydanticCustomError("key_too_long", "a key is longer than {most} characters", {"most": MAX_KEY})


class _JsonObjectSchema:
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        any_object = core_schema.dict_schema(strict=True)
        return core_schema.no_info_after_validator_function(_freeze_object, any_object)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": True}


Text: TypeAlias = Annotated[str, _TextSchema(_text_from_number)]
Flag: TypeAlias = Annotated[str, _TextSchema(_text_from_flag)]
Scalar: TypeAlias = Annotated[str | int | float, _ScalarSchema()]
Timestamp: TypeAlias = Annotated[str, _TimestampSchema()]
JsonObject: TypeAlias = Annotated[dict[str, Any], _JsonObjectSchema()]
UnknownName: TypeAlias = Annotated[str, AfterValidator(_check_name)]
UnknownValue: TypeAlias = Annotated[Any, AfterValidator(_freeze)]
