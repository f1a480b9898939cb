"""What the tests of the whole share: every provider in this repository."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def slug_of(plugin: Path) -> str:
    """The slug that a plugin's entry point claims."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (slug,) = project["entry-points"]["unilead.providers"]
    return slug


SLUGS = [slug_of(plugin) for plugin in PLUGINS]
