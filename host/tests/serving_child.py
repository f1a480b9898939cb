"""Run by test_serving.py and test_crowd.py in a process of its own: serves a host whose simulators take their time.

Arguments: seconds that they take; then, where it is not the usual time, seconds until the head of a request is there.
"""

from __future__ import annotations

import os
import sys

from unilead_host import connection
from unilead_host.app import create_app
from unilead_host.serving import listen, serve, url_of
from unilead_host.settings import HostSettings

latency, *head_seconds = map(float, sys.argv[1:])
if head_seconds:
    [connection.HEAD_SECONDS] = head_seconds
settings = HostSettings(simulated=True)
app = create_app(settings)
for simulator in app.state.host.simulators.values():
    simulator.faults.latency = latency
listening = listen("127.0.0.1", 0)
serve(app, settings, listening, lambda: os.write(1, f"{url_of(listening)}\n".encode()))
