"""What happens to one lead: the generator that decides, and the result it returns.

`exchange` does no I/O. It yields what is to be done, the steps of `unilead.steps`, and is sent the answer or thrown the
error. `unilead.sending` has the sends: what is repeated, and how long they may take.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unilead.errors import InvalidLeadError, LeadError, Problem
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.render import ResponseFormat, render, render_json
from unilead.schema import CreatedLead, Lead
from unilead.sending import Options, Sending
from unilead.settings import Settings
from unilead.steps import Steps


@dataclass(frozen=True)
class Result:
    """The outcome of one create.

    Attributes:
        lead: what the CRM answered, in unified words; never what was sent.
        dropped: unified paths of everything in the lead that did not reach the CRM.
        unknown: keys of the lead that are not in the schema.
        request: the request, without credentials.
        response: the CRM's answer.
        attempts: number of requests it took.
        request_id: id of this call.
    """

    lead: CreatedLead = field(repr=False)
    dropped: tuple[str, ...]
    unknown: tuple[str, ...]
    request: Request = field(repr=False)
    response: Response = field(repr=False)
    attempts: int
    request_id: str

    @property
    def id(self) -> str:
        """The new lead's id at the CRM."""
        return self.lead.id or ""

    def render(
        self, format: ResponseFormat = "unified", *, remote_data: bool = True, exclude: Iterable[str] = ()
    ) -> Any:
        """Render the lead as the unified API answers it; see `unilead.render.render` for the forms."""
        return render(self.lead, self.response, format=format, remote_data=remote_data, exclude=exclude)

    def render_json(
        self, format: ResponseFormat = "unified", *, remote_data: bool = True, exclude: Sequence[str] = ()
    ) -> bytes:
        """As `render`, encoded as JSON; faster than encoding what that gives."""
        return render_json(self.lead, self.response, format=format, remote_data=remote_data, exclude=exclude)


def exchange(
    provider: Provider,
    lead: Lead,
    settings: Settings,
    options: Options,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Result]:
    """Create one lead.

    Returns: the result, once the CRM answered with an id.
    Raises: LeadError; its ``outcome`` says whether the lead may exist.
    """
    request_id = new_request_id()
    try:
        request = provider.build_request(lead, settings, base_url=options.base_url, remote_query=options.remote_query)
        if options.on_unsupported == "raise":
            refuse_losses(request.dropped + lead.unknown)
        call = Sending(provider, settings, options, clock)
        if not call.is_static:
            request = yield from call.prepared(request)
        if options.on_send is not None:
            options.on_send(request)
        response, created = yield from call.send(request, provider.parse_response)
        if options.read_back:
            created = yield from call.read_back(created)
    except LeadError as error:
        error.stamp(provider.slug, request_id)
        raise
    return Result(created, request.dropped, lead.unknown, call.request, response, call.attempts, request_id)


def read_exchange(
    provider: Provider,
    lead_id: str,
    settings: Settings,
    options: Options,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Result]:
    """Read one lead.

    Returns: the result; its ``lead`` is what the CRM has stored.
    Raises: LeadError.
    """
    request_id = new_request_id()
    try:
        request = provider.build_read_request(lead_id, settings, base_url=options.base_url)
        call = Sending(provider, settings, options, clock)
        response, lead = yield from call.send(request, provider.parse_response)
    except LeadError as error:
        error.stamp(provider.slug, request_id)
        raise
    return Result(lead, (), (), call.request, response, call.attempts, request_id)


def new_request_id() -> str:
    """Make the id of one call; results and errors name it, and so may logs."""
    return secrets.token_hex(8)


def refuse_losses(paths: tuple[str, ...]) -> None:
    """Refuse a lead of which these paths would not reach the CRM. Raises: InvalidLeadError."""
    if paths:
        problems = [Problem(path, "unsupported", "this CRM does not take it") for path in paths]
        hint = "leave the field out, or pass the CRM's own field in remote_data"
        raise InvalidLeadError(problems, hint=hint)
