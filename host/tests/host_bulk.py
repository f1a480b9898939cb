"""Bulk jobs of a host in the tests' own process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx

from host_stage import LEADS, Stage

BULK = f"{LEADS}/bulk"
OVER = ("done", "stopped", "cancelled", "waiting")


def lead(number: int, **values: Any) -> dict[str, Any]:
    """A lead that every CRM takes, unlike the others."""
    name = f"Lead {number}"
    ids = {"contact": {"id": "17"}, "account": {"id": "42"}}
    return {"title": name, "name": name, "first_name": "F", "last_name": name, **ids, **values}


async def post(stage: Stage, slug: str, leads: Sequence[Any], **headers: str) -> httpx.Response:
    return await stage.post(slug, {"leads": list(leads)}, path=BULK, headers=headers)


async def posted(stage: Stage, slug: str, leads: Sequence[Any]) -> str:
    answer = await post(stage, slug, leads)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def job_of(stage: Stage, job_id: str) -> dict[str, Any]:
    answer = await stage.get(f"{BULK}/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def rows_of(stage: Stage, job_id: str, query: str = "") -> list[dict[str, Any]]:
    answer = await stage.get(f"{BULK}/{job_id}/rows?{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["result"])


async def ended(stage: Stage, job_id: str, statuses: Sequence[str] = OVER) -> dict[str, Any]:
    """The job, once it works no more."""
    async with asyncio.timeout(30):
        while (job := await job_of(stage, job_id))["status"] not in statuses:
            await asyncio.sleep(0.02)
    return job


async def act(stage: Stage, job_id: str, action: str, body: Any = None) -> httpx.Response:
    """Cancel, resume or send again."""
    headers = {"Authorization": f"Bearer {stage.token}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body)
    return await stage.http.post(f"{BULK}/{job_id}/{action}", headers=headers, content=content)


def counted(**rows: int) -> dict[str, int]:
    """A job's count of rows."""
    return dict.fromkeys(("pending", "sending", "created", "rejected", "unknown", "cancelled"), 0) | rows
