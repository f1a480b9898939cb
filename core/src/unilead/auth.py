"""Puts credentials on a request: unwraps an account's secrets into headers that show nothing of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TypeGuard

from unilead.errors import SettingsError
from unilead.info import AuthScheme, BasicAuth, HeaderAuth, OAuth2, ProviderInfo
from unilead.settings import Settings, fill, has_settings

MASK = "***"


def scheme_of(info: ProviderInfo, settings: Settings) -> AuthScheme:
    """The authentication scheme an account uses: the first whose settings are all given, else the last."""
    schemes = info.auth_schemes
    if len(schemes) == 1:
        return schemes[0]
    return next((scheme for scheme in schemes if has_settings(settings, scheme.needs)), schemes[-1])


def can_renew(scheme: AuthScheme, settings: Settings) -> TypeGuard[OAuth2]:
    """Whether an account's access token can be renewed without a person."""
    return isinstance(scheme, OAuth2) and has_settings(settings, ("client_id", "refresh_token"))


def check_sign_in(info: ProviderInfo, settings: Settings) -> None:
    """Check, before anything is sent, that an account's settings are enough to sign in. Raises: SettingsError."""
    if not can_renew(scheme_of(info, settings), settings):
        credential_headers(info, settings)


class CredentialHeaders(dict[str, str]):
    """Headers whose values show nowhere, not even in a traceback with local variables."""

    def __repr__(self) -> str:
        return repr(mask_headers(self))


def credential_headers(info: ProviderInfo, settings: Settings, token: str | None = None) -> CredentialHeaders:
    """The headers that prove who is asking.

    Args:
        token: an access token that replaces the one in the settings.
    Raises: SettingsError when a credential is missing or has characters that no header may have.
    """
    scheme = scheme_of(info, settings)
    for name in scheme.needs:
        if token is None and not getattr(settings, name, None):
            raise SettingsError(f"setting {name} is needed to sign in", provider=info.slug)
    if isinstance(scheme, HeaderAuth):
        return CredentialHeaders({scheme.name: _safe(fill(scheme.template, settings), scheme.needs, info)})
    if isinstance(scheme, BasicAuth):
        pair = f"{fill(scheme.username, settings)}:{fill(scheme.password, settings)}"
        if any(ord(char) < 32 or ord(char) == 127 for char in pair):
            raise SettingsError(_unfit(scheme.needs), provider=info.slug)
        return CredentialHeaders(Authorization=f"Basic {base64.b64encode(pair.encode()).decode()}")
    text = token if token is not None else fill("{access_token}", settings)
    return CredentialHeaders(Authorization=_safe(f"{scheme.prefix} {text}", scheme.needs, info))


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Hide the values of credential headers, keeping the scheme's word: ``Bearer ***``."""
    return {name: f"{value.split(' ')[0]} {MASK}" if " " in value else MASK for name, value in headers.items()}


def mask_text(text: bytes, secrets: tuple[str, ...]) -> bytes:
    """Replace every secret in a text by ``***``; secrets shorter than four characters are left, they are no secrets."""
    for secret in secrets:
        encoded = secret.encode()
        if len(encoded) >= 4 and encoded in text:
            text = text.replace(encoded, MASK.encode())
    return text


def _safe(value: str, names: tuple[str, ...], info: ProviderInfo) -> str:
    if not value or not value.isascii() or not value.isprintable() or value != value.strip(" "):
        raise SettingsError(_unfit(names), provider=info.slug)
    return value


def _unfit(names: tuple[str, ...]) -> str:
    return f"setting {' or '.join(names)} has characters that no header may have (a line break at its end?)"
