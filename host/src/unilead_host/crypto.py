"""Vault: seals credentials, so that neither the database file nor a backup of it shows one.

The clear text names the tenant and the account it belongs to: a row that was copied to another account is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

NO_KEY = "no encryption key is set: `unilead-host new-key` makes one, UNILEAD_HOST_ENCRYPTION_KEYS takes it"


class SealError(Exception):
    """Something cannot be sealed or opened; says why, never what is inside."""


class Vault:
    """Seals with the newest key, opens with any.

    Args:
        keys: newest first, each 32 bytes in URL-safe base64, as `Vault.new_key` makes them.
    Raises: SealError for something that is no key.
    """

    def __init__(self, keys: Sequence[SecretStr | str] = ()) -> None:
        self._fernet = MultiFernet([_fernet(key, place) for place, key in enumerate(keys, 1)]) if keys else None

    def __bool__(self) -> bool:
        return self._fernet is not None

    def __repr__(self) -> str:
        return f"Vault({'with' if self else 'without'} keys)"

    @staticmethod
    def new_key() -> str:
        """A fresh key."""
        return Fernet.generate_key().decode()

    def seal(self, tenant_id: str, account_id: str, values: Mapping[str, Any]) -> str:
        """Encrypt JSON values for one account. Raises: SealError when there is no key."""
        content = {"tenant": tenant_id, "account": account_id, "values": dict(values)}
        return self._keys().encrypt(json.dumps(content).encode()).decode()

    def open(self, tenant_id: str, account_id: str, sealed: str) -> dict[str, Any]:
        """Decrypt what was sealed for this account. Raises: SealError."""
        try:
            content = json.loads(self._keys().decrypt(sealed.encode()))
        except InvalidToken:
            raise SealError("sealed with another key, or changed since") from None
        if (content["tenant"], content["account"]) != (tenant_id, account_id):
            raise SealError("sealed for another account")
        values: dict[str, Any] = content["values"]
        return values

    def rotate(self, sealed: str) -> str:
        """Seal anew with the newest key. Raises: SealError."""
        try:
            return self._keys().rotate(sealed.encode()).decode()
        except InvalidToken:
            raise SealError("sealed with another key, or changed since") from None

    def _keys(self) -> MultiFernet:
        if self._fernet is None:
            raise SealError(NO_KEY)
        return self._fernet


def _fernet(key: SecretStr | str, place: int) -> Fernet:
    try:
        return Fernet(key.get_secret_value() if isinstance(key, SecretStr) else key)
    except ValueError:
        raise SealError(f"encryption key {place} is not 32 bytes in URL-safe base64; `unilead-host new-key`") from None
