"""Keys that make a repetition harmless, and the guard against blind repetitions. Both survive a restart.

A key is ``running`` while its request is under way, then ``done`` with the answer, or ``unknown`` when nobody can say
whether the lead exists. Before anything is sent the row is on disk, so a host that dies in between leaves ``running``
behind; whoever finds that, after the lease or by another process on the same file, reads it as ``unknown``. An unknown
key never sends again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from unilead_host.storage import Connection, Database
from unilead_host.storage.tables import idempotency_keys, now, unknown_outcomes

KeyState: TypeAlias = Literal["started", "running", "done", "unknown", "mismatch"]


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
    """One use of an ``Idempotency-Key``."""

    scope: Scope
    name: str
    fingerprint: str

    @property
    def columns(self) -> dict[str, str]:
        """The row's primary key."""
        return {**self.scope.columns, "key": self.name}


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of claiming a key: ``started`` may go on; ``done`` brings the stored answer."""

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
        async with self._database.transaction() as connection:
            expired = self._row(key) & (table.c.expires_at <= now()) & (table.c.state != "running")
            await connection.execute(sa.delete(table).where(expired))
            if await self._insert(connection, key):
                return Claim("started")
            row = (
                (await connection.execute(sa.select(table, now().label("now")).where(self._row(key)))).mappings().one()
            )
            if row["fingerprint"] != key.fingerprint:
                return Claim("mismatch")
            if row["state"] == "running" and row["lease_until"] <= row["now"]:
                await connection.execute(sa.update(table).where(self._row(key)).values(state="unknown"))
                return Claim("unknown")
            return Claim(row["state"], json.loads(row["answer"]) if row["answer"] else None)

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
        """Delete keys whose time is over. Returns how many."""
        async with self._database.transaction() as connection:
            over = idempotency_keys.c.expires_at <= now()
            return (await connection.execute(sa.delete(idempotency_keys).where(over))).rowcount

    async def _insert(self, connection: Connection, key: Key) -> bool:
        """Insert unless the key is there; concurrent inserts are sorted out by the primary key."""
        columns = {
            **key.columns,
            "fingerprint": key.fingerprint,
            "state": "running",
            "boot_id": self._boot_id,
            "lease_until": now() + self._lease,
            "created_at": now(),
            "expires_at": now() + self._seconds,
        }
        wanted = self._database.insert(idempotency_keys).values(columns).on_conflict_do_nothing()
        # Asked for by RETURNING: what an INSERT reports as its count depends on the driver.
        return (await connection.execute(wanted.returning(idempotency_keys.c.key))).first() is not None

    async def _set(self, key: Key, **values: Any) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(idempotency_keys).where(self._mine(key)).values(values))

    @staticmethod
    def _row(key: Key) -> sa.ColumnElement[bool]:
        return sa.and_(*(idempotency_keys.c[name] == value for name, value in key.columns.items()))

    def _mine(self, key: Key) -> sa.ColumnElement[bool]:
        """Only the process that claimed a key may write its end, which may improve an unknown of the lease."""
        return self._row(key) & (idempotency_keys.c.boot_id == self._boot_id)


class Repeats:
    """Requests whose outcome is unknown, so that the same one is not sent again by a client that repeats blindly.

    Args:
        minutes: how long a request is remembered; 0 switches the guard off.
    """

    def __init__(self, database: Database, *, minutes: float) -> None:
        self._database = database
        self._seconds = minutes * 60
        # What one process alone writes it can know without asking: most requests are in no such list.
        self._known: set[tuple[Scope, str]] | None = None

    async def load(self) -> None:
        """At the start: learn what is remembered. One process owns an SQLite file; sharing hosts ask the database."""
        table = unknown_outcomes
        if self._database.is_sqlite:
            async with self._database.reading() as connection:
                rows = (await connection.execute(sa.select(table))).mappings().all()
            self._known = {
                (Scope(row["tenant_id"], row["account_id"], row["method"], row["path"]), row["fingerprint"])
                for row in rows
            }

    @property
    def may_hold(self) -> bool:
        """Whether there may be any such request: mostly there is none."""
        return bool(self._seconds) and self._known != set()

    async def hold(self, scope: Scope, body: Any) -> bool:
        """Whether this request is not to be sent. Raises: StorageError."""
        if not self.may_hold:
            return False
        digest = fingerprint(body)
        if self._known is not None and (scope, digest) not in self._known:
            return False
        recent = self._row(scope, digest) & (unknown_outcomes.c.at > now() - self._seconds)
        async with self._database.reading() as connection:
            return (await connection.execute(sa.select(sa.literal(1)).where(recent))).first() is not None

    async def remember(self, scope: Scope, body: Any) -> None:
        """The outcome of this request is unknown. Raises: StorageError; this process remembers it all the same."""
        digest = fingerprint(body)
        if self._known is not None:
            self._known.add((scope, digest))
        async with self._database.transaction() as connection:
            row = {**scope.columns, "fingerprint": digest, "at": now()}
            statement = self._database.insert(unknown_outcomes).values(row)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=list(unknown_outcomes.primary_key), set_={"at": now()})
            )

    async def forget(self, scope: Scope, body: Any) -> None:
        """The same request got a certain answer since. Raises: StorageError."""
        digest = fingerprint(body)
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(unknown_outcomes).where(self._row(scope, digest)))
        if self._known is not None:
            self._known.discard((scope, digest))

    async def purge(self) -> int:
        """Delete what is remembered no longer. Returns how many."""
        over = unknown_outcomes.c.at <= now() - self._seconds
        async with self._database.transaction() as connection:
            count = (await connection.execute(sa.delete(unknown_outcomes).where(over))).rowcount
        await self.load()
        return count

    @staticmethod
    def _row(scope: Scope, digest: str) -> sa.ColumnElement[bool]:
        table = unknown_outcomes
        wanted = {**scope.columns, "fingerprint": digest}
        return sa.and_(*(table.c[name] == value for name, value in wanted.items()))
