"""Account files: TOML or JSON with ``id``, ``provider``, ``[settings]`` and ``read_back``.

A value ``env:NAME`` is looked up in the environment, ``file:PATH`` in a file (one line break at its end is cut off; a
relative path begins at the account file's folder), so that no credential has to stand in the account file itself.
Errors name the key and never the value: even a malformed one may be a secret.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from unilead.account import Account
from unilead.errors import Problem, SettingsError

MAX_FILE = 1024 * 1024
_PLACE = re.compile(r"line \d+,? column \d+")
_KEYS = ("id", "provider", "settings", "read_back")


def load_account(path: str | Path) -> Account:
    """Read an account file.

    Raises: SettingsError naming the key at fault; never a value.
    """
    path = Path(path)
    try:
        text = _text_of(path)
    except (OSError, ValueError) as fault:
        raise SettingsError(f"account file {path} cannot be read: {_reason(fault)}") from None
    is_json = text.lstrip().startswith("{") or path.suffix == ".json"
    try:
        values = json.loads(text) if is_json else tomllib.loads(text)
    except (ValueError, RecursionError) as fault:
        place = _PLACE.search(str(fault))  # the rest of the text may quote a secret
        where = f" ({place[0]})" if place else ""
        raise SettingsError(f"account file {path} is not valid {'JSON' if is_json else 'TOML'}{where}") from None
    if isinstance(values, dict) and "id" not in values:  # the same at each load: tokens and results are kept by it
        values = {**values, "id": default_id(path)}
    try:
        return account_of(values, path.parent)
    except SettingsError as error:
        error.message = f"account file {path}: {error.message}"
        raise


def default_id(path: Path) -> str:
    """The id of an account whose file names none."""
    return str(uuid5(NAMESPACE_URL, path.resolve().as_uri()))


def account_of(values: Any, folder: Path) -> Account:
    """Make an account of what an account file in this folder holds. Raises: SettingsError."""
    if not isinstance(values, dict) or not isinstance(values.get("provider"), str):
        raise SettingsError('an account names its provider: provider = "hubspot"')
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a key of an account; settings stand under [settings]")
    slug = values["provider"]
    settings = values.get("settings", {})
    if not isinstance(settings, dict):
        raise SettingsError("settings must be a table", provider=slug)
    read_back, name = values.get("read_back", False), values.get("id")
    if not isinstance(read_back, bool):
        raise SettingsError("read_back must be true or false", provider=slug)
    if "id" in values and (not name or isinstance(name, bool) or not isinstance(name, (str, int))):
        raise SettingsError("id must be text", provider=slug)
    found = {key: _looked_up(key, value, slug, folder) for key, value in settings.items()}
    return Account(slug, found, read_back=read_back, **({"id": str(name)} if name else {}))


def _looked_up(name: str, value: Any, slug: str, folder: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _looked_up(f"{name}.{key}", item, slug, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_looked_up(f"{name}[{place}]", item, slug, folder) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if value.startswith("env:"):
        found = os.environ.get(value[4:]) if "\0" not in value else None
        if not found:
            raise _missing(name, "the environment variable it names is not set", slug)
        return found
    if value.startswith("file:"):
        try:
            text = _text_of(folder / Path(value[5:]).expanduser())
        except (OSError, ValueError, RuntimeError) as fault:
            raise _missing(name, f"its file cannot be read: {_reason(fault)}", slug) from None
        return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
    return value


def _text_of(path: Path) -> str:
    """Read a small text file. Raises: OSError; ValueError when it is too large or no UTF-8."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError("it is too large")
    return data.decode("utf-8-sig")


def _missing(name: str, reason: str, slug: str) -> SettingsError:
    return SettingsError(f"setting {name}: {reason}", problems=[Problem(name, "missing", reason)], provider=slug)


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError):
        return fault.strerror or type(fault).__name__
    if isinstance(fault, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return "it is too large" if str(fault) == "it is too large" else "its path is malformed"
