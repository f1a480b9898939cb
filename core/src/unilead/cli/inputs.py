"""What the commands are given: leads, accounts, answers, query parameters."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from unilead.accounts import load_account
from unilead.errors import SettingsError
from unilead.info import Account, Settings
from unilead.message import Request
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.schema import Lead


def read_bytes(path: str) -> bytes:
    """Read a file, or standard input for ``-``."""
    if path == "-":
        if sys.stdin.isatty():
            raise click.UsageError("standard input is a terminal; pipe a file into it or name one")
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as fault:
        raise click.UsageError(f"{path}: {fault.strerror or type(fault).__name__}") from None


def read_lead(path: str) -> Lead:
    """Read a lead. Raises: InvalidLeadError."""
    return Lead.parse(read_bytes(path))


def account_and_settings(provider: Provider, account_file: str | None) -> tuple[Account, Settings]:
    """The account of a file, or the simulator's sample account."""
    if account_file is None:
        account = Account(provider.slug, provider.simulator().sample_settings)
    else:
        account = load_account(account_file)
        if account.provider != provider.slug:
            raise SettingsError(f"the account is for {account.provider}, not {provider.slug}", provider=provider.slug)
    return account, provider.settings_of(account)


def remote_query(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read ``K=V`` pairs; keys may be bracketed: ``a[b]=1``, ``l[]=x``."""
    query: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[^\[\]]+(\[[^\[\]]*\])*", key):
            raise click.UsageError(f"{pair!r} is not K=V; K may be bracketed, as in a[b]=1")
        steps = [step.rstrip("]") for step in key.split("[")]
        _put(query, steps, value, pair)
    return query


def _put(query: dict[str, Any], steps: list[str], value: str, pair: str) -> None:
    """Set one value at its bracketed place; a step without a name appends to a list."""
    target: Any = query
    *parents, last = steps
    for step, after in zip(parents, steps[1:], strict=True):
        target = target.setdefault(step, [] if after == "" else {}) if isinstance(target, dict) else None
    if last == "" and isinstance(target, list):
        target.append(value)
    elif last and isinstance(target, dict):
        target[last] = value
    else:
        raise click.UsageError(f"{pair!r} gives one name two shapes")


def shown_request(provider: Provider, request: Request, settings: Settings, *, secrets: bool = False) -> dict[str, Any]:
    """A request as programs read it, credentials masked unless asked for."""
    from pydantic_core import from_json

    from unilead.auth import credential_headers, mask_headers

    credentials = credential_headers(provider.info, settings)
    return {
        "method": request.method,
        "url": request.url,
        "headers": {**request.headers, **(credentials if secrets else mask_headers(credentials))},
        "body": from_json(request.body) if request.body else None,
    }


def chosen(registry: Registry, slugs: tuple[str, ...]) -> list[Provider]:
    """The named providers, all by default. Raises: UnknownProviderError and what else loading may raise."""
    return [registry.get(slug) for slug in slugs or registry.slugs]
