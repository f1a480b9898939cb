"""Load one provider and ask it about the sample lead; the answer is one JSON document, whatever the provider prints.

`unilead providers --check` runs this in a process of its own. A watchdog outside of Python's own locks ends it when
the provider hangs, and begins the answer with ``Timeout``.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys

from unilead.cli.inputs import account_and_settings
from unilead.cli.sending import SAMPLE_LEAD
from unilead.errors import InvalidLeadError, LeadError
from unilead.registry import Registry
from unilead.schema import Lead


def probe(slug: str) -> None:
    """Load a provider and call the hooks that need no answer of a CRM. Raises: LeadError."""
    provider = Registry().get(slug)
    if not provider.implements("simulator"):
        return
    lead = Lead.parse(SAMPLE_LEAD)
    settings = account_and_settings(provider, None)[1]
    provider.base_url(settings)
    provider.missing(lead, settings)
    try:
        provider.compose(lead, settings)
    except InvalidLeadError:
        return


def main(slug: str, time_limit: float) -> None:
    """Probe, and write the answer where the provider cannot write."""
    answer = os.dup(1)
    os.dup2(2, 1)
    faulthandler.dump_traceback_later(time_limit, exit=True, file=answer)
    error = None
    try:
        probe(slug)
    except LeadError as fault:
        error = f"{type(fault).__name__}: {fault.message}"
    faulthandler.cancel_dump_traceback_later()
    os.write(answer, json.dumps({"error": error}).encode())
    os._exit(0)  # threads that the provider started must not keep the process


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
