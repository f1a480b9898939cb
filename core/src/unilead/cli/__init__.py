"""The command ``unilead``: arguments in, text out, no logic of its own.

Commands are imported when they are run, so that listing what is installed stays quick.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every failure is one clear line and an exit code."""
    try:
        from unilead.cli.group import run
    except ModuleNotFoundError as fault:
        if fault.name != "click":
            raise
        sys.stderr.write("unilead: the command line needs its extra\n  hint: pip install 'unilead[cli]'\n")
        sys.exit(2)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
