"""Reads the JSON that callers hand in: strict about what would be lost or break later, clear about where.

Numbers that JSON cannot carry (``NaN``, ``1e999``), text that UTF-8 cannot carry (lone surrogates), bottomless nesting
and absurd sizes are refused with the place; duplicate keys are not (the last one wins).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

from unilead.errors import InvalidLeadError, Problem

MAX_DEPTH = 32  # of a value inside the body
MAX_MEMBERS = 10_000
MAX_KEY = 1_024

_EXPONENT = re.compile(rb"[0-9][eE]")
_PLACE = re.compile(r" at (line \d+ column \d+)$")


def read_object(data: bytes | str) -> dict[str, Any]:
    """Decode one JSON object.

    Raises: InvalidLeadError with code ``not_utf8``, ``invalid_json``, ``not_object``, ``invalid_unicode``,
        ``invalid_number``, ``too_deep``, ``too_many_members`` or ``key_too_long``; no message holds a value.
    """
    value = read_json(data)
    if not isinstance(value, dict):
        raise refusal("not_object", "request body must be a JSON object")
    return value


def read_json(data: bytes | str) -> Any:
    """Decode one JSON value under the same rules as `read_object`, whatever its type."""
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeEncodeError:
            raise refusal("invalid_unicode", "request body has a lone surrogate") from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise refusal("not_object", "request body must be a JSON object")
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as fault:
        raise _explain(data, str(fault)) from None
    if _may_exceed(data):
        check_limits(value)
    return value


def _may_exceed(data: bytes) -> bool:
    """Whether a body can break a limit at all; most leads are too small for it, and are not walked through."""
    return len(data) > MAX_KEY or may_be_deep(data) or _EXPONENT.search(data) is not None


def may_be_deep(data: bytes) -> bool:
    """Whether a body has enough brackets to be nested too deeply; most leads have not."""
    return data.count(b"{") + data.count(b"[") > MAX_DEPTH


def refusal(code: str, message: str, field: str = "body") -> InvalidLeadError:
    """Make the refusal of a body as a whole."""
    return InvalidLeadError([Problem(field, code, message)], message)


def check_limits(value: Any) -> None:
    """Refuse what decoding lets through: infinite numbers, deep nesting, too many members, overlong keys.

    Raises: InvalidLeadError naming the path.
    """
    members = 0
    pending: list[tuple[str, Any, int]] = [("", value, 0)] if isinstance(value, (dict, list)) else []
    while pending:
        path, container, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise refusal("too_deep", f"nested deeper than {MAX_DEPTH} levels", path.split(".")[0].split("[")[0])
        members += len(container)
        if members > MAX_MEMBERS:
            raise refusal("too_many_members", f"request body has more than {MAX_MEMBERS} members")
        items: Iterable[tuple[Any, Any]] = enumerate(container)
        if isinstance(container, dict):
            if any(len(key) > MAX_KEY for key in container):
                raise refusal("key_too_long", f"a key is longer than {MAX_KEY} characters", path or "body")
            items = container.items()
        for key, item in items:
            kind = type(item)
            if kind is dict or kind is list:
                pending.append((_join(path, key), item, depth + 1))
            elif kind is float and not math.isfinite(item):
                raise refusal("invalid_number", "number is too large for JSON", _join(path, key))


def _join(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _explain(data: bytes, fault: str) -> InvalidLeadError:
    """Find out why the fast decoder refused, in words that help."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return refusal("not_utf8", "request body is not UTF-8")
    if "recursion" in fault:
        return refusal("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    if "number out of range" in fault:
        return refusal("invalid_number", "a number has too many digits")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        place = _PLACE.search(fault)
        return refusal("invalid_json", f"request body is not valid JSON{f' ({place[1]})' if place else ''}")
    return _surrogate_refusal(value, "") or refusal("invalid_number", "NaN and Infinity are not JSON numbers")


def _surrogate_refusal(value: Any, path: str) -> InvalidLeadError | None:
    if isinstance(value, str):
        if any("\ud800" <= char <= "\udfff" for char in value):
            return refusal("invalid_unicode", "text has a lone surrogate", path or "body")
        return None
    if isinstance(value, dict):
        pairs: list[tuple[Any, Any]] = list(value.items())
        if any("\ud800" <= char <= "\udfff" for key in value for char in key):
            return refusal("invalid_unicode", "a key has a lone surrogate", path or "body")
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return None
    return next((found for key, item in pairs if (found := _surrogate_refusal(item, _join(path, key)))), None)
