"""What became of a create, in the words of the page: created, rejected, not sent or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from unilead import LeadError, ProviderError, Response, Result
from unilead.render import FORMATS
from unilead_host.page.console import pretty, sentence

State: TypeAlias = Literal["created", "rejected", "not_sent", "unknown"]
MAX_SHOWN = 64 * 1024  # characters of one document
LOOK_IT_UP = "Look the lead up in the CRM before you send it again."
LABELS: dict[State, str] = {
    "created": "created",
    "rejected": "rejected",
    "not_sent": "not sent",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one create.

    Attributes:
        headline: what happened, one sentence of ours.
        message: why, in the CRM's own words or ours.
        notes: label to value.
        way_out: what to do now.
        documents: title to text; the three formats of a created lead, or the CRM's own answer.
        can_repeat: nothing was sent now because of an earlier create, and somebody may want it sent all the same.
    """

    slug: str
    title: str
    state: State
    headline: str
    message: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    way_out: str = ""
    documents: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    can_repeat: bool = False

    @property
    def label(self) -> str:
        """The state in words."""
        return LABELS[self.state]


def created(slug: str, title: str, result: Result, *, notes: Sequence[tuple[str, str]] = ()) -> Outcome:
    """The CRM answered with an id."""
    documents = tuple((name, document(result.render(name))) for name in FORMATS)
    losses = [("Dropped", ", ".join(result.dropped)), ("Unknown keys", ", ".join(result.unknown))]
    return Outcome(
        slug,
        title,
        "created",
        sentence(f"{title} created the lead as {result.id}"),
        notes=kept([*losses, *notes]),
        documents=documents,
    )


def failed(slug: str, title: str, error: LeadError, *, notes: Sequence[tuple[str, str]] = ()) -> Outcome:
    """There is no created lead, or nobody can say."""
    response = error.response if isinstance(error, ProviderError) else None
    details = [
        ("Field", ", ".join(error.fields)),
        ("Kind", error.category.replace("_", " ")),
        ("CRM's code", error.vendor_code or ""),
        ("HTTP status", str(response.status) if response else ""),
        ("Wait", f"{error.retry_after:g} s" if error.retry_after else ""),
        ("Call", error.request_id or ""),
    ]
    return Outcome(
        slug,
        title,
        error.outcome,
        _headline(title, error, response),
        error.message if response else sentence(error.message),
        kept([*details, *notes]),
        _way_out(error),
        (("the CRM's answer", document(response.remote_data)),) if response and response.body else (),
    )


def _headline(title: str, error: LeadError, response: Response | None) -> str:
    if error.outcome == "unknown":
        return f"The lead was sent, and nobody can say whether {title} created it."
    if error.outcome == "not_sent":
        return sentence(f"{title} did not take the request; no lead was created")
    return sentence(f"{title} refused the lead") if response else "The lead was refused before it was sent."


def _way_out(error: LeadError) -> str:
    if error.hint:
        return sentence(error.hint)
    if error.outcome == "unknown":
        return LOOK_IT_UP
    if error.retryable:
        return "Nothing was created: create it again when the CRM is ready."
    return "Mend the lead and check it again." if error.outcome == "rejected" else ""


def document(value: Any) -> str:
    """A JSON value or a text for people, cut where it is too long for a page."""
    text = value if isinstance(value, str) else pretty(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\n… cut here; the API answers all of it"


def kept(notes: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The notes that say something."""
    return tuple((label, value) for label, value in notes if value)
