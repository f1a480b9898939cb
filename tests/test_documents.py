"""What the documents show is true: their examples run, their links lead somewhere, their words name no machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import unilead
from docs.site.build import API
from tests.members import PLUGINS, ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/decisions").glob("*.md")),
    *(folder / "README.md" for folder in (ROOT / "core", ROOT / "host", *PLUGINS)),
]
EXAMPLES = [page for page in PAGES if re.search(r"\nprint\(.*\n# ", page.read_text(encoding="utf-8"))]
MADE = "reference/"  # pages that docs/site/build.py makes


def relative(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", EXAMPLES, ids=relative)
def test_an_example_prints_what_it_says(page: Path) -> None:
    """The lines ``# …`` after a ``print`` are what the example prints."""
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if "print(" not in code:
            continue
        expected = "".join(f"{line[2:]}\n" for line in code.splitlines() if line.startswith("# "))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
        assert done.stdout == expected, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#", MADE)):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_a_decision_has_a_number_of_its_own_and_a_date() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert len({page.name[:4] for page in pages}) == len(pages)
    for page in pages:
        assert re.match(r"# .+ \(\d{4}-\d{2}-\d{2}\)\n", page.read_text(encoding="utf-8")), page.name


def test_every_public_name_has_a_place_in_the_reference() -> None:
    assert {module for modules in API.values() for module in modules} >= set(unilead._HOMES)


def test_the_readme_is_short() -> None:
    """A page that a newcomer reads to its end."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100
