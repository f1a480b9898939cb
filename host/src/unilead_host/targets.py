"""Targets: from an account's id to what a lead is sent to, with every reason why it may not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unilead import Account, AsyncClient, LeadError, Provider, RateLimit, RatePacer, Registry
from unilead_host.accounts import Accounts
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import SealError
from unilead_host.lead_errors import error_answer, reconnect_body
from unilead_host.settings import HostSettings
from unilead_host.stored import StoredAccount
from unilead_host.wire import Answer, Refusal

if TYPE_CHECKING:
    from unilead import Simulator

NOT_FOUND = "Integrated account not found"
READ_ONLY = {"Allow": "GET"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a lead goes.

    Attributes:
        stored: the host's record of the account.
        account: the account with its settings, checked and in clear.
        provider: the CRM.
        client: sends to it, or to its simulator.
    """

    stored: StoredAccount
    account: Account
    provider: Provider
    client: AsyncClient


class _JobsPacer:
    """Keeps bulk jobs below their CRMs' limits; loaded by the first of them. Single creates are not kept waiting."""

    @cached_property
    def _pacer(self) -> RatePacer:
        return RatePacer()

    def wait(self, account_id: str, limits: Sequence[RateLimit]) -> float:
        """See `unilead.Pacer.wait`."""
        return self._pacer.wait(account_id, limits)


class Targets:
    """Finds targets, and keeps one client for all CRMs and one for each simulator."""

    def __init__(
        self,
        settings: HostSettings,
        registry: Registry,
        accounts: Accounts,
        store: HostCredentialStore,
        simulators: Mapping[str, Simulator],
    ) -> None:
        self._registry = registry
        self._accounts = accounts
        self._client = AsyncClient(
            registry=registry,
            backend=settings.backend,
            allow_private=settings.allow_private,
            timeout=settings.create_timeout,
            send_once=True,
            credential_store=store,
            pacer=_JobsPacer(),
        )
        self._simulated = {
            slug: AsyncClient(registry=registry, transport=simulator, timeout=settings.create_timeout, send_once=True)
            for slug, simulator in simulators.items()
        }

    async def find(self, tenant_id: str, account_id: str, *, creates: bool) -> Target:
        """The target of a tenant's account.

        Args:
            creates: the call is to create something, which sandbox accounts refuse.
        Raises: Refusal with status 404, 503, 405, 401, 400 or 501, in this order; StorageError.
        """
        stored = await self._accounts.recall(tenant_id, account_id)
        if stored is None:
            raise Refusal(404, NOT_FOUND)
        self._check_status(stored, creates=creates)
        try:
            provider = self._registry.get(stored.provider)
            account = await self._accounts.account_of(stored)
        except LeadError as error:
            raise Refusal.of(error_answer(error)) from None
        except SealError as error:
            raise Refusal(500, f"The integrated account's settings cannot be read: {error}") from None
        return Target(stored, account, provider, self.client_of(stored))

    @staticmethod
    def _check_status(stored: StoredAccount, *, creates: bool) -> None:
        if stored.is_blocked:
            raise Refusal(503, "The integrated account is blocked")
        if stored.is_sandbox and creates:
            raise Refusal(405, "Sandbox integrated accounts are read-only", headers=READ_ONLY)
        if stored.status == "needs_reauth":
            raise Refusal.of(Answer(401, reconnect_body(stored.last_error)))
        if stored.status != "active":
            raise Refusal(400, f"integrated account is not active (status: {stored.status})")

    def client_of(self, stored: StoredAccount) -> AsyncClient:
        """The client that sends for this account. Raises: Refusal with status 400 where there is no simulator."""
        if not stored.is_simulated:
            return self._client
        client = self._simulated.get(stored.provider)
        if client is None:
            raise Refusal(400, "integrated account is simulated, and this host runs without simulators")
        return client

    async def aclose(self) -> None:
        """Close all connections."""
        for client in (self._client, *self._simulated.values()):
            await client.aclose()
