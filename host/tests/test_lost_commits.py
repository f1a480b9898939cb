"""Commits that are reported as failed and happened all the same: what is written again, late, harms nobody's lead."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, text, update

from host_stage import Stage
from host_storage import losing_commits
from unilead import Response
from unilead_host.storage import now
from unilead_host.storage.tables import accounts, idempotency_keys

pytestmark = pytest.mark.anyio
SELL = "zendesk-sell"
L = {"last_name": "L"}
KEYED = {"Idempotency-Key": "k"}


class Crm:
    """The CRM of one stage: every request waits until it is answered."""

    def __init__(self, stage: Stage) -> None:
        self.asked: asyncio.Queue[asyncio.Future[Response]] = asyncio.Queue()
        self.requests = 0
        stage.simulators[SELL].send_async = self._send  # type: ignore[method-assign]

    async def _send(self, request: Any, **_: Any) -> Response:
        self.requests += 1
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait(answer)
        return await asyncio.wait_for(answer, 5)  # a lead that nobody expects ends some time


@pytest.fixture
def crm(stage: Stage) -> Crm:
    return Crm(stage)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead_host.verdict_writes.PAUSE", 0.2)


def created(number: int) -> Response:
    return Response.of(200, {"data": {"id": number, "last_name": "L"}})


async def sent(stage: Stage, crm: Crm, headers: dict[str, str]) -> tuple[asyncio.Task[httpx.Response], Any]:
    """Send a request. Returns: its task, and what the CRM's answer to it is given to."""
    task = asyncio.create_task(stage.post(SELL, L, headers=headers))
    return task, await asyncio.wait_for(crm.asked.get(), 10)


@pytest.mark.parametrize("first", [429, 200, 500], ids=["release", "finish", "unknown"])
async def test_f071_a_late_end_is_about_its_own_use_of_a_key(stage: Stage, crm: Crm, first: int) -> None:
    sending, answer = await sent(stage, crm, KEYED)
    with losing_commits(stage.host.database):
        answer.set_result(created(1) if first == 200 else Response.of(first, {}))
        assert (await sending).status_code == first
    async with stage.host.database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1))
    second, answer = await sent(stage, crm, KEYED)
    async with stage.host.database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() + 99))
    await stage.host.writes.drain()
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 409
    answer.set_result(created(2))
    assert (await second).json()["id"] == "2"
    assert (await stage.post(SELL, L, headers=KEYED)).json()["id"] == "2"
    assert crm.requests == 2


async def test_a_claim_that_happened_all_the_same_is_given_back(stage: Stage, crm: Crm) -> None:
    with losing_commits(stage.host.database):
        refused = await stage.post(SELL, L, headers=KEYED)
    assert (refused.status_code, crm.requests) == (503, 0)
    assert refused.json()["message"] == "Nothing was sent: the database is unreachable"
    await stage.host.writes.drain()
    second, answer = await sent(stage, crm, KEYED)
    answer.set_result(created(1))
    assert (await second).status_code == 200


async def test_an_account_that_another_host_deleted_a_moment_ago_is_not_found(stage: Stage, crm: Crm) -> None:
    await stage.post(SELL, {})  # the host remembers the account for a second
    async with stage.host.database.transaction() as connection:
        await connection.execute(delete(accounts).where(accounts.c.id == stage.accounts[SELL]))
    answer = await stage.post(SELL, L, headers=KEYED)
    assert (answer.status_code, answer.json()["message"]) == (404, "Integrated account not found")
    assert crm.requests == 0


async def test_what_the_database_refuses_for_any_reason_does_not_change_the_answer(stage: Stage, crm: Crm) -> None:
    rename = "ALTER TABLE {} RENAME TO {}".format
    sending, answer = await sent(stage, crm, KEYED)
    async with stage.host.database.transaction() as connection:
        await connection.execute(text(rename("idempotency_keys", "away")))
    answer.set_result(created(1))
    made = await sending
    assert (made.status_code, made.json().get("id")) == (200, "1")
    async with stage.host.database.transaction() as connection:
        await connection.execute(text(rename("away", "idempotency_keys")))
    await stage.host.writes.drain()
    assert (await stage.post(SELL, L, headers=KEYED)).headers["idempotent-replayed"] == "true"
