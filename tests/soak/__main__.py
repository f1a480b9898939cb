"""Runs the long and loaded cases, one after the other: ``python -m tests.soak [NAME…] [--full]``.

Prints a table of goals. Ends with 1 where a lead was lost or is there twice, a verdict is missing, or less than half of
a goal that is a ratio was reached; figures in seconds tell of the machine, and never fail.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import import_module

from tests.soak.stage import DSN, BrokenError, Goal

NAMES = ("creates", "bulk", "limits", "outage", "dead", "crowd", "kills", "finished")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Long and loaded cases")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)}; all by default")
    parser.add_argument("--full", action="store_true", help="as long as the goals say; the kills take two hours")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no {min(unknown)}; choose from {', '.join(NAMES)}")
    where = "SQLite and PostgreSQL" if DSN else "SQLite; UNILEAD_TEST_DSN names a PostgreSQL"
    load = os.getloadavg()[0]
    print(f"{len(os.sched_getaffinity(0))} cores, load {load:.1f}, Python {platform.python_version()}, {where}\n")
    print("| | goal | | measured |\n| --- | --- | --- | --- |", flush=True)
    is_broken = False
    for name in given.names or NAMES:
        begun = time.monotonic()
        try:
            goals: list[Goal] = import_module(f"tests.soak.{name}").run(full=given.full)
        except BrokenError as broken:
            print(f"| ✗ | {name} | broken | {broken} |", flush=True)
            is_broken = True
            continue
        for goal in goals:
            print(goal, flush=True)
            is_broken = is_broken or goal.is_far
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return int(is_broken)


if __name__ == "__main__":
    sys.exit(main())
