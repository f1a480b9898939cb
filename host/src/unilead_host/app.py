"""The application: everything the host is made of, put together once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from unilead import Registry, Simulator
from unilead_host import page
from unilead_host.accounts import Accounts
from unilead_host.attempts import FailedAttempts
from unilead_host.connect import Connections
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import Vault
from unilead_host.idempotency import Keys, Repeats
from unilead_host.limits import BodyLimit
from unilead_host.metrics import Metrics
from unilead_host.middleware import Boundary, PlainPaths
from unilead_host.openapi import openapi_document
from unilead_host.providers import registry_of, simulators_of
from unilead_host.routes import accounts, connect, leads, meta, operations
from unilead_host.server import pin_reason_phrases
from unilead_host.service import LeadService
from unilead_host.settings import HostSettings
from unilead_host.storage import Database, StorageError
from unilead_host.storage.migrating import current_revision, newest_revision
from unilead_host.targets import Targets
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens
from unilead_host.version import VERSION
from unilead_host.watchdog import Watchdog
from unilead_host.wire import Answer, Refusal, error_body, phrase, unavailable

CLEANING_SECONDS = 600.0
LEASE_MARGIN = 5.0  # seconds beyond the time of a create until its key counts as abandoned
LOG = structlog.get_logger("unilead_host")


@dataclass(frozen=True)
class Host:
    """What the routes work with; ``app.state.host``.

    Attributes:
        settings: what the operator decided.
        registry: the installed providers.
        simulators: by slug; empty unless the host simulates.
        attempts: who guesses tokens.
        leads: creates and reads leads.
        watchdog: knows whether a plugin holds the host up.
    """

    settings: HostSettings
    registry: Registry
    database: Database
    vault: Vault
    tenants: Tenants
    tokens: Tokens
    accounts: Accounts
    keys: Keys
    repeats: Repeats
    targets: Targets
    connections: Connections
    leads: LeadService
    metrics: Metrics
    simulators: Mapping[str, Simulator]
    attempts: FailedAttempts = field(default_factory=FailedAttempts)
    watchdog: Watchdog = field(default_factory=Watchdog)

    @classmethod
    def build(cls, settings: HostSettings, registry: Registry) -> Host:
        """Put everything together; nothing is opened yet."""
        database = Database(settings.database_url.get_secret_value())
        vault = Vault(settings.encryption_keys)
        accounts = Accounts(database, vault, registry)
        keys = Keys(database, hours=settings.idempotency_hours, lease=settings.create_timeout + LEASE_MARGIN)
        repeats = Repeats(database, minutes=settings.repeat_guard_minutes)
        simulators = simulators_of(registry) if settings.simulated else {}
        targets = Targets(settings, registry, accounts, HostCredentialStore(database, vault), simulators)
        metrics = Metrics()
        return cls(
            settings=settings,
            registry=registry,
            database=database,
            vault=vault,
            tenants=Tenants(database),
            tokens=Tokens(database),
            accounts=accounts,
            keys=keys,
            repeats=repeats,
            targets=targets,
            connections=Connections(settings, database, vault, accounts, registry),
            leads=LeadService(settings, accounts, targets, keys, repeats, metrics),
            metrics=metrics,
            simulators=simulators,
        )

    async def start(self) -> None:
        """Make sure that database and keys fit, and learn what an earlier life left behind.

        Raises: RuntimeError when the database is not at this version; SealError; StorageError.
        """
        if await current_revision(self.database) != newest_revision():
            raise RuntimeError("the database is not at this version: run `unilead-host migrate`")
        await self.accounts.check_keys()
        await self.keys.recover()
        await self.repeats.load()

    async def stop(self) -> None:
        """Finish what is under way, then close everything."""
        await self.leads.drain()
        await self.targets.aclose()
        await self.database.close()

    async def clean(self) -> None:
        """Every ten minutes, delete what is over."""
        while True:
            await asyncio.sleep(CLEANING_SECONDS)
            with suppress(StorageError):
                await self.keys.purge()
                await self.repeats.purge()
                await self.tokens.clean()


class Application(FastAPI):
    """The application. A request to create a lead goes straight to its endpoint, which needs nothing of what lies on
    the way there: the framework's layers cost more than sending the lead.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] in leads.CREATE_PATHS:
            scope["app"] = self
            await leads.CREATE_LEAD(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: HostSettings, registry: Registry | None = None) -> FastAPI:
    """Make the application.

    Args:
        registry: the providers to serve; all installed ones by default, with the overrides that the settings name.
    """
    pin_reason_phrases()
    host = Host.build(settings, registry if registry is not None else registry_of(settings))
    app = Application(
        title="unilead", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan
    )
    app.state.host = host
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]
    app.router.redirect_slashes = False
    app.add_middleware(BodyLimit, max_body=settings.max_body)
    app.add_middleware(PlainPaths)
    app.add_middleware(Boundary)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(StorageError, _storage_error)
    app.include_router(accounts.router)
    app.include_router(connect.router)
    app.router.routes.extend([*meta.routes(), *leads.routes(), *operations.routes()])
    page.install(app, host)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    host: Host = app.state.host
    await host.start()
    cleaning = asyncio.create_task(host.clean())
    try:
        async with host.watchdog.watching():
            yield
    finally:
        cleaning.cancel()
        await host.stop()


# --- errors outside the lead endpoints, in the same shape -------------------------------------------------------------


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, answer.media_type)


async def _http_error(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return _response(error.answer)
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    message = error.detail if isinstance(error.detail, str) else phrase(error.status_code)
    return _response(Answer(error.status_code, error_body(error.status_code, message), dict(error.headers or {})))


async def _validation_error(request: Request, error: Exception) -> Response:
    """Name what is wrong without showing it: what was sent may hold credentials."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    failures = [{"field": _path(one["loc"][1:]), "code": one["type"], "message": one["msg"]} for one in error.errors()]
    message = "; ".join(f"{one['field']}: {one['message']}" for one in failures)
    return _response(Answer(400, error_body(400, message, details={"failures": failures})))


def _path(steps: tuple[int | str, ...]) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "body"


async def _storage_error(request: Request, error: Exception) -> Response:
    return _response(unavailable(error))
