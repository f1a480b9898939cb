"""What is built is what is promised: S047, and promise 7, *a provider is a package*."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.environments import Environment, build_wheels
from tests.members import PLUGINS, ROOT, slug_of

CARD = ["pluggy", "pydantic", "httpx", "importlib-metadata"]  # all that the bare core may need
SCRIPT = """
from unilead import Account, Client, Registry
lead = {"title": "T", "name": "N", "first_name": "A", "last_name": "L"}
lead |= {"contact": {"id": "8841"}, "account": {"id": "2307"}}
registry = Registry()
for slug in registry.slugs:
    simulator = registry.get(slug).simulator()
    result = Client(registry=registry, transport=simulator).create(lead, Account(slug, simulator.sample_settings))
    print(slug, bool(result.id))
"""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    build_wheels([ROOT / "core", ROOT / "host", *PLUGINS], folder)
    return folder


def test_s047_a_wheel_holds_its_own_module_and_nothing_else(wheels: Path) -> None:
    for wheel in wheels.glob("*.whl"):
        module = wheel.name.split("-")[0]
        names = zipfile.ZipFile(wheel).namelist()
        tops = {name.split("/")[0] for name in names}
        assert {top for top in tops if not top.endswith(".dist-info")} == {module}
        assert f"{module}/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        own = [name for name in names if "/template/" not in name]  # the template for new plugins has tests of its own
        assert not [name for name in own if "/tests/" in name or name.endswith((".pyc", ".env"))]


@pytest.mark.parametrize("chosen", [PLUGINS[:1], PLUGINS[-1:], PLUGINS[:2]], ids=["first", "last", "two"])
def test_the_core_works_with_just_the_providers_that_are_installed(
    chosen: list[Path], wheels: Path, tmp_path: Path
) -> None:
    """Installed into an empty environment: only these are found, and each creates a lead."""
    names = ["unilead", *(f"unilead_{slug_of(plugin).replace('-', '_')}" for plugin in chosen)]
    environment = Environment(tmp_path, [next(wheels.glob(f"{name}-0*.whl")) for name in names], CARD)
    done = environment.run("-c", SCRIPT)
    assert done.stdout.split("\n")[:-1] == [f"{slug} True" for slug in sorted(map(slug_of, chosen))], done.stderr
