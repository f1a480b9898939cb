"""Who may see what: reads the session of a request, checks forms, and answers those who may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from unilead_host.auth import host_of
from unilead_host.page.session import Session, Sessions
from unilead_host.page.templating import render

Form: TypeAlias = Mapping[str, str]


def wants_part(request: Request) -> bool:
    """Whether htmx asks for the part of a page that it swaps."""
    return "hx-request" in request.headers


def sessions_of(request: Request) -> Sessions:
    """The application's sessions."""
    sessions: Sessions = request.app.state.sessions
    return sessions


async def reader(request: Request) -> Session | Response | None:
    """The session of somebody who may read; ``None`` where everybody may; else the way to the login."""
    session = await sessions_of(request).read(request)
    if session or host_of(request.scope).settings.public_matrix:
        return session
    return to_login(request)


async def sender(request: Request) -> tuple[Session, Form] | Response:
    """The session and the form of a post from one of our own pages; else the refusal."""
    sessions = sessions_of(request)
    if not sessions.is_own_form(request):
        return foreign_form(request)
    session = await sessions.read(request)
    if session is None:
        return to_login(request)
    form = await read_form(request)
    return (session, form) if sessions.is_own_word(session, form) else foreign_form(request, session)


async def read_form(request: Request) -> Form:
    """The text inputs of a form; files are not taken."""
    async with request.form(max_files=0, max_fields=200) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def to_login(request: Request) -> Response:
    """Send somebody to the login, and back afterwards."""
    if wants_part(request):
        return _notice(401, "Your session has ended.", "/login?next=/console", "Sign in again")
    next_page = request.url.path if request.method == "GET" else "/console"
    return RedirectResponse(f"/login?next={quote(next_page)}", 303)


def own_page(path: str) -> str:
    """Where to go after the login: one of our own pages, wherever a link wanted to lead."""
    slug = path.removeprefix("/providers/")
    is_provider = path.startswith("/providers/") and slug.isascii() and slug.replace("-", "").isalnum()
    return path if path == "/" or is_provider else "/console"


def foreign_form(request: Request, session: Session | None = None) -> Response:
    """Refuse a form that is not ours."""
    text = "It did not come from this page, or it is too old. Load the page again and repeat."
    if wants_part(request):
        return _notice(403, f"This form is not accepted. {text}", "/console", "To the console")
    return message(403, "This form is not accepted", text, session=session, href="/console", link="To the console")


def message(
    status: int, title: str, text: str, *, session: Session | None = None, href: str = "", link: str = ""
) -> HTMLResponse:
    """A page that says one thing, and the way out where there is one."""
    values = {"title": title, "text": text, "way_out": {"href": href, "text": link} if href else None}
    return HTMLResponse(render("message.html", here="", session=session, **values), status)


def _notice(status: int, text: str, href: str, link: str) -> HTMLResponse:
    """The same, in the place of the part that htmx asked for."""
    return HTMLResponse(render("_notice.html", text=text, href=href, link=link), status)
