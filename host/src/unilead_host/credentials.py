"""The host's credential store: refreshed tokens, sealed, in the host's database; leases by the database's clock."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from unilead import CredentialKey, Credentials
from unilead.credentials import LONGEST_LEASE
from unilead_host.crypto import Vault
from unilead_host.storage import Connection, Database, now
from unilead_host.storage.tables import accounts, credentials


class HostCredentialStore:
    """Implements `unilead.CredentialStore` for `unilead.AsyncClient`. All methods raise StorageError.

    A refusal by the token endpoint is noted on the account in the same transaction: ``needs_reauth``, with the reason.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def load(self, key: CredentialKey) -> Credentials | None:
        """See `unilead.CredentialStore.load`. Raises: SealError too."""
        wanted = sa.select(credentials, accounts.c.tenant_id).join(accounts).where(_row_of(key))
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            return None
        values = self._vault.open(row.tenant_id, key.account_id, row.sealed) if row.sealed else {}
        return Credentials(values, row.version, row.renew_at, row.state, row.reason, row.retry_at)

    async def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        """See `unilead.CredentialStore.lease`."""
        until = credentials.c.lease_until
        free = (
            until.is_(None) | (until <= now()) | (until > now() + LONGEST_LEASE) | (credentials.c.lease_owner == owner)
        )
        async with self._database.transaction() as connection:
            if await self._tenant_of(connection, key) is None:
                return False
            return await _set(connection, key, version, free, lease_owner=owner, lease_until=now() + seconds)

    async def save(self, key: CredentialKey, fresh: Credentials) -> bool:
        """See `unilead.CredentialStore.save`. Raises: SealError too."""
        async with self._database.transaction() as connection:
            tenant_id = await self._tenant_of(connection, key)
            if tenant_id is None:
                return False
            saved = await _set(
                connection,
                key,
                fresh.version,
                version=fresh.version + 1,
                sealed=self._vault.seal(tenant_id, key.account_id, fresh.values),
                state=fresh.state,
                reason=fresh.reason,
                renew_at=fresh.renew_at,
                retry_at=fresh.retry_at,
                lease_owner=None,
                lease_until=None,
            )
            if saved and fresh.state == "needs_reauth":
                error = {"status": "needs_reauth", "last_error": json.dumps({"message": fresh.reason})}
                current = (accounts.c.id == key.account_id) & (accounts.c.seed == key.seed)
                await connection.execute(sa.update(accounts).where(current).values(**error, updated_at=now()))
        return saved

    async def reopen(self, account_id: str) -> None:
        """Let the token endpoint be asked again after it refused or failed; for a person who says so."""
        closed = (credentials.c.state != "active") | credentials.c.retry_at.is_not(None)
        fresh = {"state": "active", "reason": "", "retry_at": None, "version": credentials.c.version + 1}
        async with self._database.transaction() as connection:
            await connection.execute(
                sa.update(credentials).where(credentials.c.account_id == account_id, closed).values(fresh)
            )

    async def forget(self, account_id: str) -> None:
        """See `unilead.CredentialStore.forget`."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(credentials).where(credentials.c.account_id == account_id))

    async def _tenant_of(self, connection: Connection, key: CredentialKey) -> str | None:
        """Whose account it is; makes sure that the account has a row to change. ``None`` when it was deleted."""
        tenant_id: str | None = await connection.scalar(
            sa.select(accounts.c.tenant_id).where(accounts.c.id == key.account_id)
        )
        if tenant_id is not None:
            row = {**key._asdict(), "version": 0, "state": "active", "reason": ""}
            await connection.execute(self._database.insert(credentials).values(row).on_conflict_do_nothing())
        return tenant_id


def _row_of(key: CredentialKey) -> Any:
    return (credentials.c.account_id == key.account_id) & (credentials.c.seed == key.seed)


async def _set(connection: Connection, key: CredentialKey, seen: int, *more: Any, **values: Any) -> bool:
    """Change the row if it still has this version."""
    unchanged = sa.and_(_row_of(key), credentials.c.version == seen, *more)
    return (await connection.execute(sa.update(credentials).where(unchanged).values(**values))).rowcount == 1
