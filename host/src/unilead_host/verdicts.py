"""Verdicts: what became of one lead, how it is answered, and how it is kept under a key to be answered again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from unilead import CreatedLead, Lead, LeadError, ProviderError, ProviderInfo, RateLimitError, Response, Result
from unilead.render import render_json
from unilead_host.lead_errors import error_answer
from unilead_host.parameters import LeadParameters
from unilead_host.targets import NOT_FOUND
from unilead_host.wire import SOON, UNKNOWN, Answer, Refusal, warning_headers

Keep: TypeAlias = Literal["done", "unknown", "release"]
Outcome: TypeAlias = Literal["created", "rejected", "throttled", "not_sent", "unknown"]

_RELEASED = frozenset({401, 403, 408, 425, 429})  # answers that say nothing for good about the lead
_PLAIN = re.compile(r"[\x20-\x7e]{3,200}")
_EMAIL = re.compile(r"[^\s\"'<>()\[\],;:]+@[^\s\"'<>()\[\],;:]+")


@dataclass(frozen=True, slots=True)
class Created:
    """The CRM has the lead.

    Attributes:
        lead: what it answered, in unified words.
        response: the answer itself.
        dropped, unknown: what did not reach the CRM, and what is not in the schema.
        headers: of the answer: the CRM's own limits.
    """

    lead: CreatedLead
    response: Response
    dropped: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    keep: ClassVar[Keep] = "done"
    outcome: ClassVar[Outcome] = "created"
    status: ClassVar[int] = 200

    @classmethod
    def of(cls, result: Result, headers: Mapping[str, str]) -> Created:
        """From the result of a create or a read."""
        return cls(result.lead, result.response, result.dropped, result.unknown, headers)

    def answer(self, parameters: LeadParameters) -> Answer:
        """The answer in the form that the caller asks for."""
        headers = {**self.headers, **warning_headers(self.dropped, self.unknown)}
        if parameters.format == "raw" and not self.response.is_json:
            media_type = self.response.headers.get("content-type", "")
            return Answer(
                200, self.response.body, headers, media_type if _PLAIN.fullmatch(media_type) else "text/plain"
            )
        content = render_json(
            self.lead,
            self.response,
            format=parameters.format,
            remote_data=parameters.remote_data,
            exclude=parameters.exclude,
        )
        return Answer(200, content, headers)

    def stored(self) -> dict[str, Any]:
        """As JSON, to be kept under a key; without the CRM's limits, which are others by then."""
        lead = self.lead.model_dump(mode="json")  # not exclude_none: a custom field may well be null
        return {
            "lead": {name: value for name, value in lead.items() if value is not None},
            "type": self.response.headers.get("content-type", ""),
            "body": self.response.body.decode("utf-8", "surrogateescape"),
            "dropped": list(self.dropped),
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True, slots=True)
class Refused:
    """The lead was not created, or nobody can say whether it was.

    Attributes:
        error: body of the answer.
        status: of the answer.
        headers: of the answer.
        keep: what becomes of the request's key.
        outcome: whether the lead may exist.
    """

    error: dict[str, Any]
    status: int
    headers: Mapping[str, str]
    keep: Keep = "done"
    outcome: Outcome = "rejected"

    @classmethod
    def of(
        cls,
        error: LeadError,
        info: ProviderInfo,
        document: Mapping[str, Any],
        dropped: tuple[str, ...],
        headers: Mapping[str, str],
    ) -> Refused:
        """From the error of a create.

        Args:
            document: the lead as it came.
            dropped: what the request left out.
            headers: the CRM's own limits.
        """
        answer = error_answer(error, info)
        body = answer.content
        if isinstance(error, ProviderError):
            body["message"] = discreet(body["message"], document)
        warnings = warning_headers(dropped, unknown_keys(document))
        outcome: Outcome = "throttled" if isinstance(error, RateLimitError) else error.outcome
        return cls(body, answer.status, {**answer.headers, **headers, **warnings}, _keep(error), outcome)

    def answer(self, parameters: LeadParameters) -> Answer:
        """The answer; errors are the same in every form."""
        return Answer(self.status, self.error, dict(self.headers))

    def stored(self) -> dict[str, Any]:
        """As JSON, to be kept under a key."""
        lasting = {name: value for name, value in self.headers.items() if not name.startswith("ratelimit-")}
        return {"error": self.error, "status": self.status, "headers": lasting}


Verdict: TypeAlias = Created | Refused


def restored(stored: Mapping[str, Any]) -> Verdict:
    """What `stored` made."""
    if "error" in stored:
        return Refused(stored["error"], stored["status"], stored["headers"])
    response = Response(200, {"content-type": stored["type"]}, stored["body"].encode("utf-8", "surrogateescape"))
    lead = CreatedLead.model_validate(stored["lead"])
    return Created(lead, response, tuple(stored["dropped"]), tuple(stored["unknown"]))


def _keep(error: LeadError) -> Keep:
    if error.outcome == "unknown":  # first: a 408 or 425 may follow a create, and a key must never make a second lead
        return "unknown"
    if isinstance(error, ProviderError) and error.status in _RELEASED:
        return "release"
    return "done" if isinstance(error, ProviderError) and error.outcome == "rejected" else "release"


def unknown_keys(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The top-level keys that are not in the schema."""
    return tuple(key for key in document if key not in Lead.model_fields)


REPEATED = (
    "An earlier request like this one has no known outcome: look the lead up in the CRM, "
    "or repeat the request with the header Unified-Send-Again: true"
)
_CLAIMED: dict[str, tuple[int, str]] = {
    "running": (409, "A request with this Idempotency-Key is still in progress"),
    "mismatch": (422, "Idempotency-Key was already used with a different request"),
    "unknown": (500, "The request with this Idempotency-Key has no known outcome: look the lead up in the CRM"),
    "gone": (404, NOT_FOUND),
}


def claim_refusal(state: str) -> Refusal:
    """Why a key that was used before cannot be used now."""
    status, message = _CLAIMED[state]
    if state == "unknown":
        return Refusal(status, message, details=dict(UNKNOWN))
    return Refusal(status, message, headers=SOON if state == "running" else None)


# --- personal data in a CRM's words -----------------------------------------------------------------------------------


def discreet(message: str, document: Mapping[str, Any]) -> str:
    """Mask e-mail addresses, and the lead's names and numbers, in a CRM's message: messages end up in logs."""
    message = _EMAIL.sub("***", message)
    for value in _personal(document):
        if value in message:
            message = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "***", message)
    return message


def _personal(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("first_name", "last_name"):
        if isinstance(value := document.get(name), str) and len(value) > 2:
            yield value
    phones = document.get("phone_numbers")
    for phone in phones if isinstance(phones, list) else ():
        if isinstance(phone, dict) and isinstance(number := phone.get("number"), str) and len(number) > 4:
            yield number
