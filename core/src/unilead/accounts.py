"""Account files: TOML or JSON with ``id``, ``provider``, ``[settings]`` and ``read_back``.

A value ``env:NAME`` is looked up in the environment, ``file:PATH`` in a file (one line break at its end is cut off), so
that no credential has to stand in the account file itself.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unilead.errors import Problem, SettingsError
from unilead.info import Account

_KEYS = ("id", "provider", "settings", "read_back")


def load_account(path: str | Path) -> Account:
    """Read an account file.

    Raises: SettingsError naming the key at fault; never a value.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"account file {path} cannot be read: {_reason(fault)}") from None
    try:
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise SettingsError(f"account file {path} is not valid {kind}") from None
    return account_of(values)


def account_of(values: Any) -> Account:
    """Make an account of what an account file holds. Raises: SettingsError."""
    if not isinstance(values, dict) or not isinstance(values.get("provider"), str):
        raise SettingsError('an account names its provider: provider = "hubspot"')
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise SettingsError(f"{unknown[0]} is not a key of an account; settings stand under [settings]")
    slug = values["provider"]
    settings = values.get("settings", {})
    if not isinstance(settings, dict):
        raise SettingsError("settings must be a table", provider=slug)
    found = {name: _looked_up(name, value, slug) for name, value in settings.items()}
    more = {"id": str(values["id"])} if "id" in values else {}
    return Account(slug, found, read_back=values.get("read_back") is True, **more)


def _looked_up(name: str, value: Any, slug: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _looked_up(f"{name}.{key}", item, slug) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if value.startswith("env:"):
        if value[4:] not in os.environ:
            raise _missing(name, f"the environment variable {value[4:]} is not set", slug)
        return os.environ[value[4:]]
    if value.startswith("file:"):
        try:
            text = Path(value[5:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise _missing(name, f"its file cannot be read: {_reason(fault)}", slug) from None
        return text.removesuffix("\n").removesuffix("\r")
    return value


def _missing(name: str, reason: str, slug: str) -> SettingsError:
    return SettingsError(f"setting {name}: {reason}", problems=[Problem(name, "missing", reason)], provider=slug)


def _reason(fault: Exception) -> str:
    return fault.strerror or type(fault).__name__ if isinstance(fault, OSError) else "it is not UTF-8 text"
