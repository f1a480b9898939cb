"""Are the installed providers sound? Each is loaded in a process of its own; files are compared with their hashes."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from unilead.errors import LeadError
from unilead.installed import Plugin
from unilead.registry import Registry

START_UP = 60.0  # seconds that a process may need to begin, on a busy machine
HASHES = frozenset({"sha256", "sha384", "sha512"})


def inspect(registry: Registry, time_limit: float) -> dict[str, dict[str, Any]]:
    """Load every provider, and compare its files.

    Args:
        time_limit: seconds for each provider; what takes longer hangs.
    Returns: by slug: ``error``, a sentence or ``None``, and ``changed_files``, ``None`` where nothing is recorded.
    """
    slugs = registry.slugs
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        errors = list(pool.map(lambda slug: _fault_of(registry, slug, time_limit), slugs))
    return {
        slug: {"error": error, "changed_files": changed_files(registry, slug)}
        for slug, error in zip(slugs, errors, strict=True)
    }


def _fault_of(registry: Registry, slug: str, time_limit: float) -> str | None:
    """Load one provider, an installed one in a process of its own: it may hang, crash, exit or print as it likes."""
    if not registry.plugins(slug):
        return _fault_here(registry, slug)
    command = [sys.executable, "-P", "-m", "unilead.cli.probe", slug, str(time_limit)]
    try:
        ended = subprocess.run(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=START_UP + time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"does not load within {time_limit:g} seconds"
    answer = ended.stdout.decode("utf-8", "replace")
    if answer.startswith("Timeout"):
        return f"does not load within {time_limit:g} seconds"
    try:
        found: str | None = json.loads(answer)["error"]
    except (ValueError, KeyError, TypeError):
        return f"ends the process that loads it (exit code {ended.returncode})"
    return found


def _fault_here(registry: Registry, slug: str) -> str | None:
    """What is wrong with a provider that the application registered itself."""
    try:
        registry.get(slug)
    except LeadError as error:
        return f"{type(error).__name__}: {error.message}"
    return None


def changed_files(registry: Registry, slug: str) -> list[str] | None:
    """Files of the slug's distributions that differ from what was installed; ``None`` where there is no record."""
    changed: list[str] = []
    for plugin in (*registry.plugins(slug), *registry.overrides(slug)):
        found = _changed(plugin)
        if found is None:
            return None
        changed += found
    return sorted(set(changed))


def _changed(plugin: Plugin) -> list[str] | None:
    """Compare one distribution's files with its RECORD, which also names what is gone."""
    distribution = plugin.entry_point.dist
    record = distribution.read_text("RECORD") if distribution is not None else None
    if distribution is None or not record:
        return None
    rows = [row for row in csv.reader(record.splitlines()) if len(row) > 1 and row[1]]
    return [row[0] for row in rows if not _is_as_recorded(Path(str(distribution.locate_file(row[0]))), row[1])]


def _is_as_recorded(path: Path, recorded: str) -> bool:
    algorithm, _, expected = recorded.partition("=")
    if algorithm not in HASHES:
        return True
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, algorithm).digest()
    except OSError:
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == expected
