"""A provider's data sheet as its page shows it: settings, signing in, limits, fields, and what is installed."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from unilead import BasicAuth, HeaderAuth, LeadError, OAuth2, OAuthSettings, Plugin, Provider, Registry
from unilead.info import AuthScheme
from unilead.registry import hook_names
from unilead_host.page.matrix import SIDES, Cell, FieldRow, Side, cell, schema_rows, shape_of


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of an account."""

    name: str
    type: str
    is_required: bool
    is_secret: bool
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Link:
    """One distribution of the override chain, and the hooks it writes."""

    distribution: str
    version: str
    module: str
    hooks: tuple[str, ...]
    is_override: bool


@dataclass(frozen=True, slots=True)
class Described:
    """A field or part that a provider takes or answers."""

    field: FieldRow
    cell: Cell


def settings_of(provider: Provider) -> list[Setting]:
    """The settings of an account, from the JSON Schema of the provider's settings model."""
    schema = provider.info.settings.model_json_schema()
    required = schema.get("required", ())
    return [
        Setting(
            name,
            _type_of(details),
            name in required,
            _is_secret(details),
            _default(details),
            _sentence_like(details.get("description", "")),
        )
        for name, details in schema["properties"].items()
    ]


def ways_in(provider: Provider) -> str:
    """What an account must give at least, where no single setting is required."""
    model = provider.info.settings
    return model.ways_in if issubclass(model, OAuthSettings) else ""


def summary(provider: Provider) -> str:
    """The first sentence of the settings model: what an account is at this CRM."""
    return (inspect.getdoc(provider.info.settings) or "").split("\n\n")[0].replace("\n", " ")


def _sentence_like(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".")


def _type_of(details: dict[str, Any]) -> str:
    shape = shape_of(details)
    if "enum" in shape:
        return "one of " + ", ".join(str(value) for value in shape["enum"])
    if shape.get("type") == "object":
        return f"object of name to {shape.get('additionalProperties', {}).get('type', 'value')}"
    return str(shape.get("type", "any"))


def _is_secret(details: dict[str, Any]) -> bool:
    return shape_of(details).get("format") == "password"


def _default(details: dict[str, Any]) -> str:
    value = details.get("default")
    return "" if value in (None, {}, []) or _is_secret(details) else str(value)


def signing_in(scheme: AuthScheme) -> str:
    """An authentication scheme in words; settings stand in double backticks."""
    match scheme:
        case HeaderAuth(name, template):
            return f"The header ``{name}: {template}``"
        case BasicAuth(username, password):
            secret = f"password ``{password}``" if password else "an empty password"
            return f"HTTP Basic with user ``{username}`` and {secret}"
        case OAuth2():
            scopes = f"; scopes {', '.join(f'``{name}``' for name in scheme.scopes)}" if scheme.scopes else ""
            return f"OAuth 2.0 with ``Authorization: {scheme.prefix} …``, renewed with the refresh token{scopes}"


def address(provider: Provider) -> str:
    """Where requests go; settings stand in braces. Empty where the account's settings say it all."""
    url = provider.info.base_url
    return "" if url.startswith("{") else url


def limits(provider: Provider) -> list[str]:
    """The CRM's rate limits in words."""
    return [limit.words for limit in provider.info.rate_limits]


def fields_of(provider: Provider, side: Side) -> list[Described]:
    """The fields and parts that the provider takes, or answers."""
    rows = (Described(row, cell(side, provider, row)) for row in schema_rows(side))
    return [row for row in rows if row.cell != "no"]


def all_fields(provider: Provider) -> dict[Side, list[Described]]:
    """Both sides of `fields_of`."""
    return {side: fields_of(provider, side) for side in SIDES}


def chain(registry: Registry, slug: str) -> list[Link]:
    """The distributions behind a slug: the provider, then what is stacked on it."""
    links = [(plugin, False) for plugin in registry.plugins(slug)] + [(it, True) for it in registry.overrides(slug)]
    return [
        Link(plugin.distribution, plugin.version, plugin.module, _hooks(plugin), is_override)
        for plugin, is_override in links
    ]


def _hooks(plugin: Plugin) -> tuple[str, ...]:
    """The hooks that a loaded plugin writes; none where it does not load, which its slug reports."""
    try:
        return hook_names(plugin.entry_point.load())
    except Exception:  # whatever a plugin's import raises is told once, by the registry
        return ()


def fault_of(registry: Registry, slug: str) -> LeadError | None:
    """Why an installed provider cannot be used; ``None`` where it can."""
    try:
        registry.get(slug)
    except LeadError as error:
        return error
    return None
