"""What the commands print: JSON for programs, text for people, errors in one line and a hint.

Plain enough for any terminal; rich is loaded when text is laid out.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from unilead.errors import (
    ConfigurationError,
    HookContractError,
    InvalidLeadError,
    LeadError,
    ProviderLoadError,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STDOUT = "unilead.stdout"
ENDLESS = 10_000  # columns of a pipe or a file
GAP = 2  # columns between the cells of a table
UNKNOWN = 3
INTERRUPTED, READER_GONE, TERMINATED = 130, 141, 143  # exit codes as shells report them of a process that was stopped


class Command(click.Command):
    """A command whose standard output is its own: what a plugin prints goes to standard error."""

    def invoke(self, ctx: click.Context) -> Any:
        ctx.meta[_STDOUT] = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            return super().invoke(ctx)


def _stdout() -> TextIO:
    context = click.get_current_context(silent=True)
    stream: TextIO = (context.meta.get(_STDOUT) if context else None) or sys.stdout
    return stream


# --- on standard output -----------------------------------------------------------------------------------------------


class OutputError(OSError):
    """Standard output takes nothing more, a full disk say; what the command did stays done."""


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise OutputError(fault.errno, fault.strerror) from None


def print_json(value: Any) -> None:
    """Print one JSON document; in ASCII where the terminal can do no better."""
    encoding = (getattr(_stdout(), "encoding", None) or "").lower().replace("-", "")
    line(json.dumps(value, indent=2, ensure_ascii=encoding not in ("utf8", "cp65001")))


def in_rows(count: int) -> str:
    """So many rows, in words."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def which(rows: Sequence[int]) -> str:
    """A few rows by their numbers, in words."""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}"


def line(text: str | bytes = "") -> None:
    """Print text as it is; bytes are not encoded anew."""
    with _writing():
        click.echo(text, file=_stdout())


def console() -> Console:
    """A console on standard output: no markup in data, no guessed colours, no folding where nobody looks."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # the command line decides how a process ends

    width = ENDLESS if _is_endless() else None
    return Plain(file=_stdout(), highlight=False, markup=False, emoji=False, width=width)


def _is_endless() -> bool:
    """Whether nobody looks, so that nothing needs to fit: a pipe or a file."""
    return not _stdout().isatty() and "COLUMNS" not in os.environ


def _print(layout: Table) -> None:
    """Print what rich laid out, without the blanks it fills lines with."""
    writer = console()
    with _writing(), writer.capture() as captured:
        writer.print(layout)
    line("\n".join(text.rstrip() for text in captured.get().splitlines()))


def heading(text: str) -> None:
    """Print a heading."""
    with _writing():
        console().print(one_line(text), style="bold", soft_wrap=True)


def pairs(rows: Iterable[tuple[str, str]]) -> None:
    """Print labels and values, indented below a heading; rows without a value are left out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    shown = [(label, value) for label, value in rows if value]
    for label, value in shown:
        grid.add_row(Text(f"  {label}"), Text(one_line(value)))
    if shown:
        _print(grid)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; where the terminal is too narrow for it, a block for each row."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if _is_endless() and all(cell.isascii() for row in cells for cell in row):
        _columns([headers, *cells])  # rich would print the same, and takes longer to load than a listing to run
        return
    from rich.table import Table
    from rich.text import Text

    if not fits(headers, cells):
        for row in cells:
            heading(row[0])
            pairs(zip(headers[1:], row[1:], strict=True))
        return
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for header in headers:
        grid.add_column(Text(header), no_wrap=True)
    for row in cells:
        grid.add_row(*(Text(cell) for cell in row))
    _print(grid)


def _columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line((" " * GAP).join(map(str.ljust, row, widths)).rstrip())


def fits(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table is no wider than the terminal."""
    widths = (max(len(cell) for cell in column) for column in zip(headers, *rows, strict=True))
    return sum(widths) + GAP * (len(headers) - 1) <= console().width


def one_line(text: str) -> str:
    """Put text on one line, and make it harmless."""
    return escaped(" ".join(text.split()))


def escaped(text: str) -> str:
    """Write everything that could steer a terminal as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def compact(value: Any) -> str:
    """A value on one line: text as it is, anything else as JSON without its nulls."""
    return value if isinstance(value, str) else json.dumps(_without_nulls(value), ensure_ascii=False)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, (list, tuple)) else value


# --- on standard error, and failures ----------------------------------------------------------------------------------


def note(text: str) -> None:
    """Print one line of diagnostics."""
    click.echo(one_line(text), err=True)


def note_way_out(text: str) -> None:
    """Print the way out of what was just said, on one line."""
    click.echo(f"  hint: {one_line(text)}", err=True)


def error_document(error: Exception) -> dict[str, Any]:
    """A failure as programs read it."""
    if isinstance(error, LeadError):
        return error.document()
    usage = isinstance(error, click.ClickException)
    document: dict[str, Any] = {
        "type": type(error).__name__,
        "category": "validation" if usage else "unexpected",
        "message": _message(error),
        "fields": [],
    }
    return document | {"vendor_code": None, "retry_after": None, "outcome": "rejected" if usage else "unknown"}


def _message(error: Exception) -> str:
    """What went wrong, in a sentence; a fault nobody foresaw is only named, for its text may hold anything."""
    if isinstance(error, LeadError):
        return f"[{error.provider}] {error.message}" if error.provider else error.message
    if isinstance(error, click.ClickException):
        return error.format_message()
    return f"unforeseen fault in unilead or a plugin: {type(error).__name__}"


def report(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong. Returns: the exit code."""
    if as_json:
        print_json({"error": error_document(error)})
        return exit_code(error)
    click.echo(f"unilead: {one_line(_message(error))}", err=True)
    hint = error.hint if isinstance(error, LeadError) else _usage_hint(error)
    wait = error.retry_after if isinstance(error, LeadError) else None
    if hint:
        note_way_out(f"{hint} (in {wait:,.0f} seconds)" if wait else hint)
    return exit_code(error)


def _usage_hint(error: Exception) -> str | None:
    if not isinstance(error, click.UsageError):
        return None
    return f"{error.ctx.command_path if error.ctx else 'unilead'} --help"


def exit_code(error: Exception) -> int:
    """3 where the lead may exist, 2 for bad input, 1 where the CRM or a check said no, or nothing could be sent."""
    if isinstance(error, click.ClickException):
        return 2
    if not isinstance(error, LeadError) or error.outcome == "unknown":
        return UNKNOWN
    broken_plugin = isinstance(error, (HookContractError, ProviderLoadError))
    return 2 if isinstance(error, (ConfigurationError, InvalidLeadError)) and not broken_plugin else 1
