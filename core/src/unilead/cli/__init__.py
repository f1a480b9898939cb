"""The command ``unilead``: arguments in, text out, no logic of its own.

Commands are imported when they are run, so that listing what is installed stays quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "providers": "unilead.cli.registry",
    "describe": "unilead.cli.registry",
    "matrix": "unilead.cli.registry",
    "check": "unilead.cli.offline",
    "preview": "unilead.cli.offline",
    "parse": "unilead.cli.offline",
    "create": "unilead.cli.sending",
    "demo": "unilead.cli.sending",
    "simulate": "unilead.cli.sending",
}


class _Commands(click.Group):
    """Finds commands by name, without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        return getattr(import_module(module), cmd_name) if module else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unilead", message="%(package)s %(version)s")
def cli() -> None:
    """One lead, any CRM.

    Exit codes: 0 done, 1 the CRM or a check said no, 2 bad usage or input, 3 the outcome is unknown.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every failure is one clear line and an exit code."""
    from unilead.cli.show import report

    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code: Any = cli.main(arguments, prog_name="unilead", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        sys.exit(report(error, as_json=_wants_json(arguments)))
    sys.exit(code if isinstance(code, int) else 0)


def _wants_json(arguments: list[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(word in ("--json", "--format=json") or (word, after) == ("--format", "json") for word, after in pairs)
