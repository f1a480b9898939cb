"""What the commands work with: the settings of the environment, and the database they name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from unilead_host.accounts import Accounts
from unilead_host.cli.group import Failure
from unilead_host.crypto import SealError, Vault
from unilead_host.providers import registry_of
from unilead_host.settings import HostSettings, variable_of
from unilead_host.storage import Database, StorageError, current_revision, newest_revision
from unilead_host.tenants import Tenant, Tenants
from unilead_host.tokens import Tokens

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of a host that commands use, without the HTTP application."""

    settings: HostSettings
    database: Database
    vault: Vault
    tenants: Tenants
    tokens: Tokens
    accounts: Accounts

    async def tenant(self, name_or_id: str) -> Tenant:
        """The tenant of this name or id. Raises: Failure."""
        found = await self.tenants.find(name_or_id)
        if found is None:
            raise Failure(f"there is no tenant {name_or_id!r}; `unilead-host tenant list` names them")
        return found


def read_settings(**given: Any) -> HostSettings:
    """Read the environment. Raises: Failure naming each variable at fault, never its value."""
    try:
        return HostSettings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
    raise Failure("the settings do not fit\n" + "\n".join(map(_fault_text, faults)))


def _fault_text(fault: ErrorDetails) -> str:
    """What is wrong with one setting, below the name of its variable."""
    names = [str(place) for place in fault["loc"]]  # none where settings do not fit each other
    return ": ".join([*map(variable_of, names[:1]), *names[1:], fault["msg"].removeprefix("Value error, ")])


def using(work: Callable[[Opened], Awaitable[T]]) -> T:
    """Run some work on the database of the settings. Raises: Failure."""
    settings = read_settings()
    return attempt(lambda: _opened(settings, work))


def attempt(work: Callable[[], Awaitable[T]]) -> T:
    """Run some work; what the host's own parts refuse becomes a Failure."""

    async def run() -> T:
        return await work()

    try:
        return asyncio.run(run())
    except StorageError as error:
        raise Failure(f"{error}: {error.said}" if error.said else str(error)) from None
    except (SealError, ValueError) as error:
        raise Failure(str(error)) from None
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise Failure("PostgreSQL needs its extra: pip install 'unilead-host[postgres]'") from None
    except OSError as error:  # from the file system: what a database says is a StorageError
        raise Failure(f"{error.filename or 'the database'}: {error.strerror or type(error).__name__}") from None


async def _opened(settings: HostSettings, work: Callable[[Opened], Awaitable[T]]) -> T:
    database = Database(settings.database_url.get_secret_value())
    try:
        if await current_revision(database) != newest_revision():
            raise Failure("the database is not at this version: run `unilead-host migrate`")
        vault = Vault(settings.encryption_keys)
        accounts = Accounts(database, vault, registry_of(settings))
        return await work(Opened(settings, database, vault, Tenants(database), Tokens(database), accounts))
    finally:
        await database.close()
