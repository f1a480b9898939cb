"""Promise 8: a simulator in every plugin; the demo sends one lead through all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.members import SLUGS


def _demo(*arguments: str) -> tuple[int, Any]:
    command = [sys.executable, "-m", "unilead.cli", "demo", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_demo_creates_in_every_crm() -> None:
    code, rows = _demo()
    assert [row["slug"] for row in rows] == sorted(SLUGS)
    for row in rows:
        assert row["status"] == "created", row
        assert row["id"]
        assert row["request"]["body"]
        assert row["stored"]
        assert isinstance(row["dropped"], list)
    assert code == 0


def test_demo_goes_on_where_a_required_field_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "lead.json"
    file.write_text('{"last_name": "Okafor"}', encoding="utf-8")
    code, rows = _demo("--lead", str(file))
    found = {row["slug"]: row["status"] for row in rows}
    assert code == 1
    assert found["zendesk-sell"] == "created"
    assert found["pipedrive"] == "missing"
