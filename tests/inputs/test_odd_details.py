"""Whatever a detail of the CRM's answer looks like, it does not hide that the lead was created."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.members import SLUGS
from unilead import Lead, Registry, Response

ROOT = Path(__file__).parents[2]
ODD = [None, "", 0, 5, "x", True, 1e300, [], ["x"], [None], [{}], [[]], {}, {"a": 1}]
VERDICTS = {"success", "status", "errors"}  # these say whether the lead was created; an odd one is no detail
Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Every place in a JSON value, by the steps that lead there."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*above, step)
        yield from places(inner, (*above, step))


def at(value: Any, path: Place) -> Any:
    for step in path:
        value = value[step]
    return value


def details(body: Any, lead_id: str) -> list[Place]:
    """The places that neither hold the new id nor say whether the lead was created."""
    found = list(places(body))
    of_id = next(path for path in found if path[-1] in ("id", "LEAD_ID") and str(at(body, path)) == lead_id)
    return [path for path in found if path != of_id[: len(path)] and path[-1] not in VERDICTS]


@pytest.mark.parametrize("slug", SLUGS)
def test_odd_detail_does_not_hide_that_the_lead_was_created(slug: str) -> None:
    provider = Registry(overrides=False).get(slug)
    case = json.loads((ROOT / "plugins" / slug / "tests" / "cases" / "full.json").read_text(encoding="utf-8"))
    settings = provider.settings({**provider.simulator().sample_settings, **case.get("settings", {})})
    request = provider.build_request(Lead.parse(case["lead"]), settings)
    status, body = case["response"]["status"], case["response"]["body"]
    lead_id = provider.parse_response(Response.of(status, body), request, settings).id
    assert lead_id
    for path in details(body, lead_id):
        for odd in ODD:
            changed = copy.deepcopy(body)
            at(changed, path[:-1])[path[-1]] = odd
            created = provider.parse_response(Response.of(status, changed), request, settings)
            assert created.id == lead_id, (path, odd)
