"""The three forms of a result: ``unified``, ``raw`` and ``normalized``; what is excluded; ``remote_data``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from pydantic_core import to_json

from unilead.message import Response
from unilead.schema import CreatedLead, EmailAddress, PhoneNumber, PostalAddress, Reference, Url
from unilead.values import parse_timestamp, utc_text

ResponseFormat: TypeAlias = Literal["unified", "raw", "normalized"]
FORMATS: tuple[ResponseFormat, ...] = ("unified", "raw", "normalized")

_FIELDS = tuple(CreatedLead.model_fields)
_PARTED: dict[str, type[BaseModel]] = {
    "owner": Reference,
    "contact": Reference,
    "account": Reference,
    "addresses": PostalAddress,
    "email_addresses": EmailAddress,
    "phone_numbers": PhoneNumber,
    "urls": Url,
}
_TIMES = {"last_activity_at", "created_at", "updated_at", "converted_at"}
PARTS: dict[str, tuple[str, ...]] = {  # of the items of lists, in the form `normalized`
    "addresses": ("street_1", "street_2", "city", "state", "postal_code", "country", "type"),
    "email_addresses": ("email", "type"),
    "phone_numbers": ("number", "extension", "type"),
    "urls": ("url", "type"),
}
_OPEN = ("custom_fields", "remote_data")  # whatever the CRM answered stands below them
PATHS: tuple[str, ...] = (
    *_FIELDS,
    *(f"{name}.{part}" for name, model in _PARTED.items() for part in model.model_fields),
    "remote_data",
)  # what can be excluded by name


def is_answered(path: str) -> bool:
    """Whether an answer in the form ``unified`` or ``normalized`` may have something at this path."""
    return path in PATHS or path.startswith(tuple(f"{name}." for name in _OPEN))


def render(
    lead: CreatedLead,
    response: Response,
    *,
    format: ResponseFormat = "unified",
    remote_data: bool = True,
    exclude: Iterable[str] = (),
) -> Any:
    """Render a created lead as the unified API answers it.

    Args:
        lead: what the CRM answered, mapped.
        response: the answer itself.
        format: ``unified`` leaves absent fields out; ``normalized`` has every field, ``null``, ``[]`` or ``{}`` where
            nothing came, and times in UTC; ``raw`` is the CRM's own body and obeys no other argument.
        remote_data: whether the CRM's body rides along under ``remote_data``.
        exclude: fields to leave out; dotted paths reach into objects and into every item of a list.
    Raises: ValueError for another format.
    """
    if format == "raw":
        return response.remote_data
    if format not in FORMATS:
        raise ValueError(f"format must be one of: {', '.join(FORMATS)}")
    fields = _normalized(lead) if format == "normalized" else _unified(lead)
    if remote_data:
        fields["remote_data"] = response.remote_data
    for path in exclude:
        fields = _without(fields, path.split("."))
    return fields


def render_json(
    lead: CreatedLead,
    response: Response,
    *,
    format: ResponseFormat = "unified",
    remote_data: bool = True,
    exclude: Sequence[str] = (),
) -> bytes:
    """Render as `render`, encoded as JSON, in a fraction of the time.

    The usual form is written by pydantic's serializer, with the CRM's body put in as it came instead of written anew. A
    number that is too large for JSON is null.
    """
    if format != "unified" or exclude or _has_unknown(lead) or (remote_data and not response.is_json):
        value = render(lead, response, format=format, remote_data=remote_data, exclude=exclude)
        return to_json(value, inf_nan_mode="null")
    fields = to_json(lead, exclude_none=True, inf_nan_mode="null")
    if not remote_data:
        return fields
    return b'%s"remote_data":%s}' % (fields[:-1] + b"," if len(fields) > 2 else b"{", response.json_body)


def _has_unknown(lead: CreatedLead) -> bool:
    """Whether there are keys beside the schema, such as a batch row's own part, which the serializer would write."""
    if lead.__pydantic_extra__:
        return True
    for name in _PARTED:
        value = lead.__dict__[name]
        if value is not None:
            for part in value if type(value) is tuple else (value,):
                if part.__pydantic_extra__:
                    return True
    return False


def _unified(lead: CreatedLead) -> dict[str, Any]:
    return {name: _plain(value) for name, value in lead.__dict__.items() if value is not None}


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is dict:
        return value
    if kind is tuple:
        return [_plain(item) for item in value]
    return {name: part for name, part in value.__dict__.items() if part is not None}


def _normalized(lead: CreatedLead) -> dict[str, Any]:
    return {name: _normal(name, getattr(lead, name)) for name in _FIELDS}


def _normal(name: str, value: Any) -> Any:
    if name in PARTS:
        return [{part: getattr(item, part) for part in PARTS[name]} for item in value or ()]
    if name == "custom_fields":
        return value or {}
    if value is not None and name in _TIMES:
        return utc_text(parse_timestamp(value))
    return None if value is None else _plain(value)


def _without(value: Any, path: list[str]) -> Any:
    """Copy what changes on the way to the path; the CRM's decoded answer is shared and stays as it is."""
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    head, rest = path[0], path[1:]
    if not isinstance(value, dict):
        return value
    whole = ".".join(path)
    if whole in value:
        return {name: item for name, item in value.items() if name != whole}
    if head not in value or not rest:
        return value
    return value | {head: _without(value[head], rest)}
