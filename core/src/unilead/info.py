"""ProviderInfo (a CRM's data sheet), Settings (what an account needs), Account, and the authentication schemes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self, TypeAlias
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator, model_validator

from unilead.errors import Problem, SettingsError
from unilead.mapping import FieldMap
from unilead.quota import QuotaHeaders

_UNCLEAN = re.compile(r"^\s|\s$|[\x00-\x1f\x7f]")
QueryStyle: TypeAlias = Literal["brackets", "repeat", "comma"]


class Settings(BaseModel):
    """Base of a provider's per-account settings: frozen, unknown keys refused, secrets as ``SecretStr``.

    Errors never show a value, and settings refuse to be pickled, so that credentials do not end up in caches or logs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True)

    @field_validator("*")
    @classmethod
    def _is_a_clean_credential(cls, value: Any) -> Any:
        """Refuse a secret that was pasted with a line break or blanks around it: no header may carry that."""
        if isinstance(value, SecretStr) and _UNCLEAN.search(value.get_secret_value()):
            raise ValueError("must not begin or end with blanks, or hold a line break")
        return value

    def __getstate__(self) -> dict[Any, Any]:
        raise TypeError("settings hold credentials and cannot be pickled or copied; build them again")

    def __repr_args__(self) -> Any:
        return ((name, value if isinstance(value, SecretStr) else ...) for name, value in self.__dict__.items())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Give each setting the meaning that a docstring has for it, so that pages and forms can show it."""
        found: dict[str, Any] = handler.resolve_ref_schema(handler(schema))
        for base in cls.__mro__:
            for name, meaning in attribute_meanings(base.__doc__ or "").items():
                if name in found.get("properties", {}):
                    found["properties"][name].setdefault("description", meaning)
        return found

    def secrets(self) -> tuple[str, ...]:
        """All secret values that are set, for masking them wherever they might turn up."""
        values = [value.get_secret_value() for value in self.__dict__.values() if isinstance(value, SecretStr)]
        return tuple(filter(None, values))


def attribute_meanings(docstring: str) -> dict[str, str]:
    """Read the ``Attributes:`` of a docstring: name to meaning; several names may share one."""
    _, _, section = inspect.cleandoc(docstring).partition("Attributes:\n")
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        entry = re.match(r" {4}(\w+(?:, \w+)*): (.+)", line)
        if entry:
            names = entry[1].split(", ")
            meanings |= dict.fromkeys(names, entry[2].strip())
        elif line.startswith(" " * 5):
            meanings |= {name: f"{meanings[name]} {line.strip()}" for name in names}
        else:
            break
    return meanings


class OAuthSettings(Settings):
    """Base of the settings of a provider with OAuth 2.0: an access token, or what it takes to get one.

    Attributes:
        access_token: a token that was made by hand, or the newest one from the token endpoint.
        client_id, client_secret, refresh_token: with these the token is renewed when it expires.
        ways_in: what to give, in words for people; for providers that take something else too.
        seed_settings: names of the settings that say how to get a token. When one of them changes, stored tokens no
            longer count.
    """

    ways_in: ClassVar[str] = "access_token, or client_id, client_secret and refresh_token"
    seed_settings: ClassVar[tuple[str, ...]] = ("client_id", "client_secret", "refresh_token", "access_token")

    access_token: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @model_validator(mode="after")
    def _has_a_way_in(self) -> Self:
        refreshable = bool(self.client_id and self.refresh_token)
        if self.refresh_token and not self.client_id:
            raise ValueError("refresh_token needs client_id beside it")
        if not refreshable and not self._has_static_credentials():
            raise ValueError(f"give {self.ways_in}")
        return self

    def _has_static_credentials(self) -> bool:
        return bool(self.access_token and self.access_token.get_secret_value())


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
        username, password: templates with settings in braces; may be empty.
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


@dataclass(frozen=True, slots=True)
class VendorRule:
    """Something the CRM demands beyond the contract, in words for people.

    Attributes:
        text: the rule, one sentence.
        fields: unified fields it is about.
    """

    text: str
    fields: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Account:
    """One customer's connection to one CRM.

    Attributes:
        provider: slug.
        settings: the provider's settings; a mapping is checked against its model at first use.
        id: unique name of the account, a uuid; made up when not given.
        read_back: read each created lead back, to fill what the create did not answer.
    """

    provider: str
    settings: Settings | Mapping[str, Any] = field(default_factory=dict, repr=False)
    id: str = field(default_factory=lambda: str(uuid4()))
    read_back: bool = False


@lru_cache(maxsize=256)
def _settings_in(template: str) -> tuple[str, ...]:
    """The settings that a template names."""
    return tuple(re.findall(r"{(\w+)}", template))


def build_settings(model: type[Settings], values: Settings | Mapping[str, Any], slug: str) -> Settings:
    """Check an account's settings against the provider's model.

    Raises: SettingsError naming each setting at fault; never a value.
    """
    if isinstance(values, model):
        return values
    if isinstance(values, Settings):
        raise SettingsError(f"settings are of {type(values).__name__}, not {model.__name__}", provider=slug)
    try:
        return model.model_validate(dict(values))
    except ValidationError as fault:
        problems = [
            Problem(".".join(str(step) for step in error["loc"]) or "settings", error["type"], _reason(error["msg"]))
            for error in fault.errors(include_url=False, include_context=False, include_input=False)
        ]
    names = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
    hint = f"unilead describe {slug} lists the settings"
    raise SettingsError(f"account settings: {names}", problems=problems, provider=slug, hint=hint)


def _reason(text: str) -> str:
    known = {"Field required": "is required", "Extra inputs are not permitted": "is not a setting of this provider"}
    return known.get(text) or text.removeprefix("Value error, ")


class _Fields(dict[str, Any]):
    """Looks settings up for a template, so that templates can use properties too."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def __missing__(self, name: str) -> Any:
        value = getattr(self._settings, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else value


def fill(template: str, settings: Settings) -> str:
    """Fill a template's braces with settings; secrets are unwrapped, so keep the result to yourself."""
    return template.format_map(_Fields(settings))


def has_settings(settings: Settings, names: tuple[str, ...]) -> bool:
    """Whether all of the named settings are given."""
    return all(getattr(settings, name, None) for name in names)
