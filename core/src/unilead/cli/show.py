"""What the commands print: JSON for programs, text for people, errors in one line and a hint."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from unilead.errors import (
    ConfigurationError,
    HookContractError,
    InvalidLeadError,
    LeadError,
    ProviderLoadError,
)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=not _prints_unicode(), default=str))


def _prints_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "cp65001")


def line(text: str = "") -> None:
    """Print one line, with whatever the terminal cannot write replaced."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))


def note(text: str) -> None:
    """Print one line of diagnostics."""
    click.echo(text.encode("utf-8", "replace").decode("utf-8"), err=True)


def error_document(error: LeadError) -> dict[str, Any]:
    """A failure as programs read it."""
    return {
        "type": type(error).__name__,
        "category": error.category,
        "message": error.message,
        "fields": list(error.fields),
        "vendor_code": error.vendor_code,
        "retry_after": error.retry_after,
        "outcome": error.outcome,
    }


def report(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong. Returns: the exit code."""
    if isinstance(error, LeadError):
        if as_json:
            print_json({"error": error_document(error)})
        else:
            note(f"unilead: {error}")
        return exit_code(error)
    message = error.format_message() if isinstance(error, click.ClickException) else _unexpected(error)
    if as_json:
        usage = {"type": "UsageError", "category": "validation", "message": message, "fields": []}
        print_json({"error": usage | {"vendor_code": None, "retry_after": None, "outcome": "rejected"}})
    else:
        note(f"unilead: {message}")
    return 2


def exit_code(error: LeadError) -> int:
    """3 where the lead may exist, 2 for bad input, 1 where the CRM or a check said no."""
    if error.outcome == "unknown":
        return 3
    broken_plugin = isinstance(error, (HookContractError, ProviderLoadError))
    return 2 if isinstance(error, (ConfigurationError, InvalidLeadError)) and not broken_plugin else 1


def _unexpected(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'the operation'}: {error.strerror or type(error).__name__}"
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'failed'}"


def http_text(shown: Mapping[str, Any]) -> str:
    """A request as it looks on the wire."""
    body = json.dumps(shown["body"], indent=2, ensure_ascii=False) if shown["body"] is not None else ""
    head = [f"{shown['method']} {shown['url']}", *(f"{name}: {value}" for name, value in shown["headers"].items())]
    return "\n".join([*head, "", body])


def curl_text(shown: Mapping[str, Any], body: bytes) -> str:
    """A request as a curl command."""
    from shlex import quote

    words = ["curl", "-X", shown["method"], quote(shown["url"])]
    for name, value in shown["headers"].items():
        words += ["-H", quote(f"{name}: {value}")]
    if body:
        words += ["--data-binary", quote(body.decode())]
    return " ".join(words)
