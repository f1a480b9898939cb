"""An account's way in, for one exchange: its newest credentials, renewed when they are old or refused.

No I/O here: the methods are generators of steps, like the exchange they are part of.
"""

from __future__ import annotations

from collections.abc import Mapping

from unilead.auth import CredentialHeaders, credential_headers
from unilead.credentials import Credentials
from unilead.errors import AuthError, ConnectError
from unilead.oauth import LEEWAY, RECONNECT
from unilead.provider import Provider
from unilead.refresh import Left, Refresher
from unilead.settings import Settings, clear_text
from unilead.steps import Steps


class Access:
    """The credentials that one exchange uses; static ones may be shared by many.

    Args:
        refresher: what renews them; ``None`` where nothing can: a static key, a token without refresh token.

    Attributes:
        settings: the account's settings, with the stored values in place of their own.
        secrets: every secret that was in use, for masking.
    """

    def __init__(self, provider: Provider, settings: Settings, refresher: Refresher | None) -> None:
        self.settings = settings
        self.secrets = settings.secrets()
        self._provider = provider
        self._refresher = refresher
        self._current = Credentials()
        self._renewed = False
        self._headers: CredentialHeaders | None = None

    @property
    def is_static(self) -> bool:
        """Whether the credentials are those in the settings, for good."""
        return self._refresher is None

    def headers(self) -> Mapping[str, str]:
        """The headers that prove who is asking. Raises: SettingsError."""
        if self._headers is None:
            self._headers = credential_headers(self._provider.info, self.settings)
        return self._headers

    def open(self) -> Steps[None]:
        """Take up what is stored. Raises: AuthError when only a person can help, ConfigurationError from the store."""
        if self._refresher is not None:
            self._take((yield from self._refresher.current()))

    def freshen(self, left: Left) -> Steps[None]:
        """Renew the access token if it is missing or about to expire. Raises: LeadError; nothing was sent."""
        if self._refresher is None or not self._expired(0):
            return
        try:
            yield from self._renew(self._refresher, left)
        except ConnectError:
            if self._expired(LEEWAY):
                raise  # else the old token is good for some seconds yet

    def renew(self, left: Left) -> Steps[bool]:
        """Get another access token after the CRM refused this one; at most once in an exchange.

        Returns: whether there is another one now.
        Raises: LeadError with outcome ``not_sent``: the CRM refused what was sent.
        """
        if self._refresher is None or self._renewed or self._refresher.fetched:
            return False
        refused = self._token()
        yield from self._renew(self._refresher, left)  # raises where the endpoint fails, which may be asked again later
        self._renewed = True
        return self._token() != refused

    def condemn(self) -> Steps[None]:
        """Note that the CRM refuses the token that was just fetched, so that nobody fetches another one."""
        if self._refresher is not None and self._refresher.fetched:
            yield from self._refresher.condemn(self._current, "the CRM refuses an access token that was just renewed")

    def _renew(self, refresher: Refresher, left: Left) -> Steps[None]:
        """Take newer credentials than the current ones. Raises: ConnectError when there are none for now."""
        self._take((yield from refresher.newer(self._current, left)))
        retry_at = self._current.retry_at
        if retry_at is not None and refresher.now() < retry_at:
            wait = max(1.0, retry_at - refresher.now())
            raise ConnectError(self._current.reason, retry_after=wait, hint="nothing was sent; repeat later")

    def _take(self, found: Credentials) -> None:
        if self._refresher is None:
            return
        self._refresher.remember(found)
        if found.state == "needs_reauth":
            raise AuthError(found.reason, hint=RECONNECT, outcome="not_sent")
        self._current = found
        if found.values:
            self.settings, self._headers = self._refresher.overlaid(found.values), None
            self.secrets = tuple(dict.fromkeys((*self.secrets, *self.settings.secrets())))

    def _token(self) -> str:
        return clear_text(getattr(self.settings, "access_token", None))

    def _expired(self, tolerance: float) -> bool:
        """Whether the token is missing, or was to be renewed more than ``tolerance`` seconds ago."""
        renew_at = self._current.renew_at
        if not self._token():
            return True
        return renew_at is not None and self._refresher is not None and self._refresher.now() >= renew_at + tolerance
