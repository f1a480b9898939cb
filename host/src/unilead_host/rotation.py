"""Key rotation: seals everything that is stored with the newest key.

Put the new key first and keep the old one behind it, restart the hosts, rotate, then take the old key away. A rotation
that was interrupted can be repeated; what another process seals meanwhile is not written over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from unilead_host.crypto import NO_KEY, SealError, Vault
from unilead_host.storage import Connection, Database
from unilead_host.storage.tables import accounts, connections, credentials

PORTION = 200


@dataclass(frozen=True, slots=True)
class Rotation:
    """What came of a rotation.

    Attributes:
        sealed: how many rows are sealed with the newest key now.
        broken: accounts of rows that no key opens; they are left as they are.
    """

    sealed: int
    broken: tuple[str, ...]


async def rotate_keys(database: Database, vault: Vault) -> Rotation:
    """Seal all rows anew. Raises: StorageError; SealError without a key."""
    if not vault:
        raise SealError(NO_KEY)
    sealed, broken = 0, []
    for table in (accounts, credentials, connections):
        keys = list(table.primary_key.columns)
        async with database.reading() as connection:
            rows = (await connection.execute(sa.select(*keys).where(table.c.sealed.is_not(None)))).all()
        for start in range(0, len(rows), PORTION):  # in portions, so that nobody waits long for the lock
            async with database.transaction() as connection:
                for row in rows[start : start + PORTION]:
                    this = sa.and_(*(column == value for column, value in zip(keys, row, strict=True)))
                    try:
                        sealed += await _rotate(connection, vault, table, this)
                    except SealError:
                        broken.append(row.id if table is accounts else row.account_id)
    return Rotation(sealed, tuple(dict.fromkeys(broken)))


async def _rotate(connection: Connection, vault: Vault, table: sa.Table, this: Any) -> int:
    """Seal one row anew. Returns: how many rows that were: none when it was deleted meanwhile."""
    sealed = await connection.scalar(sa.select(table.c.sealed).where(this).with_for_update())
    if sealed is None:
        return 0
    await connection.execute(sa.update(table).where(this).values(sealed=vault.rotate(sealed)))
    return 1
