"""What the commands are given: leads, accounts, answers, query parameters."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias

import click

from unilead.account import Account
from unilead.account_files import load_account
from unilead.errors import InvalidLeadError, SettingsError
from unilead.message import is_header_name
from unilead.provider import Provider
from unilead.render import PATHS, is_answered
from unilead.schema import Lead
from unilead.settings import Settings

MAX_INPUT = 16 * 1024 * 1024
MAX_DEPTH = 5  # of a bracketed name
MAX_DIGITS = 3  # of an index in brackets


def read_bytes(path: str) -> bytes:
    """Read a file, or standard input for ``-``."""
    if path == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("standard input is a terminal; pipe a file into it or name one")
        data = sys.stdin.buffer.read(MAX_INPUT + 1)
    else:
        data = _read_file(path)
    if len(data) > MAX_INPUT:
        raise click.UsageError(f"{click.format_filename(path)}: larger than {MAX_INPUT // 1024**2} MiB")
    return data


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_INPUT + 1)
    except OSError as fault:
        raise click.UsageError(f"{click.format_filename(path)}: {fault.strerror or type(fault).__name__}") from None
    except ValueError:  # a zero byte in the path
        raise click.UsageError("the path of the file has a zero byte") from None


def check_one_target(account_file: str | None, slug: str | None) -> None:
    """Make sure that leads have one place to go to. Raises: UsageError."""
    if account_file is not None and slug is not None:
        raise click.UsageError("give either --account or --simulate, not both")
    if account_file is None and slug is None:
        raise click.UsageError("name an account with --account FILE, or a simulator with --simulate SLUG")


def read_lead(path: str) -> Lead:
    """Read a lead. Raises: InvalidLeadError."""
    return parse_lead(path, read_bytes(path))


def parse_lead(path: str, data: bytes) -> Lead:
    """Make a lead of what was read from a file. Raises: InvalidLeadError; it names the file, not a request's body."""
    try:
        return Lead.parse(data)
    except InvalidLeadError as error:
        if error.fields == ("body",):
            name = "standard input" if path == "-" else click.format_filename(path)
            said = error.message.replace("request body", "the lead") if data.strip() else "the lead is empty"
            error.message = f"{name}: {said}"
        raise


def account_and_settings(provider: Provider, account_file: str | None) -> tuple[Account, Settings]:
    """The account of a file, or the simulator's sample account."""
    if account_file is None:
        account = Account(provider.slug, provider.simulator().sample_settings)
    else:
        account = load_account(account_file)
        if account.provider != provider.slug:
            raise SettingsError(f"the account is for {account.provider}, not {provider.slug}", provider=provider.slug)
    return account, provider.settings_of(account)


def header_map(pairs: Iterable[str]) -> dict[str, str]:
    """Read headers written ``Name: value``; the values of equal names are joined."""
    headers: dict[str, str] = {}
    for pair in pairs:
        name, colon, value = pair.partition(":")
        key, text = name.strip().lower(), value.strip()
        if not colon or not is_header_name(key):
            raise click.UsageError("--header wants K:V")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def field_names(values: Iterable[str]) -> list[str]:
    """Read names that were given one by one or joined with commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def excluded_paths(values: Iterable[str], response_format: str) -> list[str]:
    """Read what is to be left out of an answer; what would leave out nothing is refused. Raises: UsageError."""
    paths = field_names(values)
    if paths and response_format == "raw":
        raise click.UsageError("--exclude: a raw answer is the CRM's own, and nothing is left out of it")
    for path in paths:
        if not is_answered(path):
            from difflib import get_close_matches  # only a misspelt path needs it

            close = get_close_matches(path.lower(), PATHS, n=1, cutoff=0.5)
            known = f"did you mean {close[0]}?" if close else "`unilead describe SLUG` lists the fields"
            raise click.UsageError(f"--exclude: an answer has no field {path!r}; {known}")
    return paths


def remote_query(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``K=V`` pairs; keys may be bracketed: ``a[b]=1``, ``l[]=x``, ``l[0]=x``; a repeated key makes a list.

    Raises: UsageError; it names the key at most, for the value may be a secret.
    """
    query: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not re.fullmatch(r"[^\[\]]+(\[[^\[\]]*\])*", key):
            raise click.UsageError("--remote-query wants K=V; K may be bracketed, as in a[b]=1")
        steps = [step.rstrip("]") for step in key.split("[")]
        if any(step.isdecimal() and len(step) > MAX_DIGITS for step in steps[1:]):
            raise click.UsageError(f"--remote-query: {steps[0]} has an index above 999")
        if len(steps) > MAX_DEPTH + 1:
            raise click.UsageError(f"--remote-query: {steps[0]} is nested deeper than {MAX_DEPTH} levels")
        _put(query, steps, value)
    return {name: _closed(value) for name, value in query.items()}


class _Items(dict[str, Any]):
    """A list while it is read: by the numbers in the brackets, or in the order of the pairs."""


_Node: TypeAlias = dict[str, Any]


def _put(node: _Node, steps: list[str], value: str) -> None:
    """Set one value at its bracketed place."""
    step = _place(node, steps)
    if len(steps) > 1:
        kind = _Items if not steps[1] or steps[1].isdecimal() else dict
        inner = node.setdefault(step, kind())
        if isinstance(inner, str) or isinstance(inner, _Items) != (kind is _Items):
            raise _two_shapes(steps[0])
        _put(inner, steps[1:], value)
    elif step not in node:
        node[step] = value
    elif isinstance(node[step], dict) and not isinstance(node[step], _Items):
        raise _two_shapes(step)
    else:
        items = node[step] if isinstance(node[step], _Items) else _Items({"0": node[step]})
        node[step] = items
        items[str(len(items))] = value


def _place(node: _Node, steps: list[str]) -> str:
    """The key a step means; in a list, a place that is taken or not named is the next free one."""
    step = steps[0]
    if not isinstance(node, _Items):
        return step
    if step and not (len(steps) == 1 and step in node):
        return step
    return str(max((int(key) for key in node), default=-1) + 1)


def _closed(value: Any) -> Any:
    if isinstance(value, _Items):
        return [_closed(value[key]) for key in sorted(value, key=int)]
    return {key: _closed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _two_shapes(name: str) -> click.UsageError:
    return click.UsageError(f"--remote-query gives {name} two shapes, such as a=1 and a[b]=2")
