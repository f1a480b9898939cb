"""Brings a database to the version that this code needs. Two hosts may do so at once: one waits for the other.

Alembic is imported where something is to be migrated, and not for a look at the version.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import sqlalchemy as sa

from unilead_host.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_LOCK = 0x756E696C656164  # a number of our own among PostgreSQL's advisory locks
PATIENCE = 60.0
VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.Text))


async def migrate(url: str, revision: str = "head") -> str | None:
    """Upgrade to a revision, the newest by default, in one transaction. Returns: the revision that was there before.

    Raises: StorageError; ValueError for a database that a newer host has migrated.
    """
    from alembic import command

    return await _run(url, lambda connection: _move(connection, revision, command.upgrade))


async def downgrade(url: str, revision: str) -> str | None:
    """Go back to a revision; ``base`` empties the database. Returns: the revision that was there before."""
    from alembic import command

    return await _run(url, lambda connection: _move(connection, revision, command.downgrade))


async def current_revision(database: Database) -> str | None:
    """The revision a database has; ``None`` for an empty one. Raises: StorageError."""
    async with database.reading() as connection:
        return await connection.run_sync(_revision)


@cache
def newest_revision() -> str:
    """The revision that this code needs: the file names of the migrations begin with their numbers."""
    return max(_revisions())


def _revisions() -> set[str]:
    versions = files("unilead_host.storage.migrations") / "versions"
    return {file.name.partition("_")[0] for file in versions.iterdir() if file.name[:1].isdigit()}


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
    if before is not None and before not in _revisions():
        raise ValueError(f"the database is at version {before}, which is newer than this host: update unilead-host")
    config = _config()
    config.attributes["connection"] = connection
    move(config, revision)
    return before


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSIONS.name):
        return None
    found: str | None = connection.scalar(sa.select(VERSIONS.c.version_num))
    return found


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "unilead_host.storage:migrations")
    return config
