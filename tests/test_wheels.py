"""What is built is what is promised: S047, and promise 7, *a provider is a package*."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.environments import Environment, build_wheels
from tests.members import PLUGINS, ROOT, slug_of
from unilead_host.crypto import Vault

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


HOST = ["unilead-host", "aiohttp", "pyrate-limiter", "rich"]  # and what its extras bring
SERVE = """
import asyncio, sys, httpx
from unilead_host.app import create_app
from unilead_host.settings import HostSettings
from unilead_host.storage import migrate

LEAD = {"title": "T", "name": "N", "first_name": "A", "last_name": "L"}
LEAD |= {"contact": {"id": "8841"}, "account": {"id": "2307"}}

async def main(url, key):
    await migrate(url)
    app = create_app(HostSettings(database_url=url, encryption_keys=key, simulated=True))
    async with app.router.lifespan_context(app):
        host = app.state.host
        tenant = await host.tenants.find("ours") or await host.tenants.create("ours")
        token, _ = await host.tokens.create(tenant.id)
        known = {stored.provider for stored in await host.accounts.list(tenant.id)}
        for slug in set(host.registry.slugs) - known:
            await host.accounts.create(tenant.id, slug, is_simulated=True)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://host") as http:
            for stored in await host.accounts.list(tenant.id):
                query = {"integrated_account_id": stored.id}
                headers = {"Authorization": f"Bearer {token}"}
                answer = await http.post("/unified/crm/leads", params=query, headers=headers, json=LEAD)
                print(stored.provider, answer.status_code, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def test_the_host_serves_the_providers_that_are_installed_and_no_other(wheels: Path, tmp_path: Path) -> None:
    """With two providers the account of a third gets a 501; once its wheel is there, a restart serves it."""
    chosen = [slug_of(plugin) for plugin in PLUGINS[:3]]
    wheel_of = {slug: next(wheels.glob(f"unilead_{slug.replace('-', '_')}-0*.whl")) for slug in chosen}
    ours = [next(wheels.glob(f"{name}-0*.whl")) for name in ("unilead", "unilead_host")]
    key, url = Vault.new_key(), f"sqlite:///{tmp_path / 'host.sqlite'}"

    def statuses(environment: Environment) -> dict[str, str]:
        done = environment.run("-c", SERVE, url, key)
        lines = [line.split() for line in done.stdout.splitlines() if line.split()[0] in chosen]
        assert lines, done.stderr
        return dict(lines)

    whole = Environment(tmp_path / "whole", [*ours, *wheel_of.values()], HOST)
    assert statuses(whole) == dict.fromkeys(chosen, "200")
    two = Environment(tmp_path / "two", [*ours, *(wheel_of[slug] for slug in chosen[:2])], HOST)
    assert statuses(two) == {chosen[0]: "200", chosen[1]: "200", chosen[2]: "501"}
    two.add(wheel_of[chosen[2]])
    assert statuses(two) == dict.fromkeys(chosen, "200")
