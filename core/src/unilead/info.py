"""ProviderInfo, a CRM's data sheet, and what it is made of: authentication schemes, rate limits, vendor rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from unilead.mapping import FieldMap
from unilead.quota import QuotaHeaders
from unilead.settings import Settings

QueryStyle: TypeAlias = Literal["brackets", "repeat", "comma"]
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class HeaderAuth:
    """Credentials in one header.

    Attributes:
        name: header name.
        template: its value, with settings in braces, such as ``Bearer {token}``.
    """

    name: str
    template: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The settings this scheme uses."""
        return _settings_in(self.template)


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic authentication.

    Attributes:
        username: template with settings in braces; may be empty.
        password: template with settings in braces; may be empty.
    """

    username: str
    password: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The settings this scheme uses."""
        return _settings_in(self.username + self.password)


@dataclass(frozen=True, slots=True)
class OAuth2:
    """An OAuth 2.0 access token, refreshed where the account's settings allow it.

    Attributes:
        token_url: token endpoint; a template with settings in braces.
        prefix: word before the token in the ``Authorization`` header.
        client_auth: where the client's own credentials go at the token endpoint.
        authorize_url: where a user grants access; empty where the scheme has no such step here.
        scopes: what to ask for when a user grants access.
        scope_joiner: text between scopes.
        pkce: the vendor takes a PKCE challenge.
        authorize_params: further query parameters of the authorize URL.
        origin_field: key of the token answer that holds the account's API origin, such as ``instance_url``.
        origin_setting: the setting that takes that origin.
        token_hosts: regular expressions; where ``token_url`` has braces its host must match one of them as a whole.
            Empty: the provider's ``allowed_hosts``.
        dead_grant_errors: beginnings of the endpoint's errors that mean *this refresh token is dead*, in lower case
            with underscores.
        throttle_errors: beginnings of those that mean *too many requests*, whatever their status.
        throttle_seconds: how long to leave a throttled endpoint alone where its answer does not say.
    """

    token_url: str
    prefix: str = "Bearer"
    client_auth: Literal["body", "basic"] = "body"
    authorize_url: str = ""
    scopes: tuple[str, ...] = ()
    scope_joiner: str = " "
    pkce: bool = False
    authorize_params: Mapping[str, str] = field(default_factory=dict)
    origin_field: str = ""
    origin_setting: str = ""
    token_hosts: tuple[str, ...] = ()
    dead_grant_errors: tuple[str, ...] = ("invalid_grant",)
    throttle_errors: tuple[str, ...] = ()
    throttle_seconds: float | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The settings this scheme uses at least."""
        return ("access_token",)


AuthScheme: TypeAlias = HeaderAuth | BasicAuth | OAuth2


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``requests`` in ``seconds``, for one account."""

    requests: int
    seconds: float

    @property
    def words(self) -> str:
        """The limit for people: ``110 requests in 10 seconds``, ``36,000 requests in an hour``."""
        size, unit = next(((size, unit) for size, unit in _UNITS if self.seconds % size == 0), (1, "second"))
        one = "an hour" if unit == "hour" else f"a {unit}"
        return f"{self.requests:,} requests in {one if self.seconds == size else f'{self.seconds / size:g} {unit}s'}"


@dataclass(frozen=True, slots=True)
class VendorRule:
    """Something the CRM demands beyond the contract, in words for people.

    Attributes:
        text: the rule, one sentence.
        fields: unified fields it is about.
        must_have: the CRM refuses a lead that has none of these fields.
    """

    text: str
    fields: tuple[str, ...] = ()
    must_have: bool = False


@dataclass(frozen=True, kw_only=True)
class ProviderInfo:
    """A CRM's data sheet: everything about it that is data rather than code.

    Attributes:
        slug: the provider's name in lower case with hyphens.
        title: the CRM's name for people.
        base_url: origin, without path; a template with settings in braces.
        allowed_hosts: regular expressions; a base URL's host must match one of them as a whole.
        auth: the authentication schemes, the first whose settings are all given is used.
        settings: the settings model.
        fields: where each lead field goes.
        response_fields: fields of `CreatedLead` that the contract lists for this CRM.
        batch_size: most leads in one batch request; 0 where the CRM has no batch endpoint.
        rate_limits: what the CRM allows one account, all windows together.
        quotas: the headers in which the CRM tells what is left of its limits.
        query_style: how nested ``remote_query`` values are written in the URL.
        credential_names: names of query parameters and body keys that carry credentials; refused from callers.
        reserved_keys: keys of ``remote_data`` that would break the request's envelope; refused from callers.
        rules: what the CRM demands beyond the contract.
        quirks: what a user should know, one sentence each.
        docs: title to address of the vendor's own pages.
        accept: value of the ``Accept`` header.
    """

    slug: str
    title: str
    base_url: str
    allowed_hosts: tuple[str, ...]
    auth: AuthScheme | tuple[AuthScheme, ...]
    settings: type[Settings]
    fields: FieldMap
    response_fields: tuple[str, ...] = ()
    batch_size: int = 0
    rate_limits: tuple[RateLimit, ...] = ()
    quotas: tuple[QuotaHeaders, ...] = ()
    query_style: QueryStyle = "brackets"
    credential_names: frozenset[str] = frozenset()
    reserved_keys: frozenset[str] = frozenset()
    rules: tuple[VendorRule, ...] = ()
    quirks: tuple[str, ...] = ()
    docs: Mapping[str, str] = field(default_factory=dict)
    accept: str = "application/json"

    @property
    def auth_schemes(self) -> tuple[AuthScheme, ...]:
        """The authentication schemes in order of preference."""
        return self.auth if isinstance(self.auth, tuple) else (self.auth,)

    def fault(self) -> str | None:
        """What is wrong with the data sheet, whatever the account; ``None`` where nothing is."""
        settings: Any = self.settings  # whatever its author gave
        hosts: Any = self.allowed_hosts
        if not (isinstance(settings, type) and issubclass(settings, Settings)):
            return "names settings that do not inherit from Settings"
        needed = [name for scheme in self.auth_schemes for name in scheme.needs] + list(_settings_in(self.base_url))
        for name in needed:
            if name not in settings.model_fields and not hasattr(settings, name):
                return f"needs the setting {name!r}, which {settings.__name__} does not have"
        if isinstance(hosts, str):
            return "gives allowed_hosts as one text, not as a tuple"
        for pattern in hosts:
            try:
                re.compile(pattern)
            except re.error:
                return f"allows hosts by {pattern!r}, which is no regular expression"
        return None


@lru_cache(maxsize=256)
def _settings_in(template: str) -> tuple[str, ...]:
    """The settings that a template names."""
    return tuple(re.findall(r"{(\w+)}", template))
