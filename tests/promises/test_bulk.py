"""Promise 10: bulk with a verdict per lead, in constant memory, through batch endpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unilead import Account, Client, Registry, Result

SCRIPT = Path(__file__).parent / "streaming.py"
LEADS: dict[str, dict[str, Any]] = {
    "hubspot": {"title": "T", "contact": {"id": "17"}, "account": {"id": "42"}},
    "salesforce": {"last_name": "L", "account": {"name": "Engine Works"}},
    "zoho-crm": {"last_name": "L", "first_name": "F"},
}
CALLS = {"hubspot": 10, "salesforce": 5, "zoho-crm": 10}


@pytest.mark.parametrize("slug", sorted(LEADS))
def test_a_thousand_leads_take_as_few_requests_as_the_crm_allows(slug: str) -> None:
    registry = Registry(overrides=False)
    simulator = registry.get(slug).simulator()
    with Client(transport=simulator, registry=registry) as client:
        creating = client.create_many([LEADS[slug]] * 1_000, Account(slug, simulator.sample_settings))
        found = dict(creating)
    assert all(isinstance(verdict, Result) for verdict in found.values())
    assert sorted(found) == list(range(1_000))
    assert len({verdict.id for verdict in found.values()}) == simulator.count == 1_000
    assert creating.calls == CALLS[slug]
    assert all(len(json.dumps(verdict.render("raw"))) < 5_000 for verdict in found.values()), "each has its own part"


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    few, many = _peak(tmp_path, 10_000), _peak(tmp_path, 50_000)
    assert many <= few * 1.1, f"{few} KiB at 10,000 rows, {many} KiB at 50,000"


def _peak(folder: Path, rows: int) -> int:
    file = folder / f"{rows}.csv"
    with file.open("w", encoding="utf-8") as writing:
        writing.write("last_name,first_name,email,phone,company,notes\n")
        for row in range(rows):
            writing.write(f"Lovelace {row},Ada,ada{row}@example.com,+44 20 {row:07},Engine Works,met in {row}\n")
    done = subprocess.run([sys.executable, str(SCRIPT), str(file)], capture_output=True, encoding="utf-8", check=True)
    found = json.loads(done.stdout)
    assert (found["created"], found["calls"]) == (rows, rows // 100)
    peak: int = found["peak"]
    return peak
