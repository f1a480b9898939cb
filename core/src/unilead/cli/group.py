"""The group of all commands, and how every end of one becomes an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from keyword import iskeyword

import click

from unilead.cli.show import note, report
from unilead.version import VERSION

COMMANDS = {  # name: its module, and what it does
    "providers": ("registry", "List the installed providers."),
    "describe": ("registry", "Describe one provider: settings, fields, limits, rules."),
    "matrix": ("registry", "Print which provider requires, takes and answers which field."),
    "check": ("offline", "Say for each provider whether a lead is ready."),
    "preview": ("offline", "Print the exact request that would create a lead."),
    "parse": ("offline", "Read a CRM's answer from a file."),
    "create": ("sending", "Create a lead in an account's CRM."),
    "import": ("bulk", "Create the leads of a file, with a verdict for each row."),
    "demo": ("sending", "Send a lead through every provider's simulator."),
    "simulate": ("sending", "Serve a CRM's simulator on this machine."),
    "new-plugin": ("authoring", "Make a provider of your own from a template."),
}
INTERRUPTED = 130
READER_GONE = 141  # what shells report of a process whose reader went away


class _Commands(click.Group):
    """Finds commands by name, without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"unilead.cli.{COMMANDS[cmd_name][0]}")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(f"no command {args[0]!r}" + (f"; did you mean {close[0]}?" if close else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=_Commands, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="unilead %(version)s")
def cli() -> None:
    """One lead, any CRM.

    Exit codes: 0 done, 1 the CRM or a check said no, 2 bad usage or input, 3 the outcome is unknown.
    """


def run(arguments: list[str]) -> int:
    """Run one command line; never ends in a traceback. Returns: the exit code."""
    cli._main_shell_completion({}, "unilead")
    _survive_any_character_set()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return READER_GONE
    return code


def _run(arguments: list[str]) -> int:
    try:
        with cli.make_context("unilead", list(arguments)) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        note("unilead: interrupted; what was under way may have happened")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # a plugin's or our own fault: people get a line, not a traceback
        return report(error, as_json=wants_json(arguments))
    return code if isinstance(code, int) else 0


def wants_json(arguments: list[str]) -> bool:
    """Whether JSON is asked for, known before the arguments are understood: then failures are JSON too."""
    words = list(_options(arguments))
    return "--json" in words or "--format=json" in words or ("--format", "json") in pairwise(words)


def _options(arguments: list[str]) -> Iterator[str]:
    for word in arguments:
        if word == "--":
            return
        yield word


def _survive_any_character_set() -> None:
    """Write what a terminal's character set lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _let_go_of_stdout() -> None:
    """Point standard output nowhere, so that the interpreter does not stumble over the closed pipe at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
