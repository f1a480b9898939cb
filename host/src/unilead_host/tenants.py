"""Tenants: whoever owns accounts and tokens. One cannot see, nor probe, what belongs to another."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import sqlalchemy as sa

from unilead_host.storage import Database, now
from unilead_host.storage.tables import tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant.

    Attributes:
        id: a uuid.
        name: for people; unique.
        created_at: seconds since 1970.
    """

    id: str
    name: str
    created_at: float


class Tenants:
    """The tenants of a host. All methods raise StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str) -> Tenant:
        """Make a tenant. Raises: ValueError when the name is empty or taken."""
        if not name.strip():
            raise ValueError("a tenant needs a name")
        made = self._database.insert(tenants).values(id=str(uuid4()), name=name, created_at=now())
        async with self._database.transaction() as connection:
            row = (await connection.execute(made.on_conflict_do_nothing().returning(tenants))).one_or_none()
        if row is None:
            raise ValueError(f"there is a tenant {name!r} already")
        return Tenant(*row)

    async def find(self, name_or_id: str) -> Tenant | None:
        """The tenant of this name or id."""
        wanted = sa.select(tenants).where((tenants.c.name == name_or_id) | (tenants.c.id == name_or_id))
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).first()
        return Tenant(*row) if row else None

    async def list(self) -> list[Tenant]:
        """All tenants, oldest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(sa.select(tenants).order_by(tenants.c.created_at, tenants.c.id))
        return [Tenant(*row) for row in rows]

    async def delete(self, tenant_id: str) -> bool:
        """Delete a tenant with its accounts, credentials, tokens and stored answers."""
        async with self._database.transaction() as connection:
            done = await connection.execute(sa.delete(tenants).where(tenants.c.id == tenant_id))
        return done.rowcount == 1
