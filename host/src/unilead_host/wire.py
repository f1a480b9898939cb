"""How answers look on the wire: error bodies, reason phrases and headers. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any

from pydantic_core import from_json, to_json
from starlette.exceptions import HTTPException

JSON = "application/json; charset=utf-8"
MAX_MESSAGE = 2_000
MAX_WARNING = 2_048

_FIXED_PHRASES = {  # these differ between versions of Python
    413: "Payload Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
}
PHRASES = {status.value: status.phrase for status in HTTPStatus} | _FIXED_PHRASES
SOON = {"Retry-After": "1"}  # for what is over in a moment
UNKNOWN = {"outcome": "unknown", "safe_to_retry": False}
_IDS = Random()  # noqa: S311 - no secrets; our own, so that seeding the shared one makes no ids repeat


def phrase(status: int) -> str:
    """The status' canonical name, the same on every Python; an unknown status is called as the first of its class."""
    return PHRASES.get(status) or PHRASES.get(status // 100 * 100) or PHRASES[500]


def new_request_id() -> str:
    """An id for one call, to find it in the logs."""
    return f"{_IDS.getrandbits(64):016x}"


@dataclass(slots=True)
class Answer:
    """An HTTP answer.

    Attributes:
        status: HTTP status.
        content: JSON value; bytes go out as they are.
        headers: without ``Content-Type``.
        media_type: of the body.
    """

    status: int
    content: Any
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON

    @property
    def body(self) -> bytes:
        """The bytes to send."""
        return self.content if isinstance(self.content, bytes) else to_json(self.content, inf_nan_mode="null")

    @property
    def value(self) -> Any:
        """What it says, for programs in this process: a JSON value, or text where it is none."""
        if not isinstance(self.content, bytes):
            return self.content
        return from_json(self.content) if self.media_type == JSON else self.content.decode(errors="replace")


class Refusal(HTTPException):
    """The host says no: status, message, and what else belongs into the body or the headers."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.body = error_body(status, message, **more)

    @classmethod
    def of(cls, answer: Answer) -> Refusal:
        """Raise what is an answer already."""
        refusal = cls(answer.status, answer.content["message"], headers=answer.headers)
        refusal.body = answer.content
        return refusal

    def warn(self, dropped: Iterable[str], unknown: Iterable[str]) -> None:
        """Name what would not have reached the CRM, and what is not in the schema."""
        self.headers = {**(self.headers or {}), **warning_headers(dropped, unknown)}

    @property
    def answer(self) -> Answer:
        """The refusal as an answer."""
        return Answer(self.status_code, self.body, dict(self.headers or {}))


def error_body(status: int, message: str, **more: Any) -> dict[str, Any]:
    """The three keys that every error has, then what else there is."""
    return {"statusCode": status, "error": phrase(status), "message": message[:MAX_MESSAGE], **more}


def unavailable(error: Exception) -> Answer:
    """The answer when the database cannot be used: nothing was sent."""
    return Refusal(503, f"Nothing was sent: {error}", headers=SOON).answer


def retry_after_header(seconds: float | None) -> dict[str, str]:
    """``Retry-After`` in whole seconds, at least one, never a date; nothing where nobody said how long."""
    return {} if seconds is None else {"Retry-After": str(max(1, math.ceil(seconds)))}


def warning_headers(dropped: Iterable[str], unknown: Iterable[str]) -> dict[str, str]:
    """Name what did not reach the CRM and what is not in the schema; names only."""
    found = {"Unified-Dropped-Fields": list(dropped), "Unified-Unknown-Fields": list(unknown)}
    return {header: _joined(names) for header, names in found.items() if names}


def _joined(names: list[str]) -> str:
    text = ", ".join(map(_printable, names))
    if len(text) <= MAX_WARNING:
        return text
    return text[: MAX_WARNING - 8].rpartition(", ")[0] + ", …"


def _printable(name: str) -> str:
    """A name as a header can carry it: what is not plain text, and a comma, is percent-encoded."""
    if name.isascii() and name.isprintable() and "," not in name:
        return name
    return "".join(c if c.isascii() and c.isprintable() and c not in ",%" else _percent(c) for c in name)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
