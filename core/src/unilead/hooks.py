"""The contract between the core and a provider: what is asked, in what order, what comes in, what must come out.

All hooks are ``firstresult``, pure and synchronous: no I/O, no clock, no log. An implementation names only the
arguments it wants. The plugin registered last is asked first, so an override may answer, wrap, or decline with
``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import pluggy

if TYPE_CHECKING:
    from unilead.answered import RowVerdict
    from unilead.errors import Problem
    from unilead.info import ProviderInfo
    from unilead.message import Request, Response
    from unilead.schema import CreatedLead, Lead
    from unilead.settings import Settings
    from unilead.simulator import Simulator

PROJECT = "unilead"
HOOK_API = 1  # grows when a hook is added; hooks are never changed or removed

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """The hooks. The first four are what every provider writes."""

    @hookspec(firstresult=True)
    def describe(self) -> ProviderInfo:  # type: ignore[empty-body]
        """Describe the CRM. Asked once, when the provider is first used.

        Returns: the CRM's data sheet.
        """

    @hookspec(firstresult=True)
    def validate_required(self, lead: Lead, settings: Settings) -> list[Problem]:  # type: ignore[empty-body]
        """List the fields that the contract requires of this CRM and the lead lacks. Asked once per create, first.

        Args:
            lead: frozen.
            settings: of the account, frozen; secrets stay wrapped.
        Returns: one problem for each missing field, in the order of the schema; ``[]`` when there is none.
        """

    @hookspec(firstresult=True)
    def build_request(self, lead: Lead, settings: Settings) -> Request:  # type: ignore[empty-body]
        """Make the one request that creates the lead. Asked once per create, after `validate_required`.

        Args:
            lead: complete as far as the contract goes, frozen.
            settings: of the account, frozen; secrets stay wrapped, the core adds credentials last.
        Returns: the request, with ``dropped`` naming what it leaves out.
        Raises: InvalidLeadError for values that this CRM cannot be sent.
        """

    @hookspec(firstresult=True)
    def parse_response(self, response: Response, request: Request, settings: Settings) -> CreatedLead:  # type: ignore[empty-body]
        """Turn the CRM's answer into the lead as it stored it. Asked once per answer, also that of a read.

        Of a refusal it is asked again, as if its status were that of a success: whether there is a lead in it.

        Args:
            response: status, lower-case headers, decoded JSON (``None`` when the body is not JSON).
            request: the request it answers.
            settings: of the account.
        Returns: the lead, with at least an id; only what the CRM answered, never what was sent.
        Raises: ProviderError, best made with `error_for`; the caller adds provider and request id. A ``KeyError``,
            ``IndexError``, ``TypeError`` and the like become the error that fits the HTTP status.
        """

    @hookspec(firstresult=True)
    def build_batch_request(  # type: ignore[empty-body]
        self, leads: Sequence[Lead], requests: Sequence[Request], settings: Settings
    ) -> tuple[Request, Sequence[int]]:
        """Make one request that creates several leads, where the CRM has a batch endpoint.

        Args:
            leads: at most ``ProviderInfo.batch_size``, each checked by `validate_required`.
            requests: what `build_request` and its overrides made of each lead, ``remote_data`` merged, not encoded yet.
            settings: of the account.
        Returns: the request, and the indexes of the leads it takes, ascending. It is asked again for the others. A lead
            that it takes alone is sent singly, and so are those of which it takes none.
        """

    @hookspec(firstresult=True)
    def parse_batch_response(  # type: ignore[empty-body]
        self, response: Response, request: Request, count: int, settings: Settings
    ) -> Sequence[RowVerdict]:
        """Turn a batch's answer into one verdict for each lead it took, in their order.

        Args:
            response: the answer.
            request: the request it answers.
            count: number of leads the request took.
            settings: of the account.
        Returns: ``count`` verdicts. A row that cannot be matched with certainty is a MalformedResponseError. Each lead
            notes its own part of the answer (`row_verdict` does it, or `CreatedLead.of_part`), so that no lead is
            shown another's data.
        Raises: ProviderError where the batch was refused as a whole. Inside a success that leaves all its leads
            ``unknown``, unless the error says that nothing was processed.
        """

    @hookspec(firstresult=True)
    def build_read_request(self, lead_id: str, settings: Settings) -> Request:  # type: ignore[empty-body]
        """Make the request that reads one lead back; its answer goes through `parse_response`.

        Args:
            lead_id: the id that a create answered; encode it with `path_segment`.
            settings: of the account.
        """

    @hookspec(firstresult=True)
    def simulator(self) -> Simulator:  # type: ignore[empty-body]
        """Make a fresh local stand-in for the CRM. Asked for demos, tests and ``unilead simulate``."""


HOOK_NAMES = tuple(name for name, value in vars(HookSpecs).items() if callable(value) and not name.startswith("_"))
REQUIRED_HOOKS = ("describe", "validate_required", "build_request", "parse_response")


def new_manager() -> Any:
    """Make the plugin manager of one provider."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    return manager


def caller(hook: Any) -> Callable[..., Any]:
    """What to call to ask a hook: its only implementation itself, pluggy's loop where several are stacked.

    The answer is the same; most hooks have one implementation, and the loop around it costs more than many of them do.
    """
    implementations = hook.get_hookimpls()
    if len(implementations) != 1 or implementations[0].wrapper:
        return cast("Callable[..., Any]", hook)
    function, wanted = implementations[0].function, implementations[0].argnames
    return lambda **arguments: function(*[arguments[name] for name in wanted])
