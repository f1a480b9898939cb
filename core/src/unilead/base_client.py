"""BaseClient: what `Client` and `AsyncClient` share, an account's exchanges set up and ready to be driven."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unilead.access import Access
from unilead.account import Account
from unilead.auth import can_renew, scheme_of
from unilead.credentials import CredentialStore, MemoryCredentialStore
from unilead.exchange import Result, exchange, read_exchange
from unilead.granting import redeeming, renewing
from unilead.message import Request
from unilead.oauth import Grant
from unilead.pace import Lane, Pacer, Pauses
from unilead.provider import Provider
from unilead.refresh import Refresher, Renewals
from unilead.registry import Registry
from unilead.schema import Lead
from unilead.sending import OnUnsupported, Options
from unilead.settings import Settings
from unilead.steps import Steps

if TYPE_CHECKING:
    from unilead.bulk import BeforeSend, Run

LONGEST_TIMEOUT = 86_400  # seconds; sockets refuse what is much longer


class BaseClient(ABC):
    """What both clients share; they differ in how they drive what is set up here.

    Attributes:
        registry: the providers to use.
    """

    def __init__(
        self,
        *,
        registry: Registry | None = None,
        transport: Any = None,
        backend: str = "httpx",
        base_url: str | None = None,
        allow_private: bool = False,
        timeout: float = 30.0,
        on_unsupported: OnUnsupported = "report",
        send_once: bool = False,
        credential_store: CredentialStore | None = None,
        pacer: Pacer | None = None,
    ) -> None:
        if base_url is not None and not allow_private:
            raise ValueError("base_url is for simulators and needs allow_private=True")
        _check_policy(on_unsupported)
        _check_time(timeout, optional=False)
        self.registry = registry or Registry()
        self._transport = transport
        self._backend = backend
        self._allow_private = allow_private
        self._base_url = base_url
        self._timeout = timeout
        self._on_unsupported = on_unsupported
        self._send_once = send_once
        self._store = credential_store or MemoryCredentialStore()
        self._renewals = Renewals()
        self._pacer = pacer
        self._pauses = Pauses()
        self._usual: tuple[Account, Provider, Settings, Options] | None = None
        self._driver = self._make_driver()

    @abstractmethod
    def _make_driver(self) -> Any: ...

    def _exchange(
        self,
        lead: Lead | Mapping[str, Any] | bytes | str,
        account: Account,
        remote_query: Mapping[str, Any] | None,
        read_back: bool | None,
        on_unsupported: OnUnsupported | None,
        on_send: Callable[[Request], None] | None,
        timeout: float | None,
    ) -> Steps[Result]:
        provider, settings, options = self._set_up(
            account,
            remote_query=remote_query,
            read_back=read_back,
            on_unsupported=on_unsupported,
            on_send=on_send,
            timeout=timeout,
        )
        return exchange(provider, Lead.parse(lead), settings, options)

    def _run(self, account: Account, on_unsupported: OnUnsupported | None, before_send: BeforeSend | None) -> Run:
        from unilead.bulk import ATTEMPTS, Run

        own = {"attempts": ATTEMPTS, "patient": True, "send_once": False, "read_back": False}
        provider, settings, options = self._set_up(account, on_unsupported=on_unsupported, **own)
        options = replace(options, lane=self._lane(account, provider, settings, self._pacer))
        return Run(provider, settings, options, before_send=before_send)

    def _reading(self, lead_id: str, account: Account, timeout: float | None) -> Steps[Result]:
        provider, settings, options = self._set_up(account, timeout=timeout)
        return read_exchange(provider, lead_id, settings, options)

    def _set_up(self, account: Account, **own: Any) -> tuple[Provider, Settings, Options]:
        """What an exchange with this account needs; ``own`` are options of its own, ``None`` for the usual one."""
        _check_policy(own.get("on_unsupported"))
        _check_time(own.get("timeout"))
        provider = self.registry.get(account.provider)
        settings = provider.settings_of(account)
        options = self._usual_options(account, provider, settings)
        changes = {name: value for name, value in own.items() if value is not None}
        return provider, settings, replace(options, **changes) if changes else options

    def _usual_options(self, account: Account, provider: Provider, settings: Settings) -> Options:
        """The options of an account's exchanges; those of the account asked for last are kept."""
        usual = self._usual
        if usual is not None and usual[0] is account and usual[1] is provider and usual[2] is settings:
            return usual[3]
        options = Options(
            timeout=self._timeout,
            on_unsupported=self._on_unsupported,
            read_back=account.read_back,
            base_url=self._base_url,
            send_once=self._send_once,
            access=self._access(provider, settings, account),
            lane=self._lane(account, provider, settings, None if self._send_once else self._pacer),
        )
        self._usual = account, provider, settings, options
        return options

    def _lane(self, account: Account, provider: Provider, settings: Settings, pacer: Pacer | None) -> Lane:
        return Lane(account.id, settings, provider.info.rate_limits, pacer, self._pauses)

    def _renewing(self, account: Account) -> Steps[None]:
        provider, settings, options = self._set_up(account)
        return renewing(provider, self._access(provider, settings, account)(), options.timeout)

    def _redeeming(self, account: Account, code: str, redirect_uri: str, verifier: str | None) -> Steps[Grant]:
        provider, settings, _ = self._set_up(account)
        return redeeming(provider, settings, code, redirect_uri, verifier, base_url=self._base_url)

    def _access(self, provider: Provider, settings: Settings, account: Account) -> Callable[[], Access]:
        """What makes an account's way in; where its credentials cannot be renewed, all exchanges share one."""
        scheme = scheme_of(provider.info, settings)
        if not can_renew(scheme, settings):
            static = Access(provider, settings, None)
            return lambda: static

        def make() -> Access:
            refresher = Refresher(
                provider, scheme, settings, account.id, self._store, self._renewals, base_url=self._base_url
            )
            return Access(provider, settings, refresher)

        return make


def _check_time(timeout: float | None, *, optional: bool = True) -> None:
    if timeout is None and optional:
        return
    if timeout is None or not timeout <= LONGEST_TIMEOUT:  # so that a NaN is refused too
        raise ValueError(f"timeout is seconds, at most {LONGEST_TIMEOUT:,}, not {timeout}")


def _check_policy(on_unsupported: str | None) -> None:
    if on_unsupported not in (None, "report", "raise"):
        raise ValueError(f"on_unsupported is 'report' or 'raise', not {on_unsupported!r}")
