"""Where refreshed credentials are kept: the port that stores implement, and the store in memory.

An account's settings are what its operator gave. What the token endpoint gave since then, a newer access token and
perhaps a newer refresh token, is kept in a `CredentialStore`, so that every process uses the newest and only one of
them fetches it. The settings themselves are never changed, and stored values must not be fed back into them.

A refresh goes: `load`, see that the token is old, take the `lease`, ask the token endpoint, `save`, and only then use
the new token. Nobody holds a transaction or a lock over the network.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from unilead.settings import OAuthSettings, Settings, clear_text

T = TypeVar("T")
MaybeAwaitable: TypeAlias = T | Awaitable[T]
CredentialState: TypeAlias = Literal["active", "needs_reauth"]


class CredentialKey(NamedTuple):
    """Whose credentials: an account, as it was set up.

    Other settings make another key: when an operator gives an account a new refresh token or another data centre, what
    was grown from the old ones no longer counts, and a process that still has them cannot disturb the new ones.

    Attributes:
        account_id: the account's id.
        seed: fingerprint of the settings that say how to get a token; 32 hexadecimal digits, tells nothing about them.
    """

    account_id: str
    seed: str

    @classmethod
    def of(cls, account_id: str, settings: Settings) -> CredentialKey:
        """The key of an account with these settings."""
        names = settings.seed_settings if isinstance(settings, OAuthSettings) else ()
        texts = [clear_text(getattr(settings, name)) for name in names]
        return cls(account_id, hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32])


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a store holds for one key.

    Attributes:
        values: settings by name that win over the account's own: ``access_token``, ``refresh_token``, and the API
            origin where the token endpoint names it. Clear text: a store that others can read encrypts them.
        version: counts the saves; 0 before the first one.
        renew_at: when the access token is to be renewed, in seconds since 1970; ``None`` where nobody knows, then a
            401 tells.
        state: ``needs_reauth`` once only a person can help: the token endpoint refused the refresh token or the
            client, or the CRM refused a fresh access token.
        reason: why, in words for people, without secrets.
        retry_at: earliest next call of the token endpoint after a failed one, in seconds since 1970.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: int = 0
    renew_at: float | None = None
    state: CredentialState = "active"
    reason: str = ""
    retry_at: float | None = None


class CredentialStore(Protocol):
    """Keeps credentials for all processes that use an account.

    Each method may be plain or ``async``; with an ``async`` one the store serves `AsyncClient` alone. A plain store
    that waits for a disk or a network sets ``blocking = True``: then `AsyncClient` calls it in a thread.

    What a method raises ends the create before anything is sent, as a `ConfigurationError` with outcome ``not_sent``.
    """

    def load(self, key: CredentialKey) -> MaybeAwaitable[Credentials | None]:
        """What is stored; ``None``, or version 0, where nothing was saved yet."""

    def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> MaybeAwaitable[bool]:
        """Reserve the refresh for ``owner``, for at most ``seconds``, in one atomic step.

        Granted when the stored version is still ``version`` and no lease of somebody else runs, judged by the store's
        own clock. A lease whose end lies further away than any lease lasts is void: the clock was set back.

        Returns: whether it was granted.
        """

    def save(self, key: CredentialKey, credentials: Credentials) -> MaybeAwaitable[bool]:
        """Store, and end any lease, in one atomic step; on disk when it returns.

        Args:
            credentials: what to store; its ``version`` is the one it was made from, and is stored one higher.
        Returns: ``False``, and nothing is stored, when the stored version is another one by now.
        """

    def forget(self, account_id: str) -> MaybeAwaitable[None]:
        """Delete all credentials of an account."""


LONGEST_LEASE = 120.0


def lease_is_free(lease_until: float | None, now: float) -> bool:
    """Whether a lease that ends at ``lease_until`` no longer counts; for stores. Times are of one clock, in seconds."""
    return lease_until is None or lease_until <= now or lease_until > now + LONGEST_LEASE


@dataclass(slots=True)
class _Row:
    credentials: Credentials
    owner: str = ""
    lease_until: float | None = None


class MemoryCredentialStore:
    """Keeps credentials for one process; they are gone when it ends. For any number of threads and tasks."""

    def __init__(self) -> None:
        self._rows: dict[CredentialKey, _Row] = {}
        self._lock = threading.Lock()

    def load(self, key: CredentialKey) -> Credentials | None:
        """See `CredentialStore.load`."""
        row = self._rows.get(key)
        return row.credentials if row else None

    def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        """See `CredentialStore.lease`."""
        now = time.monotonic()
        with self._lock:
            row = self._rows.setdefault(key, _Row(Credentials()))
            taken = row.owner != owner and not lease_is_free(row.lease_until, now)
            if taken or row.credentials.version != version:
                return False
            row.owner, row.lease_until = owner, now + seconds
        return True

    def save(self, key: CredentialKey, credentials: Credentials) -> bool:
        """See `CredentialStore.save`."""
        with self._lock:
            row = self._rows.setdefault(key, _Row(Credentials()))
            if row.credentials.version != credentials.version:
                return False
            self._rows[key] = _Row(replace(credentials, version=credentials.version + 1))
        return True

    def forget(self, account_id: str) -> None:
        """See `CredentialStore.forget`."""
        with self._lock:
            for key in [key for key in self._rows if key.account_id == account_id]:
                del self._rows[key]
