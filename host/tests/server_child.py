"""Run by test_server.py in a process of its own: serves a host that sends to a CRM at an address of the test's."""

from __future__ import annotations

import os
import sys

import uvicorn

from unilead import AsyncClient
from unilead_host.app import create_app
from unilead_host.connection import Protocol
from unilead_host.serving import listen, url_of
from unilead_host.settings import HostSettings

crm, http = sys.argv[1:]
settings = HostSettings()
app = create_app(settings)
host = app.state.host
host.targets._client = AsyncClient(
    registry=host.registry,
    backend=settings.backend,
    base_url=crm,
    allow_private=True,
    timeout=settings.create_timeout,
    send_once=True,
)
listening = listen("127.0.0.1", 0)
os.write(1, f"{url_of(listening)}\n".encode())
protocol = Protocol if http == "httptools" else http  # as `serving.config_of` has it, and what tests of others use
uvicorn.Server(uvicorn.Config(app, http=protocol, log_level="critical", access_log=False)).run([listening])
