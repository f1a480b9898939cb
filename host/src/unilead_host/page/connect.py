"""What the user of a connect sees: the form for credentials, and where the vendor sends them back to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unilead import LeadError, Provider, SettingsError
from unilead_host.auth import host_of
from unilead_host.connect import CALLBACK, FORM, Pending
from unilead_host.logs import LOG
from unilead_host.page import sheet
from unilead_host.page.entry import Form, foreign_form, message, read_form, sessions_of
from unilead_host.page.templating import render

OVER = "This link is not valid any more: it works once, and for an hour. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Box:
    """One input of the form; a secret one never shows what was typed."""

    setting: sheet.Setting
    value: str = field(default="", repr=False)
    error: str = ""

    @property
    def is_json(self) -> bool:
        """Whether it takes a JSON object."""
        return self.setting.type.startswith("object")


async def call_back(request: Request) -> Response:
    """The vendor sends the user back, with a code or with a reason why not."""
    host = host_of(request.scope)
    asked = request.query_params
    pending = await host.connects.take(asked.get("state", ""))
    if pending is None:
        return _over()
    code = asked.get("code", "")
    if not code:
        await host.connects.refused(pending, f"access was not granted: {asked.get('error', 'no reason given')[:100]}")
        return message(400, "Access was not granted", "The account is not connected. Ask for a new link to try again.")
    try:
        active = await host.connects.redeem(pending, code, host.targets.client_of(pending.stored))
    except LeadError as error:
        LOG.warning("connect.failed", account_id=pending.stored.id, slug=pending.stored.provider, reason=error.message)
        await host.connects.refused(pending, error.message)
        return message(502, "The account could not be connected", f"{error.message}. Ask for a new link to try again.")
    return _connected(pending) if active else _over()


async def show_form(request: Request) -> Response:
    """The form for the credentials of one account."""
    pending = await host_of(request.scope).connects.find(request.path_params["state"])
    if pending is None:
        return _over()
    provider = host_of(request.scope).registry.get(pending.stored.provider)
    return _form(provider, pending, [Box(setting) for setting in sheet.settings_of(provider)])


async def take_form(request: Request) -> Response:
    """Check the credentials against the provider's model, and connect the account with them."""
    if not sessions_of(request).is_own_form(request):
        return foreign_form(request)
    host = host_of(request.scope)
    state = request.path_params["state"]
    pending = await host.connects.find(state)
    if pending is None:
        return _over()
    provider = host.registry.get(pending.stored.provider)
    form = await read_form(request)
    values, faults = _values(provider, form)
    if not faults:
        try:
            active = await host.connects.fill_in(state, pending, values)
        except SettingsError as error:
            faults = {problem.field: problem.message for problem in error.problems} or {"settings": error.message}
        else:
            return _connected(pending, shown=True) if active else _over()
    boxes = [
        Box(setting, "" if setting.is_secret else form.get(setting.name, ""), _fault_of(setting.name, faults))
        for setting in sheet.settings_of(provider)
    ]
    return _form(provider, pending, boxes, error=faults.get("settings", ""), status=400)


def _values(provider: Provider, form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """What was typed, by setting; and what cannot be read."""
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for setting in sheet.settings_of(provider):
        text = form.get(setting.name, "").strip()
        if not text:
            continue
        values[setting.name] = text
        if Box(setting).is_json:
            try:
                values[setting.name] = json.loads(text)
            except ValueError:
                faults[setting.name] = "is not a JSON object"
    return values, faults


def _fault_of(name: str, faults: Mapping[str, str]) -> str:
    return next((text for path, text in faults.items() if path.partition(".")[0] == name), "")


def _form(provider: Provider, pending: Pending, boxes: list[Box], *, error: str = "", status: int = 200) -> Response:
    values = {
        "title": provider.info.title,
        "label": pending.stored.label,
        "boxes": boxes,
        "ways_in": sheet.ways_in(provider),
        "error": error or ("Some of it does not fit." if status != 200 else ""),
    }
    return HTMLResponse(render("connect.html", here="", session=None, **values), status)


def _connected(pending: Pending, *, shown: bool = False) -> Response:
    """Send the user back where the connect began. After a form a link does that: a form may only lead to ourselves."""
    if pending.return_to and not shown:
        return RedirectResponse(pending.return_to, 303)
    text = "You can close this page." if not pending.return_to else ""
    link = f"Back to {urlsplit(pending.return_to).hostname}"
    return message(200, "The account is connected", text, href=pending.return_to, link=link)


def _over() -> Response:
    return message(400, "Nothing to connect", OVER)


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        Route(CALLBACK, call_back, methods=["GET"]),
        Route(FORM + "/{state}", show_form, methods=["GET"]),
        Route(FORM + "/{state}", take_form, methods=["POST"]),
    ]
