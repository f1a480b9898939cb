"""Keys that make a repetition harmless; they survive a restart.

A key is ``running`` while its request is under way, then ``done`` with the answer, or ``unknown`` when nobody can say
whether the lead exists. Before anything is sent the row is on disk, so a host that dies in between leaves ``running``
behind; whoever finds that, after the lease or by another process on the same file, reads it as ``unknown``. An unknown
key never sends again. Each use of a key has an id of its own, so that what it writes late, or twice because a commit
was reported as failed, never touches the row of another use.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from unilead_host.storage import Connection, Database, now
from unilead_host.storage.tables import idempotency_keys

KeyState: TypeAlias = Literal["started", "running", "done", "unknown", "mismatch", "gone"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a key or a guarded request belongs.

    Attributes:
        tenant_id: of the token.
        account_id: the integrated account.
        method, path: of the request.
    """

    tenant_id: str
    account_id: str
    method: str
    path: str

    @property
    def columns(self) -> dict[str, str]:
        """As values of a row."""
        return {
            "tenant_id": self.tenant_id, "account_id": self.account_id, "method": self.method, "path": self.path,
        }  # fmt: skip


def fingerprint(*parts: Any) -> str:
    """SHA-256 over JSON values in canonical form: equal for equal content, whatever the order of its names."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """One use of an ``Idempotency-Key``.

    Attributes:
        scope: where it belongs.
        name: what the client wrote.
        fingerprint: of the request.
        use_id: tells this use from every other one.
    """

    scope: Scope
    name: str
    fingerprint: str
    use_id: str = field(default_factory=lambda: uuid4().hex)

    @property
    def columns(self) -> dict[str, str]:
        """The row's primary key."""
        return {**self.scope.columns, "key": self.name}


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of claiming a key: ``started`` may go on; ``done`` brings the stored answer.

    ``gone`` is the account, which was deleted meanwhile.
    """

    state: KeyState
    stored: Mapping[str, Any] | None = None


class Keys:
    """The keys of all tenants.

    Args:
        hours: how long a key is kept.
        lease: seconds after which a request that is still ``running`` has died.
    """

    def __init__(self, database: Database, *, hours: float, lease: float) -> None:
        self._database = database
        self._seconds = hours * 3_600
        self._lease = lease
        self._boot_id = uuid4().hex

    async def recover(self) -> None:
        """At the start: what another life of this host left running is unknown. One process owns an SQLite file."""
        if not self._database.is_sqlite:
            return  # other hosts may share the database and be at work; their leases tell
        table = idempotency_keys
        orphaned = (table.c.state == "running") & (table.c.boot_id != self._boot_id)
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(table).where(orphaned).values(state="unknown"))

    async def claim(self, key: Key) -> Claim:
        """Take a key, on disk when it returns. Raises: StorageError; nothing may be sent then."""
        table = idempotency_keys
        expired = self._row(key) & (table.c.expires_at <= now()) & (table.c.state != "running")
        try:
            async with self._database.transaction() as connection:
                await connection.execute(sa.delete(table).where(expired))
                row = (await connection.execute(self._wanted(key))).mappings().one()
                if row["use_id"] == key.use_id:
                    return Claim("started")
                if row["fingerprint"] != key.fingerprint:
                    return Claim("mismatch")
                if row["state"] == "running" and row["lease_until"] <= row["now"]:
                    await self._abandon(connection, self._row(key))
                    return Claim("unknown")
                return Claim(row["state"], json.loads(row["answer"]) if row["answer"] else None)
        except sa.exc.IntegrityError:  # another process deleted the account a moment ago
            return Claim("gone")

    async def release(self, key: Key) -> None:
        """Give a key back: nothing was sent, or the answer is not one to keep. Raises: StorageError."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(idempotency_keys).where(self._mine(key)))

    async def finish(self, key: Key, status: int, stored: Mapping[str, Any]) -> None:
        """Keep the answer. Raises: StorageError; the key ends as unknown then."""
        await self._set(key, state="done", status=status, answer=json.dumps(stored, separators=(",", ":")))

    async def mark_unknown(self, key: Key) -> None:
        """Nobody can say what became of it. Raises: StorageError; the lease says the same, later."""
        await self._set(key, state="unknown")

    async def purge(self) -> int:
        """Delete keys whose time is over; one that was never ended is unknown first. Returns how many are deleted."""
        table = idempotency_keys
        over, running = table.c.expires_at <= now(), table.c.state == "running"
        count = await self._database.delete(table, over & ~running)
        async with self._database.transaction() as connection:
            await self._abandon(connection, over & running & (table.c.lease_until <= now()))
        return count

    async def _abandon(self, connection: Connection, where: sa.ColumnElement[bool]) -> None:
        """What ran longer than its lease is unknown, for as long as any key is kept.

        Its time begins anew: where the clock has jumped, its request is still under way.
        """
        values = {"state": "unknown", "expires_at": now() + self._seconds}
        await connection.execute(sa.update(idempotency_keys).where(where).values(values))

    def _wanted(self, key: Key) -> Any:
        """Insert the row, or lock the one that is there until the transaction ends: gives whichever it is."""
        table = idempotency_keys
        columns = {
            **key.columns,
            "fingerprint": key.fingerprint,
            "state": "running",
            "boot_id": self._boot_id,
            "use_id": key.use_id,
            "lease_until": now() + self._lease,
            "created_at": now(),
            "expires_at": now() + self._seconds,
        }
        wanted = self._database.insert(table).values(columns)
        # An update that changes nothing: without one nothing is locked, and nothing is given.
        same = {"state": table.c.state}
        locked = wanted.on_conflict_do_update(index_elements=list(table.primary_key), set_=same)
        return locked.returning(table, now().label("now"))

    async def _set(self, key: Key, **values: Any) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(idempotency_keys).where(self._mine(key)).values(values))

    @staticmethod
    def _row(key: Key) -> sa.ColumnElement[bool]:
        return sa.and_(*(idempotency_keys.c[name] == value for name, value in key.columns.items()))

    def _mine(self, key: Key) -> sa.ColumnElement[bool]:
        """Only the use that claimed a key may write its end, which may improve an unknown of the lease."""
        return self._row(key) & (idempotency_keys.c.use_id == key.use_id)
