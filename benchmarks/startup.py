"""What a start costs: listing the installed providers against importing the libraries that a create needs; L013."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks.measure import Sample, choice, head, interleave, row

CREATE = """
from unilead import Account, Client, Registry
registry = Registry()
simulator = registry.get({slug!r}).simulator()
client = Client(registry=registry, transport=simulator)
client.create({lead!r}, Account({slug!r}, simulator.sample_settings))
"""
LOADED = "\nimport sys; print(*sorted({m.split('.')[0] for m in sys.modules if m.startswith('unilead_')}))"
SCRIPTS = {
    "import httpx, pydantic": "import httpx, pydantic",
    "unilead providers": "from unilead.cli import main; main(['providers'])",
    "listing in a program": "from unilead import Registry; Registry().slugs",
    "one create, from nothing": CREATE.format(slug="zendesk-sell", lead={"last_name": "Okafor"}),
}


def process(code: str) -> Sample:
    """CPU and time of one process, from its start to its end."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    assert status == 0, code
    return Sample((usage.ru_utime + usage.ru_stime) * 1e6, (time.perf_counter() - start) * 1e6)


def main() -> None:
    run = choice("Whole processes: listing providers, and one create, against importing httpx and pydantic")
    contenders: dict[str, Callable[[], Sample]] = {name: partial(process, code) for name, code in SCRIPTS.items()}
    for contender in contenders.values():
        contender()  # compiled files and the page cache are warm in use, too
    found = interleave(contenders, run.rounds * 2)
    head("process", "CPU µs", "CPU, times the import")
    for name in contenders:
        row(name, found.cpu(name), found.cpu_ratio(name, "import httpx, pydantic"))
    code = SCRIPTS["one create, from nothing"] + LOADED
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(f"\nprovider modules that one create imports: {loaded.stdout.strip()}")


if __name__ == "__main__":
    main()
