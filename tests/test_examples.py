"""The example provider and the example override, installed from wheels as any third party's would be (promise 7)."""

from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.environments import Environment, build_wheels
from tests.members import ROOT
from unilead.cli.authoring import new_plugin

EXAMPLES = ROOT / "tests" / "examples"
NEEDED = ["pluggy", "pydantic", "httpx", "importlib-metadata", "click", "rich"]
TESTING = ["pytest", "hypothesis"]
CREATE = """
import json
from unilead import Account, Client, MissingFieldsError, Registry
registry = Registry()
simulator = registry.get("acme").simulator()
account = Account("acme", simulator.sample_settings)
with Client(registry=registry, transport=simulator) as client:
    try:
        client.create({"last_name": "Okafor"}, account)
        missing = []
    except MissingFieldsError as error:
        missing = list(error.fields)
    result = client.create({"last_name": "Okafor", "first_name": "Ife"}, account)
print(json.dumps([missing, result.request.headers.get("X-Region"), result.lead.last_name, simulator.count]))
"""


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    build_wheels([ROOT / "core", EXAMPLES / "unilead-acme", EXAMPLES / "unilead-acme-eu"], folder)
    return folder


def installed(wheels: Path, tmp_path: Path, *modules: str, testing: bool = False) -> Environment:
    found = [next(wheels.glob(f"{module}-0*.whl")) for module in ("unilead", *modules)]
    return Environment(tmp_path / "venv", found, [*NEEDED, *(TESTING if testing else ())])


def test_the_example_provider_keeps_the_contract(wheels: Path, tmp_path: Path) -> None:
    """A third party's whole test module, run where only the core and this provider are installed."""
    environment = installed(wheels, tmp_path, "unilead_acme", testing=True)
    tests = shutil.copytree(EXAMPLES / "unilead-acme" / "tests", tmp_path / "tests")
    done = environment.run("-m", "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", tests, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert f"\n{tmp_path.name}: 10 of 10 rules covered\n" in done.stdout


def test_golden_cases_are_completed_and_a_key_that_goes_unread_is_refused(wheels: Path, tmp_path: Path) -> None:
    environment = installed(wheels, tmp_path, "unilead_acme", testing=True)
    tests = shutil.copytree(EXAMPLES / "unilead-acme" / "tests", tmp_path / "tests")
    case = tests / "cases" / "new.json"
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "golden_case and new", "--update-golden", tests]
    case.write_text('{"lead": {"last_name": "Okafor"}, "response": {"status": 404}}', encoding="utf-8")
    done = environment.run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert json.loads(case.read_text(encoding="utf-8"))["outcome"]["error"]["category"] == "not_found"
    case.write_text('{"lead": {"last_name": "Okafor"}, "responce": {"status": 404}}', encoding="utf-8")
    done = environment.run(*command, cwd=tmp_path)
    assert (done.returncode, "new.json: no golden case has responce" in done.stdout) == (1, True), done.stdout[-2000:]


def made(tmp_path: Path, *arguments: str) -> None:
    done = CliRunner().invoke(new_plugin, [*arguments, "--into", str(tmp_path)])
    assert done.exit_code == 0, done.output


def test_the_template_makes_the_example(tmp_path: Path) -> None:
    """What `unilead new-plugin acme` makes is the example, file by file."""
    made(tmp_path, "acme")
    assert differences(filecmp.dircmp(tmp_path / "unilead-acme", EXAMPLES / "unilead-acme")) == []


def differences(compared: filecmp.dircmp[str]) -> list[str]:
    here = [*compared.left_only, *compared.right_only, *compared.diff_files, *compared.funny_files]
    return [
        *(name for name in here if name not in ("__pycache__", ".pytest_cache") and not name.endswith(".egg-info")),
        *(name for inner in compared.subdirs.values() for name in differences(inner)),
    ]


def test_a_new_plugin_needs_a_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(new_plugin, ["acme", "--into", str(tmp_path / "file" / "inside")])
    assert done.exit_code == 2
    assert "cannot be made: Not a directory" in done.output


def test_a_new_plugin_keeps_the_contract(wheels: Path, tmp_path: Path) -> None:
    """A provider fresh from the template, under a name of its own, passes its tests where only it is installed."""
    made(tmp_path, "north-star", "--title", "North Star CRM", "--host", "crm.north-star.example")
    project = tmp_path / "unilead-north-star"
    build_wheels([project], tmp_path)
    found = [next(wheels.glob("unilead-0*.whl")), next(tmp_path.glob("*.whl"))]
    environment = Environment(tmp_path / "venv", found, [*NEEDED, *TESTING])
    command = ["-m", "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", project / "tests"]
    done = environment.run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_new_plugins_tests_stop_once_until_it_is_installed(workers: tuple[str, ...], tmp_path: Path) -> None:
    made(tmp_path, "north-star")
    project = tmp_path / "unilead-north-star"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers]
    done = subprocess.run(command, cwd=project, capture_output=True, encoding="utf-8", check=False)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert said.count("no installed distribution provides 'north-star'") == 1, said[-3000:]
    assert "pip install -e ." in said
    assert len(said.splitlines()) < 20, said[-3000:]


@pytest.mark.parametrize("arguments", [["Acme"], ["a_b"], ["acme", "--host", "http://x"], ["../x"], ["-x-"], []])
def test_b080_a_new_plugin_wants_a_slug_and_a_host(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(new_plugin, [*arguments, "--into", str(tmp_path)])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ["", " ", 'The "Acme"', "C:\\acme", "Acme\nCRM"])
def test_a_new_plugins_title_fits_into_its_files(title: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(new_plugin, ["acme", "--title", title, "--into", str(tmp_path)])
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])


def test_the_example_provider_alone(wheels: Path, tmp_path: Path) -> None:
    environment = installed(wheels, tmp_path, "unilead_acme")
    assert json.loads(environment.run("-c", CREATE).stdout) == [[], None, "Okafor", 2]


def test_an_override_amends_two_hooks_and_leaves_the_others(wheels: Path, tmp_path: Path) -> None:
    environment = installed(wheels, tmp_path, "unilead_acme", "unilead_acme_eu")
    assert json.loads(environment.run("-c", CREATE).stdout) == [["first_name"], "eu", "Okafor", 1]


def test_the_command_line_names_provider_and_override(wheels: Path, tmp_path: Path) -> None:
    environment = installed(wheels, tmp_path, "unilead_acme", "unilead_acme_eu")
    (row,) = json.loads(environment.run("-m", "unilead.cli", "providers", "--check", "--json").stdout)
    assert (row["slug"], row["error"], row["changed_files"]) == ("acme", None, [])
    assert [entry["distribution"] for entry in row["distributions"]] == ["unilead-acme"]
    assert [entry["distribution"] for entry in row["overrides"]] == ["unilead-acme-eu"]


def test_a_changed_file_is_noticed(wheels: Path, tmp_path: Path) -> None:
    """S044: a plugin is trusted code, so at least its files can be compared with what was installed."""
    environment = installed(wheels, tmp_path, "unilead_acme")
    module = next((tmp_path / "venv").glob("lib/*/site-packages/unilead_acme/simulator.py"))
    module.write_text(module.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    (row,) = json.loads(environment.run("-m", "unilead.cli", "providers", "--check", "--json").stdout)
    assert row["changed_files"] == ["unilead_acme/simulator.py"]
