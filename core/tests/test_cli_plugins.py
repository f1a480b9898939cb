"""The command line beside plugins that are broken, hang, print, crash or were changed: F091, F095, S044."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unilead import Registry

PROVIDER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import acme
_plugin = acme.make_plugin()
globals().update((name, getattr(_plugin, name)) for name in vars(_plugin) if not name.startswith("__"))
"""


class Site:
    """A folder of installed distributions, as pip leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, slug: str, source: str, *, group: str = "unilead.providers", name: str = "") -> Path:
        name = name or f"site_{slug}"
        module = self.folder / f"{name}.py"
        module.write_text(source, encoding="utf-8")
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[{group}]\n{slug} = {name}\n", encoding="utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(module.read_bytes()).digest()).rstrip(b"=").decode()
        (info / "RECORD").write_text(f"{module.name},sha256={digest},{len(source)}\n", encoding="utf-8")
        return module

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Run a command with --json, with nothing but this site's providers. Returns: exit code, document, stderr."""
        others = ",".join(Registry().slugs)
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "UNILEAD_DISABLE": others}
        command = [sys.executable, "-m", "unilead.cli", *arguments, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=120)
        return done.returncode, json.loads(done.stdout), done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path)
    found.install("acme", PROVIDER)
    return found


def _check(site: Site) -> tuple[int, dict[str, Any]]:
    code, rows, _ = site.run("providers", "--check", "--time-limit", "3")
    return code, {row["slug"]: row for row in rows}


def test_a_sound_site_is_sound(site: Site) -> None:
    code, rows = _check(site)
    assert code == 0
    assert (rows["acme"]["error"], rows["acme"]["changed_files"]) == (None, [])
    assert rows["acme"]["distributions"] == [{"distribution": "site_acme", "version": "1.0", "module": "site_acme"}]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("while True: pass", "does not load within 3 seconds"),
        ("import re; re.match('(a+)+$', 'a' * 60 + 'b')", "does not load within 3 seconds"),  # holds Python's lock
        ("import os; os._exit(0)", "ends the process"),
        ("raise SystemExit", "SystemExit"),
        ("def (", "SyntaxError"),
        (PROVIDER + "\nprint('x' * 10_000_000)\nraise ImportError('no')", "ImportError"),
    ],
    ids=["loop", "regex", "exit", "SystemExit", "syntax", "noise"],
)
def test_f091_f095_a_broken_plugin_is_reported_and_costs_the_others_nothing(
    source: str, words: str, site: Site
) -> None:
    site.install("aaa", source)
    code, rows = _check(site)
    assert code == 1
    assert words in rows["aaa"]["error"]
    assert rows["acme"]["error"] is None


def test_a_provider_whose_own_address_is_refused_is_reported(site: Site) -> None:
    describe = "describe=lambda: acme.make_info(base_url='http://api.acme.example')"
    source = PROVIDER.replace("acme.make_plugin()", f"acme.make_plugin({describe})")
    (site.folder / "site_acme.py").write_text(source, encoding="utf-8")
    assert _check(site)[1]["acme"]["error"] == "SettingsError: base URL must begin with https://"


def test_f095_a_hook_that_hangs_is_reported(site: Site) -> None:
    hook = "\nfrom unilead import hookimpl\n@hookimpl\ndef validate_required(lead):\n    while True: pass\n"
    site.install("acme", hook, group="unilead.overrides", name="site_override")
    assert "does not load within" in _check(site)[1]["acme"]["error"]


def test_s044_changed_and_missing_files_are_named(site: Site) -> None:
    site.install("aaa", PROVIDER).unlink()
    (site.folder / "site_acme.py").write_text(PROVIDER + "\n# changed\n", encoding="utf-8")
    rows = _check(site)[1]
    assert rows["acme"]["changed_files"] == ["site_acme.py"]
    assert rows["aaa"]["changed_files"] == ["site_aaa.py"]


def test_s044_files_of_an_override_count_too(site: Site) -> None:
    site.install("acme", "", group="unilead.overrides", name="site_override").write_text("# changed", encoding="utf-8")
    assert _check(site)[1]["acme"]["changed_files"] == ["site_override.py"]


def test_what_a_plugin_prints_is_not_in_the_json(site: Site) -> None:
    (site.folder / "site_acme.py").write_text(PROVIDER + "\nprint('noise')\n", encoding="utf-8")
    code, rows, err = site.run("demo")
    assert (code, rows[0]["status"]) == (0, "created")
    assert "noise" in err


def test_f091_demo_check_and_matrix_go_on_beside_a_broken_plugin(site: Site, tmp_path: Path) -> None:
    site.install("aaa", "raise RuntimeError('boom')")
    lead = tmp_path / "lead.json"
    lead.write_text('{"last_name": "Okafor"}', encoding="utf-8")
    code, rows, _ = site.run("demo")
    assert (code, [row["status"] for row in rows]) == (1, ["not_sent", "created"])
    code, rows, _ = site.run("check", str(lead))
    assert (code, [row["status"] for row in rows]) == (1, ["broken", "ready"])
    code, matrix, err = site.run("matrix")
    assert (code, matrix["request"]["last_name"]["required_in"]) == (0, ["acme"])
    assert "left out: [aaa]" in err
