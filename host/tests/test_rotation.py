"""Key rotation: S024."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from unilead import CredentialKey, Credentials, Registry
from unilead_host import rotation
from unilead_host.accounts import Accounts
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import SealError, Vault
from unilead_host.rotation import Rotation, rotate_keys
from unilead_host.storage import Database
from unilead_host.storage.tables import connections
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio
OLD, NEW = Vault.new_key(), Vault.new_key()


async def test_s024_everything_is_readable_at_each_step(
    database: Database, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "PORTION", 2)
    tenant = await Tenants(database).create("ours")
    old = Accounts(database, Vault([OLD]), registry)
    made = [await old.create(tenant.id, "acme", {"token": f"t{number}"}) for number in range(5)]
    key = CredentialKey(made[0].id, "0" * 32)
    await HostCredentialStore(database, Vault([OLD])).save(key, Credentials({"access_token": "fresh"}))
    begun = {"state_digest": "d", "tenant_id": tenant.id, "account_id": made[1].id, "expires_at": 1e12}
    sealed = Vault([OLD]).seal(tenant.id, made[1].id, {"verifier": "v"})
    async with database.transaction() as connection:
        await connection.execute(connections.insert().values(begun | {"sealed": sealed}))

    both = Vault([NEW, OLD])
    await Accounts(database, both, registry).check_keys()
    assert await rotate_keys(database, both) == Rotation(7, ())
    assert await rotate_keys(database, both) == Rotation(7, ())

    new = Accounts(database, Vault([NEW]), registry)
    tokens = {account.id: f"t{number}" for number, account in enumerate(made)}
    for account in await new.list(tenant.id):
        assert (await new.account_of(account)).settings.token.get_secret_value() == tokens.pop(account.id)  # type: ignore[union-attr]
    assert not tokens
    found = await HostCredentialStore(database, Vault([NEW])).load(key)
    assert found is not None
    assert found.values == {"access_token": "fresh"}
    async with database.reading() as connection:
        sealed = await connection.scalar(sa.select(connections.c.sealed))
    assert Vault([NEW]).open(tenant.id, made[1].id, sealed) == {"verifier": "v"}
    with pytest.raises(SealError):
        await old.check_keys()


async def test_s024_what_no_key_opens_is_named_and_left(database: Database, registry: Registry) -> None:
    tenant = await Tenants(database).create("ours")
    lost = await Accounts(database, Vault([OLD]), registry).create(tenant.id, "acme", {"token": "t"})
    grown = CredentialKey(lost.id, "0" * 32)
    await HostCredentialStore(database, Vault([OLD])).save(grown, Credentials({"access_token": "fresh"}))
    await Accounts(database, Vault([NEW]), registry).create(tenant.id, "acme", {"token": "t"})
    assert await rotate_keys(database, Vault([NEW])) == Rotation(1, (lost.id,))
    with pytest.raises(SealError, match="UNILEAD_HOST_ENCRYPTION_KEYS"):
        await rotate_keys(database, Vault())
