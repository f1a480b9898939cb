"""What is built is what is promised: S047, and promise 7, *a provider is a package*."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import importlib_metadata
import pytest
from packaging.requirements import Requirement

from tests.members import PLUGINS, ROOT, slug_of


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for member in [ROOT / "core", ROOT / "host", *PLUGINS]:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(member)]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def test_s047_a_wheel_holds_its_own_module_and_nothing_else(wheels: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        module = wheel.name.split("-")[0]
        names = zipfile.ZipFile(wheel).namelist()
        tops = {name.split("/")[0] for name in names}
        assert {top for top in tops if not top.endswith(".dist-info")} == {module}
        assert f"{module}/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert not [name for name in names if "/tests/" in name or name.endswith((".pyc", ".env"))]


@pytest.mark.parametrize("chosen", [PLUGINS[:1], PLUGINS[-1:], PLUGINS[:2]], ids=["first", "last", "two"])
def test_the_core_works_with_just_the_providers_that_are_installed(
    chosen: list[Path], wheels: Path, tmp_path: Path
) -> None:
    """Installed into an empty environment: only these are found, and each creates a lead."""
    venv.create(tmp_path, with_pip=False, system_site_packages=False, symlinks=True)
    python = tmp_path / "bin" / "python"
    target = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout.strip()
    )
    names = ["unilead", *(f"unilead_{slug_of(plugin).replace('-', '_')}" for plugin in chosen)]
    for name in names:
        zipfile.ZipFile(next(wheels.glob(f"{name}-0*.whl"))).extractall(target)
    script = (
        "from unilead import Account, Client, Registry\n"
        "from unilead.cli.sending import SAMPLE_LEAD\n"
        "registry = Registry()\n"
        "for slug in registry.slugs:\n"
        "    simulator = registry.get(slug).simulator()\n"
        "    account = Account(slug, simulator.sample_settings)\n"
        "    result = Client(registry=registry, transport=simulator).create(SAMPLE_LEAD, account)\n"
        "    print(slug, bool(result.id))\n"
    )
    third_party = _third_party_folder(tmp_path)
    done = subprocess.run(
        [python, "-c", script], capture_output=True, encoding="utf-8", check=False, env={"PYTHONPATH": str(third_party)}
    )
    assert done.stdout.split("\n")[:-1] == [f"{slug} True" for slug in sorted(map(slug_of, chosen))], done.stderr


def _third_party_folder(tmp_path: Path) -> Path:
    """The dependencies that the bare core asks for, and not one more: links to what is installed here."""
    folder = tmp_path / "third-party"
    folder.mkdir()
    pending, seen = ["pluggy", "pydantic", "httpx", "importlib-metadata", "click"], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = importlib_metadata.distribution(name)
        wanted = [Requirement(text) for text in distribution.requires or ()]
        pending += [found.name for found in wanted if found.marker is None or found.marker.evaluate({"extra": ""})]
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    return folder
