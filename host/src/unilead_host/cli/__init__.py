"""The command ``unilead-host``: arguments in, text out, no logic of its own."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every failure is one clear line and an exit code."""
    from unilead_host.cli.group import run

    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
