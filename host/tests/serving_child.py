"""Run by test_serving.py in a process of its own: serves a host whose simulators take their time."""

from __future__ import annotations

import os
import sys

from unilead_host.app import create_app
from unilead_host.serving import listen, serve, url_of
from unilead_host.settings import HostSettings

settings = HostSettings(simulated=True)
app = create_app(settings)
for simulator in app.state.host.simulators.values():
    simulator.faults.latency = float(sys.argv[1])
listening = listen("127.0.0.1", 0)
serve(app, settings, listening, lambda: os.write(1, f"{url_of(listening)}\n".encode()))
