"""Renews an account's access token: once for all who wait for it, in this process and in others.

The steps are those that `unilead.credentials` describes: wait for the lease, ask the token endpoint once, store what it
gave, and only then let it be used. A refusal or a failure is stored too, so that nobody asks again at once.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from inspect import GEN_CREATED, getgeneratorstate
from typing import Any, TypeAlias

from unilead.credentials import CredentialKey, Credentials, CredentialStore
from unilead.errors import AuthError, ConfigurationError, SettingsError, TransportError
from unilead.info import OAuth2
from unilead.oauth import TokenRequest, read_grant, refresh_request
from unilead.provider import Provider
from unilead.settings import Settings
from unilead.steps import Apart, Send, Steps, Use, Wait, late

Left: TypeAlias = Callable[[], float]  # seconds that an exchange has left

LEASE = 30.0  # seconds
TOKEN_TIMEOUT = 15.0  # seconds for one call of the token endpoint; well within the lease
PAUSE_AFTER_FAILURE = 60.0  # seconds
MOST_KNOWN = 10_000  # accounts
SAVES = 3  # tries to store what the token endpoint gave: a rotated refresh token that is not stored is lost


class Renewals:
    """What the exchanges of one client share: whose credentials are being renewed, and the newest that are known."""

    def __init__(self) -> None:
        self._running: set[CredentialKey] = set()
        self._known: dict[CredentialKey, Credentials] = {}
        self._lock = threading.Lock()

    def begin(self, key: CredentialKey) -> bool:
        """Reserve a key; ``False`` when another call has it."""
        with self._lock:
            if key in self._running:
                return False
            self._running.add(key)
        return True

    def end(self, key: CredentialKey) -> None:
        """Give a key back."""
        with self._lock:
            self._running.discard(key)

    def known(self, key: CredentialKey) -> Credentials | None:
        """What was seen last: good until its time comes or the CRM refuses it, whatever is stored by then."""
        return self._known.get(key)

    def remember(self, key: CredentialKey, found: Credentials) -> None:
        """Keep what was seen, unless only a person can help: that person may have done so by the next time."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        if found.state == "active":
            self._known[key] = found
        else:
            self._known.pop(key, None)


class Refresher:
    """Renews the credentials of one account.

    Args:
        settings: as the operator gave them.
        base_url: where token requests go instead of the vendor's host; for simulators.
        now: seconds since 1970.

    Attributes:
        fetched: whether the newest credentials came from the token endpoint by this refresher.
    """

    def __init__(
        self,
        provider: Provider,
        scheme: OAuth2,
        settings: Settings,
        account_id: str,
        store: CredentialStore,
        renewals: Renewals,
        *,
        base_url: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.provider = provider
        self.key = CredentialKey.of(account_id, settings)
        self.now = now
        self.fetched = False
        self._scheme = scheme
        self._given = settings
        self._store = store
        self._renewals = renewals
        self._base_url = base_url

    def current(self) -> Steps[Credentials]:
        """What this client saw last, else what is stored. Raises: ConfigurationError when the store fails."""
        return self._renewals.known(self.key) or (yield from self._load())

    def remember(self, found: Credentials) -> None:
        """Keep what was seen, so that the store is asked only when it must be."""
        self._renewals.remember(self.key, found)

    def condemn(self, current: Credentials, reason: str) -> Steps[None]:
        """Note that only a person can help, unless newer credentials are stored by now."""
        condemned = replace(current, state="needs_reauth", reason=reason)
        self.remember(condemned)
        yield from self._use(self._store.save, self.key, condemned)

    def overlaid(self, values: Mapping[str, str]) -> Settings:
        """The settings with stored values in place of their own.

        Raises: SettingsError when they do not fit together, or an address among them is not the provider's.
        """
        given = {name: getattr(self._given, name) for name in type(self._given).model_fields}
        settings = self.provider.settings({**given, **values})
        self.provider.base_url(settings)
        return settings

    def newer(self, seen: Credentials, left: Left) -> Steps[Credentials]:
        """Credentials newer than ``seen``, fetched now or by whoever had the lease; or a failure of late.

        Raises: ConnectError when there are none in time; a fetch that has begun goes on all the same.
        """
        while not self._renewals.begin(self.key):
            yield self._pause(left)
        fetching: Steps[Credentials] | None = None
        try:
            while True:
                found = yield from self._load()
                pausing = found.retry_at is not None and self.now() < found.retry_at
                if found.version != seen.version or found.state != "active" or pausing:
                    return found
                token = self._token_request(found)
                owner = secrets.token_hex(8)
                if (yield from self._use(self._store.lease, self.key, found.version, owner, LEASE)):
                    fetching = self._fetch(found, token)
                    fresh: Credentials = yield Apart(fetching, max(0.001, left()))
                    return fresh
                yield self._pause(left)
        finally:
            if fetching is None or getgeneratorstate(fetching) == GEN_CREATED:  # else it gives the key back itself
                self._renewals.end(self.key)

    @staticmethod
    def _pause(left: Left) -> Wait:
        """The wait between two looks at what another one is doing."""
        if left() <= 0:
            raise late()
        return Wait(random.uniform(0.02, 0.05))  # noqa: S311 - spreads callers, hides nothing

    def _load(self) -> Steps[Credentials]:
        found = yield from self._use(self._store.load, self.key)
        return found or Credentials()

    def _use(self, method: Callable[..., Any], *arguments: Any) -> Steps[Any]:
        return (yield Use(partial(method, *arguments), getattr(self._store, "blocking", False)))

    def _token_request(self, found: Credentials) -> TokenRequest:
        settings = self.overlaid(found.values) if found.values else self._given
        return refresh_request(self.provider.info, self._scheme, settings, base_url=self._base_url)

    def _fetch(self, seen: Credentials, token: TokenRequest) -> Steps[Credentials]:
        """Ask the token endpoint, once, and store what came of it. Returns: what is stored then."""
        try:
            fresh = yield from self._granted(seen, token)
            return (yield from self._stored(seen, fresh))
        finally:
            self._renewals.end(self.key)

    def _granted(self, seen: Credentials, token: TokenRequest) -> Steps[Credentials]:
        try:
            response = yield Send(token.request, token.credentials, TOKEN_TIMEOUT)
            grant = read_grant(self._scheme, response, token.secrets)
        except AuthError as error:
            return replace(seen, state="needs_reauth", reason=error.message)
        except TransportError as error:
            wait = max(PAUSE_AFTER_FAILURE, error.retry_after or 0)
            reason = f"the access token could not be renewed: {error.message}"
            return replace(seen, retry_at=self.now() + wait, reason=reason)
        values = {**seen.values, **grant.values}
        return self._checked(Credentials(values, seen.version, grant.renew_at(self.now())))

    def _checked(self, fresh: Credentials) -> Credentials:
        """Check an address among the values. One that is refused closes the account; the tokens are kept."""
        try:
            self.overlaid(fresh.values)
        except SettingsError as error:
            tokens = {name: text for name, text in fresh.values.items() if name in ("access_token", "refresh_token")}
            reason = f"the token endpoint names an address that is refused: {error.message}"
            return replace(fresh, values=tokens, state="needs_reauth", reason=reason)
        self.fetched = True
        return fresh

    def _stored(self, seen: Credentials, fresh: Credentials) -> Steps[Credentials]:
        """Store, unless newer values are there by now: an operator's or another process's are kept."""
        failures = 0
        while True:
            try:
                saved = yield from self._use(self._store.save, self.key, fresh)
            except ConfigurationError:
                failures += 1
                if failures == SAVES:
                    raise
                yield Wait(0.2 * failures)
                continue
            if saved:
                return replace(fresh, version=fresh.version + 1)
            found = yield from self._load()
            if found.values != seen.values or fresh.values == seen.values:
                self.fetched = False
                return found
            fresh = replace(fresh, version=found.version)  # only a failure was noted meanwhile: a success beats it
