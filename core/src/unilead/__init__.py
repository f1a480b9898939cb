"""unilead: one lead, any CRM.

The names below are the public API: what a plugin, a host or an application may import. Each is loaded when it is first
used, so that listing what is installed costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "account": ("Account",),
    "answered": ("RowVerdict", "one_address", "reference", "row_verdict", "typed_items"),
    "client": ("AsyncClient", "Client"),
    "converters": (
        "custom_field_values", "id_name", "list_as_text", "named_id", "scalar_text", "to_digits", "to_integer",
    ),
    "credential_stores": ("FileCredentialStore", "SqliteCredentialStore"),
    "credentials": ("CredentialKey", "CredentialStore", "Credentials", "MemoryCredentialStore"),
    "errors": (
        "AuthError", "Category", "ConfigurationError", "ConnectError", "DuplicateLeadError", "HookContractError",
        "InvalidLeadError", "LeadError", "MalformedResponseError", "MissingFieldsError", "Outcome",
        "OutcomeUnknownError", "Problem", "ProviderConflictError", "ProviderError", "ProviderLoadError",
        "RateLimitError", "RejectedError", "SettingsError", "TransportError", "UnavailableError",
        "UnknownProviderError",
    ),
    "exchange": ("Result",),
    "fields": ("Field", "Part"),
    "hooks": ("hookimpl",),
    "in_flight": ("AsyncCreating", "Creating"),
    "info": ("BasicAuth", "HeaderAuth", "OAuth2", "ProviderInfo", "RateLimit", "VendorRule"),
    "installed": ("Plugin",),
    "mapping": ("FieldMap",),
    "merging": ("thaw",),
    "message": ("Request", "Response", "path_segment"),
    "oauth": ("Grant",),
    "pace": ("Pacer", "RatePacer"),
    "provider": ("Provider",),
    "quota": ("QuotaHeaders",),
    "registry": ("Registry",),
    "schema": (
        "AccountReference", "CreatedLead", "EmailAddress", "Lead", "PhoneNumber", "PostalAddress", "Reference", "Url",
    ),
    "settings": ("OAuthSettings", "Settings"),
    "simulator": ("Call", "Faults", "Simulator", "route", "wrong_types"),
    "slots": (
        "AddressSlots", "EmailSlots", "PhoneSlots", "first", "is_primary", "phone_text",
    ),
    "status_errors": ("error_for",),
    "values": ("parse_timestamp", "utc_text"),
}  # fmt: skip
_HOME_OF = {name: f"unilead.{module}" for module, names in _HOMES.items() for name in names}

__all__ = ["SecretStr", "__version__", *sorted(_HOME_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from unilead.version import VERSION

        return VERSION
    if name == "SecretStr":
        from pydantic import SecretStr

        return SecretStr
    if name not in _HOME_OF:
        raise AttributeError(f"module 'unilead' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
