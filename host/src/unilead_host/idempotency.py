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
    def row(self) -> dict[str, str]:
        """What statements about the key's row are given."""
        primary = {**self.scope.columns, "key": self.name}
        return {f"this_{name}": value for name, value in primary.items()}

    @property
    def use(self) -> dict[str, str]:
        """What statements about this use of it are given."""
        return {**self.row, "this_use": self.use_id}


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of claiming a key: ``started`` may go on; ``done`` brings the stored answer.

    ``gone`` is the account, which was deleted meanwhile.
    """

    state: KeyState
    stored: Mapping[str, Any] | None = None


_TABLE = idempotency_keys
# Built once: building a statement takes longer than a database needs for it, and each create with a key has three.
_ROW = sa.and_(*(column == sa.bindparam(f"this_{column.name}") for column in _TABLE.primary_key))
# only the use that claimed a key may write its end, which may improve an unknown of the lease
_MINE = _ROW & (_TABLE.c.use_id == sa.bindparam("this_use"))
_EXPIRED = sa.delete(_TABLE).where(_ROW, _TABLE.c.expires_at <= now(), _TABLE.c.state != "running")
_RELEASE = sa.delete(_TABLE).where(_MINE)
_FINISH = (
    sa.update(_TABLE)
    .where(_MINE)
    .values(state="done", status=sa.bindparam("new_status"), answer=sa.bindparam("new_answer"))
)
_DOUBT = sa.update(_TABLE).where(_MINE).values(state="unknown")


class Keys:
    """The keys of all tenants.

    Args:
        hours: how long a key is kept.
        lease: seconds after which a request that is still ``running`` has died.
    """

    def __init__(self, database: Database, *, hours: float, lease: float) -> None:
        self._database = database
        self._seconds = hours * 3_600
        self._boot_id = uuid4().hex
        self._claiming = _claiming(database, self._boot_id, lease=lease, seconds=self._seconds)

    async def recover(self) -> None:
        """At the start: what another life of this host left running is unknown. One process owns an SQLite file."""
        if not self._database.is_sqlite:
            return  # other hosts may share the database and be at work; their leases tell
        orphaned = (_TABLE.c.state == "running") & (_TABLE.c.boot_id != self._boot_id)
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(_TABLE).where(orphaned).values(state="unknown"))

    async def claim(self, key: Key) -> Claim:
        """Take a key, on disk when it returns. Raises: StorageError; nothing may be sent then."""
        values = {**key.use, "this_fingerprint": key.fingerprint}
        try:
            async with self._database.transaction() as connection:
                await connection.execute(_EXPIRED, key.row)
                row = (await connection.execute(self._claiming, values)).mappings().one()
                if row["use_id"] == key.use_id:
                    return Claim("started")
                if row["fingerprint"] != key.fingerprint:
                    return Claim("mismatch")
                if row["state"] == "running" and row["lease_until"] <= row["now"]:
                    await self._abandon(connection, _ROW, key.row)
                    return Claim("unknown")
                return Claim(row["state"], json.loads(row["answer"]) if row["answer"] else None)
        except sa.exc.IntegrityError:  # another process deleted the account a moment ago
            return Claim("gone")

    async def release(self, key: Key) -> None:
        """Give a key back: nothing was sent, or the answer is not one to keep. Raises: StorageError."""
        await self._write(_RELEASE, key.use)

    async def finish(self, key: Key, status: int, stored: Mapping[str, Any]) -> None:
        """Keep the answer. Raises: StorageError; the key ends as unknown then."""
        answer = json.dumps(stored, separators=(",", ":"))
        await self._write(_FINISH, {**key.use, "new_status": status, "new_answer": answer})

    async def mark_unknown(self, key: Key) -> None:
        """Nobody can say what became of it. Raises: StorageError; the lease says the same, later."""
        await self._write(_DOUBT, key.use)

    async def purge(self) -> int:
        """Delete keys whose time is over; one that was never ended is unknown first. Returns how many are deleted."""
        over, running = _TABLE.c.expires_at <= now(), _TABLE.c.state == "running"
        count = await self._database.delete(_TABLE, over & ~running)
        async with self._database.transaction() as connection:
            await self._abandon(connection, over & running & (_TABLE.c.lease_until <= now()))
        return count

    async def _abandon(
        self, connection: Connection, where: sa.ColumnElement[bool], values: Mapping[str, Any] | None = None
    ) -> None:
        """What ran longer than its lease is unknown, for as long as any key is kept.

        Its time begins anew: where the clock has jumped, its request is still under way.
        """
        unknown = {"state": "unknown", "expires_at": now() + self._seconds}
        await connection.execute(sa.update(_TABLE).where(where).values(unknown), values)

    async def _write(self, statement: sa.Executable, values: Mapping[str, Any]) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(statement, values)


def _claiming(database: Database, boot_id: str, *, lease: float, seconds: float) -> sa.Executable:
    """Insert the row, or lock the one that is there until the transaction ends: gives whichever it is."""
    primary: dict[str, Any] = {column.name: sa.bindparam(f"this_{column.name}") for column in _TABLE.primary_key}
    columns = {
        **primary,
        "fingerprint": sa.bindparam("this_fingerprint"),
        "state": "running",
        "boot_id": boot_id,
        "use_id": sa.bindparam("this_use"),
        "lease_until": now() + lease,
        "created_at": now(),
        "expires_at": now() + seconds,
    }
    wanted = database.insert(_TABLE).values(columns)
    # An update that changes nothing: without one nothing is locked, and nothing is given.
    locked = wanted.on_conflict_do_update(index_elements=list(_TABLE.primary_key), set_={"state": _TABLE.c.state})
    found: sa.Executable = locked.returning(_TABLE, now().label("now"))
    return found
