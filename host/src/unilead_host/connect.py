"""Connecting an account: a user grants access at the vendor, or types credentials into a form of ours.

A connect begins with a link for that user. Its secret part, the *state*, is kept as a digest, works once, and for an
hour; what belongs to it, such as PKCE's verifier, is sealed for the account.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import sqlalchemy as sa

from unilead import Account, AsyncClient, CredentialKey, Credentials, Provider, Registry, SettingsError
from unilead.settings import fill
from unilead_host.account_settings import connect_scheme, settings_so_far
from unilead_host.accounts import Accounts
from unilead_host.credentials import HostCredentialStore
from unilead_host.crypto import Vault
from unilead_host.settings import LOOPBACK, HostSettings, OAuthApp
from unilead_host.storage import Database, now
from unilead_host.storage.tables import connections
from unilead_host.stored import StoredAccount

Way: TypeAlias = Literal["oauth2", "form"]

LIFETIME = 3600.0  # seconds
CALLBACK = "/connect/callback"
FORM = "/connect/form"


class ConnectRefusedError(Exception):
    """A connect cannot begin or go on; says why, in words for the person who has to change something."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where to send the user.

    Attributes:
        url: the vendor's authorize URL, or our form; as secret as the account.
        way: which of the two.
        expires_at: seconds since 1970.
    """

    url: str = field(repr=False)
    way: Way
    expires_at: float


@dataclass(frozen=True, slots=True)
class Pending:
    """A connect that has begun.

    Attributes:
        verifier: PKCE's; empty where the vendor takes none.
        redirect_uri: the call-back that the vendor was told.
        return_to: where the user goes in the end; empty for nowhere.
    """

    stored: StoredAccount
    verifier: str = field(repr=False)
    redirect_uri: str
    return_to: str


class Connects:
    """Begins connects and brings them to their end. All methods raise StorageError and SealError."""

    def __init__(
        self,
        settings: HostSettings,
        database: Database,
        vault: Vault,
        accounts: Accounts,
        credentials: HostCredentialStore,
        registry: Registry,
    ) -> None:
        self._settings = settings
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._credentials = credentials
        self._registry = registry

    async def begin(self, stored: StoredAccount, own_url: str, *, way: Way | None = None, return_to: str = "") -> Link:
        """Make a link for the user whose account this is.

        Args:
            own_url: the address under which the request reached us; believed on loopback only.
            way: how to connect; by OAuth where the CRM and the settings allow it, by default.
        Raises: ConnectRefusedError; UnknownProviderError and what else loading a provider may raise.
        """
        public_url = self._public_url(own_url)
        values = self._values(stored)
        provider = self._registry.get(stored.provider)
        if way is None:
            way = "oauth2" if connect_scheme(provider.info) and "client_id" in values else "form"
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        redirect_uri = public_url + CALLBACK
        if way == "oauth2":
            url, takes_challenge = _authorize_url(provider, values, redirect_uri, state, verifier)
            verifier = verifier if takes_challenge else ""
        else:
            url = f"{public_url}{FORM}/{state}"
        kept = {"verifier": verifier, "redirect_uri": redirect_uri, "return_to": return_to}
        return Link(url, way, await self._store(stored, state, kept))

    async def find(self, state: str) -> Pending | None:
        """The connect of this state; ``None`` when there is none any more."""
        wanted = sa.select(connections).where(connections.c.state_digest == _digest(state))
        async with self._database.reading() as connection:
            row = (await connection.execute(wanted.where(connections.c.expires_at > now()))).one_or_none()
        return None if row is None else await self._pending(row)

    async def take(self, state: str) -> Pending | None:
        """The connect of this state, which ends with that."""
        ended = sa.delete(connections).where(connections.c.state_digest == _digest(state))
        async with self._database.transaction() as connection:
            wanted = ended.where(connections.c.expires_at > now()).returning(connections)
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else await self._pending(row)

    async def redeem(self, pending: Pending, code: str, client: AsyncClient) -> StoredAccount | None:
        """Exchange the vendor's code for tokens, and make the account active with them.

        Returns: ``None`` when the account was deleted meanwhile.
        Raises: LeadError; SettingsError too when the vendor names an address that is not its own.
        """
        stored = pending.stored
        values = self._values(stored)
        settings = settings_so_far(self._registry.get(stored.provider), values)
        account = Account(stored.provider, settings, id=stored.id)
        grant = await client.redeem(account, code, redirect_uri=pending.redirect_uri, verifier=pending.verifier or None)
        active = await self._accounts.update(stored.tenant_id, stored.id, settings={**values, **grant.values})
        if active is not None:
            settings = self._registry.get(stored.provider).settings_of(await self._accounts.account_of(active))
            fresh = Credentials(grant.values, renew_at=grant.renew_at(time.time()))
            await self._credentials.save(CredentialKey.of(stored.id, settings), fresh)
        return active

    async def fill_in(self, state: str, pending: Pending, values: Mapping[str, Any]) -> StoredAccount | None:
        """Take the credentials of the form, and make the account active with them. Raises: SettingsError."""
        stored = pending.stored
        active = await self._accounts.update(stored.tenant_id, stored.id, settings=values)
        await self.take(state)
        return active

    async def refused(self, pending: Pending, reason: str) -> None:
        """Note on the account why its connect came to nothing."""
        await self._accounts.set_status(pending.stored, pending.stored.status, {"message": reason})

    def _values(self, stored: StoredAccount) -> dict[str, Any]:
        """The settings so far; with the operator's registration at the vendor, unless the account has one of its own.

        An account that was connected before has the operator's as it was then; its secret may be another one by now.
        """
        values = self._accounts.values_of(stored)
        app = self._settings.oauth_apps.get(stored.provider)
        if app is None or values.get("client_id", app.client_id) != app.client_id:
            return values
        return {**values, **_registration(app)}

    def _public_url(self, own_url: str) -> str:
        if self._settings.public_url:
            return self._settings.public_url
        if self._settings.host in LOOPBACK:
            return own_url.rstrip("/")
        raise ConnectRefusedError("the host does not know its address: set UNILEAD_HOST_PUBLIC_URL")

    async def _store(self, stored: StoredAccount, state: str, kept: Mapping[str, str]) -> float:
        values = {
            "state_digest": _digest(state),
            "tenant_id": stored.tenant_id,
            "account_id": stored.id,
            "sealed": self._vault.seal(stored.tenant_id, stored.id, kept),
            "expires_at": now() + LIFETIME,
        }
        made = sa.insert(connections).values(values).returning(connections.c.expires_at)
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(connections).where(connections.c.expires_at <= now()))
            return float(await connection.scalar(made) or 0.0)

    async def _pending(self, row: sa.Row[Any]) -> Pending | None:
        stored = await self._accounts.get(row.tenant_id, row.account_id)
        if stored is None:
            return None
        return Pending(stored, **self._vault.open(row.tenant_id, row.account_id, row.sealed))


def _authorize_url(
    provider: Provider, values: Mapping[str, Any], redirect_uri: str, state: str, verifier: str
) -> tuple[str, bool]:
    """Where the vendor asks its user. Returns: the URL, and whether it has a PKCE challenge for the verifier."""
    title = provider.info.title
    scheme = connect_scheme(provider.info)
    if scheme is None:
        raise ConnectRefusedError(f"{title} is not connected by OAuth; use the form")
    if "client_id" not in values:
        raise ConnectRefusedError(f"client_id is missing: the account has none, nor has the host one for {title}")
    try:
        settings = settings_so_far(provider, values)
    except SettingsError as error:
        raise ConnectRefusedError(error.message) from None
    query = {
        **scheme.authorize_params,
        "response_type": "code",
        "client_id": values["client_id"],
        "redirect_uri": redirect_uri,
        "state": state,
    }
    if scheme.scopes:
        query["scope"] = scheme.scope_joiner.join(scheme.scopes)
    if scheme.pkce:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        query |= {"code_challenge": challenge.rstrip(b"=").decode(), "code_challenge_method": "S256"}
    return f"{fill(scheme.authorize_url, settings)}?{urlencode(query)}", scheme.pkce


def _registration(app: OAuthApp) -> dict[str, str]:
    secret = {} if app.client_secret is None else {"client_secret": app.client_secret.get_secret_value()}
    return {"client_id": app.client_id, **secret}


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
