"""The application: everything the host is made of, put together once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from unilead import Registry
from unilead_host.accounts import Accounts
from unilead_host.attempts import FailedAttempts
from unilead_host.bulk.claims import Claims
from unilead_host.bulk.jobs import Jobs
from unilead_host.bulk.judging import Tools
from unilead_host.bulk.runner import Runner
from unilead_host.bulk.upload import Uploads
from unilead_host.connect import Connects
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import Vault
from unilead_host.flights import Flights
from unilead_host.headers import SecurityHeaders
from unilead_host.idempotency import Keys
from unilead_host.lead_call import BULK_PATH
from unilead_host.limits import BodyLimit
from unilead_host.logs import LOG
from unilead_host.metrics import Metrics
from unilead_host.middleware import EXCEPTION_HANDLERS, Boundary, PlainPaths
from unilead_host.page.session import Sessions
from unilead_host.providers import registry_of, simulators_of
from unilead_host.reason_phrases import pin_reason_phrases
from unilead_host.repeats import Repeats
from unilead_host.routes import leads, operations
from unilead_host.service import LeadService
from unilead_host.settings import HostSettings
from unilead_host.storage import Database
from unilead_host.storage.migrating import current_revision, newest_revision
from unilead_host.targets import Targets
from unilead_host.tenants import Tenants
from unilead_host.tokens import Tokens
from unilead_host.verdict_writes import VerdictWrites
from unilead_host.watchdog import Watchdog

if TYPE_CHECKING:
    from fastapi import FastAPI

    from unilead import Simulator

CLEANING_SECONDS = 600.0
LEASE_MARGIN = 5.0  # seconds beyond the time of a create until its key counts as abandoned


@dataclass(frozen=True)
class Host:
    """What the routes work with; ``app.state.host``.

    Attributes:
        settings: what the operator decided.
        registry: the installed providers.
        simulators: by slug; empty unless the host simulates.
        attempts: who guesses tokens.
        uploads: lets bodies of bulk jobs in.
        leads: creates and reads leads.
        jobs, claims, runner: bulk jobs: as callers see them, as workers do, and the workers.
        writes: what sends led to, on its way to the database.
        watchdog: knows whether a plugin holds the host up.
    """

    settings: HostSettings
    registry: Registry
    database: Database
    vault: Vault
    tenants: Tenants
    tokens: Tokens
    accounts: Accounts
    credentials: HostCredentialStore
    keys: Keys
    repeats: Repeats
    targets: Targets
    connects: Connects
    leads: LeadService
    jobs: Jobs
    claims: Claims
    runner: Runner
    writes: VerdictWrites
    metrics: Metrics
    simulators: Mapping[str, Simulator]
    attempts: FailedAttempts = field(default_factory=FailedAttempts)
    uploads: Uploads = field(default_factory=Uploads)
    watchdog: Watchdog = field(default_factory=Watchdog)

    @classmethod
    def build(cls, settings: HostSettings, registry: Registry) -> Host:
        """Put everything together; nothing is opened yet."""
        database = Database(settings.database_url.get_secret_value())
        vault = Vault(settings.encryption_keys)
        accounts = Accounts(database, vault, registry)
        credentials = HostCredentialStore(database, vault)
        keys = Keys(database, hours=settings.idempotency_hours, lease=settings.create_timeout + LEASE_MARGIN)
        repeats = Repeats(database, minutes=settings.repeat_guard_minutes)
        simulators = simulators_of(registry) if settings.simulated else {}
        targets = Targets(settings, registry, accounts, credentials, simulators)
        metrics = Metrics()
        writes = VerdictWrites()
        claims = Claims(database)
        return cls(
            settings=settings,
            registry=registry,
            database=database,
            vault=vault,
            tenants=Tenants(database),
            tokens=Tokens(database),
            accounts=accounts,
            credentials=credentials,
            keys=keys,
            repeats=repeats,
            targets=targets,
            connects=Connects(settings, database, vault, accounts, credentials, registry),
            leads=LeadService(settings, accounts, targets, keys, repeats, metrics, writes),
            jobs=Jobs(database, days=settings.bulk_days),
            claims=claims,
            runner=Runner(Tools(claims, targets, accounts, repeats, writes, metrics)),
            writes=writes,
            metrics=metrics,
            simulators=simulators,
        )

    async def start(self) -> None:
        """Make sure that database and keys fit, and learn what an earlier life left behind.

        Raises: RuntimeError when the database is not at this version; SealError; StorageError.
        """
        if await current_revision(self.database) != newest_revision():
            raise RuntimeError("the database is not at this version: run `unilead-host migrate`")
        import_module(self.settings.backend)  # now, and not while the first lead waits for it
        await self.accounts.check_keys()
        await self.keys.recover()
        await self.repeats.load()
        await self.claims.recover()

    async def stop(self) -> None:
        """Finish what is under way, then close everything."""
        await self.runner.stop()
        await self.writes.drain()
        await self.targets.aclose()
        await self.database.close()

    async def clean(self) -> None:
        """Every ten minutes, delete what is over."""
        while True:
            await asyncio.sleep(CLEANING_SECONDS)
            try:
                await self.keys.purge()
                await self.repeats.purge()
                await self.tokens.purge()
                await self.jobs.purge()
            except Exception as fault:  # whatever it is, it must not be the last turn
                LOG.error("clean.failed", fault=type(fault).__name__, reason=str(fault))


@dataclass(frozen=True)
class _Office:
    """The way to the back office, for a path that the application would else take for one of its own."""

    ask: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.ask(scope, receive, send)


class Application(Starlette):
    """The application. A request to create a lead goes straight to its endpoint, which needs nothing of what lies on
    the way there: the framework's layers cost more than sending the lead. What is no business of leads or operation
    goes to the back office, which is loaded when somebody first asks for it.
    """

    def __init__(self, host: Host) -> None:
        handlers: Mapping[Any, Any] = EXCEPTION_HANDLERS
        super().__init__(
            routes=[Route(BULK_PATH, _Office(self._ask_office)), *leads.routes(), *operations.routes()],
            middleware=[
                Middleware(SecurityHeaders),  # the outermost: even the answer to a crash has them
                Middleware(Boundary),
                Middleware(PlainPaths),
                Middleware(BodyLimit, max_body=host.settings.max_body, larger={BULK_PATH: host.settings.max_bulk_body}),
            ],
            exception_handlers=handlers,
            lifespan=_lifespan,
        )
        self.state.host = host
        self.state.draining = False  # told to end; see `serving.Server`
        self.state.sessions = Sessions(host.vault, host.tokens, public_url=host.settings.public_url)
        self.router.redirect_slashes = False
        self.router.default = self._ask_office
        self._opening: Flights[FastAPI] = Flights()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] in leads.CREATE_PATHS:
            scope["app"] = self
            await leads.CREATE_LEAD(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    @cached_property
    def office(self) -> FastAPI:
        """The back office."""
        from unilead_host.office import make_office

        return make_office(self.state)

    async def _ask_office(self, scope: Scope, receive: Receive, send: Send) -> None:
        office = self.__dict__.get("office") or await self._opening.join("office", self._open_office)
        await office(scope, receive, send)

    async def _open_office(self) -> FastAPI:
        """Load the back office, in a thread: leads go on meanwhile."""
        office = await asyncio.to_thread(lambda: self.office)
        if gc.get_freeze_count():  # it is loaded for good, as what was there at the start; see `serving.settle_memory`
            gc.freeze()
        return office


def create_app(settings: HostSettings, registry: Registry | None = None) -> Application:
    """Make the application.

    Args:
        registry: the providers to serve; all installed ones by default, with the overrides that the settings name.
    """
    pin_reason_phrases()
    return Application(Host.build(settings, registry if registry is not None else registry_of(settings)))


@asynccontextmanager
async def _lifespan(app: Application) -> AsyncIterator[None]:
    host: Host = app.state.host
    await host.start()
    cleaning = asyncio.create_task(host.clean())
    host.runner.start()
    try:
        async with host.watchdog.watching():
            yield
    finally:
        cleaning.cancel()
        await host.stop()
