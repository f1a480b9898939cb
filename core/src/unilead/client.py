"""Client and AsyncClient: what an application calls; each drives the exchange over its transport, in its own way."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from unilead.account import Account
from unilead.base_client import BaseClient
from unilead.drive import AsyncDriver, Driver
from unilead.exchange import Result
from unilead.message import Request
from unilead.oauth import Grant
from unilead.schema import Lead
from unilead.sending import OnUnsupported
from unilead.transport import check_backend, open_async_transport, open_transport

if TYPE_CHECKING:
    from unilead.bulk import BeforeSend, Given
    from unilead.in_flight import AsyncCreating, Creating


class Client(BaseClient):
    """Creates leads. Keep one for the life of the application: it holds the connections.

    Any number of threads may share one. A forked process opens connections of its own.

    Args:
        registry: the providers to use; all installed ones by default.
        transport: what sends instead of the network: a simulator, an httpx transport, or a `Transport` of your own.
        backend: HTTP library, ``httpx`` or ``httpx2``; `AsyncClient` also takes ``aiohttp``.
        base_url: where to send instead of the account's own address; needs ``allow_private=True``.
        allow_private: connect to addresses that are not on the public internet; for simulators.
        timeout: seconds for one create, waits and repeats included.
        on_unsupported: ``report`` names what a CRM cannot take in ``Result.dropped``; ``raise`` refuses such a lead.
        send_once: pass every answer on at once, a 429 too; only a request that never left is tried again.
        credential_store: where refreshed tokens are kept; in memory by default.
        pacer: keeps each account below its CRM's rate limits, such as a `RatePacer`; nothing does by default. With
            ``send_once`` it is for `create_many` alone.
    Raises: ValueError for ``base_url`` without ``allow_private``, a ``timeout`` of more than a day, an unknown
        ``on_unsupported`` or ``backend``, and, at the first use, for a transport that cannot send synchronously;
        ImportError for a back end whose extra is not installed.
    """

    _driver: Driver

    def _make_driver(self) -> Driver:
        if self._transport is None:
            check_backend(self._backend, asynchronous=False)
        return Driver(lambda: open_transport(self._transport, self._backend, allow_private=self._allow_private))

    def create(
        self,
        lead: Lead | Mapping[str, Any] | bytes | str,
        account: Account,
        *,
        remote_query: Mapping[str, Any] | None = None,
        read_back: bool | None = None,
        on_unsupported: OnUnsupported | None = None,
        on_send: Callable[[Request], None] | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Create a lead in the account's CRM.

        Args:
            lead: a `Lead`, a mapping, or JSON text; its keys are those of `Lead`.
            account: where to create it.
            remote_query: further query parameters for the CRM, nested as JSON; none that carries a credential.
            read_back: read the lead after creating it, to fill what the create did not answer; the account's word by
                default. A read that fails leaves the create a success.
            on_unsupported: as for the client.
            on_send: called with the complete request before it is first sent; what it raises stops the create.
            timeout: seconds for this create; the client's by default.
        Returns: what the CRM answered, and what of the lead did not reach it.
        Raises: LeadError; its ``outcome`` says whether the lead may exist.
        """
        return self._driver.drive(
            self._exchange(lead, account, remote_query, read_back, on_unsupported, on_send, timeout)
        )

    def create_many(
        self,
        leads: Iterable[Given] | Iterable[tuple[int, Given]],
        account: Account,
        *,
        concurrency: int = 4,
        on_unsupported: OnUnsupported | None = None,
        numbered: bool = False,
        before_send: BeforeSend | None = None,
    ) -> Creating:
        """Create any number of leads, through the CRM's batch endpoint where it has one.

        Leads are taken from the iterable as they are needed, so memory does not grow with their number. A throttled or
        unconnected request is repeated, with waits of up to a minute; what was sent and not answered is never sent
        again. Leads are not read back.

        Args:
            leads: leads as for `create`; a LeadError among them becomes the verdict on its place.
            concurrency: most requests in flight; four keep a CRM busy that allows ten a second and answers in 400 ms.
            on_unsupported: as for the client.
            numbered: ``leads`` are pairs of an index of the caller's own, each one once, and a lead.
            before_send: told the indexes of the leads that a request carries, before it first leaves and from the
                thread that sends it; what it raises ends the sending, and nothing of that request leaves.
        Returns: an iterator of pairs ``(index, Result | LeadError)`` in the order in which the CRM answers. Its
            ``calls`` counts the requests, and its ``stop()`` ends the sending.
        Raises: ConfigurationError at once, for an account that cannot be used.
        """
        from unilead.in_flight import Creating, in_threads

        run = self._run(account, on_unsupported, before_send)
        self._driver.open()
        given: Any = leads
        pairs = given if numbered else enumerate(given)
        return Creating(run, in_threads(run, pairs, self._driver.drive, _checked(concurrency)))

    def read(self, lead_id: str, account: Account, *, timeout: float | None = None) -> Result:
        """Read one lead of the account's CRM.

        Args:
            timeout: seconds for this read; the client's by default.
        Raises: LeadError; HookContractError where the provider cannot read leads.
        """
        return self._driver.drive(self._reading(lead_id, account, timeout))

    def renew(self, account: Account) -> None:
        """Get a new access token now, without waiting until the clock or the CRM asks for one.

        Raises: ConfigurationError where the credentials cannot be renewed; AuthError for a refusal, ConnectError else.
        """
        self._driver.drive(self._renewing(account))

    def redeem(self, account: Account, code: str, *, redirect_uri: str, verifier: str | None = None) -> Grant:
        """Exchange the authorization code of an OAuth connect for tokens; for hosts that let users connect accounts.

        Args:
            account: with the client's credentials; any ``access_token`` stands in for the one to come.
            redirect_uri: the one the authorize URL had.
            verifier: PKCE's, where the authorize URL had a challenge.
        Raises: AuthError when the vendor refuses the code or the client, TransportError, ConfigurationError.
        """
        return self._driver.drive(self._redeeming(account, code, redirect_uri, verifier))

    def close(self) -> None:
        """Close all connections, once refreshes that are under way have ended."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(BaseClient):
    """As `Client`, asynchronously, in any event loop. Each loop has connections of its own, to be closed in that loop.

    A refresh that has begun runs to its end even when the create is cancelled.
    """

    _driver: AsyncDriver

    def _make_driver(self) -> AsyncDriver:
        if self._transport is None:
            check_backend(self._backend, asynchronous=True)
        return AsyncDriver(
            lambda: open_async_transport(self._transport, self._backend, allow_private=self._allow_private),
            bound=self._transport is None,
        )

    async def create(
        self,
        lead: Lead | Mapping[str, Any] | bytes | str,
        account: Account,
        *,
        remote_query: Mapping[str, Any] | None = None,
        read_back: bool | None = None,
        on_unsupported: OnUnsupported | None = None,
        on_send: Callable[[Request], None] | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Create a lead in the account's CRM; see `Client.create`.

        Cancelled after the request left, the lead may exist.
        Raises: LeadError; its ``outcome`` says whether the lead may exist.
        """
        return await self._driver.drive(
            self._exchange(lead, account, remote_query, read_back, on_unsupported, on_send, timeout)
        )

    def create_many(
        self,
        leads: Iterable[Given] | AsyncIterable[Given] | Iterable[tuple[int, Given]] | AsyncIterable[tuple[int, Given]],
        account: Account,
        *,
        concurrency: int = 4,
        on_unsupported: OnUnsupported | None = None,
        numbered: bool = False,
        before_send: BeforeSend | None = None,
    ) -> AsyncCreating:
        """As `Client.create_many`, for any iterable or asynchronous iterable; ``before_send`` runs in the loop."""
        from unilead.in_flight import AsyncCreating, counted, in_tasks

        run = self._run(account, on_unsupported, before_send)
        self._driver.open()
        given: Any = leads
        pairs = given if numbered else counted(given)
        return AsyncCreating(run, in_tasks(run, pairs, self._driver.drive, _checked(concurrency)))

    async def read(self, lead_id: str, account: Account, *, timeout: float | None = None) -> Result:
        """Read one lead of the account's CRM.

        Args:
            timeout: seconds for this read; the client's by default.
        Raises: LeadError; HookContractError where the provider cannot read leads.
        """
        return await self._driver.drive(self._reading(lead_id, account, timeout))

    async def renew(self, account: Account) -> None:
        """Get a new access token now; see `Client.renew`."""
        await self._driver.drive(self._renewing(account))

    async def redeem(self, account: Account, code: str, *, redirect_uri: str, verifier: str | None = None) -> Grant:
        """Exchange the authorization code of an OAuth connect for tokens; see `Client.redeem`."""
        return await self._driver.drive(self._redeeming(account, code, redirect_uri, verifier))

    async def aclose(self) -> None:
        """Close all connections, once refreshes that are under way have ended."""
        await self._driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _checked(concurrency: int) -> int:
    if concurrency < 1:
        raise ValueError("concurrency must be at least 1")
    return concurrency
