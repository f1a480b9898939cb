"""The group of all commands, and how every end of one becomes an exit code."""

from __future__ import annotations

import click

from unilead.cli.lazy import LazyGroup
from unilead.cli.show import error_document, exit_code, note, note_way_out, print_json
from unilead.errors import LeadError
from unilead_host.version import VERSION

COMMANDS = {  # name: its module, and what it does
    "serve": ("running", "Serve the API and the page."),
    "demo": ("running", "Serve a fresh demonstration on this machine."),
    "migrate": ("database", "Bring the database to the newest version."),
    "new-key": ("database", "Print a fresh encryption key."),
    "rotate-keys": ("database", "Seal all stored credentials with the newest key."),
    "tenant": ("tenants", "Make, list and delete tenants."),
    "token": ("tokens", "Make, list and revoke API tokens."),
    "account": ("accounts", "Make, list, block and delete integrated accounts."),
}
INTERRUPTED = 130


class Failure(click.ClickException):
    """A command cannot do what it was asked; says why."""


@click.group(cls=LazyGroup, package="unilead_host.cli", table=COMMANDS)
@click.version_option(VERSION, message="unilead-host %(version)s")
def cli() -> None:
    """POST /unified/crm/leads, for whatever providers are installed.

    Settings come from the environment, UNILEAD_HOST_<NAME>; docs/host.md lists them.

    Exit codes: 0 done, 1 it could not be done, 2 bad usage or input.
    """


def run(arguments: list[str]) -> int:
    """Run one command line. Returns: the exit code."""
    try:
        code = cli.main(arguments, prog_name="unilead-host", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except (click.ClickException, LeadError) as error:
        return _report(error, as_json="--json" in arguments)
    return code if isinstance(code, int) else 0


def _report(error: click.ClickException | LeadError, *, as_json: bool) -> int:
    code = 1 if isinstance(error, Failure) else exit_code(error)
    if as_json:
        print_json({"error": error_document(error)})
        return code
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    first, *more = message.splitlines()
    note(f"unilead-host: {first}")
    for text in more:
        note(f"  {text.strip()}")
    if isinstance(error, click.UsageError) and error.ctx:
        note_way_out(f"{error.ctx.command_path} --help")
    return code
