"""Everything that can go wrong with a lead, in one tree.

    LeadError
    ├─ ConfigurationError      the application, its plugins or an account are set up wrongly; nothing was sent
    │  ├─ UnknownProviderError     no installed distribution serves the slug
    │  ├─ ProviderConflictError    two distributions claim the same place and nobody said which one wins
    │  ├─ ProviderLoadError        the provider's module cannot be imported or registered
    │  ├─ SettingsError            an account's settings are missing, unknown or malformed
    │  └─ HookContractError        a plugin answered a hook with something it must not answer
    ├─ MissingFieldsError      required fields are missing; nothing was sent
    ├─ InvalidLeadError        values that cannot be sent; nothing was sent
    ├─ ProviderError           the CRM answered, and the answer is not a created lead
    │  ├─ AuthError                 credentials or rights
    │  ├─ RejectedError             the CRM refuses this lead
    │  │  └─ DuplicateLeadError        because it already has it
    │  ├─ RateLimitError *          too many requests; not processed
    │  ├─ UnavailableError          the CRM failed; the lead may exist
    │  └─ MalformedResponseError    the answer cannot be trusted; after a 2xx the lead may exist
    └─ TransportError          there is no answer
       ├─ ConnectError *            nothing was sent
       └─ OutcomeUnknownError       something was sent; the lead may exist

Errors with a star are ``retryable``: the lead was certainly not created and a later attempt may succeed.
``str(error)`` is for people; programs read the attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

if TYPE_CHECKING:
    from unilead.message import Response

Category: TypeAlias = Literal[
    "authentication",
    "permission",
    "validation",
    "not_found",
    "conflict",
    "rate_limited",
    "provider_unavailable",
    "unexpected",
]
Outcome: TypeAlias = Literal["not_sent", "rejected", "unknown"]

MAX_MESSAGE = 2000
UNKNOWN_HINT = "the lead may exist; look it up in the CRM before sending it again"


@dataclass(frozen=True, slots=True)
class Problem:
    """One failed check of one field.

    Attributes:
        field: unified path, such as ``phone_numbers[0].number``.
        code: machine-readable reason: ``missing``, ``wrong_type``, ``invalid``, ``unsupported`` and the like.
        message: a sentence for people; never holds the value.
    """

    field: str
    code: str
    message: str


class LeadError(Exception):
    """A lead was not created, or nobody can say whether it was.

    Attributes:
        message: what happened, in one sentence, without values of the lead or secrets.
        provider: slug of the CRM, or ``None`` where no provider was involved yet.
        category: one of the closed set `Category`.
        outcome: ``not_sent``, ``rejected`` or ``unknown``.
        field: unified path of the field at fault, where one is known.
        vendor_code: the CRM's own code for the fault.
        hint: the way out.
        request_id: id of the call, the same as in logs.
        retryable: whether the same call may be repeated without risk of a second lead.
        retry_after: seconds to wait before that, where the CRM said so.
        response: the CRM's answer, where there is one.
    """

    category: Category = "unexpected"
    outcome: Outcome = "rejected"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        field: str | None = None,
        vendor_code: str | None = None,
        hint: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        response: Response | None = None,
        category: Category | None = None,
        outcome: Outcome | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
        self.provider = provider
        self.field = field
        self.vendor_code = vendor_code
        self.hint = hint
        self.request_id = request_id
        self.retry_after = retry_after
        self.response = response
        if category is not None:
            self.category = category
        if outcome is not None:
            self.outcome = outcome
        if retryable is not None:
            self.retryable = retryable

    @property
    def fields(self) -> tuple[str, ...]:
        """Unified paths of all fields at fault."""
        return (self.field,) if self.field else ()

    def doubt(self) -> None:
        """Take note that the lead may exist all the same, so that it must not be sent again."""
        self.outcome, self.retryable, self.hint = "unknown", False, UNKNOWN_HINT

    def stamp(self, provider: str, request_id: str) -> Self:
        """Note which call it ended; a provider that it names already stays. Returns: the same error."""
        self.provider = self.provider or provider
        self.request_id = request_id
        return self

    def document(self) -> dict[str, Any]:
        """The failure as programs read it: in the command line's JSON and in the results of an import."""
        return {
            "type": type(self).__name__,
            "category": self.category,
            "message": self.message,
            "fields": list(self.fields),
            "vendor_code": self.vendor_code,
            "retry_after": self.retry_after,
            "outcome": self.outcome,
        }

    def __str__(self) -> str:
        head = f"[{self.provider}] {self.message}" if self.provider else self.message
        wait = f"{self.retry_after:,.0f} seconds" if self.retry_after else None
        notes = [("field", self.field), ("hint", self.hint), ("wait", wait), ("request id", self.request_id)]
        return "\n".join([head, *(f"  {name}: {text}" for name, text in notes if text)])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, provider={self.provider!r}, outcome={self.outcome!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message), self.__dict__.copy()


def _restore(kind: type[LeadError], message: str) -> LeadError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    return error


class ConfigurationError(LeadError):
    """The application, a plugin or an account is set up wrongly; nothing was sent."""

    outcome: Outcome = "not_sent"


class UnknownProviderError(ConfigurationError):
    """No installed distribution serves the slug."""


class ProviderConflictError(ConfigurationError):
    """Two distributions claim the same place and the application did not say which one wins."""


class ProviderLoadError(ConfigurationError):
    """A provider's or override's module cannot be imported or registered."""


class SettingsError(ConfigurationError):
    """An account's settings are missing, unknown or malformed.

    Attributes:
        problems: one entry for each setting at fault; never holds a value.
    """

    def __init__(self, message: str, *, problems: Iterable[Problem] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.problems = list(problems)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the settings at fault."""
        return tuple(problem.field for problem in self.problems)


class HookContractError(ConfigurationError):
    """A plugin answered a hook with something it must not answer."""


class _LeadRefusedError(LeadError):
    """We refuse the lead ourselves; nothing was sent."""

    category: Category = "validation"

    def __init__(self, problems: Iterable[Problem], message: str | None = None, **details: Any) -> None:
        self.problems = list(problems)
        details.setdefault("field", self.problems[0].field if self.problems else None)
        super().__init__(message or self._summary(), **details)

    def _summary(self) -> str:
        return "; ".join(f"{problem.field}: {problem.message}" for problem in self.problems)

    @property
    def fields(self) -> tuple[str, ...]:
        """Unified paths of all fields at fault, in table order."""
        return tuple(dict.fromkeys(problem.field for problem in self.problems))


class MissingFieldsError(_LeadRefusedError):
    """Fields that this CRM requires are missing; nothing was sent.

    Attributes:
        problems: one entry for each missing field, in the order of the schema.
    """

    def _summary(self) -> str:
        names = ", ".join(problem.field for problem in self.problems)
        return f"{names} {'is' if len(self.problems) == 1 else 'are'} required"


class InvalidLeadError(_LeadRefusedError):
    """Values that cannot be sent; nothing was sent.

    Attributes:
        problems: one entry for each value at fault.
    """


class ProviderError(LeadError):
    """The CRM answered, and the answer is not a created lead."""

    @property
    def status(self) -> int | None:
        """HTTP status of the CRM's answer."""
        return self.response.status if self.response is not None else None


class AuthError(ProviderError):
    """The CRM refuses the credentials (``authentication``) or their rights (``permission``).

    Attributes:
        is_about_account: the account lacks something whatever the lead is, so that none of many is sent after it. So
            it is with credentials; with rights where the plugin says so.
    """

    category: Category = "authentication"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.is_about_account = self.category == "authentication"


class RejectedError(ProviderError):
    """The CRM refuses this lead (``validation``) or does not know something it names (``not_found``)."""

    category: Category = "validation"


class DuplicateLeadError(RejectedError):
    """The CRM already has this lead.

    Attributes:
        existing_id: id of the record it already has, where the CRM names it.
    """

    category: Category = "conflict"
    existing_id: str | None = None


class RateLimitError(ProviderError):
    """Too many requests; this one was not processed.

    Attributes:
        retry_after: seconds to wait, where the CRM said so.
    """

    category: Category = "rate_limited"
    outcome: Outcome = "not_sent"
    retryable = True


class UnavailableError(ProviderError):
    """The CRM failed while it had the request: the lead may exist."""

    category: Category = "provider_unavailable"
    outcome: Outcome = "unknown"


class MalformedResponseError(ProviderError):
    """The answer cannot be trusted; after a 2xx or 3xx the lead may exist."""

    outcome: Outcome = "unknown"


class TransportError(LeadError):
    """There is no answer."""

    category: Category = "provider_unavailable"


class ConnectError(TransportError):
    """No connection: nothing was sent."""

    outcome: Outcome = "not_sent"
    retryable = True


class OutcomeUnknownError(TransportError):
    """Something was sent and no trustworthy answer came: the lead may exist."""

    outcome: Outcome = "unknown"
