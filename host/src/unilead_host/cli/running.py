"""``serve`` and ``demo``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from unilead.cli.show import heading, line, note, pairs
from unilead_host.cli.group import Failure
from unilead_host.cli.opened import attempt, read_settings
from unilead_host.logs import LOG
from unilead_host.settings import HostSettings

if TYPE_CHECKING:
    from unilead import Registry
    from unilead_host.app import Application
    from unilead_host.demo import Demo

DEMO_PORT = 8000


@click.command()
@click.option("--host", help="Address to listen on; UNILEAD_HOST_HOST, or 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; UNILEAD_HOST_PORT, or 8000.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the API and the page.

    The database is brought to the newest version first. Told to end by SIGTERM, it finishes the leads that are under
    way, up to 25 seconds, while /readyz answers 503.
    """
    from unilead_host.app import create_app
    from unilead_host.storage.sole import NotSoleError, sole_host

    settings = read_settings(host=host, port=port)
    try:
        with sole_host(settings.database_url.get_secret_value()):
            attempt(lambda: _prepare(settings))
            _run(lambda: create_app(settings), settings, lambda url: LOG.info("serving", url=url))
    except NotSoleError as error:
        raise Failure(str(error)) from None


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=DEMO_PORT, help="8000 by default; 0 picks a free one.")
@click.option("--json", "as_json", is_flag=True, help="Print {url, token, accounts} on the first line.")
def demo(port: int, as_json: bool) -> None:
    """Serve a fresh demonstration on this machine.

    A new database, one tenant, one token, and an account for each installed provider that sends to its simulator. All
    of it is gone when it ends.
    """
    from unilead_host.app import create_app
    from unilead_host.demo import demo_settings

    with tempfile.TemporaryDirectory(prefix="unilead-host-demo-") as folder:
        settings = read_settings(**demo_settings(Path(folder), host="127.0.0.1", port=port))
        registry, made = attempt(lambda: _demonstration(settings))

        def make() -> Application:
            app = create_app(settings, registry)
            app.state.sessions.let_in(made.token)
            return app

        def say(url: str) -> None:
            line(json.dumps(made.document(url))) if as_json else _introduce(made, url)

        _run(make, settings, say)


async def _demonstration(settings: HostSettings) -> tuple[Registry, Demo]:
    from unilead_host.demo import Demo
    from unilead_host.providers import registry_of

    registry = registry_of(settings)
    return registry, await Demo.prepare(registry, settings)


def _introduce(made: Demo, url: str) -> None:
    heading(f"unilead-host demo at {url}")
    line("Nothing leaves this machine: every account sends to a simulator. Ctrl-C ends it, and nothing stays.\n")
    line(f"Open {url}/ for what each CRM takes, {url}/console to check and create a lead in the browser.\n")
    line("accounts")
    pairs(made.accounts.items())
    if made.accounts:
        line(f"\ncreate a lead\n\n{made.curl(url)}")
    for slug in made.broken:
        note(f"{slug}: cannot be simulated; `unilead providers --check` may say why")


async def _prepare(settings: HostSettings) -> None:
    """Bring the database to this version, and make sure that the keys open what is in it.

    Raises: StorageError; SealError without a key too: nothing could ever be sealed.
    """
    from unilead_host.accounts import Accounts
    from unilead_host.crypto import NO_KEY, SealError, Vault
    from unilead_host.providers import registry_of
    from unilead_host.storage import Database, current_revision, newest_revision

    vault = Vault(settings.encryption_keys)
    if not vault:
        raise SealError(NO_KEY)
    database = Database(settings.database_url.get_secret_value())
    try:
        if await current_revision(database) != newest_revision():
            await _migrate_apart()
        await Accounts(database, vault, registry_of(settings)).check_keys()
    finally:
        await database.close()


async def _migrate_apart() -> None:
    """Migrate in a process of its own: the memory that it takes is not kept while serving. Raises: Failure."""
    command = [sys.executable, "-m", "unilead_host.cli", "migrate", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    if process.returncode:
        raise Failure(json.loads(said)["error"]["message"] if said else "the migration crashed")


def _run(make: Callable[[], Application], settings: HostSettings, say: Callable[[str], None]) -> None:
    """Listen, serve, and say so once connections are accepted. Raises: Failure when the port is taken."""
    from unilead_host import serving
    from unilead_host.logs import configure_logs

    configure_logs(settings)
    try:
        listening = serving.listen(settings.host, settings.port)
    except OSError as fault:
        # The system's own words: what Python adds to them repeats the address.
        reason = os.strerror(fault.errno) if fault.errno and fault.errno > 0 else fault.strerror
        text = f"cannot listen on {settings.host}, port {settings.port}: {reason}"
        raise Failure(f"{text}\n--port 0 picks a free one") from None
    serving.serve(make(), settings, listening, lambda: say(serving.url_of(listening)))
