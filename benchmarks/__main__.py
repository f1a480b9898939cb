"""Runs every benchmark, each in a process of its own: ``python -m benchmarks [--full]``."""

from __future__ import annotations

import subprocess
import sys

SCRIPTS = ("transform", "mapping", "startup", "registry", "create", "bulk", "memory")
HOST_REQUESTS = {False: "2000", True: "10000"}


def main() -> int:
    options = sys.argv[1:]
    if set(options) - {"--full", "--quick"}:
        print("usage: python -m benchmarks [--quick | --full]", file=sys.stderr)
        return 2
    is_full = "--full" in options
    commands = [[f"benchmarks.{name}", *(["--full"] if is_full else [])] for name in SCRIPTS]
    commands.append(["benchmarks.host", HOST_REQUESTS[is_full]])
    failed = [name for name, *more in commands if subprocess.call([sys.executable, "-m", name, *more])]
    if failed:
        print("failed:", ", ".join(failed), file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
