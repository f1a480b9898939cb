"""API tokens: ``ul_<id>_<43 characters>``, kept as SHA-256, shown once, and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import sqlalchemy as sa

from unilead_host.recent import Recent
from unilead_host.storage import Database, now
from unilead_host.storage.tables import accounts, tokens

Scope: TypeAlias = Literal["full", "read"]

ACCOUNT_TOKEN_LIFETIME = 15 * 60.0
REMEMBERED_SECONDS = 2.0  # a revoked token ends everywhere after this
REMEMBERED_TOKENS = 10_000
_FORM = re.compile(r"ul_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_DUMMY = hashlib.sha256(b"no token").hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking.

    Attributes:
        tenant_id: whose objects the caller may see.
        token_id: which token was shown; no secret.
        scope: ``full``, or ``read`` which creates and changes nothing.
        account_id: the only account it may use; ``None`` for all of the tenant.
    """

    tenant_id: str
    token_id: str
    scope: Scope
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. Times are seconds since 1970."""

    id: str
    tenant_id: str
    account_id: str | None
    label: str
    scope: Scope
    last_four: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


_RECORD = [tokens.c[name] for name in Token.__dataclass_fields__]


class Tokens:
    """The API tokens of a host. All methods raise StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: Recent[Caller] = Recent(REMEMBERED_TOKENS)

    async def create(
        self,
        tenant_id: str,
        *,
        scope: Scope = "full",
        account_id: str | None = None,
        lifetime: float | None = None,
        label: str = "",
    ) -> tuple[str, Token]:
        """Make a token.

        Args:
            account_id: bind it to this account of the tenant; then it lives 15 minutes unless told otherwise.
            lifetime: seconds; unlimited by default.
        Returns: its clear text, which is not kept anywhere, and what is kept.
        Raises: ValueError for a tenant or an account that does not exist.
        """
        if scope not in get_args(Scope):
            raise ValueError(f"scope must be one of: {', '.join(get_args(Scope))}")
        if account_id is not None and lifetime is None:
            lifetime = ACCOUNT_TOKEN_LIFETIME
        token_id = secrets.token_hex(8)
        clear = f"ul_{token_id}_{secrets.token_urlsafe(32)}"
        values = {
            "id": token_id,
            "tenant_id": tenant_id,
            "account_id": account_id,
            "label": label,
            "scope": scope,
            "digest": _digest(clear),
            "last_four": clear[-4:],
            "created_at": now(),
            "expires_at": None if lifetime is None else now() + lifetime,
        }
        async with self._database.transaction() as connection:
            if account_id is not None:
                owned = sa.select(accounts.c.id).where(accounts.c.id == account_id, accounts.c.tenant_id == tenant_id)
                if await connection.scalar(owned) is None:
                    raise ValueError("there is no such account")
            try:
                row = (await connection.execute(sa.insert(tokens).values(values).returning(*_RECORD))).one()
            except sa.exc.IntegrityError:
                raise ValueError("there is no such tenant") from None
        return clear, Token(*row)

    async def authenticate(self, clear: str) -> Caller | None:
        """Who shows this token; ``None`` when it is malformed, unknown, expired or revoked."""
        digest = _digest(clear)
        return self._recent.get(digest) or await self._recent.ask(digest, lambda: self._look_up(clear, digest))

    async def _look_up(self, clear: str, digest: str) -> tuple[Caller | None, float]:
        form = _FORM.fullmatch(clear)
        wanted = sa.select(tokens, now().label("now")).where(tokens.c.id == (form[1] if form else ""))
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted)).one_or_none()
        # An unknown token is compared too, so that it takes as long as a known one.
        if not hmac.compare_digest(row.digest if row else _DUMMY, digest) or row is None or _is_over(row):
            return None, 0.0
        left = REMEMBERED_SECONDS if row.expires_at is None else row.expires_at - row.now
        return Caller(row.tenant_id, row.id, row.scope, row.account_id), min(left, REMEMBERED_SECONDS)

    async def revoke(self, tenant_id: str, token_id: str) -> bool:
        """End a token; here at once, in other processes within two seconds."""
        mine = (tokens.c.id == token_id) & (tokens.c.tenant_id == tenant_id) & tokens.c.revoked_at.is_(None)
        async with self._database.transaction() as connection:
            done = await connection.execute(sa.update(tokens).where(mine).values(revoked_at=now()))
        self.forget()
        return done.rowcount == 1

    async def list(self, tenant_id: str) -> list[Token]:
        """The tenant's tokens, oldest first; account tokens that are over are left out."""
        wanted = (
            sa.select(*_RECORD)
            .where(tokens.c.tenant_id == tenant_id)
            .where(tokens.c.account_id.is_(None) | (tokens.c.expires_at > now()))
            .order_by(tokens.c.created_at, tokens.c.id)
        )
        async with self._database.reading() as connection:
            return [Token(*row) for row in await connection.execute(wanted)]

    async def purge(self) -> int:
        """Delete account tokens that are over. Returns how many."""
        over = tokens.c.account_id.is_not(None) & (tokens.c.expires_at < now())
        return await self._database.delete(tokens, over)

    def forget(self) -> None:
        """Look every token up anew; for whoever deletes tenants or accounts."""
        self._recent.forget()


def _digest(clear: str) -> str:
    return hashlib.sha256(clear.encode("utf-8", "surrogatepass")).hexdigest()


def _is_over(row: sa.Row[Any]) -> bool:
    return row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= row.now)
