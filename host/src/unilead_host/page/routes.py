"""The pages for reading, and the login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unilead import LeadError, Provider, Registry
from unilead_host.auth import MAX_TOKEN, host_of
from unilead_host.crypto import SealError
from unilead_host.page import sheet
from unilead_host.page.console import sentence
from unilead_host.page.entry import (
    foreign_form,
    message,
    own_page,
    read_form,
    reader,
    sender,
    sessions_of,
    wants_part,
)
from unilead_host.page.matrix import SIDES, matrix, schema_rows
from unilead_host.page.session import is_loopback
from unilead_host.page.templating import render


@dataclass(frozen=True, slots=True)
class Fault:
    """An installed provider that cannot be used."""

    slug: str
    error: LeadError


async def show_matrix(request: Request) -> Response:
    """Fields by providers."""
    session = await reader(request)
    if isinstance(session, Response):
        return session
    registry = host_of(request.scope).registry
    values = _matrix_values(request, registry)
    if wants_part(request):
        return HTMLResponse(render("_matrix.html", **values))
    faults = [Fault(slug, error) for slug in registry.slugs if (error := sheet.fault_of(registry, slug))]
    names = sorted({row.path for side in SIDES for row in schema_rows(side) if not row.parent})
    return HTMLResponse(render("matrix.html", here="matrix", session=session, names=names, faults=faults, **values))


def _matrix_values(request: Request, registry: Registry) -> dict[str, Any]:
    installed: list[Provider] = registry.all()
    asked = request.query_params
    chosen = set(asked.getlist("provider")) & {provider.slug for provider in installed}
    shown = [provider for provider in installed if not chosen or provider.slug in chosen]
    field = asked.get("field", "")[:100].strip()
    sides = [side for side in SIDES if side == asked.get("side")] or list(SIDES)
    tables = {side: matrix(side, shown, field) for side in sides}
    return {
        "installed": installed,
        "chosen": chosen,
        "shown": shown,
        "field": field,
        "side": sides[0] if len(sides) == 1 else "",
        "tables": tables,
        "counts": {side: sum(not row.field.parent for row in rows) for side, rows in tables.items()},
    }


async def show_provider(request: Request) -> Response:
    """One provider's data sheet."""
    session = await reader(request)
    if isinstance(session, Response):
        return session
    registry, slug = host_of(request.scope).registry, request.path_params["slug"]
    try:
        provider = registry.get(slug)
    except LeadError as error:
        is_installed = slug in registry.slugs
        title = f"{slug} cannot be used" if is_installed else "No such provider"
        text = sentence(error.message) + (f" {sentence(error.hint)}" if error.hint else "")
        return message(500 if is_installed else 404, title, text, session=session, href="/", link="All providers")
    values = {
        "provider": provider,
        "summary": sheet.summary(provider),
        "ways_in": sheet.ways_in(provider),
        "settings": sheet.settings_of(provider),
        "signing_in": [sheet.signing_in(scheme) for scheme in provider.info.auth_schemes],
        "address": sheet.address(provider),
        "limits": sheet.limits(provider),
        "fields": sheet.all_fields(provider),
        "chain": sheet.chain(registry, slug),
    }
    return HTMLResponse(render("provider.html", here="provider", session=session, **values))


async def show_login(request: Request) -> Response:
    """The form that takes a token."""
    return _login_page(own_page(request.query_params.get("next", "")))


def _login_page(next_page: str, error: str = "", status: int = 200) -> Response:
    return HTMLResponse(render("login.html", here="login", session=None, next=next_page, error=error), status)


async def sign_in(request: Request) -> Response:
    """Take a token and open a session."""
    if not sessions_of(request).is_own_form(request):
        return foreign_form(request)
    form = await read_form(request)
    next_page = own_page(form.get("next", ""))
    if request.url.scheme != "https" and not is_loopback(request):
        error = "The console needs https, or a browser on the host itself: a token must not travel in clear text."
        return _login_page(next_page, error, 403)
    return await _signed_in(request, form.get("token", "").strip(), next_page)


async def _signed_in(request: Request, token: str, next_page: str) -> Response:
    attempts, address = host_of(request.scope).attempts, request.client.host if request.client else ""
    if wait := attempts.wait(address):
        return _login_page(next_page, f"Too many wrong tokens came from your address: wait {wait} s.", 429)
    response = RedirectResponse(next_page, 303)
    try:
        session = await sessions_of(request).open(token[:MAX_TOKEN], request, response)
    except SealError as error:
        return _login_page(next_page, f"Nobody can sign in: {error}.", 503)
    if session is None:
        attempts.failed(address)
        return _login_page(next_page, "This token is not valid: it is unknown, expired or revoked.", 401)
    return response


async def sign_out(request: Request) -> Response:
    """End the session."""
    sent = await sender(request)
    if isinstance(sent, Response):
        return sent
    response = RedirectResponse("/login", 303)
    sessions_of(request).close(request, response)
    return response


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        Route("/", show_matrix, methods=["GET"]),
        Route("/providers/{slug}", show_provider, methods=["GET"]),
        Route("/login", show_login, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"]),
        Route("/logout", sign_out, methods=["POST"]),
    ]
