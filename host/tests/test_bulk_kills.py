"""F062, F063: bulk jobs over real SIGKILLs of the host, counted at a CRM that outlives it."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import time
from pathlib import Path

import httpx
import pytest

from host_bulk import BULK, lead
from test_server import SLUG, prepare, serving, wait_for
from unilead import Registry

ROWS = 400
KILLS = 3
CONCURRENCY = 4  # requests of one job in flight


@pytest.mark.timeout(180)
def test_f063_three_kills_cost_no_verdict_and_double_no_lead(migrated_file: Path, tmp_path: Path) -> None:
    shutil.copy(migrated_file, tmp_path / "host.sqlite")
    database = f"sqlite:///{tmp_path / 'host.sqlite'}"
    account, token = asyncio.run(prepare(database))
    headers = {"Authorization": f"Bearer {token}"}
    chance = random.Random(7)
    crm = Registry().get(SLUG).simulator()
    crm.faults.latency = 0.01
    path = f"{BULK}?integrated_account_id={account}"
    job = ""
    with crm.serve() as where:
        for _ in range(KILLS):
            with serving(database, where.url) as (process, url):
                if not job:
                    leads = {"leads": [lead(number) for number in range(ROWS)]}
                    job = httpx.post(url + path, json=leads, headers=headers, timeout=30).json()["id"]
                seen = len(crm.calls)
                wait_for(lambda seen=seen: len(crm.calls) > seen + 40)
                time.sleep(chance.uniform(0, 0.05))
                process.send_signal(signal.SIGKILL)
                process.wait()
        with serving(database, where.url) as (_, url):

            def found() -> dict[str, int]:
                answer = httpx.get(f"{url}{BULK}/{job}", headers=headers, timeout=30).json()
                return dict(answer["rows"] | {"is_done": answer["status"] == "done"})

            wait_for(lambda: found()["is_done"])
            rows = found()
            told = httpx.get(f"{url}{BULK}/{job}/rows?status=created", headers=headers, timeout=30).json()["result"]
    names = [stored["last_name"] for stored in crm.leads.values()]
    assert len(names) == len(set(names)), "a lead was created twice"
    assert rows["created"] + rows["unknown"] == ROWS, rows
    assert rows["unknown"] <= KILLS * CONCURRENCY
    assert rows["created"] <= crm.count <= ROWS
    assert {row["id"] for row in told} <= {str(number) for number in crm.leads}
