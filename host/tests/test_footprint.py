"""A serving host keeps in memory what leads need, and nothing for migrations, for people or of another back end."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from unilead import Registry
from unilead_host.accounts import Accounts
from unilead_host.crypto import Vault
from unilead_host.storage import Database, migrate
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens

SERVE = "from unilead_host.cli import main; main(['serve', '--port', '0'])"
TELLING = "import atexit, json, sys; atexit.register(lambda: print(json.dumps(sorted(sys.modules)))); "
NEEDLESS = {
    "alembic", "fastapi", "httpx", "httpx2", "jinja2", "mako", "psycopg", "pydantic_settings", "rich", "structlog",
    "greenlet", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "unilead.check", "unilead_host.office",
    "unilead_host.openapi",     "unilead_host.page.templating",
}  # fmt: skip


class Serving:
    """``unilead-host serve`` in a process of its own, on a database that has to be migrated first."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stderr is not None
        said: dict[str, str] = {}
        while said.get("event") != "serving":
            said = json.loads(process.stderr.readline())
        self.url = said["url"]

    def modules_in_the_end(self) -> set[str]:
        self._process.terminate()
        out, _ = self._process.communicate(timeout=40)
        assert self._process.returncode == 0
        return set(json.loads(out))


async def prepared(url: str, vault: Vault) -> tuple[str, str]:
    """A token, and an account of an installed provider."""
    database = Database(url)
    tenant = await Tenants(database).create("ours")
    token, _ = await Tokens(database).create(tenant.id)
    sample = dict(Registry().get("hubspot").simulator().sample_settings)
    account = await Accounts(database, vault, Registry()).create(tenant.id, "hubspot", sample)
    await database.close()
    return token, account.id


@pytest.fixture
def key() -> str:
    return Vault.new_key()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/host.sqlite"


@pytest.fixture
def environment(url: str, key: str) -> dict[str, str]:
    named = {"DATABASE_URL": url, "ENCRYPTION_KEYS": key, "PUBLIC_MATRIX": "true"}
    return os.environ | {f"UNILEAD_HOST_{name}": value for name, value in named.items()}


@pytest.fixture
def serving(environment: dict[str, str]) -> Iterator[Serving]:
    command = [sys.executable, "-c", TELLING + SERVE]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield Serving(process)
        finally:
            process.kill()


def test_a_serving_host_has_what_leads_need(serving: Serving, url: str, key: str) -> None:
    token, account = asyncio.run(prepared(url, Vault([key])))
    named = {"params": {"integrated_account_id": account}, "headers": {"Authorization": f"Bearer {token}"}}
    refused = httpx.post(f"{serving.url}/unified/crm/leads", json={"title": 1}, **named)
    assert refused.status_code == 400
    assert httpx.get(f"{serving.url}/readyz").status_code == 200
    assert httpx.get(f"{serving.url}/metrics").status_code == 200
    modules = serving.modules_in_the_end()
    assert "unilead_hubspot.provider" in modules  # so the lead got as far as its provider
    assert "aiohttp" in modules  # before the first lead waits for it
    assert not modules & NEEDLESS
    assert not [name for name in modules if name.startswith("unilead_") and name.endswith(".simulator")]


def test_the_back_office_opens_when_somebody_asks_for_it(serving: Serving) -> None:
    with ThreadPoolExecutor(5) as pool:  # who comes while it opens waits for it
        answers = pool.map(
            lambda path: httpx.get(f"{serving.url}{path}", timeout=60), ["/", "/openapi.json", "/login", "/x", "/"]
        )
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 200]
    assert {"fastapi", "jinja2"} <= serving.modules_in_the_end()


def test_serving_says_why_it_cannot_migrate(url: str, environment: dict[str, str]) -> None:
    asyncio.run(as_of_the_future(Database(url)))
    command = [sys.executable, "-c", SERVE]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert ended.returncode == 1
    assert "newer than this host" in ended.stderr
    assert "Traceback" not in ended.stderr


async def as_of_the_future(database: Database) -> None:
    await migrate(database.url.render_as_string().replace("+pysqlite", ""))
    async with database.transaction() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
