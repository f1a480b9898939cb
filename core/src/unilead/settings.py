"""What a provider needs to know of an account: the bases of settings models, their check, and templates with them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator, model_validator

from unilead.errors import Problem, SettingsError

_UNCLEAN = re.compile(r"^\s|\s$|[\x00-\x1f\x7f]")


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
        client_id: of the OAuth application. With it, its secret and a refresh token an expired token is renewed.
        client_secret: of the OAuth application.
        refresh_token: of the customer who let the application in.
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
    names = "; ".join(f"{problem.field}: {problem.message}".removeprefix("settings: ") for problem in problems)
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


def clear_text(value: Any) -> str:
    """The value of a setting as text, unwrapped where it is secret, so keep it to yourself; empty for ``None``."""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def has_settings(settings: Settings, names: tuple[str, ...]) -> bool:
    """Whether all of the named settings are given."""
    return all(getattr(settings, name, None) for name in names)
