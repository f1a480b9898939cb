"""A CRM with OAuth in a process of its own: it survives the clients that are killed, and counts for them.

Run as ``python -m tests.faults.oauth_server``. It prints its port. ``/_state`` tells the counts, ``/_expire`` makes all
access tokens invalid, ``/_hang/before`` and ``/_hang/after`` let the next refresh hang before or after the rotation.
"""

from __future__ import annotations

import threading
import time

from unilead import Call, Response, route
from unilead_zendesk_sell.simulator import ZendeskSellSimulator


class CountingSimulator(ZendeskSellSimulator):
    """Counts what its token endpoint was asked for, and hangs there when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = self.granted = self.refused = 0
        self.hang = ""

    @route("POST", "/oauth2/token")
    def token(self, call: Call) -> Response:
        self.asked += 1
        hang, self.hang = self.hang, ""
        if hang == "before":
            raise HangError
        response = super().token(call)
        if response.status == 200:
            self.granted += 1
        else:
            self.refused += 1
        if hang == "after":
            raise HangError
        return response

    @route("GET", "/_state")
    def state(self, call: Call) -> Response:
        counts = {name: getattr(self, name) for name in ("asked", "granted", "refused", "count")}
        return Response.of(200, counts | {"revoked": self.refresh_token is None, "refresh_token": self.refresh_token})

    @route("POST", "/_expire")
    def expire(self, call: Call) -> Response:
        self.access_tokens.clear()
        return Response.of(204)

    @route("POST", "/_hang/{where}")
    def hang_next(self, call: Call, where: str) -> Response:
        self.hang = where
        return Response.of(204)

    def unauthorized(self, call: Call) -> Response | None:
        return None if call.path.startswith("/_") else super().unauthorized(call)

    def respond(self, call: Call) -> Response:
        try:
            return super().respond(call)
        except HangError:
            time.sleep(3600)
            raise


class HangError(Exception):
    """The token endpoint does not answer this one."""


def main() -> None:
    with CountingSimulator().serve() as served:
        print(served.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
