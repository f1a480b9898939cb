"""Integrated accounts: kept apart by tenant, sealed, and honest about their state."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from host_storage import losing_commits
from unilead import Registry, SettingsError, UnknownProviderError
from unilead_host.accounts import Accounts
from unilead_host.crypto import SealError, Vault
from unilead_host.paging import cursor_of
from unilead_host.storage import Database, StorageError
from unilead_host.storage.tables import accounts as table
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
CANARY = "canary-31c9-secret"


@pytest.fixture
async def tenant_id(database: Database) -> str:
    return (await Tenants(database).create("ours")).id


@pytest.fixture
async def other_id(database: Database) -> str:
    return (await Tenants(database).create("theirs")).id


async def test_an_account_is_made_asked_for_and_opened(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "acme", {"token": CANARY}, label="Sales", read_back=True)
    assert made.status == "active"
    assert made.updated_at == pytest.approx(made.created_at, abs=1)
    assert await accounts.get(tenant_id, made.id.upper()) == made
    account = await accounts.account_of(made)
    assert (account.provider, account.id, account.read_back) == ("acme", made.id, True)
    assert account.settings.token.get_secret_value() == CANARY  # type: ignore[union-attr]
    assert CANARY not in f"{made!r}{account!r}"
    changed = await accounts.update(tenant_id, made.id, read_back=False)
    assert changed is not None and not (await accounts.account_of(changed)).read_back


async def test_context_shows_the_settings_that_are_no_secrets(accounts: Accounts, tenant_id: str) -> None:
    settings = {"region": "us", "client_id": "app", "client_secret": CANARY, "refresh_token": CANARY}
    made = await accounts.create(tenant_id, "globex", settings)
    assert made.context == {"region": "us", "client_id": "app"}
    assert made.authentication_method == "oauth2"
    plain = await accounts.create(tenant_id, "globex", {"access_token": CANARY})
    assert (plain.context, plain.authentication_method) == ({}, "api_key")


async def test_b071_settings_that_do_not_fit_are_refused_by_name(accounts: Accounts, tenant_id: str) -> None:
    for settings in ({}, {"token": CANARY, "tokn": CANARY}, {"token": 7}):
        with pytest.raises(SettingsError) as caught:
            await accounts.create(tenant_id, "acme", settings)
        assert set(caught.value.fields) & {"token", "tokn"}
        assert CANARY not in str(caught.value)
    with pytest.raises(UnknownProviderError):
        await accounts.create(tenant_id, "nobody", {})
    assert await accounts.list(tenant_id) == []


async def test_b073_ids(accounts: Accounts, tenant_id: str, other_id: str) -> None:
    made = await accounts.create(tenant_id, "acme", {"token": "t"}, account_id=str(uuid4()).upper())
    for tenant, wanted in ((tenant_id, made.id), (other_id, made.id), ("nobody", None)):
        with pytest.raises(ValueError, match="taken, or there is no such tenant"):
            await accounts.create(tenant, "acme", {"token": "t"}, account_id=wanted)
    with pytest.raises(ValueError, match="uuid"):
        await accounts.create(tenant_id, "acme", {"token": "t"}, account_id="123")


async def test_s012_another_tenants_account_does_not_exist(accounts: Accounts, tenant_id: str, other_id: str) -> None:
    made = await accounts.create(tenant_id, "acme", {"token": "t"})
    theirs = dataclasses.replace(made, tenant_id=other_id)
    assert await accounts.get(other_id, made.id) is None
    assert await accounts.list(other_id) == []
    assert await accounts.update(other_id, made.id, label="x", settings={"token": "x"}) is None
    assert await accounts.set_blocked(other_id, made.id, True) is None
    assert await accounts.set_status(theirs, "needs_reauth") is None
    assert not await accounts.delete(other_id, made.id)
    assert await accounts.get(tenant_id, made.id) == made


async def test_listing_page_by_page(accounts: Accounts, tenant_id: str) -> None:
    made = [(await accounts.create(tenant_id, "acme", {"token": "t"})).id for _ in range(5)]
    first = await accounts.list(tenant_id, limit=2)
    rest = await accounts.list(tenant_id, after=cursor_of(first[-1]))
    found = [(account.created_at, account.id) for account in [*first, *rest]]
    assert found == sorted(found)  # those of one millisecond by their ids
    assert {account_id for _, account_id in found} == set(made)
    assert await accounts.list(tenant_id, after=cursor_of(rest[-1])) == []
    assert await accounts.list(tenant_id, provider="globex") == []


async def test_updating_settings_key_by_key(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "globex", {"access_token": "t", "region": "us"})
    assert (await accounts.account_of(made)).settings.region == "us"  # type: ignore[union-attr]
    await accounts.note_auth_error(made, {"message": "no"})
    await accounts.note_forbidden(made, "create", [])
    changed = await accounts.update(tenant_id, made.id, settings={"access_token": "u", "region": None})
    assert changed is not None
    assert (changed.status, changed.last_error, changed.context) == ("active", None, {})
    assert changed.last_forbidden_error is None
    assert (await accounts.account_of(changed)).settings.region == "eu"  # type: ignore[union-attr]
    with pytest.raises(SettingsError):
        await accounts.update(tenant_id, made.id, settings={"access_token": None})
    assert await accounts.get(tenant_id, made.id) == changed
    labelled = await accounts.update(tenant_id, made.id, label="Sales", is_sandbox=True)
    assert labelled is not None
    assert (labelled.label, labelled.is_sandbox, labelled.sealed) == ("Sales", True, changed.sealed)


async def test_f056_a_refusal_is_noted_unless_the_settings_were_changed(accounts: Accounts, tenant_id: str) -> None:
    seen = await accounts.create(tenant_id, "acme", {"token": "old"})
    changed = await accounts.update(tenant_id, seen.id, settings={"token": "new"})
    assert await accounts.note_auth_error(seen, {"message": "old token"}) is None
    assert await accounts.get(tenant_id, seen.id) == changed
    assert changed is not None
    noted = await accounts.note_auth_error(changed, [{"message": "Session expired"}])
    assert noted is not None
    assert (noted.status, noted.last_error) == ("needs_reauth", [{"message": "Session expired"}])


async def test_a_forbidden_answer_is_noted_and_leaves_the_status(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "acme", {"token": "t"})
    await accounts.note_forbidden(made, "create", ["leads.write"])
    noted = await accounts.get(tenant_id, made.id)
    assert noted is not None
    assert noted.status == "active"
    error = noted.last_forbidden_error or {}
    assert abs(datetime.fromisoformat(error.pop("occurred_at")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert error == {"resource": "crm/leads", "method": "create", "missing_scopes": ["leads.write"]}


async def test_blocking_an_account_and_letting_it_go_on(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "acme", {"token": "t"})
    for blocked in (True, False):
        changed = await accounts.set_blocked(tenant_id, made.id, blocked)
        assert changed is not None
        assert (changed.is_blocked, changed.status) == (blocked, "active")


async def test_f069_a_change_is_seen_at_once_also_where_its_commit_was_lost(
    accounts: Accounts, tenant_id: str, database: Database
) -> None:
    made = await accounts.create(tenant_id, "acme", {"token": "t"})
    assert await accounts.recall(tenant_id, made.id) == made
    with losing_commits(database), pytest.raises(StorageError):
        await accounts.set_blocked(tenant_id, made.id, True)
    recalled = await accounts.recall(tenant_id, made.id)
    assert recalled is not None and recalled.is_blocked
    assert await accounts.recall(tenant_id, str(uuid4())) is None
    await accounts.delete(tenant_id, made.id)
    assert await accounts.recall(tenant_id, made.id) is None


async def test_an_account_that_waits_for_its_connect(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "globex", {"client_id": "app"}, connecting=True)
    assert (made.status, made.authentication_method) == ("connecting", "oauth2")
    keyed = await accounts.create(tenant_id, "acme", connecting=True)
    assert (keyed.status, keyed.authentication_method) == ("connecting", "api_key")
    with pytest.raises(SettingsError, match="regoin"):
        await accounts.create(tenant_id, "globex", {"regoin": "us"}, connecting=True)


async def test_a_simulated_account_needs_no_settings(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "acme", is_simulated=True)
    assert made.is_simulated
    assert (await accounts.account_of(made)).settings.token  # type: ignore[union-attr]
    with pytest.raises(SettingsError):  # a real one does, and gets no made-up ones
        await accounts.create(tenant_id, "acme")


async def test_s022_a_copied_row_breaks_the_account(accounts: Accounts, tenant_id: str, database: Database) -> None:
    one = await accounts.create(tenant_id, "acme", {"token": "one"})
    two = await accounts.create(tenant_id, "acme", {"token": "two"})
    async with database.transaction() as connection:
        await connection.execute(table.update().where(table.c.id == two.id).values(sealed=one.sealed))
    copied = await accounts.get(tenant_id, two.id)
    assert copied is not None
    assert await accounts.account_of(one)  # which is open by now
    with pytest.raises(SealError, match="another account"):
        await accounts.account_of(copied)
    broken = await accounts.get(tenant_id, two.id)
    assert broken is not None
    assert broken.status == "validation_error"
    assert "another account" in broken.last_error["message"]


async def test_s022_an_account_that_no_key_opens_is_mended_by_giving_its_secrets_anew(
    accounts: Accounts, tenant_id: str, database: Database, registry: Registry
) -> None:
    lost = Accounts(database, Vault([Vault.new_key()]), registry)
    made = await lost.create(tenant_id, "globex", {"access_token": "t", "client_secret": "s", "region": "us"})
    with pytest.raises(SealError):
        await accounts.account_of(made)
    with pytest.raises(SettingsError):
        await accounts.update(tenant_id, made.id, settings={"region": "eu"})
    with pytest.raises(SealError, match="UNILEAD_HOST_ENCRYPTION_KEYS"):
        await Accounts(database, Vault(), registry).update(tenant_id, made.id, settings={"access_token": "new"})
    mended = await accounts.update(tenant_id, made.id, settings={"access_token": "new"})
    assert mended is not None
    assert (mended.status, mended.last_error) == ("active", None)
    account = await accounts.account_of(mended)
    assert accounts.values_of(mended) == {"access_token": "new", "region": "us"}
    assert account.settings.access_token.get_secret_value() == "new"  # type: ignore[union-attr]


async def test_s023_the_keys_are_checked_at_the_start(
    accounts: Accounts, tenant_id: str, database: Database, registry: Registry
) -> None:
    await Accounts(database, Vault(), registry).check_keys()  # nothing is stored yet
    made = await accounts.create(tenant_id, "acme", {"token": "t"})
    await accounts.check_keys()
    for vault in (Vault(), Vault([Vault.new_key()])):
        with pytest.raises(SealError, match="cannot be opened"):
            await Accounts(database, vault, registry).check_keys()
    keyless = Accounts(database, Vault(), registry)
    with pytest.raises(SealError):
        await keyless.account_of(made)
    assert await accounts.get(tenant_id, made.id) == made  # it is the host that is broken
    with pytest.raises(SealError, match="UNILEAD_HOST_ENCRYPTION_KEYS"):
        await Accounts(database, Vault(), registry).create(tenant_id, "acme", {"token": "t"})


async def test_s021_s038_the_file_shows_no_credential_and_deleting_leaves_nothing(
    sqlite_url: str, vault: Vault, registry: Registry
) -> None:
    database = Database(sqlite_url)
    accounts = Accounts(database, vault, registry)
    tenant = await Tenants(database).create("ours")
    made = await accounts.create(tenant.id, "acme", {"token": CANARY})
    await accounts.note_auth_error(made, {"message": "vendor-words-77"})

    def stored() -> bytes:
        folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
        return b"".join(path.read_bytes() for path in sorted(folder.glob("host.sqlite*")))

    assert CANARY.encode() not in stored()
    assert b"vendor-words-77" in stored()
    await accounts.delete(tenant.id, made.id)
    await database.close()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("VACUUM")
    assert b"vendor-words-77" not in stored()
    assert made.sealed.encode() not in stored()


async def test_concurrent_updates_lose_nothing(accounts: Accounts, tenant_id: str) -> None:
    made = await accounts.create(tenant_id, "globex", {"access_token": "t"})
    await asyncio.gather(
        accounts.update(tenant_id, made.id, settings={"region": "us"}),
        accounts.update(tenant_id, made.id, settings={"client_id": "app"}),
        accounts.update(tenant_id, made.id, label="Sales"),
    )
    changed = await accounts.get(tenant_id, made.id)
    assert changed is not None
    assert (changed.context, changed.label) == ({"region": "us", "client_id": "app"}, "Sales")


async def test_the_stored_form_hides_what_is_sealed(accounts: Accounts, tenant_id: str, database: Database) -> None:
    await accounts.create(tenant_id, "acme", {"token": CANARY})
    async with database.reading() as connection:
        row = (await connection.execute(sa.select(table))).one()
    assert CANARY not in str(row)
