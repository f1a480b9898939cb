"""What the host's tests share: a migrated database, on SQLite and, where ``UNILEAD_TEST_DSN`` names one, PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

import acme
from host_callers import Tenant, tenant
from host_stage import Stage, staged
from unilead import OAuth2, OAuthSettings, Registry
from unilead_host.accounts import Accounts
from unilead_host.app import Application, create_app
from unilead_host.crypto import Vault
from unilead_host.settings import HostSettings
from unilead_host.storage import Database, migrate


class GlobexSettings(OAuthSettings):
    region: str = "eu"
    api_domain: str | None = None


GLOBEX = acme.make_info(
    slug="globex",
    title="Globex",
    base_url="https://api.acme.example",
    auth=OAuth2(
        token_url="https://api.acme.example/oauth/token",
        authorize_url="https://login.acme.example/oauth/authorize",
        scopes=("leads.write", "leads.read"),
        pkce=True,
        authorize_params={"access_type": "offline"},
    ),
    settings=GlobexSettings,
)

DSN = os.environ.get("UNILEAD_TEST_DSN", "")
NO_DSN = "PostgreSQL: set UNILEAD_TEST_DSN, for example postgresql://postgres@127.0.0.1:5432/postgres"
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(not DSN, reason=NO_DSN))]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "migrated.sqlite"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    server = PostgreSQL(DSN)
    yield server
    server.close()


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    shutil.copy(migrated_file, tmp_path / "host.sqlite")
    return f"sqlite:///{tmp_path / 'host.sqlite'}"


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> str:
    """A migrated PostgreSQL database of this test's own."""
    if not DSN:
        pytest.skip(NO_DSN)
    return str(request.getfixturevalue("postgresql").fresh(migrated=True))


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own, on each kind of server."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("postgresql").fresh(migrated=True))


@pytest.fixture(params=BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    return str(request.getfixturevalue("postgresql").fresh(migrated=False))


@pytest.fixture
async def database(database_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


class PostgreSQL:
    """A server on which this run makes databases, and drops them in the end."""

    def __init__(self, dsn: str) -> None:
        import psycopg

        self._dsn = dsn.replace("postgresql+psycopg://", "postgresql://")
        self._server = psycopg.connect(self._dsn, autocommit=True)
        self._names: list[str] = []
        self._template = self._create("template0")
        asyncio.run(migrate(self._url(self._template)))

    def fresh(self, *, migrated: bool) -> str:
        return self._url(self._create(self._template if migrated else "template0"))

    def close(self) -> None:
        for name in reversed(self._names):
            self._server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        self._server.close()

    def _create(self, template: str) -> str:
        name = f"unilead_{uuid4().hex}"
        self._server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._names.append(name)
        return name

    def _url(self, name: str) -> str:
        return f"{self._dsn.rsplit('/', 1)[0]}/{name}"


@pytest.fixture
def registry() -> Registry:
    """Two providers, and whatever else is installed stays out: acme takes a key, globex is connected by OAuth."""
    made = acme.EmptyRegistry()
    made.register("acme", acme.make_plugin())
    made.register("globex", acme.make_plugin(describe=lambda: GLOBEX))
    return made


@pytest.fixture
def vault() -> Vault:
    return Vault([Vault.new_key()])


@pytest.fixture
def accounts(database: Database, vault: Vault, registry: Registry) -> Accounts:
    return Accounts(database, vault, registry)


@pytest.fixture(params=["sqlite", "postgresql"] if DSN else ["sqlite"])
def host_url(request: pytest.FixtureRequest) -> str:
    """As `database_url`, for whole hosts: without a server they run on SQLite alone, and no line tells of it."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("postgresql").fresh(migrated=True))


@pytest.fixture
async def stage(host_url: str, anyio_backend: str) -> AsyncIterator[Stage]:
    async with staged(host_url) as made:
        yield made


@pytest.fixture
def app(sqlite_url: str, registry: Registry) -> Application:
    settings = HostSettings(database_url=sqlite_url, encryption_keys=Vault.new_key(), simulated=True)
    return create_app(settings, registry)


@pytest.fixture
async def http(app: Application) -> AsyncIterator[httpx.AsyncClient]:
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            yield client


@pytest.fixture
async def ours(app: Application, http: httpx.AsyncClient) -> Tenant:
    return await tenant(app, http, "ours")


@pytest.fixture
async def theirs(app: Application, http: httpx.AsyncClient) -> Tenant:
    return await tenant(app, http, "theirs")
