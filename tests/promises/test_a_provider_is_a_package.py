"""Promise 7: a provider is found by entry point and imported when it is first used."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.members import PLUGINS, SLUGS, slug_of

PROBE = """
import json, sys
from unilead import Registry
registry = Registry()
slugs = registry.slugs
listed = sorted(name for name in sys.modules if name.startswith("unilead_") or name in ("pydantic", "httpx"))
registry.get({slug!r})
used = sorted({{name.partition(".")[0] for name in sys.modules if name.startswith("unilead_")}})
print(json.dumps([slugs, listed, used]))
"""


@pytest.mark.parametrize("slug", SLUGS)
def test_listing_imports_no_provider_and_using_one_imports_one(slug: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(slug=slug)], capture_output=True, encoding="utf-8", check=True
    )
    slugs, listed, used = json.loads(done.stdout)
    assert set(SLUGS) <= set(slugs)
    assert listed == []
    assert used == [f"unilead_{slug.replace('-', '_')}"]


@pytest.mark.parametrize("plugin", PLUGINS, ids=slug_of)
def test_a_distribution_names_itself_after_its_slug_and_needs_only_the_core(plugin: Path) -> None:
    slug = slug_of(plugin)
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == f"unilead-{slug}"
    assert project["entry-points"] == {"unilead.providers": {slug: f"unilead_{slug.replace('-', '_')}.provider"}}
    assert {"unilead"} <= {name.partition(">")[0] for name in project["dependencies"]} <= {"unilead", "pydantic"}
