"""Promise 9: the matrix comes from the plugins and equals the contract cell by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.members import SLUGS
from unilead import Registry
from unilead.matrix import capability_matrix

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "matrix.json").read_text(encoding="utf-8"))
FOUND = capability_matrix(Registry(overrides=False).get(slug) for slug in SLUGS)


def _of_installed(cells: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [slug for slug in slugs if slug in SLUGS] for name, slugs in cells.items()}


@pytest.mark.parametrize("side", ["request", "response"])
def test_every_cell_equals_the_contract(side: str) -> None:
    expected: dict[str, Any] = {field: _of_installed(cells) for field, cells in CONTRACT[side].items()}
    assert FOUND[side] == expected


@pytest.mark.parametrize("side", ["request", "response"])
def test_fields_stand_in_the_contracts_order(side: str) -> None:
    assert set(FOUND[side]) == set(CONTRACT[side])
