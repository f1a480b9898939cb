"""What a person or a host asks of a token endpoint, rather than an exchange: a fresh token now, or the first tokens."""

from __future__ import annotations

import time

from unilead.access import Access
from unilead.errors import ConfigurationError
from unilead.info import OAuth2
from unilead.oauth import Grant, code_request, read_grant
from unilead.provider import Provider
from unilead.refresh import TOKEN_TIMEOUT
from unilead.settings import Settings
from unilead.steps import Send, Steps


def renewing(provider: Provider, access: Access, timeout: float) -> Steps[None]:
    """Renew an account's access token now. Raises: see `unilead.Client.renew`."""
    if access.is_static:
        hint = "give the account client_id and refresh_token, or a new key"
        raise ConfigurationError("the credentials cannot be renewed", provider=provider.slug, hint=hint)
    end = time.monotonic() + timeout
    yield from access.open()
    yield from access.renew(lambda: end - time.monotonic())


def redeeming(
    provider: Provider,
    settings: Settings,
    code: str,
    redirect_uri: str,
    verifier: str | None,
    *,
    base_url: str | None = None,
) -> Steps[Grant]:
    """Exchange an authorization code for tokens. Raises: see `unilead.Client.redeem`."""
    info = provider.info
    scheme = next((scheme for scheme in info.auth_schemes if isinstance(scheme, OAuth2)), None)
    if scheme is None:
        raise ConfigurationError("its accounts are not connected by OAuth", provider=provider.slug)
    token = code_request(
        info, scheme, settings, code=code, redirect_uri=redirect_uri, verifier=verifier, base_url=base_url
    )
    response = yield Send(token.request, token.credentials, TOKEN_TIMEOUT)
    return read_grant(scheme, response, token.secrets)
