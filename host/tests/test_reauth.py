"""Accounts whose credentials are refused or cannot be renewed, seen by whoever creates a lead: F055, F056, F059."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from host_callers import CANARY, Tenant, TokenEndpoint

pytestmark = pytest.mark.anyio
REFUSED = {"error": "invalid_grant", "error_description": f"{CANARY} was revoked"}


async def account(ours: Tenant, endpoint: TokenEndpoint) -> str:
    """An account that has no access token yet."""
    endpoint.take_the_place_of_the_network(ours.host)
    settings = {"client_id": "app", "refresh_token": CANARY}
    return str((await ours.made(provider="globex", settings=settings))["id"])


async def create(ours: Tenant, account_id: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {ours.token}"}
    query = {"integrated_account_id": account_id}
    return await ours.http.post("/unified/crm/leads", params=query, headers=headers, json={"last_name": "L"})


async def test_f056_a_refused_refresh_is_answered_401_until_somebody_reconnects(ours: Tenant) -> None:
    endpoint = TokenEndpoint(400, REFUSED)
    account_id = await account(ours, endpoint)
    first, second = await create(ours, account_id), await create(ours, account_id)
    assert first.status_code == second.status_code == 401
    assert first.json() == second.json()
    body = first.json()
    assert body["truto_is_remote_error"] is True
    assert "invalid_grant" in body["message"]
    assert body["truto_error_insight"]["remote_error"]
    assert CANARY not in first.text
    assert len(endpoint.forms) == 1
    found = (await ours("GET", f"/{account_id}")).json()
    assert (found["status"], found["last_error"]) == ("needs_reauth", body["raw_response"])


async def test_f055_a_token_endpoint_that_fails_is_answered_502_and_left_alone(ours: Tenant) -> None:
    endpoint = TokenEndpoint(503, {})
    account_id = await account(ours, endpoint)
    for _ in range(3):
        answer = await create(ours, account_id)
        assert (answer.status_code, answer.json()["details"]["outcome"]) == (502, "not_sent")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "token" in answer.json()["message"]
    assert len(endpoint.forms) == 1
    assert (await ours("GET", f"/{account_id}")).json()["status"] == "active"


async def test_f060_new_settings_begin_anew(ours: Tenant) -> None:
    endpoint = TokenEndpoint(400, REFUSED)
    account_id = await account(ours, endpoint)
    assert (await create(ours, account_id)).status_code == 401
    changed = await ours("PATCH", f"/{account_id}", {"settings": {"refresh_token": "second"}})
    assert changed.json()["status"] == "active"
    assert (await create(ours, account_id)).status_code == 401
    assert [form["refresh_token"] for form in endpoint.forms] == [CANARY, "second"]


async def test_f070_tokens_that_cannot_be_stored_are_not_asked_for(ours: Tenant, sqlite_url: str) -> None:
    endpoint = TokenEndpoint(200, {"access_token": "new"})
    account_id = await account(ours, endpoint)

    def impatient(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 100")

    sa.event.listen(ours.host.database.engine, "connect", impatient)
    await ours.host.database.close()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        answer = await create(ours, account_id)
    assert (answer.status_code, "locked" in answer.json()["message"]) == (503, True)
    assert not endpoint.forms
