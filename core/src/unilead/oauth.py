"""OAuth 2.0 at a vendor's token endpoint, without I/O: the requests that are sent to it, and what its answers mean.

`unilead.refresh` renews tokens with it, `unilead.granting` redeems the code of an account that a user connects.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from unilead.auth import CredentialHeaders, mask_text
from unilead.errors import AuthError, ConnectError, LeadError
from unilead.info import OAuth2, ProviderInfo
from unilead.message import Request, Response
from unilead.origin import check_url
from unilead.retry import retry_after
from unilead.settings import Settings, clear_text, fill
from unilead.version import USER_AGENT

LEEWAY = 60.0  # seconds before its end that an access token is renewed
LONGEST_LIFE = 1e8  # seconds; whatever promises to live longer promises nothing
MAX_WORDS = 1_000  # of an answer in plain text
_WORDS = re.compile(r"[A-Za-z0-9_ .:-]{1,80}")
_CLIENT_ERRORS = ("invalid_client", "unauthorized_client")
RECONNECT = "connect the account anew, or correct its client_id, client_secret or refresh_token"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to a token endpoint; everything in it is secret.

    Attributes:
        request: the form, encoded.
        credentials: the client's own, where the vendor wants them in a header.
        secrets: what must not show in an error, should the answer repeat it.
    """

    request: Request = field(repr=False)
    credentials: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave.

    Attributes:
        values: settings by name: ``access_token``, ``refresh_token`` and the API origin, each where it was given.
        lifetime: seconds the access token lives; ``None`` where the answer names none that makes sense.
    """

    values: Mapping[str, str] = field(repr=False)
    lifetime: float | None = None

    def renew_at(self, now: float) -> float | None:
        """When to renew the token: a minute before its end, or after half of a shorter life."""
        return None if self.lifetime is None else now + max(self.lifetime - LEEWAY, self.lifetime / 2)


def token_url(info: ProviderInfo, scheme: OAuth2, settings: Settings) -> str:
    """Address of the token endpoint, on one of its allowed hosts. Raises: SettingsError."""
    url = fill(scheme.token_url, settings)
    parts = urlsplit(url)
    own_host = re.escape(urlsplit(scheme.token_url).hostname or "") if "{" not in scheme.token_url else ""
    hosts = scheme.token_hosts or ((own_host,) if own_host else info.allowed_hosts)
    check_url(url.removesuffix(parts.path), hosts, provider=info.slug)
    return url


def refresh_request(
    info: ProviderInfo, scheme: OAuth2, settings: Settings, *, base_url: str | None = None
) -> TokenRequest:
    """Ask for a new access token with the settings' refresh token.

    Args:
        base_url: where to send it instead of the vendor's host; for simulators.
    Raises: SettingsError when the endpoint's address is not an allowed one.
    """
    form = {"grant_type": "refresh_token", "refresh_token": _given(settings, "refresh_token")}
    return _token_request(info, scheme, settings, form, base_url)


def code_request(
    info: ProviderInfo,
    scheme: OAuth2,
    settings: Settings,
    *,
    code: str,
    redirect_uri: str,
    verifier: str | None = None,
    base_url: str | None = None,
) -> TokenRequest:
    """Exchange an authorization code for tokens; ``verifier`` is PKCE's. Otherwise as `refresh_request`."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if verifier is not None:
        form["code_verifier"] = verifier
    return _token_request(info, scheme, settings, form, base_url)


def _token_request(
    info: ProviderInfo, scheme: OAuth2, settings: Settings, form: dict[str, str], base_url: str | None
) -> TokenRequest:
    url = token_url(info, scheme, settings)
    path = urlsplit(url).path
    client, secret = _given(settings, "client_id"), _given(settings, "client_secret")
    credentials = CredentialHeaders()
    if scheme.client_auth == "basic":
        credentials["Authorization"] = f"Basic {base64.b64encode(f'{client}:{secret}'.encode()).decode()}"
    else:
        form |= {"client_id": client} | ({"client_secret": secret} if secret else {})
    headers = {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    target = url if base_url is None else base_url + path
    request = Request("POST", path, headers=headers, url=target, body=urlencode(form).encode())
    once = [form[name] for name in ("code", "code_verifier") if name in form]
    return TokenRequest(request, credentials, (*settings.secrets(), *once))


def _given(settings: Settings, name: str) -> str:
    return clear_text(getattr(settings, name, None))


def read_grant(scheme: OAuth2, response: Response, secrets: tuple[str, ...] = ()) -> Grant:
    """Read a token endpoint's answer. A success is one that holds a token: some vendors refuse by status 200 too.

    Args:
        secrets: those of the `TokenRequest` it answers.
    Raises: AuthError when only a person can help: the grant is dead, or the client is refused. ConnectError when it may
        get better; ``retry_after`` says when, where the answer does.
    """
    answer = response.json_object
    token = answer.get("access_token")
    if response.is_success and isinstance(token, str) and token:
        names = {"access_token": "access_token", "refresh_token": "refresh_token"}
        if scheme.origin_field:
            names[scheme.origin_field] = scheme.origin_setting
        found = {setting: answer.get(key) for key, setting in names.items()}
        values = {setting: value for setting, value in found.items() if isinstance(value, str) and value}
        return Grant(values, _lifetime(answer.get("expires_in")))
    raise _refusal(scheme, response, answer, secrets)


def _refusal(scheme: OAuth2, response: Response, answer: Mapping[str, Any], secrets: tuple[str, ...]) -> LeadError:
    texts = [text for name in ("error", "message", "error_description") if isinstance(text := answer.get(name), str)]
    if response.status >= 400:  # no object, just words
        texts.append((response.json if isinstance(response.json, str) else response.plain_text)[:MAX_WORDS])
    codes = [re.sub(r"\s+", "_", text.strip().lower()) for text in texts]
    masked = [mask_text(text.encode(), secrets).decode() for text in texts]
    words = next((text for text in masked if _WORDS.fullmatch(text)), f"HTTP status {response.status}")

    def says(*known: str) -> bool:
        return any(code.startswith(name) for code in codes for name in known)

    if response.status == 429 or says(*scheme.throttle_errors):
        wait = retry_after(response)
        text = f"the token endpoint is throttled: {words}"
        return ConnectError(text, retry_after=scheme.throttle_seconds if wait is None else wait)
    if response.status < 500 and says(*_CLIENT_ERRORS, *scheme.dead_grant_errors):
        what = "client" if says(*_CLIENT_ERRORS) else "refresh token"
        text = f"the token endpoint refuses the {what}: {words}"
        return AuthError(text, hint=RECONNECT, outcome="not_sent")
    return ConnectError(f"the token endpoint gave no token: {words}", retry_after=retry_after(response))


def _lifetime(value: object) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value <= LONGEST_LIFE else None
