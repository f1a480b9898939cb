"""What the console says of a lead before anything is sent: for every provider side by side, offline.

Pure: a lead and a registry in, verdicts out; the same checks and requests as ``unilead check`` and ``unilead preview``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from unilead import InvalidLeadError, Lead, LeadError, Problem, Provider, Registry, Settings
from unilead.cli.wire import shown_request

Status: TypeAlias = Literal["ready", "missing", "invalid", "broken"]
MAX_LEAD = 128 * 1024  # characters of a lead in the console; the API takes more
_PLACE = re.compile(r"line (\d+) column (\d+)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one provider makes of a lead.

    Attributes:
        status: ``ready`` to send, fields are ``missing``, a value is ``invalid``, or the provider itself is ``broken``.
        missing: required fields that the lead lacks.
        dropped: paths of what would not reach the CRM.
        problems: what is wrong with which value.
        request: ``method``, ``url``, ``headers`` and ``body`` as they would be sent, secrets masked; only when ready.
        message, hint: why a provider is broken, and the way out.
    """

    slug: str
    title: str
    status: Status
    missing: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    request: Mapping[str, Any] | None = field(default=None, repr=False)
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that is not a field of a lead, and the field that may have been meant."""

    name: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a text is not a lead; nobody was asked.

    Attributes:
        message: the reason; never holds a value.
        problems: the values at fault by path.
        line, column: where the JSON breaks, from 1; 0 where it is sound.
        excerpt: that line, cut to what surrounds the place.
        pointer: blanks and a caret, to stand below the excerpt.
    """

    message: str
    problems: tuple[Problem, ...] = ()
    line: int = 0
    column: int = 0
    excerpt: str = field(default="", repr=False)
    pointer: str = ""


def read_lead(text: str) -> Lead | Mistake:
    """Read what was pasted."""
    if len(text) > MAX_LEAD:
        return Mistake(f"The lead is longer than {MAX_LEAD // 1024} kB; send it to the API instead.")
    if not text.strip():
        return Mistake("There is no lead yet: paste one as JSON, or fill in the form.")
    try:
        return Lead.parse(text)
    except InvalidLeadError as error:
        return _mistake(text, error)


def _mistake(text: str, error: InvalidLeadError) -> Mistake:
    place = _PLACE.search(error.message)
    if place is not None:
        return _broken_json(text, int(place[1]), int(place[2]))
    if [problem.field for problem in error.problems] == ["body"]:
        return Mistake(sentence(error.message.replace("request body", "the lead")))
    return Mistake("These values are not what a lead takes:", tuple(error.problems))


def _broken_json(text: str, line: int, byte: int, width: int = 64) -> Mistake:
    """Name the place where the JSON breaks and show its line, cut to what surrounds it; the reader counts bytes."""
    lines = text.split("\n")
    whole = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    column = len(whole.encode()[: max(byte - 1, 0)].decode(errors="ignore")) + 1
    start = max(0, column - 1 - width // 2)
    return Mistake(
        f"This is not valid JSON: it breaks at line {line}, column {column}.",
        line=line,
        column=column,
        excerpt=whole[start : start + width].replace("\t", " "),
        pointer=" " * (column - 1 - start) + "^",
    )


def unknown_keys(lead: Lead) -> list[UnknownKey]:
    """The lead's keys that are not in the schema; they are never sent."""
    return [UnknownKey(name, _suggestion(name)) for name in lead.unknown]


def _suggestion(name: str) -> str:
    folded = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace(" ", "_").replace("-", "_")
    return next(iter(get_close_matches(folded, Lead.model_fields, n=1)), "")


def verdicts(registry: Registry, lead: Lead) -> list[Verdict]:
    """Check a lead for every installed provider, with the settings of its simulator's sample account."""
    return [_verdict_of(registry, slug, lead) for slug in registry.slugs]


def _verdict_of(registry: Registry, slug: str, lead: Lead) -> Verdict:
    try:
        provider = registry.get(slug)
        settings = provider.settings(provider.simulator().sample_settings)
    except LeadError as error:
        return Verdict(slug, slug, "broken", message=sentence(error.message), hint=error.hint or "")
    return verdict(provider, lead, settings)


def verdict(provider: Provider, lead: Lead, settings: Settings) -> Verdict:
    """Check a lead for one provider and one account's settings."""
    head = provider.slug, provider.info.title
    try:
        missing = tuple(problem.field for problem in provider.missing(lead, settings))
        if missing:
            return Verdict(*head, "missing", missing, _losses_so_far(provider, lead, settings))
        request = provider.build_request(lead, settings)
        shown = shown_request(provider, request, settings)
    except InvalidLeadError as error:
        return Verdict(*head, "invalid", problems=tuple(error.problems))
    except LeadError as error:
        return Verdict(*head, "broken", message=sentence(error.message), hint=error.hint or "")
    return Verdict(*head, "ready", dropped=request.dropped, request=shown)


def _losses_so_far(provider: Provider, lead: Lead, settings: Settings) -> tuple[str, ...]:
    """What would be dropped of an incomplete lead, where the provider can say; it need not be able to."""
    try:
        return provider.compose(lead, settings).dropped
    except LeadError:
        return ()


def pretty(value: Any) -> str:
    """A JSON value for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def sentence(text: str) -> str:
    """Words as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
