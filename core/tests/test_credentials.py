"""The three credential stores keep the contract; what lies on disk is its owner's alone."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine

from unilead import (
    ConfigurationError,
    CredentialKey,
    Credentials,
    FileCredentialStore,
    MemoryCredentialStore,
    OAuthSettings,
    SqliteCredentialStore,
)
from unilead.cli.client import credentials_file
from unilead.testing import CredentialStoreContract

KEY = CredentialKey("62f44730-dd91-461e-bd6a-aedd9e0ad79d", "0" * 32)
KINDS = {"sqlite": SqliteCredentialStore, "file": FileCredentialStore}


class TestMemoryStore(CredentialStoreContract):
    def make_store(self, folder: Path) -> MemoryCredentialStore:
        return MemoryCredentialStore()


class TestSqliteStore(CredentialStoreContract):
    def make_store(self, folder: Path) -> SqliteCredentialStore:
        return SqliteCredentialStore(folder / "credentials.db")


class TestFileStore(CredentialStoreContract):
    def make_store(self, folder: Path) -> FileCredentialStore:
        return FileCredentialStore(folder / "credentials.json")


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_owner_can_read_what_is_on_disk(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    store = KINDS[kind](folder / "store")
    assert store.save(KEY, Credentials({"access_token": "x"}))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    getattr(store, "close", lambda: None)()


def test_a_system_without_file_locks_is_told_which_store_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(ConfigurationError, match="needs POSIX file locks") as caught:
        FileCredentialStore(tmp_path / "store")
    assert "SqliteCredentialStore" in str(caught.value.hint)


def _count_up(kind: str, path: Path, rounds: int) -> None:
    store = KINDS[kind](path)
    _count_up_in(store, rounds)
    getattr(store, "close", lambda: None)()


def _count_up_in(store: Any, rounds: int) -> None:
    for _ in range(rounds):
        while True:
            seen = store.load(KEY) or Credentials()
            number = int(seen.values.get("access_token", "0")) + 1
            if store.save(KEY, Credentials({"access_token": str(number)}, seen.version)):
                break


@pytest.mark.parametrize("kind", KINDS)
def test_no_save_is_lost_between_processes(kind: str, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = (kind, tmp_path / "store", 10)
    children = [context.Process(target=_count_up, args=arguments) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    found = KINDS[kind](tmp_path / "store").load(KEY)
    assert found is not None
    assert (found.version, found.values) == (30, {"access_token": "30"})


@pytest.mark.parametrize("kind", KINDS)
def test_no_save_is_lost_between_threads(kind: str, tmp_path: Path) -> None:
    store = KINDS[kind](tmp_path / "store")
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(_count_up_in, store, 5) for _ in range(8)]:
            done.result(60)
    found = store.load(KEY)
    assert found is not None
    assert (found.version, found.values) == (40, {"access_token": "40"})
    getattr(store, "close", lambda: None)()


@pytest.mark.parametrize("kind", KINDS)
def test_f083_a_clock_set_back_does_not_lock_an_account_for_an_hour(kind: str, tmp_path: Path) -> None:
    store = KINDS[kind](tmp_path / "store")
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert store.lease(KEY, 0, "first", 30)
        clock.shift(-3_600)
        assert store.lease(KEY, 0, "second", 30)
        clock.shift(7_200)
        assert store.lease(KEY, 0, "third", 30)
    getattr(store, "close", lambda: None)()


def test_f070_a_locked_database_is_an_error_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.credential_stores.BUSY_SECONDS", 0.1)
    store = SqliteCredentialStore(tmp_path / "store")
    store.load(KEY)
    other = sqlite3.connect(tmp_path / "store", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        store.save(KEY, Credentials())
    other.execute("ROLLBACK")
    assert store.save(KEY, Credentials())
    other.close()
    store.close()


@pytest.mark.parametrize("failing", ["UPDATE", "COMMIT"])
def test_f071_what_fails_half_way_is_rolled_back_and_holds_nobody_up(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = iter(["disk I/O error"])

    class Failing(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> Any:
            if sql.startswith(failing) and (reason := next(faults, None)):
                raise sqlite3.OperationalError(reason)
            return super().execute(sql, *arguments)

    monkeypatch.setattr("sqlite3.connect", partial(sqlite3.connect, factory=Failing))
    store, other = SqliteCredentialStore(tmp_path / "store"), SqliteCredentialStore(tmp_path / "store")
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        store.save(KEY, Credentials({"access_token": "lost"}))
    assert store.load(KEY) is None
    assert other.save(KEY, Credentials({"access_token": "kept"}))
    assert not store.save(KEY, Credentials({"access_token": "late"}))
    assert getattr(store.load(KEY), "values", None) == {"access_token": "kept"}
    store.close()
    other.close()


def test_processes_that_open_a_new_database_at_once_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter(["database is locked"] * 3)

    class Contended(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> Any:
            if "journal_mode" in sql and (reason := next(refusals, None)):
                raise sqlite3.OperationalError(reason)  # SQLite's busy time-out does not count here
            return super().execute(sql, *arguments)

    monkeypatch.setattr("sqlite3.connect", partial(sqlite3.connect, factory=Contended))
    store = SqliteCredentialStore(tmp_path / "store")
    assert store.save(KEY, Credentials())
    assert next(refusals, None) is None
    store.close()


def test_a_key_depends_on_the_credentials_alone_and_tells_nothing_about_them() -> None:
    first = OAuthSettings(client_id="c", client_secret="s", refresh_token="r-canary")
    same = OAuthSettings(client_id="c", client_secret="s", refresh_token="r-canary")
    other = OAuthSettings(client_id="c", client_secret="s", refresh_token="r-newer")
    assert CredentialKey.of("1", first) == CredentialKey.of("1", same)
    assert CredentialKey.of("1", first) != CredentialKey.of("1", other)
    assert CredentialKey.of("1", first) != CredentialKey.of("1", first.model_copy(update={"client_id": "another"}))
    assert "canary" not in repr(CredentialKey.of("1", first))


def test_credentials_show_no_secret() -> None:
    assert "canary" not in repr(Credentials({"access_token": "canary"}))


def test_commands_keep_tokens_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_CREDENTIALS", str(tmp_path / "mine.db"))
    assert credentials_file() == tmp_path / "mine.db"
    monkeypatch.delenv("UNILEAD_CREDENTIALS")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert credentials_file() == tmp_path / "unilead" / "credentials.db"
    store = SqliteCredentialStore(credentials_file())
    assert store.save(KEY, Credentials())
    assert stat.S_IMODE(credentials_file().parent.stat().st_mode) == 0o700
    store.close()
