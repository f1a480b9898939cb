"""The CRMs behind the faults: the plugins' simulators, in a process of their own that outlives every client.

Run as ``python -m tests.faults.crms``. It prints one JSON object: a port for each provider, and ``count``, a port whose
``GET /TAG`` answers the ids of the stored leads, at all CRMs together, that hold the text TAG.
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from unilead import Registry, Simulator

SLUGS = ("zendesk-sell", "hubspot", "zoho-crm", "salesforce", "pipedrive", "insightly")


def counter(simulators: list[Simulator]) -> ThreadingHTTPServer:
    """A server that tells which leads are stored."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tag = self.path[1:]
            records = [item for crm in simulators for item in list(crm.leads.items())]
            body = json.dumps([lead_id for lead_id, record in records if tag in json.dumps(record)]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def main() -> None:
    registry = Registry(overrides=False)
    with ExitStack() as stack:
        simulators = {slug: registry.get(slug).simulator() for slug in SLUGS}
        ports = {slug: stack.enter_context(crm.serve()).port for slug, crm in simulators.items()}
        server = counter([*simulators.values()])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps(ports | {"count": server.server_port}), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
