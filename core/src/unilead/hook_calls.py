"""HookCalls: the only caller of hooks, and the place where answers are checked.

Whatever a plugin does wrong ends here as a named error for its slug: before the send as `HookContractError`, after it
as the error that the HTTP status allows.
"""

from __future__ import annotations

import inspect
from typing import Any, NoReturn, TypeVar

from unilead.contradictions import names_leads
from unilead.errors import (
    UNKNOWN_HINT,
    AuthError,
    Category,
    HookContractError,
    LeadError,
    MalformedResponseError,
    ProviderError,
)
from unilead.hooks import HOOK_NAMES, caller
from unilead.message import Response
from unilead.status_errors import error_for

T = TypeVar("T")
E = TypeVar("E", bound=LeadError)

_HINTS: dict[Category, str] = {
    "authentication": "check the account's credentials, or connect it anew",
    "permission": "give the account's user or token the right to create leads",
    "rate_limited": "wait, then repeat",
    "not_found": "check the ids that the lead names",
}


class HookCalls:
    """The hooks of one provider, with the overrides stacked on it."""

    def __init__(self, slug: str, hooks: Any) -> None:
        self.slug = slug
        self._hooks = hooks
        self._calls = {name: caller(getattr(hooks, name)) for name in HOOK_NAMES}

    def implements(self, hook: str) -> bool:
        """Whether any plugin writes the hook."""
        return bool(getattr(self._hooks, hook).get_hookimpls())

    def ask(self, hook: str, kind: type[T], **arguments: Any) -> T:
        """Call a hook before the send and check its answer. Raises: LeadError; ValueError of `build_read_request`."""
        try:
            answer = self._calls[hook](**arguments)
        except LeadError as error:
            raise self.complete(error) from None
        except KeyboardInterrupt:
            raise
        except BaseException as fault:
            if hook == "build_read_request" and isinstance(fault, ValueError):
                raise
            raise self.broken(hook, f"raised {type(fault).__name__}") from fault
        if not isinstance(answer, kind):
            raise self.broken(hook, f"answered {_kind_of(answer)}, not {kind.__name__}")
        return answer

    def judge(self, hook: str, kind: Any, response: Response, **arguments: Any) -> Any:
        """Call a hook after the send: whatever goes wrong, the status decides what it means for the lead.

        Raises: ProviderError; its outcome is ``unknown`` where a refusal names a lead all the same.
        """
        try:
            answer = self._calls[hook](response=response, **arguments)
        except ProviderError as error:
            if names_leads(self._calls[hook], error, response, **arguments):
                self.distrust_refusal(response)
            raise self.complete(error, response) from None
        except KeyboardInterrupt:
            raise
        except BaseException as fault:
            self.distrust(response, "the provider cannot read this answer", fault)
        if not isinstance(answer, kind):
            self.distrust(response, f"{hook} answered {_kind_of(answer)}")
        return answer

    def distrust(self, response: Response, reason: str, cause: BaseException | None = None) -> NoReturn:
        """Raise what an answer means that cannot be trusted: after a success the lead may exist."""
        if response.is_success:
            raise self.complete(MalformedResponseError(reason, response=response)) from cause
        raise self.complete(error_for(response)) from cause

    def distrust_refusal(self, response: Response) -> NoReturn:
        """Raise what an answer means that contradicts itself: nobody can say whether its lead exists."""
        reason = f"the answer names a lead, and its status {response.status} refuses it"
        raise self.complete(MalformedResponseError(reason, response=response))

    def complete(self, error: E, response: Response | None = None) -> E:
        """Fill in what a plugin left out of an error: provider, answer, and the way out."""
        error.provider = error.provider or self.slug
        if isinstance(error, ProviderError) and error.response is None:
            error.response = response
        if error.hint is None:
            if error.outcome == "unknown":
                error.hint = UNKNOWN_HINT
            elif isinstance(error, ProviderError):
                error.hint = _HINTS.get(error.category)
        if isinstance(error, AuthError) and error.category == "authentication":
            error.retryable = False
        return error

    def broken(self, hook: str, reason: str) -> HookContractError:
        """The error of a plugin that answered what it must not answer."""
        hint = "the provider's or override's code is at fault; run `unilead providers --check`"
        return HookContractError(f"hook {hook} {reason}", provider=self.slug, hint=hint)


def _kind_of(answer: Any) -> str:
    if answer is None:
        return "nothing"
    if inspect.iscoroutine(answer):
        answer.close()
        return "a coroutine"
    return type(answer).__name__
