"""What can be said of a lead before it is sent: offline, for one CRM after the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

from unilead.errors import LeadError, Problem
from unilead.fields import is_empty
from unilead.message import Request
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.schema import Lead
from unilead.settings import Settings

Status: TypeAlias = Literal["ready", "missing", "invalid", "broken"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one provider makes of a lead.

    Attributes:
        status: ``ready`` to be sent; fields are ``missing``; a value is ``invalid``; the provider itself is ``broken``.
        missing: required fields that the lead lacks, in the order of the schema.
        dropped: paths of what would not reach the CRM, as far as the provider can say.
        error: why it is invalid or broken.
        unmet: what the CRM demands beyond the contract and the lead does not have, in words.
        request: what would be sent, complete but for credentials; only when ready.
    """

    slug: str
    status: Status
    missing: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    error: LeadError | None = None
    unmet: tuple[str, ...] = ()
    request: Request | None = field(default=None, repr=False)


def check(registry: Registry, slug: str, lead: Lead) -> Readiness:
    """Check a lead with the settings of the simulator's sample account; a broken provider costs the others nothing."""
    try:
        provider = registry.get(slug)
        settings = provider.settings(provider.simulator().sample_settings)
    except LeadError as error:
        return Readiness(slug, "broken", error=error)
    return check_for(provider, lead, settings)


def check_for(provider: Provider, lead: Lead, settings: Settings) -> Readiness:
    """Check a lead with the settings of an account."""
    try:
        missing = tuple(problem.field for problem in provider.missing(lead, settings))
        if missing:
            return Readiness(provider.slug, "missing", missing, _losses_so_far(provider, lead, settings))
        request = provider.build_request(lead, settings)
    except LeadError as error:
        return Readiness(provider.slug, "broken" if error.outcome == "not_sent" else "invalid", error=error)
    return Readiness(provider.slug, "ready", dropped=request.dropped, unmet=_unmet(provider, lead), request=request)


def _unmet(provider: Provider, lead: Lead) -> tuple[str, ...]:
    """The rules that a lead breaks by what it lacks; none where it may have that under the CRM's own name."""
    if lead.remote_data or lead.custom_fields:
        return ()
    lacking = {
        name for name, value in lead.__dict__.items() if is_empty(value.strip() if type(value) is str else value)
    }
    return tuple(rule.text for rule in provider.info.rules if rule.must_have and lacking.issuperset(rule.fields))


def _losses_so_far(provider: Provider, lead: Lead, settings: Settings) -> tuple[str, ...]:
    """What would be dropped of an incomplete lead, where the provider can say; it need not be able to."""
    try:
        return provider.compose(lead, settings).dropped
    except LeadError:
        return ()


def suggestion(name: str) -> str:
    """The field that may be meant by a key that is none; empty where nothing is like it."""
    folded = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace(" ", "_").replace("-", "_")
    return next(iter(get_close_matches(folded, Lead.model_fields, n=1)), "")


def advice(lead: Lead, given: Mapping[str, Any]) -> list[Problem] | None:
    """What is doubtful about the lead's values, and changes no verdict; ``None`` without the extra ``check``.

    Args:
        given: the JSON object that the lead was read from.
    """
    try:
        from unilead.advice import advise
    except ModuleNotFoundError:
        return None
    return advise(lead, given)
