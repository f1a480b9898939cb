"""Integrated accounts: a tenant's connections to CRMs, with their settings sealed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from unilead import Account, Registry
from unilead_host.account_settings import CheckedSettings
from unilead_host.crypto import SealError, Vault
from unilead_host.paging import place_of
from unilead_host.recent import Recent
from unilead_host.storage import Connection, Database, now
from unilead_host.storage.tables import accounts, credentials
from unilead_host.stored import COLUMNS, Status, StoredAccount, change, find, owned, stored_from, timestamp

KEPT_SETTINGS = 1_000
RECENT_SECONDS = 1.0


class Accounts:
    """The integrated accounts of a host. All methods raise StorageError.

    Args:
        vault: seals the settings.
        registry: knows what settings each provider takes.
    """

    def __init__(self, database: Database, vault: Vault, registry: Registry) -> None:
        self._database = database
        self._vault = vault
        self._registry = registry
        self._opened: dict[tuple[str, str, bool], Account] = {}
        self._recent: Recent[StoredAccount] = Recent(KEPT_SETTINGS)

    # --- asking -------------------------------------------------------------------------------------------------------

    async def get(self, tenant_id: str, account_id: str) -> StoredAccount | None:
        """The tenant's account of this id; ``None`` for an unknown one and for another tenant's alike."""
        async with self._database.reading() as connection:
            return await find(connection, tenant_id, account_id)

    async def recall(self, tenant_id: str, account_id: str) -> StoredAccount | None:
        """As `get`, for every single lead: what another process changed may be seen up to a second late."""
        name = tenant_id, account_id
        return self._recent.get(name) or await self._recent.ask(name, lambda: self._look_up(tenant_id, account_id))

    async def _look_up(self, tenant_id: str, account_id: str) -> tuple[StoredAccount | None, float]:
        return await self.get(tenant_id, account_id), RECENT_SECONDS

    async def list(
        self, tenant_id: str, *, limit: int | None = None, after: str | None = None, provider: str | None = None
    ) -> list[StoredAccount]:
        """The tenant's accounts, oldest first.

        Args:
            after: a cursor, as `unilead_host.paging` makes it of the last account before them.
        """
        wanted = sa.select(*COLUMNS).where(accounts.c.tenant_id == tenant_id).limit(limit)
        if after is not None:
            wanted = wanted.where(sa.tuple_(accounts.c.created_at, accounts.c.id) > place_of(after))
        if provider is not None:
            wanted = wanted.where(accounts.c.provider == provider)
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted.order_by(accounts.c.created_at, accounts.c.id))
            return [stored_from(row) for row in rows]

    async def account_of(self, stored: StoredAccount) -> Account:
        """Open the settings and check them against the provider's model.

        Settings that cannot be opened, because they were changed or belong to another account, break the account: its
        status becomes ``validation_error``.
        Raises: SealError, SettingsError, UnknownProviderError and what else loading a provider may raise.
        """
        name = (stored.id, stored.sealed, stored.read_back)
        account = self._opened.get(name)
        if account is None:
            try:
                values = self._vault.open(stored.tenant_id, stored.id, stored.sealed)
            except SealError as error:
                if self._vault:
                    await self.set_status(stored, "validation_error", {"message": f"settings: {error}"})
                raise
            account = Account(stored.provider, values, id=stored.id, read_back=stored.read_back)
            settings = self._registry.get(stored.provider).settings_of(account)
            account = Account(stored.provider, settings, id=stored.id, read_back=stored.read_back)
            if len(self._opened) >= KEPT_SETTINGS:
                self._opened.clear()
            self._opened[name] = account
        return account

    def values_of(self, stored: StoredAccount) -> dict[str, Any]:
        """The settings as they were given, for new ones to be put into; where no key opens them, those in clear.

        Raises: SealError without any key.
        """
        try:
            return self._vault.open(stored.tenant_id, stored.id, stored.sealed)
        except SealError:
            if not self._vault:  # nothing is wrong with the account
                raise
            return dict(stored.context)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Connection]:
        """A transaction after which nothing is recalled that was read before."""
        try:
            async with self._database.transaction() as connection:
                yield connection
        finally:
            self._recent.forget()

    # --- changing -----------------------------------------------------------------------------------------------------

    async def create(
        self,
        tenant_id: str,
        provider: str,
        settings: Mapping[str, Any] | None = None,
        *,
        account_id: str | None = None,
        label: str = "",
        connecting: bool = False,
        is_sandbox: bool = False,
        is_simulated: bool = False,
        read_back: bool = False,
    ) -> StoredAccount:
        """Store an account.

        Args:
            settings: the provider's; may be left out for a simulated account.
            account_id: a uuid, for operators who move accounts; made up by default.
            connecting: the access token is to come from an OAuth connect.
        Raises: SettingsError, UnknownProviderError and what else loading a provider may raise; SealError without a key;
            ValueError for an id that is taken or no uuid, or a tenant that does not exist.
        """
        if settings is None:
            settings = self._registry.get(provider).simulator().sample_settings if is_simulated else {}
        checked = CheckedSettings.of(self._registry.get(provider), settings, connecting=connecting)
        made_id = str(uuid4()) if account_id is None else _uuid(account_id)
        values = {
            "id": made_id,
            "tenant_id": tenant_id,
            "provider": provider,
            "label": label,
            "status": "connecting" if connecting else "active",
            "is_sandbox": is_sandbox,
            "is_blocked": False,
            "is_simulated": is_simulated,
            "read_back": read_back,
            "created_at": now(),
            "updated_at": now(),
            **checked.row(self._vault, tenant_id, made_id),
        }
        async with self._changing() as connection:
            try:
                row = (await connection.execute(sa.insert(accounts).values(values).returning(*COLUMNS))).one()
            except sa.exc.IntegrityError:
                raise ValueError(
                    f"the id {made_id} is taken, or there is no such tenant; without an id the account gets a new one"
                ) from None
        return stored_from(row)

    async def update(
        self,
        tenant_id: str,
        account_id: str,
        *,
        settings: Mapping[str, Any] | None = None,
        label: str | None = None,
        is_sandbox: bool | None = None,
        read_back: bool | None = None,
    ) -> StoredAccount | None:
        """Change what is given; settings key by key, where ``None`` takes one away.

        New settings make the account active again: whoever gives them says that they work. An account whose settings no
        key opens is mended by giving every secret anew.
        Returns: ``None`` when the tenant has no such account.
        Raises: SettingsError, SealError, UnknownProviderError and what else loading a provider may raise.
        """
        given = {"label": label, "is_sandbox": is_sandbox, "read_back": read_back}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        async with self._changing() as connection:
            stored = await find(connection, tenant_id, account_id, lock=True)
            if stored is None:
                return None
            if settings is not None:
                values = {**self.values_of(stored), **settings}
                kept = {name: value for name, value in values.items() if value is not None}
                checked = CheckedSettings.of(self._registry.get(stored.provider), kept, connecting=False)
                changes |= checked.row(self._vault, tenant_id, stored.id)
                changes |= {"status": "active", "last_error": None, "last_forbidden_error": None}
                await connection.execute(sa.delete(credentials).where(credentials.c.account_id == stored.id))
            return await change(connection, accounts.c.id == stored.id, changes)

    async def delete(self, tenant_id: str, account_id: str) -> bool:
        """Delete an account with everything that is kept for it."""
        async with self._changing() as connection:
            done = await connection.execute(sa.delete(accounts).where(owned(tenant_id, account_id)))
        self._opened.clear()
        return done.rowcount == 1

    async def set_blocked(self, tenant_id: str, account_id: str, blocked: bool) -> StoredAccount | None:
        """Stop an account, or let it go on; the operator's switch."""
        async with self._changing() as connection:
            return await change(connection, owned(tenant_id, account_id), {"is_blocked": blocked})

    async def set_status(self, stored: StoredAccount, status: Status, last_error: Any = None) -> StoredAccount | None:
        """Set the status, unless the settings were changed since the account was read.

        Args:
            last_error: JSON value, or ``None`` to take an earlier one away.
        """
        changes = {"status": status, "last_error": None if last_error is None else json.dumps(last_error)}
        unchanged = owned(stored.tenant_id, stored.id) & (accounts.c.sealed == stored.sealed)
        async with self._changing() as connection:
            return await change(connection, unchanged, changes)

    async def note_auth_error(self, stored: StoredAccount, answer: Any) -> StoredAccount | None:
        """The CRM refused the credentials: the account needs to be connected anew.

        Args:
            answer: what it said, a JSON value; ``None`` for nothing at all.
        """
        return await self.set_status(stored, "needs_reauth", {"message": ""} if answer is None else answer)

    async def note_forbidden(self, stored: StoredAccount, method: str, missing_scopes: Sequence[str]) -> None:
        """The CRM answered 403: note what was missing; the status stays."""
        async with self._changing() as connection:
            at = await connection.scalar(sa.select(now()))
            error = {
                "resource": "crm/leads",
                "method": method,
                "missing_scopes": [*missing_scopes],
                "occurred_at": timestamp(at),
            }
            changes = {"last_forbidden_error": json.dumps(error)}
            await change(connection, owned(stored.tenant_id, stored.id), changes)

    async def check_keys(self) -> None:
        """Make sure that the keys open what is stored; for the start. Raises: SealError when none of it opens."""
        sealed = sa.select(accounts.c.tenant_id, accounts.c.id, accounts.c.sealed).limit(100)
        async with self._database.reading() as connection:
            rows = (await connection.execute(sealed)).all()
        faults: list[SealError] = []
        for row in rows:
            try:
                self._vault.open(row.tenant_id, row.id, row.sealed)
            except SealError as error:
                faults.append(error)
        if rows and len(faults) == len(rows):
            raise SealError(f"the stored credentials cannot be opened: {faults[0]}")


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("an account's id is a uuid") from None
