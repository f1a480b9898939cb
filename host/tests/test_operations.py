"""What operators and their tools ask: alive, ready, figures (S054)."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from host_stage import Stage, log_lines, staged
from unilead_host import app
from unilead_host.storage import StorageError

pytestmark = pytest.mark.anyio
L = {"last_name": "L"}


async def test_alive_and_ready(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("/ping", "/healthz", "/readyz", "/ping/", "//healthz"):
        answer = await stage.http.get(f"http://host{path}")
        assert answer.status_code == 200
        assert "json" in answer.headers["content-type"]

    async def unreachable() -> None:
        raise StorageError("unreachable")

    monkeypatch.setattr(stage.host.database, "check", unreachable)
    answer = await stage.http.get("/readyz")
    assert (answer.status_code, answer.json()["message"]) == (503, "the database is unreachable")
    assert (await stage.http.get("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/ping", "/healthz", "/readyz", "/metrics", "/openapi.json"])
async def test_they_are_for_reading(stage: Stage, path: str) -> None:
    answer = await stage.http.post(path, json={})
    assert (answer.status_code, answer.json()["error"]) == (405, "Method Not Allowed")
    assert "GET" in answer.headers["allow"]


async def test_s054_figures_count_outcomes_and_name_no_tenant(stage: Stage) -> None:
    await stage.post("zendesk-sell", L)
    await stage.post("zendesk-sell", {})
    stage.simulators["zendesk-sell"].faults.throttle = 1
    await stage.post("zendesk-sell", L)
    answer = await stage.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    for outcome in ("created", "rejected", "throttled"):
        assert f'unilead_creates_total{{outcome="{outcome}",provider="zendesk-sell"}} 1.0' in answer.text
    assert 'unilead_create_seconds_count{provider="zendesk-sell"} 3.0' in answer.text
    assert stage.tenant_id not in answer.text
    assert stage.accounts["zendesk-sell"] not in answer.text


async def test_s054_figures_are_for_loopback_or_for_a_token(stage: Stage, sqlite_url: str) -> None:
    transport = httpx.ASGITransport(stage.app, client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as elsewhere:
        assert (await elsewhere.get("/metrics")).status_code == 403
    async with staged(sqlite_url, metrics_token="figures") as guarded:
        assert (await guarded.http.get("/metrics")).status_code == 401
        assert (await guarded.get("/metrics")).status_code == 401, "a tenant's token is no operator's"
        shown = await guarded.http.get("/metrics", headers={"Authorization": "Bearer figures"})
        assert shown.status_code == 200


async def test_s054_the_document_tells_of_no_tenant(stage: Stage) -> None:
    text = (await stage.http.get("/openapi.json")).text
    assert stage.tenant_id not in text
    assert "ul_" not in text


async def test_cleaning_goes_on_after_a_turn_that_failed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []

    async def purge() -> int:
        turns.append(1)
        raise RuntimeError("out of order")

    monkeypatch.setattr(app, "CLEANING_SECONDS", 0.001)
    monkeypatch.setattr(stage.host.keys, "purge", purge)
    with log_lines() as lines:
        cleaning = asyncio.create_task(stage.host.clean())
        async with asyncio.timeout(5):
            while len(turns) < 2:
                await asyncio.sleep(0.001)
        cleaning.cancel()
    assert (lines[0]["event"], lines[0]["fault"]) == ("clean.failed", "RuntimeError")
