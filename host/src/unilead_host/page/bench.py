"""The console's routes: edit a lead, check it for every provider, preview it for an account, create it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from unilead import ConfigurationError, Lead, LeadError, Provider
from unilead.check import Readiness, Status
from unilead_host.auth import host_of
from unilead_host.demo import SAMPLE
from unilead_host.page import accounts
from unilead_host.page.console import Card, Mistake, card, cards, doubts, pretty, read_lead, unknown_keys
from unilead_host.page.entry import Form, foreign_form, sender, sessions_of, to_login, wants_part
from unilead_host.page.forms import FormError, groups, lead_from_form
from unilead_host.page.outcome import Outcome
from unilead_host.page.session import Session
from unilead_host.page.simulate import is_simulator, simulate
from unilead_host.page.templating import render

SAMPLE_LEAD = {
    **SAMPLE,
    "email_addresses": [{"email": "ada@example.com", "type": "work"}],
    "phone_numbers": [{"number": "+44 20 7946 0000", "type": "work"}],
    "description": "Met at the autumn fair; wants a quote before the year ends.",
}
_OTHERS: dict[Status, str] = {"missing": "with fields missing", "invalid": "with invalid values", "broken": "broken"}


@dataclass(frozen=True, slots=True)
class Bench:
    """What is on the console.

    Attributes:
        text: the lead as JSON text, as it was typed.
        mode: the editor, ``json`` or ``form``.
        chosen: slug to the target that was chosen for it.
        mistake: why the text is no lead, where the editor already knows.
        outcome: of the create that was just asked for.
        shown: cards that replace the usual ones, by slug.
    """

    text: str
    mode: str = "json"
    chosen: Mapping[str, str] = field(default_factory=dict)
    mistake: Mistake | None = None
    outcome: Outcome | None = None
    shown: Mapping[str, Card] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Form) -> Bench:
        """What a form of the editor holds."""
        if form.get("mode") != "form":
            return cls(form.get("lead", ""))
        base = form.get("base", "{}")
        inputs = {name.removeprefix("in."): value for name, value in form.items() if name.startswith("in.")}
        try:
            return cls(pretty(lead_from_form(inputs, _object(base))), "form")
        except FormError as error:
            return cls(base, "form", mistake=Mistake(str(error)))


def _object(text: str) -> dict[str, Any]:
    """The JSON that a form was made from; a form that was tampered with starts anew."""
    try:
        value = from_json(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def show_console(request: Request) -> Response:
    """The console with a sample lead, checked."""
    session = await sessions_of(request).read(request)
    if session is not None:
        return await _page(request, session, Bench(pretty(SAMPLE_LEAD)))
    entry = RedirectResponse("/console", 303)
    return entry if await sessions_of(request).open_preset(request, entry) else to_login(request)


async def switch_editor(request: Request) -> Response:
    """The same lead in the other editor; what is no lead yet stays in JSON."""
    sent = await sender(request)
    if isinstance(sent, Response):
        return sent
    session, form = sent
    bench = Bench.of(form)
    if bench.mistake is None:
        to_form = bench.mode == "json" and isinstance(read_lead(bench.text), Lead)
        bench = replace(bench, mode="form" if to_form else "json")
    return await _page(request, session, bench)


async def check(request: Request) -> Response:
    """Verdicts of all providers on a lead."""
    sent = await sender(request)
    if isinstance(sent, Response):
        return sent
    session, form = sent
    return await _page(request, session, Bench.of(form), part="_results.html")


async def preview(request: Request) -> Response:
    """The exact request for the chosen target."""
    return await _act(request, part="_verdict.html", sends=False)


async def create(request: Request) -> Response:
    """Create the lead that was checked, on a simulator or in an account."""
    return await _act(request, part="_outcome.html", sends=True)


async def _act(request: Request, *, part: str, sends: bool) -> Response:
    sent = await sender(request)
    if isinstance(sent, Response):
        return sent
    session, form = sent
    slug = form.get("provider", "")
    lead = read_lead(form.get("lead", ""))
    try:
        provider = host_of(request.scope).registry.get(slug)
    except LeadError:
        return foreign_form(request, session)
    if isinstance(lead, Mistake):
        return foreign_form(request, session)
    target = form.get(f"target-{slug}", "")
    mode = "form" if form.get("mode") == "form" else "json"
    bench = Bench(form["lead"], mode, {slug: target})
    if sends:
        outcome = await _outcome(request, session, provider, lead, bench, request.query_params.get("again", "")[:64])
        return await _page(request, session, replace(bench, outcome=outcome), part=part)
    shown = await _card(request, session, provider, lead, target)
    return await _page(request, session, replace(bench, shown={slug: shown}), part=part)


async def _outcome(
    request: Request, session: Session, provider: Provider, lead: Lead, bench: Bench, again: str
) -> Outcome:
    host, target = host_of(request.scope), bench.chosen[provider.slug]
    if is_simulator(target):
        return await simulate(host.registry, provider, lead, target)
    return await accounts.send(host, session.caller, provider, target, bench.text, again)


async def _card(request: Request, session: Session, provider: Provider, lead: Lead, target: str) -> Card:
    try:
        settings = await accounts.settings_of(host_of(request.scope), session.caller, provider, target)
    except accounts.NoTargetError as error:
        refusal = ConfigurationError(str(error), provider=provider.slug)
        return Card(Readiness(provider.slug, "broken", error=refusal), provider.info.title)
    return card(provider, lead, settings)


async def _page(request: Request, session: Session, bench: Bench, *, part: str = "") -> Response:
    """Render the console, or the part of it that htmx asked for."""
    host = host_of(request.scope)
    lead = bench.mistake or read_lead(bench.text)
    mistake = lead if isinstance(lead, Mistake) else None
    found = [] if isinstance(lead, Mistake) else [bench.shown.get(it.slug, it) for it in cards(host.registry, lead)]
    values = {
        "session": session,
        "text": bench.text,
        "mode": bench.mode,
        "again": secrets.token_urlsafe(9),
        "chosen": bench.chosen,
        "mistake": mistake,
        "outcome": bench.outcome,
        "cards": found,
        "card": next((one for one in found if one.slug in bench.chosen), None),
        "unknown": [] if isinstance(lead, Mistake) else unknown_keys(lead),
        "doubts": [] if isinstance(lead, Mistake) else doubts(lead, bench.text),
        "tally": tally(found),
        "targets": await accounts.targets(host, session.caller),
        "groups": groups(_object(bench.text)) if bench.mode == "form" else [],
    }
    if part and wants_part(request):
        return HTMLResponse(render(part, **values))
    title = mistake.message.rstrip(".:") if mistake else bench.outcome.headline if bench.outcome else values["tally"]
    return HTMLResponse(render("console.html", here="console", page_title=f"{title} · Console", **values))


def tally(found: Sequence[Card]) -> str:
    """How many providers say what: ``6 of 8 providers ready, 2 with fields missing``."""
    counts = Counter(one.verdict.status for one in found)
    others = [f"{counts[status]} {words}" for status, words in _OTHERS.items() if counts[status]]
    return ", ".join([f"{counts['ready']} of {len(found)} providers ready", *others])


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        Route("/console", show_console, methods=["GET"]),
        Route("/console", switch_editor, methods=["POST"]),
        Route("/console/check", check, methods=["POST"]),
        Route("/console/preview", preview, methods=["POST"]),
        Route("/console/create", create, methods=["POST"]),
    ]
