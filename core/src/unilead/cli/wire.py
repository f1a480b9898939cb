"""Requests as people and programs see them: exact, with secrets masked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json

from unilead.auth import MASK, credential_headers, mask_headers, mask_text, scheme_of
from unilead.info import OAuth2
from unilead.message import Request
from unilead.provider import Provider
from unilead.settings import Settings, has_settings


def shown_request(provider: Provider, request: Request, settings: Settings, *, secrets: bool = False) -> dict[str, Any]:
    """A finished request with its credentials.

    Args:
        secrets: show them as they are instead of as ``***``.
    Returns: ``method``, ``url``, ``headers`` and ``body``, the JSON value that is sent.
    """
    credentials: Mapping[str, str] = credential_headers(provider.info, settings, _stand_in(provider, settings))
    url, body = request.url.encode(), request.body
    if not secrets:
        hidden = settings.secrets()
        credentials = mask_headers(credentials)
        url, body = mask_text(url, hidden), mask_text(body, hidden)
    return {
        "method": request.method,
        "url": url.decode(),
        "headers": {**request.headers, **credentials},
        "body": from_json(body) if body else None,
    }


def _stand_in(provider: Provider, settings: Settings) -> str | None:
    """What to show of an access token that the account is still to fetch."""
    scheme = scheme_of(provider.info, settings)
    return MASK if isinstance(scheme, OAuth2) and not has_settings(settings, scheme.needs) else None


def http_text(request: dict[str, Any]) -> bytes:
    """A shown request as HTTP/1.1 writes it."""
    parts = urlsplit(request["url"])
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    body = _body(request)
    headers = {"Host": parts.netloc, **request["headers"], "Content-Length": str(len(body))}
    lines = [f"{request['method']} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\n".join(lines).encode() + b"\n\n" + body


def curl_text(request: dict[str, Any]) -> bytes:
    """A shown request as a command for a POSIX shell."""
    parts = [f"curl -X {request['method']} {shlex.quote(request['url'])}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in request["headers"].items()]
    if request["body"] is not None:
        parts.append(f"--data-raw {shlex.quote(_body(request).decode())}")
    return " \\\n  ".join(parts).encode()


def _body(request: dict[str, Any]) -> bytes:
    """The bytes of a shown request's body."""
    if request["body"] is None:
        return b""
    return json.dumps(request["body"], ensure_ascii=False, separators=(",", ":")).encode()
