"""Brings a database to the version that this code needs. Two hosts may do so at once: one waits for the other."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from unilead_host.storage.database import Database

MIGRATION_LOCK = 0x756E696C656164  # a number of our own among PostgreSQL's advisory locks
PATIENCE = 60.0


async def migrate(url: str, revision: str = "head") -> str | None:
    """Upgrade to a revision, the newest by default, in one transaction. Returns the revision that was there before.

    Raises: StorageError, alembic.util.CommandError for a revision that does not exist.
    """
    return await _run(url, lambda connection: _move(connection, revision, command.upgrade))


async def downgrade(url: str, revision: str) -> str | None:
    """Go back to a revision; ``base`` empties the database. Returns the revision that was there before."""
    return await _run(url, lambda connection: _move(connection, revision, command.downgrade))


async def current_revision(database: Database) -> str | None:
    """The revision a database has. Raises: StorageError."""
    async with database.reading() as connection:
        return await connection.run_sync(_revision)


def newest_revision() -> str | None:
    """The revision that this code needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def _run(url: str, work: Callable[[sa.Connection], str | None]) -> str | None:
    database = Database(url, lock_timeout=PATIENCE)
    try:
        async with database.transaction() as connection:
            return await connection.run_sync(work)
    finally:
        await database.close()


def _move(connection: sa.Connection, revision: str, move: Callable[[Config, str], None]) -> str | None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    before = _revision(connection)
    config = _config()
    config.attributes["connection"] = connection
    move(config, revision)
    return before


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "unilead_host.storage:migrations")
    return config
