"""What the console says of a lead before anything is sent: for every provider side by side, offline.

Pure: a lead and a registry in, cards out; the same checks and requests as ``unilead check`` and ``unilead preview``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unilead import InvalidLeadError, Lead, Problem, Provider, Registry, Settings
from unilead.check import Readiness, advice, check, check_for, suggestion
from unilead.cli.wire import shown_request
from unilead.strict_json import read_object

MAX_LEAD = 128 * 1024  # characters of a lead in the console; the API takes more
_PLACE = re.compile(r"line (\d+) column (\d+)")


@dataclass(frozen=True, slots=True)
class Card:
    """What the console shows of one provider's verdict.

    Attributes:
        verdict: of the provider.
        title: the CRM's name for people; the slug of a provider that is broken.
        request: ``method``, ``url``, ``headers`` and ``body`` as they would be sent, secrets masked; only when ready.
    """

    verdict: Readiness
    title: str
    request: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def slug(self) -> str:
        """Of the provider."""
        return self.verdict.slug

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with which value."""
        error = self.verdict.error
        return error.problems if isinstance(error, InvalidLeadError) else []

    @property
    def reason(self) -> str:
        """Why a provider cannot be used, and the way out."""
        error = self.verdict.error
        if error is None or self.problems:
            return ""
        return sentence(error.message) + (f" Way out: {error.hint}." if error.hint else "")


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
    return [UnknownKey(name, suggestion(name)) for name in lead.unknown]


def cards(registry: Registry, lead: Lead) -> list[Card]:
    """Check a lead for every installed provider, with the settings of its simulator's sample account."""
    return [_sample_card(registry, slug, lead) for slug in registry.slugs]


def _sample_card(registry: Registry, slug: str, lead: Lead) -> Card:
    found = check(registry, slug, lead)
    if found.status == "broken":
        return Card(found, slug)
    provider = registry.get(slug)
    return _card(provider, found, provider.settings(provider.simulator().sample_settings))


def card(provider: Provider, lead: Lead, settings: Settings) -> Card:
    """Check a lead for one account."""
    return _card(provider, check_for(provider, lead, settings), settings)


def _card(provider: Provider, found: Readiness, settings: Settings) -> Card:
    shown = shown_request(provider, found.request, settings) if found.request else None
    return Card(found, provider.info.title, shown)


def doubts(lead: Lead, text: str) -> list[Problem]:
    """What a CRM may stumble over; empty without core's extra ``check``."""
    return advice(lead, read_object(text)) or []


def pretty(value: Any) -> str:
    """A JSON value for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def sentence(text: str) -> str:
    """Words as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
