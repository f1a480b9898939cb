"""What the core does to a provider's request before it can be sent: extra data, address, headers and bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from unilead.errors import InvalidLeadError, Problem
from unilead.info import ProviderInfo
from unilead.merging import merge
from unilead.message import UNFIT_FOR_HEADER, Request, encode_query, is_header_name
from unilead.version import USER_AGENT

_PATH = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*")
_OWN_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ]
)


class UnfitRequestError(Exception):
    """A plugin made a request that it must not make; the text says what is wrong with it."""


def with_extra(request: Request, extra: Mapping[str, Any], info: ProviderInfo) -> Any:
    """Merge the caller's extra data into the record of a request.

    Returns: the new body; the old one is not changed.
    Raises: InvalidLeadError for keys that carry credentials or belong to the request around the record,
        UnfitRequestError where the request's ``record_path`` leads nowhere.
    """
    if not (info.reserved_keys.isdisjoint(extra) and info.credential_names.isdisjoint(map(str.lower, extra))):
        raise InvalidLeadError(list(_refused_keys(extra, info)), provider=info.slug)
    return _merged(request.json, request.record_path, extra)


def finished(request: Request, info: ProviderInfo, origin: str, remote_query: Mapping[str, Any]) -> Request:
    """Give a request its absolute URL, its bytes, and all headers but credentials.

    Args:
        origin: scheme and host, without a slash at the end.
        remote_query: the caller's further query parameters, nested as JSON; win over the request's own.
    Raises: InvalidLeadError, UnfitRequestError.
    """
    headers = {"Accept": info.accept, "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
    body = b""
    if request.json is not None:
        headers["Content-Type"] = "application/json"
        body = _encoded(request.json, info)
    if request.headers:
        _check_headers(request.headers)
        headers |= request.headers
    if not _is_plain_path(request.path):
        raise UnfitRequestError("a path that is not plain and absolute")
    url = origin + request.path
    if request.query or remote_query:
        query = encode_query(_query_pairs(request.query, remote_query, info))
        url = f"{url}?{query}" if query else url
    return request.changed(url=url, body=body, headers=headers)


def _refused_keys(extra: Mapping[str, Any], info: ProviderInfo) -> Iterator[Problem]:
    for key in extra:
        if key.lower() in info.credential_names:
            yield Problem(f"remote_data.{key}", "credential", "carries a credential")
        elif key in info.reserved_keys:
            yield Problem(f"remote_data.{key}", "reserved", "belongs to the request around the record")


def _merged(body: Any, path: Sequence[str | int], extra: Mapping[str, Any]) -> Any:
    if not path:
        return merge(body, dict(extra))
    try:
        inner = body[path[0]]
        copy = body.copy()
    except (KeyError, IndexError, TypeError, AttributeError):
        raise UnfitRequestError("a record_path that is not in its body") from None
    copy[path[0]] = _merged(inner, path[1:], extra)
    return copy


def _encoded(body: Any, info: ProviderInfo) -> bytes:
    try:
        return to_json(body)
    except (PydanticSerializationError, UnicodeEncodeError, ValueError, RecursionError) as fault:
        code = "invalid_unicode" if "surrogate" in str(fault) else "invalid"
        problem = Problem("body", code, "the lead holds a value that JSON in UTF-8 cannot carry")
        raise InvalidLeadError([problem], provider=info.slug) from None


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not is_header_name(name) or name.lower() in _OWN_HEADERS:
            raise UnfitRequestError(f"the header {name[:40]!r}, which is not the provider's to set")
        if not isinstance(value, str) or UNFIT_FOR_HEADER.search(value):
            raise UnfitRequestError(f"the header {name} with a value that is not plain text")


@lru_cache(maxsize=256)  # the paths of creates are few
def _is_plain_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and "//" not in path and "/../" not in path + "/"


def _query_pairs(own: Mapping[str, Any], extra: Mapping[str, Any], info: ProviderInfo) -> Iterator[tuple[str, str]]:
    for name in own:
        if name not in extra:
            yield from _flatten(name, own[name], info.query_style)
    for name, value in extra.items():
        for pair in _flatten(name, value, info.query_style):
            if any(part.lower() in info.credential_names for part in re.split(r"[\[\]]", pair[0])):
                problem = Problem(f"remote_query.{name}", "credential", "carries a credential")
                raise InvalidLeadError([problem], provider=info.slug)
            yield pair


def _flatten(name: str, value: Any, style: str) -> Iterator[tuple[str, str]]:
    """Write one query parameter in the CRM's own style of nesting."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(f"{name}[{key}]", item, style)
    elif isinstance(value, (list, tuple)):
        if style == "comma" and not any(isinstance(item, (Mapping, list, tuple)) for item in value):
            yield name, ",".join(str(item) for item in value)
            return
        for item in value:
            yield from _flatten(f"{name}[]" if style == "brackets" else name, item, style)
    else:
        yield name, str(value)
