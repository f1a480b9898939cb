"""A host in a process of its own, whose accounts lead to CRMs of ours; run by `tests.soak.stage`.

Run as ``python -m tests.soak.host CRMS``, a JSON object: an account's access token names its CRM's address.
"""

from __future__ import annotations

import json
import sys

from tests.soak.provider import provider_of
from unilead_host.app import create_app
from unilead_host.serving import listen, serve, url_of
from unilead_host.settings import HostSettings

settings = HostSettings(allow_private=True, log_level="error")
app = create_app(settings, provider_of(json.loads(sys.argv[1])))
listening = listen("127.0.0.1", 0)
serve(app, settings, listening, lambda: print(url_of(listening), flush=True))
