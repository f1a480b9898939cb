"""The command line over every provider of this repository: what only the printed documents can show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.members import SLUGS

CONTRACT = json.loads((Path(__file__).parent / "contract" / "matrix.json").read_text(encoding="utf-8"))
COMPANY = "account.name"  # the one part of a lead that is ours and not the contract's


def text(*arguments: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "unilead.cli", *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def run(*arguments: str, code: int = 0) -> Any:
    return json.loads(text(*arguments, "--json", code=code))


@pytest.mark.parametrize("side", ["request", "response"])
def test_the_printed_matrix_stands_in_the_contracts_order(side: str) -> None:
    assert [field for field in run("matrix")[side] if field != COMPANY] == list(CONTRACT[side])


def test_the_matrix_and_every_data_sheet_agree_on_who_takes_a_company_name() -> None:
    takers = [slug for slug in SLUGS if COMPANY in run("describe", slug)["supported"]]
    request = run("matrix")["request"]
    assert "salesforce" in takers and "hubspot" not in takers
    assert request[COMPANY] == {"required_in": [], "supported_in": sorted(takers)}
    assert list(request).index(COMPANY) == list(request).index("account") + 1
    assert COMPANY in text("describe", "zoho-crm") and COMPANY not in text("describe", "hubspot")
    assert COMPANY in text("matrix") and f"| {COMPANY} |" in text("matrix", "--format", "md")


def test_every_provider_is_sound() -> None:
    rows = run("providers", "--check")
    assert [row["slug"] for row in rows if row["slug"] in SLUGS] == sorted(SLUGS)
    assert [row["error"] for row in rows if row["slug"] in SLUGS] == [None] * len(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_provider_describes_itself(slug: str) -> None:
    sheet = run("describe", slug)
    required = [field for field, cell in CONTRACT["request"].items() if slug in cell["required_in"]]
    assert (sheet["slug"], sheet["required"]) == (slug, required)
    assert sheet["settings"]["properties"]


def test_every_provider_says_what_an_empty_lead_lacks(tmp_path: Path) -> None:
    lead = tmp_path / "lead.json"
    lead.write_text("{}", encoding="utf-8")
    for row in run("check", str(lead), code=1):
        required = [field for field, cell in CONTRACT["request"].items() if row["slug"] in cell["required_in"]]
        assert row["missing"] == required
        assert row["status"] == ("missing" if required else "ready")


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("reading", [[], ["--read"]], ids=["create", "read"])
def test_an_outage_is_never_a_refusal(slug: str, reading: list[str], tmp_path: Path) -> None:
    answer = tmp_path / "answer.html"
    answer.write_text("<h1>502 Bad Gateway</h1>", encoding="utf-8")
    error = run("parse", "--provider", slug, "--status", "502", *reading, str(answer), code=3)["error"]
    assert error["outcome"] == "unknown"
