"""Imports a file of generated rows into a CRM that answers at once; prints the summary and the peak memory in KiB.

Run as ``python streaming.py FILE``.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from unilead import Account, Client, Registry, Request, Response
from unilead.importing.readers import open_reader
from unilead.importing.run import Import, prepare, results_path

SLUG = "zoho-crm"


class Nowhere:
    """A transport that calls every lead created and keeps nothing."""

    def __init__(self) -> None:
        self.number = 0

    def send(self, request: Request, **options: Any) -> Response:
        rows = []
        for _ in request.json["data"]:
            self.number += 1
            rows.append({"status": "success", "code": "SUCCESS", "details": {"id": str(self.number)}})
        return Response.of(201, {"data": rows})

    def close(self) -> None: ...


def main(file: Path) -> None:
    registry = Registry(overrides=False)
    account = Account(SLUG, registry.get(SLUG).simulator().sample_settings, id="1")
    reader = open_reader(file)
    columns, ledger = prepare(reader, file, results_path(file), provider=SLUG, account="1")
    with Client(registry=registry, transport=Nowhere()) as client:
        summary = Import(reader, columns, ledger, client, account).run()
    ledger.close()
    sys.stdout.write(json.dumps(summary | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
