"""A group of commands that are imported when they are run, so that help and listing stay quick."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click


class LazyGroup(click.Group):
    """Finds commands by name, without importing the others.

    Args:
        package: the package that holds the commands' modules.
        table: name of a command to its module in the package, and what it does in one line.
    """

    def __init__(self, *, package: str, table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        names = {"help_option_names": ["-h", "--help"]}
        super().__init__(no_args_is_help=False, context_settings=names, **options)
        self._package = package
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module = import_module(f"{self._package}.{self._table[cmd_name][0]}")
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(module, f"{name}_" if iskeyword(name) else name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._table and not args[0].startswith("-"):
            from difflib import get_close_matches  # only a misspelt command needs it

            close = get_close_matches(args[0], self._table, n=1)
            raise click.UsageError(f"no command {args[0]!r}" + (f"; did you mean {close[0]}?" if close else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._table.items()])
