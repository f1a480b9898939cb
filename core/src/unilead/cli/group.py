"""The group of all commands, and how every end of one becomes an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from itertools import pairwise

import click

from unilead.cli.lazy import LazyGroup
from unilead.cli.show import INTERRUPTED, READER_GONE, UNKNOWN, OutputError, note, report
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


@click.group(cls=LazyGroup, package="unilead.cli", table=COMMANDS)
@click.version_option(VERSION, message="unilead %(version)s")
def cli() -> None:
    """One lead, any CRM.

    Exit codes: 0 done, 1 the CRM or a check said no or nothing could be sent, 2 bad usage or input, 3 the outcome is
    unknown: the lead may exist.
    """


def run(arguments: list[str]) -> int:
    """Run one command line; never ends in a traceback. Returns: the exit code."""
    cli._main_shell_completion({}, "unilead")
    _survive_any_character_set()
    try:
        code = _run(arguments)
        if sys.stdout is not None:  # a process may be started without one
            sys.stdout.flush()
    except BrokenPipeError:
        _let_go_of_stdout()
        return READER_GONE
    except OSError as fault:  # what the command did may not have been told
        _let_go_of_stdout()
        with contextlib.suppress(OSError):
            note(f"unilead: the output cannot be written: {fault.strerror}; what was under way may have happened")
        return UNKNOWN
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
    except (BrokenPipeError, OutputError):
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
