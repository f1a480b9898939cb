"""API tokens: S015 to S019."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from typing import Any

import pytest
import sqlalchemy as sa

from host_storage import pausing
from unilead_host.accounts import Accounts
from unilead_host.storage import Database
from unilead_host.storage.tables import tokens as table
from unilead_host.tenants import Tenants
from unilead_host.tokens import Caller, Tokens

pytestmark = pytest.mark.anyio


@pytest.fixture
def tokens(database: Database) -> Tokens:
    return Tokens(database)


@pytest.fixture
async def tenant_id(database: Database) -> str:
    return (await Tenants(database).create("acme")).id


async def test_s018_a_token_is_shown_once_and_stored_as_a_digest(
    tokens: Tokens, tenant_id: str, database: Database
) -> None:
    clear, record = await tokens.create(tenant_id, label="web form")
    assert re.fullmatch(r"ul_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", clear)
    assert await tokens.list(tenant_id) == [record]
    assert record.last_four == clear[-4:]
    async with database.reading() as connection:
        row = (await connection.execute(sa.select(table))).one()
    assert row.digest == hashlib.sha256(clear.encode()).hexdigest()
    assert clear not in str(row)


def others_of(clear: str) -> dict[str, str]:
    """What is shown by somebody who does not have this token."""
    token_id, secret = clear[3:19], clear[20:]
    return {
        "wrong secret": f"ul_{token_id}_{'A' * 43}",
        "unknown id": f"ul_{'0' * 16}_{secret}",
        "too short": clear[:-1],
        "too long": f"{clear}A",
        "no token at all": "x",
    }


@contextmanager
def comparing(monkeypatch: pytest.MonkeyPatch, says: Callable[[str, str], bool]) -> Iterator[list[tuple[str, str]]]:
    """Let this say meanwhile whether two digests are equal. Yields: the pairs that were compared."""
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return says(one, other)

    with monkeypatch.context() as patch:
        patch.setattr("hmac.compare_digest", compare)
        yield compared


async def test_s015_every_token_is_compared_by_its_digest(
    tokens: Tokens, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear, _ = await tokens.create(tenant_id)
    for kind, shown in {**others_of(clear), "right": clear}.items():
        with comparing(monkeypatch, compare_digest) as compared:
            assert (await tokens.authenticate(shown) is not None) == (kind == "right")
        ((kept, digest),) = compared
        assert digest == hashlib.sha256(shown.encode()).hexdigest(), kind
        assert len(kept) == len(digest), kind


async def test_s015_the_comparison_decides(tokens: Tokens, tenant_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clear, _ = await tokens.create(tenant_id)
    with comparing(monkeypatch, lambda *_: False):
        assert await tokens.authenticate(clear) is None
    with comparing(monkeypatch, lambda *_: True):
        accepted = {kind for kind, shown in others_of(clear).items() if await tokens.authenticate(shown)}
    assert accepted == {"wrong secret"}, "where nothing is kept, nothing is accepted"


async def test_s015_every_token_takes_the_same_work(tokens: Tokens, tenant_id: str, database: Database) -> None:
    clear, _ = await tokens.create(tenant_id)
    works = []
    for shown in others_of(clear).values():
        done: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *_: Any, done: list[str] = done) -> None:
            done.append(statement)

        sa.event.listen(database.engine, "before_cursor_execute", note)
        assert await tokens.authenticate(shown) is None
        sa.event.remove(database.engine, "before_cursor_execute", note)
        works.append(done)
    assert works[0]
    assert works == [works[0]] * len(works)


async def test_a_token_tells_who_is_asking(tokens: Tokens, tenant_id: str) -> None:
    clear, record = await tokens.create(tenant_id, scope="read")
    assert record.expires_at is None
    for _ in "first", "remembered":
        assert await tokens.authenticate(clear) == Caller(tenant_id, record.id, "read")


async def test_s017_what_is_no_token(tokens: Tokens, tenant_id: str) -> None:
    clear, _ = await tokens.create(tenant_id)
    wrong = [clear[:-1], clear + "A", clear.swapcase(), clear.upper(), f" {clear}", f"{clear}\n", "", "ul__", "\0", "é"]
    wrong += [clear[:20] + ("A" if clear[20] != "A" else "B") + clear[21:], clear.replace("ul_", "xx_"), "\ud800"]
    for text in wrong:
        assert await tokens.authenticate(text) is None
    assert await tokens.authenticate(clear)


async def test_s017_a_revoked_token_ends_at_once(tokens: Tokens, tenant_id: str) -> None:
    clear, record = await tokens.create(tenant_id)
    other, _ = await tokens.create(tenant_id)
    assert await tokens.authenticate(clear)
    assert not await tokens.revoke("another tenant", record.id)
    assert await tokens.authenticate(clear)
    assert await tokens.revoke(tenant_id, record.id)
    assert await tokens.authenticate(clear) is None
    assert not await tokens.revoke(tenant_id, record.id)
    assert await tokens.authenticate(other)


async def test_s017_a_token_revoked_while_it_is_looked_up_ends_at_once(
    tokens: Tokens, tenant_id: str, database: Database
) -> None:
    clear, record = await tokens.create(tenant_id)
    with pausing(database, "SELECT", "tokens") as (waits, go_on):
        asking = asyncio.create_task(tokens.authenticate(clear))
        await asyncio.to_thread(waits.wait, 10)
        assert await tokens.revoke(tenant_id, record.id)
        go_on.set()
        await asking
    assert await tokens.authenticate(clear) is None


@pytest.mark.parametrize("lifetime", [None, 600.0])
async def test_s017_a_token_revoked_elsewhere_ends_within_five_seconds(
    database: Database, tenant_id: str, monkeypatch: pytest.MonkeyPatch, lifetime: float | None
) -> None:
    here, elsewhere = Tokens(database), Tokens(database)
    clear, record = await here.create(tenant_id, lifetime=lifetime)
    assert await here.authenticate(clear)
    await elsewhere.revoke(tenant_id, record.id)
    assert await elsewhere.authenticate(clear) is None
    later = __import__("time").monotonic() + 5
    monkeypatch.setattr("time.monotonic", lambda: later)
    assert await here.authenticate(clear) is None


async def test_s017_an_expired_token(tokens: Tokens, tenant_id: str, database: Database) -> None:
    clear, _ = await tokens.create(tenant_id, lifetime=60)
    assert await tokens.authenticate(clear)
    async with database.transaction() as connection:
        await connection.execute(table.update().values(expires_at=table.c.expires_at - 61))
    tokens.forget()
    assert await tokens.authenticate(clear) is None


async def test_s017_a_token_that_is_remembered_expires_when_it_is_time(tokens: Tokens, tenant_id: str) -> None:
    clear, _ = await tokens.create(tenant_id, lifetime=1)
    await tokens.authenticate(clear)
    await asyncio.sleep(1)
    assert await tokens.authenticate(clear) is None


async def test_an_account_token_is_bound_and_short_lived(tokens: Tokens, tenant_id: str, accounts: Accounts) -> None:
    account = await accounts.create(tenant_id, "acme", {"token": "t"})
    clear, record = await tokens.create(tenant_id, account_id=account.id)
    assert await tokens.authenticate(clear) == Caller(tenant_id, record.id, "full", account.id)
    assert record.expires_at == pytest.approx(record.created_at + 900, abs=1)


async def test_a_token_for_what_the_tenant_does_not_have(
    tokens: Tokens, tenant_id: str, accounts: Accounts, database: Database
) -> None:
    other = await Tenants(database).create("other")
    account = await accounts.create(other.id, "acme", {"token": "t"})
    await accounts.create(tenant_id, "acme", {"token": "t"})
    with pytest.raises(ValueError, match="no such account"):
        await tokens.create(tenant_id, account_id=account.id)
    with pytest.raises(ValueError, match="no such tenant"):
        await tokens.create("nobody")
    with pytest.raises(ValueError, match="scope must be one of: full, read"):
        await tokens.create(tenant_id, scope="admin")  # type: ignore[arg-type]


async def test_tokens_go_with_their_tenant(tokens: Tokens, tenant_id: str, database: Database) -> None:
    clear, _ = await tokens.create(tenant_id)
    assert await Tenants(database).delete(tenant_id)
    assert await tokens.authenticate(clear) is None


async def test_account_tokens_that_are_over_are_cleaned_away(
    tokens: Tokens, tenant_id: str, accounts: Accounts, database: Database
) -> None:
    account = await accounts.create(tenant_id, "acme", {"token": "t"})
    await tokens.create(tenant_id, account_id=account.id, lifetime=-1)
    _, kept = await tokens.create(tenant_id, lifetime=-1)
    _, living = await tokens.create(tenant_id, account_id=account.id)
    other = await Tenants(database).create("other")
    _, theirs = await tokens.create(other.id)
    assert await tokens.purge() == 1
    assert {token.id for token in await tokens.list(tenant_id)} == {kept.id, living.id}
    assert await tokens.list(other.id) == [theirs]
