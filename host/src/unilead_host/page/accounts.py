"""The console's way to a tenant's accounts: which there are, and a create in one of them, as the API would do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from unilead import LeadError, Provider, Response, Settings
from unilead.message import Request
from unilead.render import FORMATS, ResponseFormat
from unilead.strict_json import read_object
from unilead_host.crypto import SealError
from unilead_host.idempotency import fingerprint
from unilead_host.lead_call import LeadCall
from unilead_host.page.outcome import LOOK_IT_UP, Outcome, State, document, failed, kept
from unilead_host.page.simulate import BEHAVIOURS, is_simulator
from unilead_host.paging import cut
from unilead_host.stored import StoredAccount
from unilead_host.tokens import Caller
from unilead_host.verdicts import claim_refusal
from unilead_host.wire import Answer

if TYPE_CHECKING:
    from unilead_host.app import Host

MOST_ACCOUNTS = 50  # of one provider, to choose from
Targets = list[tuple[str, list["Target"]]]
_HEADLINES: dict[State, str] = {
    "rejected": "The lead was refused before it was sent.",
    "not_sent": "Nothing was sent.",
    "unknown": "Nobody can say whether the lead exists.",
}
_SENT_BEFORE = "This lead was sent before, and what became of it is not known. It was not sent again."
_WAYS_OUT: dict[State, str] = {
    "rejected": "Mend the lead and check it again.",
    "not_sent": "Put that right, then create the lead.",
    "unknown": LOOK_IT_UP,
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a lead can be created.

    Attributes:
        value: as forms write it: a simulator's name or an account's id.
        is_off: it is there, but takes no lead now.
    """

    value: str
    text: str
    is_off: bool = False


class NoTargetError(Exception):
    """There is no such account, or its settings cannot be used; says why."""


async def targets(host: Host, caller: Caller) -> dict[str, Targets]:
    """By slug: groups of targets, simulators first, then the accounts that the caller may use."""
    simulators = [Target(behaviour.value, behaviour.text) for behaviour in BEHAVIOURS]
    found = {slug: await _accounts_of(host, caller, slug) for slug in host.registry.slugs}
    return {
        slug: [("Nothing leaves this host", simulators), *([("Accounts", rows)] if rows else [])]
        for slug, rows in found.items()
    }


async def _accounts_of(host: Host, caller: Caller, slug: str) -> list[Target]:
    """The accounts of one provider that the caller may use; of very many, the oldest."""
    if caller.account_id is not None:
        own = await host.accounts.get(caller.tenant_id, caller.account_id)
        return [_target(own)] if own is not None and own.provider == slug else []
    shown, last = cut(await host.accounts.list(caller.tenant_id, provider=slug, limit=MOST_ACCOUNTS + 1), MOST_ACCOUNTS)
    rows = [_target(stored) for stored in shown]
    return [*rows, Target("", "more accounts: by the API", is_off=True)] if last else rows


def _target(stored: StoredAccount) -> Target:
    off = "blocked" if stored.is_blocked else "sandbox, read-only" if stored.is_sandbox else ""
    off = off or ("" if stored.status == "active" else stored.status.replace("_", " "))
    notes = ", ".join(note for note in ("simulated" if stored.is_simulated else "", off) if note)
    name = stored.label or f"account {stored.id[:8]}"
    return Target(stored.id, f"{name} ({notes})" if notes else name, bool(off))


async def settings_of(host: Host, caller: Caller, provider: Provider, target: str) -> Settings:
    """The settings behind a target. Raises: NoTargetError."""
    if is_simulator(target):
        return provider.settings(provider.simulator().sample_settings)
    stored = await host.accounts.get(caller.tenant_id, target)
    if stored is None or stored.provider != provider.slug or caller.account_id not in (None, stored.id):
        raise NoTargetError("There is no such account.")
    try:
        return provider.settings_of(await host.accounts.account_of(stored))
    except (LeadError, SealError) as error:
        raise NoTargetError(f"The account cannot be used: {error}") from None


async def send(host: Host, caller: Caller, provider: Provider, account_id: str, text: str, again: str) -> Outcome:
    """Create a lead in an account, once.

    The key is made from the token and the lead: whatever is clicked, loaded again or checked again, the same lead goes
    to an account once, and one whose outcome is unknown is never sent again unless somebody says so.

    Args:
        text: the lead as JSON.
        again: a word that makes this another create of the same lead; empty for the first.
    """
    key = fingerprint(caller.token_id, read_object(text), again)
    try:
        settings = await settings_of(host, caller, provider, account_id)
    except NoTargetError as error:
        return Outcome(provider.slug, provider.info.title, "not_sent", _HEADLINES["not_sent"], str(error))
    if caller.scope == "read":
        message = "Your token may only read: sign in with one that may create leads."
        return Outcome(provider.slug, provider.info.title, "not_sent", _HEADLINES["not_sent"], message)

    async def ask(form: str) -> Answer:
        """Ask as an API client would; with the same key the service answers again from what it keeps."""
        query = urlencode({"integrated_account_id": account_id, "truto_response_format": form})
        return await host.leads.create(LeadCall(caller, query.encode(), text.encode(), key))

    first = await ask(FORMATS[0])
    if first.status != 200:
        return _failed(provider, settings, first)
    others = {form: await ask(form) for form in FORMATS[1:]}
    return _created(provider, first, {form: answer for form, answer in others.items() if answer.status == 200})


def _created(provider: Provider, first: Answer, others: dict[ResponseFormat, Answer]) -> Outcome:
    title = provider.info.title
    replayed = "Idempotent-Replayed" in first.headers
    verb = "had created this lead before, as" if replayed else "created the lead as"
    return Outcome(
        provider.slug,
        title,
        "created",
        f"{title} {verb} {first.value.get('id', '')}.",
        "Nothing was sent now." if replayed else "",
        kept(_notes(first)),
        documents=tuple((name, document(answer.value)) for name, answer in {FORMATS[0]: first, **others}.items()),
        can_repeat=replayed,
    )


def _failed(provider: Provider, settings: Settings, answer: Answer) -> Outcome:
    body, title = answer.value, provider.info.title
    error = _read_again(provider, settings, answer) if body.get("truto_is_remote_error") else None
    stated = body.get("details", {}).get("outcome")
    if error is not None:
        error.outcome = stated or error.outcome
        return failed(provider.slug, title, error, notes=_notes(answer))
    state: State = stated or ("unknown" if answer.status in (409, 500) else "not_sent")
    state = "rejected" if answer.status == 400 and "details" in body else state
    return Outcome(
        provider.slug,
        title,
        state,
        _HEADLINES[state],
        _SENT_BEFORE if body["message"] == claim_refusal("unknown").detail else body["message"],
        kept([("HTTP status", str(answer.status)), *_notes(answer)]),
        _WAYS_OUT[state],
        can_repeat=state == "unknown" and answer.status != 409,
    )


def _read_again(provider: Provider, settings: Settings, answer: Answer) -> LeadError | None:
    """The error in unified words, read from the CRM's own answer once more; ``None`` where that finds none."""
    response = Response.of(answer.status, answer.value.get("raw_response"))
    try:
        provider.parse_response(response, Request("POST", "/"), settings)
    except LeadError as error:
        return error
    return None


def _notes(answer: Answer) -> list[tuple[str, str]]:
    names = {
        "Dropped": "Unified-Dropped-Fields",
        "Unknown keys": "Unified-Unknown-Fields",
        "Call": "Unified-Request-Id",
    }
    return [(label, answer.headers.get(header, "")) for label, header in names.items()]
