"""The guard against blind repetitions: requests whose outcome is unknown are not sent again. It survives a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import uuid4

import sqlalchemy as sa

from unilead_host.idempotency import Scope, fingerprint
from unilead_host.storage import Database, now
from unilead_host.storage.tables import unknown_outcomes

Content: TypeAlias = tuple[Scope, str]  # where a request belongs, and its fingerprint


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """One send that nobody knows the outcome of.

    Attributes:
        content: what was sent; the same content may be sent, and end like this, more than once.
        id: tells this send from every other one.
        until: by the monotonic clock; for how long this process knows it, also without the database.
    """

    content: Content
    id: str = field(default_factory=lambda: uuid4().hex)
    until: float = 0.0


class Repeats:
    """Requests whose outcome is unknown, so that the same one is not sent again by a client that repeats blindly.

    Args:
        minutes: how long a request is remembered; 0 switches the guard off.
    """

    def __init__(self, database: Database, *, minutes: float) -> None:
        self._database = database
        self._seconds = minutes * 60
        self._unwritten: dict[Content, UnknownOutcome] = {}
        # What one process alone writes it can know without asking, by id, the unwritten among it: most requests are in
        # no such list.
        self._known: dict[Content, str] | None = None

    async def load(self) -> None:
        """At the start: learn what is remembered. One process owns an SQLite file; sharing hosts ask the database."""
        if self._database.is_sqlite:
            async with self._database.reading() as connection:
                rows = await connection.execute(sa.select(unknown_outcomes))
            self._known = dict(_contents(rows))

    @property
    def may_hold(self) -> bool:
        """Whether there may be any such request: mostly there is none."""
        return bool(self._seconds) and (self._known is None or bool(self._known))

    async def find(self, scope: Scope, body: Any) -> UnknownOutcome | None:
        """The unknown outcome that keeps this request from being sent. Raises: StorageError."""
        if not self.may_hold:
            return None
        content = scope, fingerprint(body)
        unwritten = self._unwritten.get(content)
        if unwritten is not None and time.monotonic() < unwritten.until:
            return unwritten
        if self._known is not None and content not in self._known:
            return None
        async with self._database.reading() as connection:
            found = await connection.scalar(_FIND, {**_columns(content), "seconds": self._seconds})
        return None if found is None else UnknownOutcome(content, found)

    def note(self, scope: Scope, body: Any) -> UnknownOutcome:
        """The outcome of this request is unknown: this process knows it at once, and `write` is to follow."""
        content = scope, fingerprint(body)
        noted = UnknownOutcome(content, until=time.monotonic() + self._seconds)
        self._unwritten[content] = noted
        if self._known is not None:
            self._known[content] = noted.id
        return noted

    async def write(self, noted: UnknownOutcome) -> None:
        """Write what was noted, unless it was forgotten or noted anew since. Raises: StorageError."""
        content = noted.content
        if self._unwritten.get(content) is not noted:
            return
        sent = {"outcome_id": noted.id, "at": now()}
        wanted = self._database.insert(unknown_outcomes).values({**_columns(content), **sent})
        renewed = wanted.on_conflict_do_update(index_elements=list(unknown_outcomes.primary_key), set_=sent)
        try:
            async with self._database.transaction() as connection:
                await connection.execute(renewed)
        except sa.exc.IntegrityError:  # the account was deleted meanwhile: nothing is sent to it any more
            self._drop(content, noted.id)
        if self._unwritten.get(content) is noted:
            del self._unwritten[content]

    async def forget(self, outcome: UnknownOutcome) -> None:
        """The same request got a certain answer since; a later unknown outcome of it stays. Raises: StorageError."""
        mine = _row(outcome.content) & (unknown_outcomes.c.outcome_id == outcome.id)
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(unknown_outcomes).where(mine))
        self._drop(outcome.content, outcome.id)

    async def purge(self) -> int:
        """Delete what is remembered no longer. Returns how many."""
        over = unknown_outcomes.c.at <= now() - self._seconds
        async with self._database.transaction() as connection:
            rows = (await connection.execute(sa.delete(unknown_outcomes).where(over).returning(unknown_outcomes))).all()
        for content, outcome_id in _contents(rows):
            self._drop(content, outcome_id)
        for noted in list(self._unwritten.values()):
            if noted.until <= time.monotonic():
                self._drop(noted.content, noted.id)
        return len(rows)

    def _drop(self, content: Content, outcome_id: str) -> None:
        """Know an outcome no longer; one of the same content that was noted since stays."""
        unwritten = self._unwritten.get(content)
        if unwritten is not None and unwritten.id == outcome_id:
            del self._unwritten[content]
        if self._known is not None and self._known.get(content) == outcome_id:
            del self._known[content]


_FIND = sa.select(unknown_outcomes.c.outcome_id).where(  # built once: where hosts share a database, each create asks
    *(column == sa.bindparam(column.name) for column in unknown_outcomes.primary_key),
    unknown_outcomes.c.at > now() - sa.bindparam("seconds", type_=sa.Double()),
)


def _columns(content: Content) -> dict[str, str]:
    """The row's primary key."""
    scope, digest = content
    return {**scope.columns, "fingerprint": digest}


def _row(content: Content) -> sa.ColumnElement[bool]:
    return sa.and_(*(unknown_outcomes.c[name] == value for name, value in _columns(content).items()))


def _contents(rows: Any) -> Iterator[tuple[Content, str]]:
    for row in rows:
        yield (Scope(row.tenant_id, row.account_id, row.method, row.path), row.fingerprint), row.outcome_id
