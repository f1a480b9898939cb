"""Promise 9: the matrix comes from the plugins and equals the contract cell by cell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.members import SLUGS
from unilead import Registry
from unilead.matrix import capability_matrix

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "matrix.json").read_text(encoding="utf-8"))
FOUND = capability_matrix(Registry(overrides=False).get(slug) for slug in SLUGS)


@pytest.mark.parametrize("side", ["request", "response"])
def test_every_cell_equals_the_contract(side: str) -> None:
    assert FOUND[side] == CONTRACT[side]


@pytest.mark.parametrize("side", ["request", "response"])
def test_fields_stand_in_the_contracts_order(side: str) -> None:
    assert set(FOUND[side]) == set(CONTRACT[side])
