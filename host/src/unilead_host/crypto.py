"""Vault: seals credentials, so that neither the database file nor a backup of it shows one.

The clear text names the tenant and the account it belongs to: a row that was copied to another account is refused.
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from secrets import token_bytes
from typing import Any

from nacl.exceptions import CryptoError
from nacl.secret import Aead
from pydantic import SecretStr

NO_KEY = "no encryption key is set: `unilead-host new-key` makes one, UNILEAD_HOST_ENCRYPTION_KEYS takes it"
NOT_OURS = "sealed with another key, or changed since"


class SealError(Exception):
    """Something cannot be sealed or opened; says why, never what is inside."""


class Vault:
    """Seals with the newest key, opens with any.

    Args:
        keys: newest first, each 32 bytes in URL-safe base64, as `Vault.new_key` makes them.
    Raises: SealError for something that is no key.
    """

    def __init__(self, keys: Sequence[SecretStr | str] = ()) -> None:
        self._boxes = [_box(key, place) for place, key in enumerate(keys, 1)]

    def __bool__(self) -> bool:
        return bool(self._boxes)

    def __repr__(self) -> str:
        return f"Vault({'with' if self else 'without'} keys)"

    @staticmethod
    def new_key() -> str:
        """A fresh key."""
        return urlsafe_b64encode(token_bytes(Aead.KEY_SIZE)).decode()

    def seal(self, tenant_id: str, account_id: str, values: Mapping[str, Any]) -> str:
        """Encrypt JSON values for one account. Raises: SealError when there is no key."""
        return self._encrypt(json.dumps({"tenant": tenant_id, "account": account_id, "values": dict(values)}).encode())

    def open(self, tenant_id: str, account_id: str, sealed: str) -> dict[str, Any]:
        """Decrypt what was sealed for this account. Raises: SealError."""
        content = json.loads(self._decrypt(sealed))
        if (content["tenant"], content["account"]) != (tenant_id, account_id):
            raise SealError("sealed for another account")
        values: dict[str, Any] = content["values"]
        return values

    def rotate(self, sealed: str) -> str:
        """Seal anew with the newest key. Raises: SealError."""
        return self._encrypt(self._decrypt(sealed))

    def _encrypt(self, clear: bytes) -> str:
        return urlsafe_b64encode(self._keys()[0].encrypt(clear)).decode()

    def _decrypt(self, sealed: str) -> bytes:
        boxes = self._keys()
        try:
            content = b64decode(sealed, altchars=b"-_", validate=True)
        except ValueError:
            raise SealError(NOT_OURS) from None
        for box in boxes:
            with suppress(CryptoError, ValueError):  # the latter: shorter than a nonce
                return box.decrypt(content)
        raise SealError(NOT_OURS)

    def _keys(self) -> list[Aead]:
        if not self._boxes:
            raise SealError(NO_KEY)
        return self._boxes


def _box(key: SecretStr | str, place: int) -> Aead:
    try:
        return Aead(b64decode(key.get_secret_value() if isinstance(key, SecretStr) else key, b"-_", validate=True))
    except ValueError:
        raise SealError(f"encryption key {place} is not 32 bytes in URL-safe base64; `unilead-host new-key`") from None
