"""An account's settings on their way into the database: checked by the provider's model, sealed, partly shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import SecretStr

from unilead import Account, CredentialKey, OAuth2, Problem, Provider, ProviderInfo, Settings, SettingsError
from unilead.auth import check_sign_in, scheme_of
from unilead_host.crypto import Vault

PLACEHOLDER = {"access_token": "connecting"}  # stands in for the token that a connect will bring
WHOLE = "settings"  # where a fault is not in one setting, but in how they go together


@dataclass(frozen=True, slots=True)
class CheckedSettings:
    """Settings that passed the provider's model, in the forms that are stored.

    Attributes:
        values: as they were given.
        settings: ``None`` while a connect is still to bring some of them.
    """

    provider: Provider
    values: Mapping[str, Any] = field(repr=False)
    settings: Settings | None

    @classmethod
    def of(cls, provider: Provider, values: Mapping[str, Any], *, connecting: bool) -> CheckedSettings:
        """Check settings. Raises: SettingsError naming each one at fault."""
        _check_text(provider, values)
        if connecting:
            settings_so_far(provider, values)
            return cls(provider, values, None)
        settings = provider.settings_of(Account(provider.slug, values))
        provider.base_url(settings)
        check_sign_in(provider.info, settings)
        return cls(provider, values, settings)

    def row(self, vault: Vault, tenant_id: str, account_id: str) -> dict[str, Any]:
        """The columns of an account that come from its settings. Raises: SealError without a key."""
        fields = self.provider.info.settings.model_fields
        public = {name: value for name, value in self.values.items() if not _is_secret(fields[name].annotation)}
        return {
            "authentication_method": self.method,
            "context": json.dumps(public),
            "sealed": vault.seal(tenant_id, account_id, self.values),
            "seed": CredentialKey.of(account_id, self.settings).seed if self.settings else "",
        }

    @property
    def method(self) -> str:
        """How the account is connected: ``oauth2`` or ``api_key``."""
        info = self.provider.info
        if self.settings is None:
            return "oauth2" if connect_scheme(info) else "api_key"
        is_oauth = isinstance(scheme_of(info, self.settings), OAuth2) and getattr(self.settings, "refresh_token", None)
        return "oauth2" if is_oauth else "api_key"


def connect_scheme(info: ProviderInfo) -> OAuth2 | None:
    """The scheme by which a user can grant access in a browser, where the CRM has one."""
    schemes = (scheme for scheme in info.auth_schemes if isinstance(scheme, OAuth2) and scheme.authorize_url)
    return next(schemes, None)


def settings_so_far(provider: Provider, values: Mapping[str, Any]) -> Settings:
    """The settings of an account that is still to be connected: each is checked, but some may be missing.

    Raises: SettingsError for a setting that is given and does not fit.
    """
    model = provider.info.settings
    placeholder = {name: text for name, text in PLACEHOLDER.items() if name in model.model_fields}
    given = {**placeholder, **values}
    try:
        return provider.settings(given)
    except SettingsError as error:
        faults = [problem for problem in error.problems if problem.code != "missing" and problem.field != WHOLE]
    if faults:
        text = "; ".join(f"{problem.field}: {problem.message}" for problem in faults)
        raise SettingsError(f"account settings: {text}", problems=faults, provider=provider.slug)
    secret = {name for name, info in model.model_fields.items() if _is_secret(info.annotation)}
    typed: dict[str, Any] = {name: SecretStr(value) if name in secret else value for name, value in given.items()}
    return model.model_construct(**typed)


def _check_text(provider: Provider, values: Mapping[str, Any]) -> None:
    """JSON can hold half a character, which no request can carry. Raises: SettingsError."""
    for name, value in values.items():
        try:
            json.dumps([name, value], ensure_ascii=False).encode()
        except UnicodeEncodeError:
            shown = name if name.isascii() else WHOLE
            problem = Problem(shown, "invalid", "holds half a character (a lone surrogate)")
            text = f"account settings: {shown}: {problem.message}"
            raise SettingsError(text, problems=[problem], provider=provider.slug) from None


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))
