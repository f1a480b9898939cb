"""The page: what is installed, and a console to try it. Server-rendered; no other module of the host depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from unilead_host.page import bench, connect, routes, static
from unilead_host.page.headers import SecurityHeaders
from unilead_host.page.session import Sessions

if TYPE_CHECKING:
    from unilead_host.app import Host


def install(app: FastAPI, host: Host) -> None:
    """Add the page to an application, and the security headers to all of its answers.

    Call it after all other middleware was added: the headers belong outside of it.
    """
    app.state.sessions = Sessions(host.vault, host.tokens, public_url=host.settings.public_url)
    app.router.routes.extend([*routes.routes(), *bench.routes(), *connect.routes(), *static.routes()])
    app.add_middleware(SecurityHeaders)
