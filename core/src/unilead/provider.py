"""Provider: the typed face of one CRM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unilead.account import Account
from unilead.answered import RowVerdict
from unilead.contradictions import is_id
from unilead.errors import (
    InvalidLeadError,
    MalformedResponseError,
    MissingFieldsError,
    Problem,
    ProviderError,
)
from unilead.hook_calls import HookCalls
from unilead.info import ProviderInfo
from unilead.message import Request, Response
from unilead.origin import check_url
from unilead.outgoing import UnfitRequestError, finished, with_extra
from unilead.schema import CreatedLead, Lead
from unilead.settings import Settings, build_settings, fill

if TYPE_CHECKING:
    from unilead.simulator import Simulator


class Provider:
    """One CRM, with the overrides stacked on it.

    Attributes:
        slug: the CRM's name.
        info: its data sheet.
    """

    def __init__(self, slug: str, hooks: Any) -> None:
        self.slug = slug
        self._hooks = HookCalls(slug, hooks)
        self._origin: tuple[Any, Any, str] = (None, None, "")
        self._account: tuple[Account | None, Settings | None] = (None, None)
        self.info = self._described()

    def __repr__(self) -> str:
        return f"Provider({self.slug!r})"

    # --- what the provider is -------------------------------------------------------------------------------------

    def _described(self) -> ProviderInfo:
        info = self._hooks.ask("describe", ProviderInfo)
        if info.slug != self.slug:
            raise self._hooks.broken("describe", f"describes {info.slug!r}, but is registered for {self.slug!r}")
        if fault := info.fault():
            raise self._hooks.broken("describe", fault)
        return info

    def implements(self, hook: str) -> bool:
        """Whether any plugin of this provider writes the hook."""
        return self._hooks.implements(hook)

    @property
    def takes_batches(self) -> bool:
        """Whether the CRM creates several leads in one request."""
        return self.info.batch_size > 1 and self.implements("build_batch_request")

    @property
    def supported(self) -> tuple[str, ...]:
        """The lead fields that the contract lists for this CRM, required ones included."""
        return self.info.fields.supported

    @property
    def required(self) -> tuple[str, ...]:
        """The lead fields the contract requires of this CRM."""
        return self.info.fields.required

    def settings(self, values: Settings | Mapping[str, Any]) -> Settings:
        """Check an account's settings. Raises: SettingsError."""
        return build_settings(self.info.settings, values, self.slug)

    def settings_of(self, account: Account) -> Settings:
        """The checked settings of one of this provider's accounts. Raises: SettingsError."""
        known, settings = self._account  # the one asked for last, since checking costs more than mapping a lead
        if known is not account or settings is None:
            settings = self.settings(account.settings)
            self._account = account, settings
        return settings

    def base_url(self, settings: Settings) -> str:
        """Origin of the account's requests, checked against the allowed hosts. Raises: SettingsError."""
        info, known, origin = self._origin  # of the account asked for last; settings and info are frozen
        if known is not settings or info is not self.info:
            url = check_url(fill(self.info.base_url, settings), self.info.allowed_hosts, provider=self.slug)
            origin = url.rstrip("/")
            self._origin = self.info, settings, origin
        return origin

    def simulator(self) -> Simulator:
        """A fresh local stand-in for the CRM."""
        from unilead.simulator import Simulator

        if not self.implements("simulator"):
            raise self._hooks.broken("simulator", "is not written by this provider")
        return self._hooks.ask("simulator", Simulator)

    # --- one lead -------------------------------------------------------------------------------------------------

    def missing(self, lead: Lead, settings: Settings) -> list[Problem]:
        """The required fields that the lead lacks."""
        problems = self._hooks.ask("validate_required", list, lead=lead, settings=settings)
        if problems and not all(isinstance(problem, Problem) for problem in problems):
            raise self._hooks.broken("validate_required", "answered a list of something else than Problem")
        return problems

    def build_request(
        self,
        lead: Lead,
        settings: Settings,
        *,
        base_url: str | None = None,
        remote_query: Mapping[str, Any] | None = None,
    ) -> Request:
        """Make the request that creates the lead, complete but for credentials.

        Args:
            base_url: where to send it; the account's own by default.
            remote_query: further query parameters, nested as JSON; win over the provider's own.
        Raises: MissingFieldsError, InvalidLeadError, HookContractError; nothing was sent.
        """
        problems = self.missing(lead, settings)
        if problems:
            raise MissingFieldsError(problems, provider=self.slug)
        return self.finish(self.compose(lead, settings), settings, base_url=base_url, remote_query=remote_query)

    def compose(self, lead: Lead, settings: Settings) -> Request:
        """Ask the provider for the request and merge the caller's ``remote_data`` into its record."""
        request = self._hooks.ask("build_request", Request, lead=lead, settings=settings)
        if request.json is None:
            raise self._hooks.broken("build_request", "answered a request without body")
        extra = lead.remote_data if request.remote_data is None else request.remote_data
        if not extra:
            return request.changed(lead=lead)
        try:
            return request.changed(json=with_extra(request, extra, self.info), lead=lead)
        except UnfitRequestError as fault:
            raise self._hooks.broken("build_request", f"answered {fault}") from None

    def finish(
        self,
        request: Request,
        settings: Settings,
        *,
        base_url: str | None = None,
        remote_query: Mapping[str, Any] | None = None,
    ) -> Request:
        """Encode a composed request: absolute URL, bytes, all headers but credentials."""
        origin = base_url if base_url is not None else self.base_url(settings)
        try:
            return finished(request, self.info, origin, remote_query or {})
        except UnfitRequestError as fault:
            raise self._hooks.broken("build_request", f"answered {fault}") from None

    def parse_response(self, response: Response, request: Request, settings: Settings) -> CreatedLead:
        """Turn the CRM's answer into the created lead.

        A 2xx without a usable id, or one that the provider cannot read, is a MalformedResponseError whose outcome is
        ``unknown``; so is a refusing status over a created lead.
        Raises: ProviderError.
        """
        created = self._hooks.judge("parse_response", CreatedLead, response, request=request, settings=settings)
        return self._trusted(created, response)

    def _trusted(self, created: CreatedLead, response: Response) -> CreatedLead:
        """The lead, where its answer leaves no doubt that it was created. Raises: ProviderError."""
        if not is_id(created.id):
            self._hooks.distrust(response, "the answer names no lead id")
        if not response.is_success:
            self._hooks.distrust_refusal(response)
        if response.truncated:
            self._hooks.distrust(response, "the answer is cut off")
        return created

    # --- many leads -----------------------------------------------------------------------------------------------

    def build_batch(
        self, requests: Sequence[Request], settings: Settings, *, base_url: str | None = None
    ) -> tuple[Request, tuple[int, ...]]:
        """Join composed requests into one batch request.

        Returns: the finished request, and the indexes of the requests it took.
        """
        leads = tuple(request.lead for request in requests)
        answer = self._hooks.ask("build_batch_request", tuple, leads=leads, requests=tuple(requests), settings=settings)
        if len(answer) != 2 or not isinstance(answer[0], Request):
            raise self._hooks.broken("build_batch_request", "must answer a Request and the indexes it took")
        request, taken = answer[0], tuple(answer[1])
        if list(taken) != sorted(set(taken)) or not all(0 <= index < len(requests) for index in taken):
            raise self._hooks.broken(
                "build_batch_request", "answered indexes that are not ascending indexes of its leads"
            )
        request = request.changed(leads=tuple(leads[index] for index in taken))
        return self.finish(request, settings, base_url=base_url), taken

    def parse_batch(self, response: Response, request: Request, count: int, settings: Settings) -> list[RowVerdict]:
        """Turn a batch's answer into one verdict for each lead it took.

        Raises: ProviderError for a refused batch. A refusal inside a success may be about one lead, and others may have
            been created: it leaves them all ``unknown``, unless the provider says that nothing was processed.
        """
        try:
            verdicts = self._hooks.judge(
                "parse_batch_response", (list, tuple), response, request=request, count=count, settings=settings
            )
        except ProviderError as error:
            if count > 1 and response.status < 400 and error.outcome == "rejected":
                error.doubt()
            raise
        if len(verdicts) != count:
            self._hooks.distrust(response, f"{len(verdicts)} verdicts for {count} leads")
        return self._with_own_ids([self._verdict(verdict, response) for verdict in verdicts], response)

    def _with_own_ids(self, verdicts: list[RowVerdict], response: Response) -> list[RowVerdict]:
        """Distrust ids that several rows name: at most one of those leads has it, and nobody can say which."""
        owners = Counter(verdict.id for verdict in verdicts if isinstance(verdict, CreatedLead))
        if len(owners) == owners.total():
            return verdicts
        return [
            self._hooks.complete(MalformedResponseError("other leads of the batch have the same id", response=response))
            if isinstance(verdict, CreatedLead) and owners[verdict.id] > 1
            else verdict
            for verdict in verdicts
        ]

    def _verdict(self, verdict: Any, response: Response) -> RowVerdict:
        if isinstance(verdict, ProviderError):
            return self._hooks.complete(verdict)
        try:
            if isinstance(verdict, CreatedLead):
                return self._trusted(verdict, response)
            self._hooks.distrust(response, "the provider gave no verdict for this lead")
        except ProviderError as error:
            return error

    # --- reading back ---------------------------------------------------------------------------------------------

    def build_read_request(self, lead_id: str, settings: Settings, *, base_url: str | None = None) -> Request:
        """Make the request that reads a lead back. Raises: InvalidLeadError for an id that fits no path."""
        try:
            request = self._hooks.ask("build_read_request", Request, lead_id=lead_id, settings=settings)
        except ValueError as fault:
            raise InvalidLeadError([Problem("id", "invalid", str(fault))], provider=self.slug) from None
        return self.finish(request, settings, base_url=base_url)
