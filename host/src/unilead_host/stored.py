"""StoredAccount, and the statements that read and change its row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from unilead_host.storage import Connection, now
from unilead_host.storage.tables import accounts

Status: TypeAlias = Literal["connecting", "active", "post_install_error", "validation_error", "needs_reauth"]


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """An integrated account as it is stored. Times are seconds since 1970.

    Attributes:
        provider: slug; its plugin need not be installed.
        is_sandbox: read-only, so that every create is refused.
        is_blocked: the operator stopped it.
        is_simulated: it sends to the simulator in this process instead of the CRM.
        read_back: read each created lead back.
        authentication_method: ``oauth2`` or ``api_key``.
        context: the settings that are no secrets.
        last_error: what the CRM or the token endpoint said when it refused the credentials.
        last_forbidden_error: ``{resource, method, missing_scopes, occurred_at}``.
        sealed: all settings, encrypted.
    """

    id: str
    tenant_id: str
    provider: str
    label: str
    status: Status
    is_sandbox: bool
    is_blocked: bool
    is_simulated: bool
    read_back: bool
    authentication_method: str
    context: dict[str, Any] = field(repr=False)
    last_error: Any = field(repr=False)
    last_forbidden_error: dict[str, Any] | None
    created_at: float
    updated_at: float
    sealed: str = field(repr=False)


COLUMNS = [accounts.c[name] for name in StoredAccount.__dataclass_fields__]


def timestamp(at: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def find(connection: Connection, tenant_id: str, account_id: str, *, lock: bool = False) -> StoredAccount | None:
    """A tenant's account; ``lock`` where it is to be changed in this transaction."""
    wanted = sa.select(*COLUMNS).where(owned(tenant_id, account_id))
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
    return stored_from(row) if row else None


async def change(
    connection: Connection, where: sa.ColumnElement[bool], changes: Mapping[str, Any]
) -> StoredAccount | None:
    """Change the account that a condition names; ``None`` where it names none."""
    changed = sa.update(accounts).where(where).values(**changes, updated_at=now()).returning(*COLUMNS)
    row = (await connection.execute(changed)).one_or_none()
    return stored_from(row) if row else None


def owned(tenant_id: str, account_id: str) -> sa.ColumnElement[bool]:
    """The condition for a tenant's account; by its id alone nobody gets one."""
    return (accounts.c.id == account_id.lower()) & (accounts.c.tenant_id == tenant_id)


def stored_from(row: sa.Row[Any]) -> StoredAccount:
    """An account from its row."""
    values = row._asdict()
    for name in ("context", "last_error", "last_forbidden_error"):
        values[name] = None if values[name] is None else json.loads(values[name])
    return StoredAccount(**values)
