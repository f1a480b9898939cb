"""Tenants."""

from __future__ import annotations

import pytest

from unilead_host.storage import Database
from unilead_host.tenants import Tenants

pytestmark = pytest.mark.anyio


async def test_a_tenant_is_found_by_name_and_by_id(database: Database) -> None:
    tenants = Tenants(database)
    made = await tenants.create("acme")
    assert await tenants.find("acme") == made
    assert await tenants.find(made.id) == made
    assert await tenants.find("other") is None
    assert await tenants.list() == [made]


async def test_a_name_is_taken_once(database: Database) -> None:
    tenants = Tenants(database)
    await tenants.create("acme")
    with pytest.raises(ValueError, match="already"):
        await tenants.create("acme")
    with pytest.raises(ValueError, match="needs a name"):
        await tenants.create(" ")


async def test_deleting_a_tenant(database: Database) -> None:
    tenants = Tenants(database)
    made = await tenants.create("acme")
    assert await tenants.delete(made.id)
    assert not await tenants.delete(made.id)
    assert await tenants.list() == []
