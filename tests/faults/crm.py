"""A CRM's simulator in a process of its own, so that it outlives whoever sends to it.

Run as ``python crm.py SLUG [LATENCY]``: prints its origin, then answers each line of its input with a JSON list: the
texts in each record it has stored, so that leads can be told apart whatever the CRM calls their fields.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from unilead import Registry


def texts(value: Any) -> Iterator[str]:
    """Every text in a record."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


def main(slug: str, latency: float) -> None:
    simulator = Registry(overrides=False).get(slug).simulator()
    simulator.faults.latency = latency
    with simulator.serve() as served:
        sys.stdout.write(f"{served.url}\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            found = [list(texts(record)) for record in list(simulator.leads.values())]
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
