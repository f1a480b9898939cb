"""Credential stores on disk, shared by all processes of one machine: an SQLite database, or a JSON file.

Both keep credentials in clear text, in files that only their owner may read. They suit the command line, scripts and
workers; the host has a store of its own that encrypts.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from unilead.credentials import CredentialKey, Credentials, lease_is_free

_SCHEMA = """
CREATE TABLE IF NOT EXISTS unilead_credentials (
    account_id TEXT NOT NULL,
    seed TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    credentials TEXT NOT NULL DEFAULT '{}',
    lease_owner TEXT,
    lease_until REAL,
    PRIMARY KEY (account_id, seed)
) WITHOUT ROWID
"""
BUSY_SECONDS = 5.0  # how long to wait for another process's transaction


def _text_of(credentials: Credentials) -> str:
    values = asdict(credentials)
    del values["version"]
    return json.dumps(values)


def _owned_file(path: Path) -> None:
    """Make the file, if it is not there, so that only its owner can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log. Several processes may open a new file at once, and SQLite does not wait here."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.01)
        else:
            return


class SqliteCredentialStore:
    """Keeps credentials in an SQLite database.

    Args:
        path: the database file; made when it is not there. Other tables in it are left alone.
    """

    blocking = True

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._opened: sqlite3.Connection | None = None
        self._process = 0

    def load(self, key: CredentialKey) -> Credentials | None:
        """See `CredentialStore.load`."""
        with self._lock:
            found = self._connection().execute(
                "SELECT version, credentials FROM unilead_credentials WHERE account_id = ? AND seed = ?", key
            )
            row = found.fetchone()
        return Credentials(**json.loads(row[1]), version=row[0]) if row else None

    def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        """See `CredentialStore.lease`."""
        with self._transaction() as connection:
            row = self._row(connection, key)
            now = time.time()
            taken = row[1] != owner and not lease_is_free(row[2], now)
            if taken or row[0] != version:
                return False
            connection.execute(
                "UPDATE unilead_credentials SET lease_owner = ?, lease_until = ? WHERE account_id = ? AND seed = ?",
                (owner, now + seconds, *key),
            )
        return True

    def save(self, key: CredentialKey, credentials: Credentials) -> bool:
        """See `CredentialStore.save`."""
        with self._transaction() as connection:
            if self._row(connection, key)[0] != credentials.version:
                return False
            connection.execute(
                "UPDATE unilead_credentials SET version = version + 1, credentials = ?, lease_owner = NULL,"
                " lease_until = NULL WHERE account_id = ? AND seed = ?",
                (_text_of(credentials), *key),
            )
        return True

    def forget(self, account_id: str) -> None:
        """See `CredentialStore.forget`."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM unilead_credentials WHERE account_id = ?", (account_id,))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    @staticmethod
    def _row(connection: sqlite3.Connection, key: CredentialKey) -> Any:
        connection.execute("INSERT OR IGNORE INTO unilead_credentials (account_id, seed) VALUES (?, ?)", key)
        found = connection.execute(
            "SELECT version, lease_owner, lease_until FROM unilead_credentials WHERE account_id = ? AND seed = ?", key
        )
        return found.fetchone()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")  # takes the write lock at once: what is read stays true until COMMIT
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # some faults, such as a full disk, end it themselves
                    connection.execute("ROLLBACK")
                raise

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None or self._process != os.getpid():  # a connection must not cross a fork
            _owned_file(self._path)
            connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            _use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(_SCHEMA)
            weakref.finalize(self, connection.close)
            self._opened, self._process = connection, os.getpid()
        return self._opened


class FileCredentialStore:
    """Keeps credentials in one JSON file that a person can read; for a handful of accounts.

    Args:
        path: the file; made when it is not there. Beside it lies ``<name>.lock``, which processes lock in turn.
    Raises: ConfigurationError where the system has no file locks of this kind (Windows); use SQLite there.
    """

    blocking = True

    def __init__(self, path: str | Path) -> None:
        try:
            import fcntl
        except ImportError:
            from unilead.errors import ConfigurationError

            raise ConfigurationError("FileCredentialStore needs POSIX file locks", hint=_OTHER_STORE) from None
        self._flock, self._exclusive = fcntl.flock, fcntl.LOCK_EX
        self._path = Path(path)
        self._lock = threading.Lock()

    def load(self, key: CredentialKey) -> Credentials | None:
        """See `CredentialStore.load`."""
        entry = self._read().get("/".join(key))
        return Credentials(**{name: value for name, value in entry.items() if name in _FIELDS}) if entry else None

    def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        """See `CredentialStore.lease`."""
        with self._changing() as entries:
            entry = entries.setdefault("/".join(key), asdict(Credentials()))
            now = time.time()
            taken = entry.get("lease_owner") != owner and not lease_is_free(entry.get("lease_until"), now)
            if taken or entry["version"] != version:
                return False
            entry |= {"lease_owner": owner, "lease_until": now + seconds}
        return True

    def save(self, key: CredentialKey, credentials: Credentials) -> bool:
        """See `CredentialStore.save`."""
        with self._changing() as entries:
            stored = entries.get("/".join(key), {"version": 0})
            if stored["version"] != credentials.version:
                return False
            entries["/".join(key)] = asdict(replace(credentials, version=credentials.version + 1))
        return True

    def forget(self, account_id: str) -> None:
        """See `CredentialStore.forget`."""
        with self._changing() as entries:
            for name in [name for name in entries if name.rpartition("/")[0] == account_id]:
                del entries[name]

    def _read(self) -> dict[str, Any]:
        try:
            entries: dict[str, Any] = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        return entries

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """Read under the lock, and replace the file as a whole, so that no reader and no crash sees half of it."""
        lock_file = self._path.with_name(self._path.name + ".lock")
        _owned_file(lock_file)
        with self._lock, lock_file.open("rb") as handle:
            self._flock(handle, self._exclusive)
            entries = self._read()
            yield entries
            new = self._path.with_name(self._path.name + ".new")
            _owned_file(new)
            with new.open("w", encoding="utf-8") as out:
                json.dump(entries, out, indent=1)
                out.flush()
                os.fsync(out.fileno())
            new.replace(self._path)


_FIELDS = frozenset(asdict(Credentials()))
_OTHER_STORE = "use SqliteCredentialStore"
