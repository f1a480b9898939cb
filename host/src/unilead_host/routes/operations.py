"""For operators and their tools: is it alive, is it ready, what does it count."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from unilead_host.auth import CHALLENGE, bearer_token, host_of, is_loopback_name
from unilead_host.metrics import CONTENT_TYPE
from unilead_host.settings import HostSettings
from unilead_host.storage import StorageError
from unilead_host.wire import SOON, Refusal


async def _ping(request: Request) -> Response:
    return JSONResponse({"message": "pong"})


async def _healthz(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def _readyz(request: Request) -> Response:
    """The host can take a lead: its database answers, no plugin holds it up, and nobody told it to end."""
    host = host_of(request.scope)
    if host.watchdog.is_shy:
        raise Refusal(503, "A plugin held the host up; its log names it", headers=SOON)
    if request.app.state.draining:
        raise Refusal(503, "The host is about to end", headers=SOON)
    try:
        await host.database.check()
    except StorageError as error:
        raise Refusal(503, str(error), headers=SOON) from None
    return JSONResponse({"status": "ready"})


async def _metrics(request: Request) -> Response:
    host = host_of(request.scope)
    _check_metrics_access(request, host.settings)
    return Response(host.metrics.text(), media_type=CONTENT_TYPE)


def _check_metrics_access(request: Request, settings: HostSettings) -> None:
    """A token where the settings have one, else loopback only: figures tell about the tenants' business."""
    wanted = settings.metrics_token
    if wanted is None:
        if request.client is not None and not is_loopback_name(request.client.host):
            raise Refusal(403, "Metrics are served on loopback only; set a metrics token")
    elif not hmac.compare_digest(wanted.get_secret_value().encode(), bearer_token(request.scope["headers"]).encode()):
        raise Refusal(401, "Invalid or missing token", headers=CHALLENGE)


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    served = {"/ping": _ping, "/healthz": _healthz, "/readyz": _readyz, "/metrics": _metrics}
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in served.items()]
