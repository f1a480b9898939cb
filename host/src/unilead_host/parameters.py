"""The query parameters of the lead endpoints, typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from unilead.render import FORMATS, ResponseFormat
from unilead_host.query import QueryError, decode_query

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KNOWN = frozenset(
    [
        "integrated_account_id",
        "truto_response_format",
        "truto_ignore_remote_data",
        "truto_exclude_fields",
        "truto_body_passthrough",
        "remote_query",
    ]
)
SHORT = 512  # bytes
_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}


@dataclass(frozen=True, slots=True)
class LeadParameters:
    """What a caller asks for beside the lead.

    Attributes:
        account_id: the integrated account, a uuid in lower case.
        format: form of the answer.
        remote_data: whether the CRM's own answer rides along.
        exclude: dotted paths to leave out of the answer.
        remote_query: further query parameters for the CRM.
        others: parameters that mean nothing here.
    """

    account_id: str
    format: ResponseFormat = "unified"
    remote_data: bool = True
    exclude: tuple[str, ...] = ()
    remote_query: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> list[Any]:
        """What makes two requests with one key different ones: all but the account and the form of the answer."""
        return [self.remote_query, self.others] if self.others else [self.remote_query]

    @classmethod
    def parse(cls, raw: bytes, *, own_account: str | None = None) -> LeadParameters:
        """Read a query string; parameters that nobody knows are ignored.

        Args:
            own_account: the account that the caller's token is bound to, for a query that names none.
        Raises: QueryError with a sentence for the caller.
        """
        return _parse_short(raw, own_account) if len(raw) <= SHORT else _parse(raw, own_account)


def _parse(raw: bytes, own_account: str | None) -> LeadParameters:
    query = decode_query(raw)
    if _flag(query, "truto_body_passthrough"):
        raise QueryError("truto_body_passthrough is not supported")
    return LeadParameters(
        account_id=_account_id(query, own_account),
        format=_format(query),
        remote_data=not _flag(query, "truto_ignore_remote_data"),
        exclude=_exclude(query),
        remote_query=_remote_query(query),
        others={name: value for name, value in query.items() if name not in _KNOWN},
    )


_parse_short = lru_cache(maxsize=1024)(_parse)  # a client writes the same query for every lead


def _account_id(query: Mapping[str, Any], own: str | None) -> str:
    text = _text(query, "integrated_account_id").lower()
    if not text:
        if own is None:
            raise QueryError("integrated_account_id is required")
        return own
    if not _UUID.fullmatch(text):
        raise QueryError("integrated_account_id must be a uuid")
    return text


def _format(query: Mapping[str, Any]) -> ResponseFormat:
    text = _text(query, "truto_response_format") or "unified"
    if text not in FORMATS:
        raise QueryError(f"truto_response_format must be one of: {', '.join(FORMATS)}")
    return text


def _flag(query: Mapping[str, Any], name: str) -> bool:
    text = _text(query, name)
    if text not in _FLAGS:
        raise QueryError(f"{name} must be one of: true, false")
    return _FLAGS[text]


def _exclude(query: Mapping[str, Any]) -> tuple[str, ...]:
    value = query.get("truto_exclude_fields", "")
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise QueryError("truto_exclude_fields must be a list of field names")
    names = [name.strip() for text in texts for name in text.split(",")]
    if any("\x00" in name for name in names):
        raise QueryError("truto_exclude_fields must not hold NUL")
    return tuple(dict.fromkeys(filter(None, names)))


def _remote_query(query: Mapping[str, Any]) -> Mapping[str, Any]:
    value = query.get("remote_query", {})
    if not isinstance(value, dict):
        raise QueryError("remote_query must be an object, such as remote_query[name]=value")
    return value


def _text(query: Mapping[str, Any], name: str) -> str:
    """A parameter that is one text."""
    value = query.get(name, "")
    if not isinstance(value, str):
        raise QueryError(f"{name} must be given once, as text")
    if "\x00" in value:
        raise QueryError(f"{name} must not hold NUL")
    return value
