"""The client that a command sends with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from unilead.client import Client
from unilead.credential_stores import SqliteCredentialStore
from unilead.pace import RatePacer
from unilead.registry import Registry
from unilead.simulator import Simulator

CREDENTIALS = "UNILEAD_CREDENTIALS"  # environment variable: the file that refreshed tokens are kept in


def open_client(registry: Registry, simulator: Simulator | None, *, paced: bool = False) -> Client:
    """Make the client of one command.

    Tokens that a real account gets are kept for the next command: where a CRM rotates refresh tokens, the one in the
    account file is spent after the first.

    Args:
        paced: keep below the CRM's rate limits; for many leads.
    """
    if simulator is not None:
        return Client(registry=registry, transport=simulator)
    store = SqliteCredentialStore(credentials_file())
    return Client(registry=registry, credential_store=store, pacer=RatePacer() if paced else None)


def credentials_file() -> Path:
    """Where refreshed tokens are kept: what the environment says, else the user's folder for such things."""
    if os.environ.get(CREDENTIALS):
        return Path(os.environ[CREDENTIALS])
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "unilead" / "credentials.db"
