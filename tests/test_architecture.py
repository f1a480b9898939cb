"""Imports go one way: core knows no plugin and no host, a plugin knows only what `unilead` exports (F001)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import unilead

ROOT = Path(__file__).parents[1]
HTTP_LIBRARIES = {"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "requests", "urllib3"}
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the modules a file imports, with the names taken from them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def sources(folder: Path) -> list[Path]:
    return sorted(folder.glob("src/**/*.py"))


def test_core_imports_no_plugin_and_no_host() -> None:
    for file in sources(ROOT / "core"):
        for module, _ in imports(file):
            assert not module.startswith("unilead_"), f"{file} imports {module}"


def test_f001_only_the_transport_imports_an_http_library() -> None:
    for file in sources(ROOT / "core"):
        if "transport" in file.parts:
            continue
        for module, _ in imports(file):
            assert module.split(".")[0] not in HTTP_LIBRARIES, f"{file} imports {module}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_imports_only_what_unilead_exports(plugin: Path) -> None:
    own = f"unilead_{plugin.name.replace('-', '_')}"
    for file in sources(plugin):
        for module, name in imports(file):
            top = module.split(".")[0]
            assert top not in HTTP_LIBRARIES, f"{file} imports {module}"
            if top == "unilead":
                assert module == "unilead", f"{file} imports {module}, which is not public"
                assert name in unilead.__all__, f"{file} imports {name}"
            elif top.startswith("unilead_"):
                assert top == own, f"{file} imports another plugin"


def test_the_host_imports_no_plugin_and_no_http_client() -> None:
    for file in sources(ROOT / "host"):
        for module, _ in imports(file):
            top = module.split(".")[0]
            assert top not in HTTP_LIBRARIES, f"{file} imports {module}"
            assert not top.startswith("unilead_") or top == "unilead_host", f"{file} imports {module}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_simulator_does_not_know_its_provider(plugin: Path) -> None:
    own = f"unilead_{plugin.name.replace('-', '_')}"
    for file in plugin.glob("src/*/simulator*.py"):
        assert not [module for module, _ in imports(file) if module.startswith((f"{own}.provider", f"{own}.batch"))]


def test_the_stub_and_the_lazy_table_export_the_same() -> None:
    stub = ast.parse((ROOT / "core/src/unilead/__init__.pyi").read_text(encoding="utf-8"))
    typed = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(unilead.__all__)
    for name in unilead.__all__:
        assert getattr(unilead, name) is not None


def test_every_member_has_its_readme_and_licence() -> None:
    for folder in [ROOT / "core", ROOT / "host", *PLUGINS]:
        assert (folder / "README.md").read_text(encoding="utf-8").startswith("# ")
        assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_every_room_of_the_core_is_on_the_architecture_page() -> None:
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = set(re.findall(r"`(\w+/?)`", " ".join(rows)))
    core = ROOT / "core/src/unilead"
    there = {path.stem for path in core.glob("*.py")} - {"__init__", "__main__"}
    there |= {f"{path.name}/" for path in core.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert named == there
