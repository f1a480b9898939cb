"""Request and Response: plain values between a provider and the transport. No HTTP library knows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic_core import from_json, to_json

from unilead.values import FrozenDict

if TYPE_CHECKING:
    from unilead.schema import Lead

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_JSON_HEADERS: Mapping[str, str] = FrozenDict({"content-type": "application/json"})
MAX_SEGMENT = 512
UNFIT_FOR_HEADER = re.compile(r"[^\x20-\x7e\t]")  # what the value of a header may not hold


@dataclass(frozen=True)
class Request:
    """One HTTP request to a CRM.

    A provider gives what depends on the CRM (``method``, ``path``, ``json``, ``query``, ``headers`` and the marks for
    the core); the core adds the base URL, merges the caller's extra data, encodes, and adds credentials last.

    Attributes:
        method: HTTP method, upper case.
        path: absolute path below the provider's base URL, percent-encoded.
        json: the body as a JSON value; ``None`` for no body.
        query: query parameters; values are strings or lists of strings.
        headers: further headers; never credentials, never hop-by-hop ones.
        record_path: where in ``json`` the record sits, so that ``remote_data`` can be merged into it.
        remote_data: the caller's extra data as this CRM wants it merged; ``None`` for the lead's own, unchanged.
        dropped: unified paths of what the provider left out.
        idempotent: the CRM answers a repetition with the same record, so repeating is harmless.
        url: absolute URL, filled by the core.
        body: the bytes that are sent, filled by the core.
        lead: the lead this request creates; ``None`` for reads and batches. Lets `FieldMap.source_of` name an item.
        leads: the leads of a batch, in its order; filled by the core.
    """

    method: str
    path: str
    json: Any = field(default=None, repr=False)
    query: Mapping[str, str | list[str]] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    record_path: tuple[str | int, ...] = ()
    remote_data: Mapping[str, Any] | None = field(default=None, repr=False)
    dropped: tuple[str, ...] = ()
    idempotent: bool = False
    url: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    lead: Lead | None = field(default=None, repr=False)
    leads: tuple[Lead | None, ...] = field(default=(), repr=False)

    def changed(self, **values: Any) -> Request:
        """Copy with other values: `dataclasses.replace` without its checks, at a quarter of its cost."""
        copy = object.__new__(Request)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(values)
        return copy

    def for_row(self, index: int) -> Request:
        """A batch's request as that of one of its leads, so that a refusal can name what this lead gave."""
        return self.changed(lead=self.leads[index])


@dataclass(frozen=True)
class Response:
    """What a CRM answered.

    Attributes:
        status: HTTP status code.
        headers: names in lower case; repeated headers joined with ``, ``.
        body: the bytes as received, at most 5 MiB.
        reason: the status line's reason phrase; may be empty.
        truncated: the body was cut at the size limit or ended early.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    reason: str = ""
    truncated: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx; what the body says may still be a refusal."""
        return 200 <= self.status < 300

    @property
    def json_body(self) -> bytes:
        """The body without a byte order mark, which some systems put before their JSON."""
        return self.body.removeprefix(b"\xef\xbb\xbf")

    @property
    def is_json(self) -> bool:
        """Whether the whole body is one JSON value in UTF-8, whatever its ``Content-Type`` says."""
        return self.json is not None or self.json_body.strip(b" \t\r\n") == b"null"

    @cached_property
    def json(self) -> Any:
        """The decoded body; ``None`` when it is not JSON (see `is_json`)."""
        try:
            return from_json(self.json_body, allow_inf_nan=False)
        except ValueError:
            return None

    @property
    def json_object(self) -> dict[str, Any]:
        """The decoded body where it is a JSON object; else an empty one."""
        return self.json if isinstance(self.json, dict) else {}

    @cached_property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def is_page(self) -> bool:
        """Whether the body is a page for browsers, as proxies and web frameworks answer."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    @property
    def plain_text(self) -> str:
        """The body as words for people; empty where it is JSON or a page."""
        return "" if self.is_json or self.is_page else self.text.strip()

    @property
    def remote_data(self) -> Any:
        """The body for people and programs: the JSON value, else the text, ``None`` when empty."""
        if not self.body.strip():
            return None
        return self.json if self.is_json else self.text

    def with_status(self, status: int) -> Response:
        """The same answer with another status; what was decoded of it is kept."""
        copy = object.__new__(Response)
        copy.__dict__.update(self.__dict__, status=status)
        return copy

    def part(self, value: Any) -> Response:
        """One record's part of this answer, as an answer of its own; encoded only if somebody looks at its bytes."""
        return _RowResponse(self.status, value)

    @classmethod
    def of(cls, status: int, value: Any = None, headers: Mapping[str, str] | None = None, reason: str = "") -> Response:
        """Make an answer with a JSON body, or with plain text where ``value`` is a string; for simulators and tests."""
        known = {name.lower(): text for name, text in (headers or {}).items()}
        if isinstance(value, bytes):
            return cls(status, known, value, reason)
        if isinstance(value, str):
            return cls(status, {"content-type": "text/plain; charset=utf-8"} | known, value.encode(), reason)
        body = b"" if value is None else to_json(value)
        return cls(status, ({"content-type": "application/json"} if body else {}) | known, body, reason)


class _RowResponse(Response):
    """A JSON value that is already decoded: batches have hundreds of them, and few are looked at."""

    def __init__(self, status: int, value: Any) -> None:
        self.__dict__.update(status=status, headers=_JSON_HEADERS, reason="", truncated=False, json=value)

    @cached_property
    def body(self) -> bytes:
        """The value's bytes."""
        return to_json(self.json)


def path_segment(value: str) -> str:
    """Percent-encode an id so that it stays one segment of a path.

    Raises: ValueError for an empty value, ``.``, ``..``, control characters, or more than 512 characters.
    """
    if not value or value in (".", "..") or _CONTROL.search(value):
        raise ValueError("must be an id without control characters")
    if len(value) > MAX_SEGMENT:
        raise ValueError(f"must be at most {MAX_SEGMENT} characters long")
    return quote(value, safe="")


@lru_cache(maxsize=256)  # the same few come with every request
def is_header_name(name: str) -> bool:
    """Whether a text can be the name of a header: a token of RFC 9110, section 5.6.2."""
    return _HEADER_NAME.fullmatch(name) is not None


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Percent-encode name and value of each pair and join them: ``a=1&b%5Bc%5D=2``."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
