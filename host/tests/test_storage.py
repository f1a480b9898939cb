"""The database: nothing is lost without an error, and what cannot be written is said to be not written."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from unilead_host.storage import Database, StorageError, migrate, now
from unilead_host.storage.connection import Connections
from unilead_host.storage.database import SILENCE
from unilead_host.storage.migrating import VERSIONS, _config, current_revision, downgrade, newest_revision
from unilead_host.storage.tables import METADATA, idempotency_keys, tenants

pytestmark = pytest.mark.anyio


async def add_tenant(database: Database, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(tenants.insert().values(id=name, name=name, created_at=now()))


async def names(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [*(await connection.execute(sa.select(tenants.c.name).order_by(tenants.c.name))).scalars()]


async def test_a_transaction_commits_at_its_end_and_rolls_back_on_an_exception(database: Database) -> None:
    await add_tenant(database, "kept")

    async def fail_in_the_middle() -> None:
        async with database.transaction() as connection:
            await connection.execute(tenants.insert().values(id="x", name="x", created_at=now()))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await fail_in_the_middle()
    assert await names(database) == ["kept"]


async def test_a_violated_constraint_stays_what_it_is(database: Database) -> None:
    await add_tenant(database, "one")
    with pytest.raises(sa.exc.IntegrityError) as caught:
        await add_tenant(database, "one")
    assert "'one'" not in str(caught.value).split("DETAIL")[0]  # parameters are hidden


async def test_f074_twenty_writers_on_two_hosts_lose_no_update(database: Database, database_url: str) -> None:
    """With deferred transactions, SQLite's default, this fails with *database is locked*."""
    await add_tenant(database, "0")
    other = Database(database_url, lock_timeout=30)

    async def count_up(host: Database, times: int) -> None:
        for _ in range(times):
            async with host.transaction() as connection:
                query = sa.select(tenants.c.name).with_for_update()
                value = int(await connection.scalar(query) or 0)
                await connection.execute(tenants.update().values(name=str(value + 1)))

    await asyncio.gather(*(count_up(host, 25) for host in (database, other) for _ in range(10)))
    await other.close()
    assert await names(database) == ["500"]


async def test_f083_the_databases_clock_moves_within_a_transaction(database: Database) -> None:
    async with database.transaction() as connection:
        first = await connection.scalar(sa.select(now()))
        await asyncio.sleep(0.01)
        second = await connection.scalar(sa.select(now()))
    assert first is not None
    assert second is not None
    assert 0 < second - first < 5
    assert first > 1_700_000_000


async def test_f070_a_locked_database_waits_then_fails_clearly(sqlite_url: str) -> None:
    database = Database(sqlite_url, lock_timeout=0.1)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="locked") as caught:
        await add_tenant(database, "one")
    assert caught.value.reason == "locked"
    assert await names(database) == []  # reading waits for nobody
    other.execute("COMMIT")
    other.close()
    await add_tenant(database, "one")
    assert await names(database) == ["one"]
    await database.close()


async def test_f070_a_lock_that_ends_in_time_is_only_a_wait(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    writing = asyncio.create_task(add_tenant(database, "one"))
    await asyncio.sleep(0.2)
    assert not writing.done()
    other.execute("COMMIT")
    other.close()
    await writing
    await database.close()


async def test_f070_a_lock_of_another_process_is_waited_for_a_while_only(database: Database, database_url: str) -> None:
    other = Database(database_url, lock_timeout=0.1)
    async with database.transaction() as connection:
        await connection.execute(tenants.insert().values(id="one", name="one", created_at=now()))
        with pytest.raises(StorageError, match="locked"):
            await add_tenant(other, "one")
    await other.close()


async def test_f072_a_full_disk_is_named_and_left_behind(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.transaction() as connection:
        pages = await connection.scalar(sa.text("PRAGMA page_count"))

    def keep_small(raw: sqlite3.Connection, record: object) -> None:
        raw.execute(f"PRAGMA max_page_count = {pages}")

    database.engine.dispose()
    sa.event.listen(database.engine, "connect", keep_small)
    with pytest.raises(StorageError, match="full"):
        await add_tenant(database, "x" * 100_000)
    sa.event.remove(database.engine, "connect", keep_small)
    database.engine.dispose()
    await add_tenant(database, "x" * 100_000)
    await database.close()


async def test_an_unreachable_server_is_named_without_its_password() -> None:
    database = Database("postgresql://someone:canary@127.0.0.1:1/nothing")
    with pytest.raises(StorageError) as caught:
        await database.check()
    assert caught.value.reason == "unreachable"
    assert "canary" not in f"{caught.value!r}{database!r}"
    await database.close()


async def test_a_server_that_says_nothing_is_unreachable_before_a_create_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SILENCE["connect_timeout"] <= 5
    monkeypatch.setitem(SILENCE, "connect_timeout", 2)  # no less: the driver knows no shorter wait
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/nothing")
        with pytest.raises(StorageError, match="unreachable"):
            await asyncio.wait_for(database.check(), 10)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no/such/folder"):
        Database(f"sqlite:///{tmp_path}/no/such/folder/x.sqlite")


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_database_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///FILE"):
        Database(url)


async def test_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/host.sqlite")
    await database.check()
    await database.close()
    assert (tmp_path / "host.sqlite").stat().st_mode & 0o777 == 0o600


# --- migrations ---------------------------------------------------------------------------------------------------


async def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
    assert await current_revision(database) == newest_revision()


def test_the_newest_revision_is_alembics_head() -> None:
    assert newest_revision() == ScriptDirectory.from_config(_config()).get_current_head()


async def test_f089_two_hosts_migrate_at_once(empty_url: str) -> None:
    before = await asyncio.gather(migrate(empty_url), migrate(empty_url))
    assert sorted(before, key=str) == [newest_revision(), None]


async def test_f089_a_database_of_a_newer_host_is_left_alone(database: Database, database_url: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(VERSIONS.update().values(version_num="9999"))
    with pytest.raises(ValueError, match="update unilead-host"):
        await migrate(database_url)
    assert await current_revision(database) == "9999"


NEXT_RELEASE = """
import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "{newest}"


def upgrade():
    op.add_column("tenants", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))
    {more}


def downgrade():
    op.drop_column("tenants", "plan")
"""


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A release with one more migration, whose last step is given."""
    folder, newest = tmp_path / "versions", newest_revision()
    folder.mkdir()

    def make(more: str) -> None:
        (folder / "9998_next.py").write_text(NEXT_RELEASE.format(more=more, newest=newest))

    def config() -> Config:
        made = _config()
        made.set_main_option("path_separator", "newline")
        made.set_main_option("version_locations", f"unilead_host.storage:migrations/versions\n{folder}")
        return made

    monkeypatch.setattr("unilead_host.storage.migrating._config", config)
    monkeypatch.setattr("unilead_host.storage.migrating._revisions", lambda: {newest, "9998"})
    return make


async def plans(database: Database) -> list[str]:
    async with database.reading() as connection:
        return [*(await connection.execute(sa.text("SELECT plan FROM tenants"))).scalars()]


async def test_f089_rows_of_the_last_release_go_up_and_down(
    database: Database, database_url: str, next_release: Callable[[str], None]
) -> None:
    await add_tenant(database, "kept")
    next_release("op.execute(\"UPDATE tenants SET plan = 'paid'\")")
    newest = await current_revision(database)
    assert await migrate(database_url) == newest
    assert (await names(database), await plans(database)) == (["kept"], ["paid"])
    assert await downgrade(database_url, str(newest)) == "9998"
    assert await names(database) == ["kept"]
    assert await current_revision(database) == newest


async def test_f089_a_migration_that_fails_changes_nothing(
    database: Database, database_url: str, next_release: Callable[[str], None]
) -> None:
    await add_tenant(database, "kept")
    next_release("raise RuntimeError('half way')")
    with pytest.raises(RuntimeError, match="half way"):
        await migrate(database_url)
    assert (await names(database), await current_revision(database)) == (["kept"], newest_revision())
    async with database.reading() as connection:
        columns = await connection.run_sync(
            lambda c: {column["name"] for column in sa.inspect(c).get_columns("tenants")}
        )
    assert "plan" not in columns


async def test_f089_keys_of_the_first_release_go_up_and_down(empty_url: str) -> None:
    await migrate(empty_url, "0001")
    database = Database(empty_url)
    names = "tenant_id, account_id, method, path, key, fingerprint, state, boot_id, created_at, expires_at"
    async with database.transaction() as connection:
        await connection.execute(sa.text("INSERT INTO tenants VALUES ('t', 't', 0)"))
        await connection.execute(sa.text("INSERT INTO accounts VALUES ('a', 't', 'acme', '', 'active', false, false,"
            " false, false, 'api_key', '{}', '', '', NULL, NULL, 0, 0)"))  # fmt: skip
        await connection.execute(
            sa.text(
                f"INSERT INTO idempotency_keys ({names}) VALUES ('t', 'a', 'POST', '/', 'k', 'f', 'done', 'b', 0, 0)"
            )
        )
    await migrate(empty_url)
    async with database.reading() as connection:
        row = (await connection.execute(sa.select(idempotency_keys))).one()
    assert (row.key, row.use_id) == ("k", "")
    await downgrade(empty_url, "0001")
    async with database.reading() as connection:
        assert await connection.scalar(sa.text("SELECT key FROM idempotency_keys")) == "k"
    await database.close()


async def test_f089_going_back_to_nothing(empty_url: str) -> None:
    await migrate(empty_url)
    await downgrade(empty_url, "base")
    database = Database(empty_url)
    assert await current_revision(database) is None
    await database.close()


# --- whoever is cancelled leaves nothing behind -----------------------------------------------------------------------


class SlowWriter:
    """A transaction whose statement is under way until it is let go."""

    def __init__(self, database: Database) -> None:
        self._started, self._go_on = threading.Event(), threading.Event()
        self._task = asyncio.create_task(self._write(database))

    async def _write(self, database: Database) -> None:
        async with database.transaction() as connection:
            await connection.run_sync(self._insert)

    def _insert(self, connection: sa.Connection) -> None:
        connection.execute(tenants.insert().values(id="slow", name="slow", created_at=now()))
        self._started.set()
        self._go_on.wait(20)

    async def cancelled(self, times: int) -> bool:
        """Cancel it while its statement runs. Returns: whether it ended before the statement did."""
        await asyncio.to_thread(self._started.wait, 20)
        for _ in range(times):
            self._task.cancel()
            await asyncio.sleep(0.05)
        ended = self._task.done()
        self._go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await self._task
        return ended


@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_transaction_is_rolled_back_once_its_statement_ended(database: Database, times: int) -> None:
    assert await SlowWriter(database).cancelled(times) == (times > 1)  # who is cancelled twice does not wait
    await add_tenant(database, "next")
    assert await names(database) == ["next"]


async def test_a_time_out_of_the_work_itself_is_not_the_databases(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with database.transaction():
            raise TimeoutError


async def test_who_finds_no_free_connection_is_told_so(database: Database) -> None:
    database._connections = Connections(database.engine, 1, 0.05)
    for _ in range(3):  # and every connection comes back
        async with database.reading():
            with pytest.raises(StorageError, match="busy"):
                await names(database)
        assert await names(database) == []


async def test_a_transaction_that_cannot_begin_gives_its_connection_back(sqlite_url: str) -> None:
    database = Database(sqlite_url, lock_timeout=0.01)
    database._connections = Connections(database.engine, 1, 1)
    other = sqlite3.connect(str(database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        with pytest.raises(StorageError, match="locked"):
            await add_tenant(database, "late")
    other.execute("COMMIT")
    other.close()
    await add_tenant(database, "in time")
    assert await names(database) == ["in time"]
    await database.close()
