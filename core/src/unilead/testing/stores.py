"""The contract of a `CredentialStore`: inherit it, write `make_store`, and the tests run against yours."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from unilead.credentials import CredentialKey, Credentials

KEY = CredentialKey("62f44730-dd91-461e-bd6a-aedd9e0ad79d", "0" * 32)
ANOTHER = "d0b5e5a2-8b2f-4c53-a9a1-0f8a1f7b0c11"
NEW = Credentials({"access_token": "newer", "refresh_token": "rotated"}, renew_at=1_800_000_000.5)
Test = Callable[["_Asked"], Coroutine[Any, Any, None]]


class _Asked:
    """Calls a store's methods, plain or asynchronous."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, method: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        async def call(*arguments: Any) -> Any:
            answer = getattr(self._store, method)(*arguments)
            return await answer if inspect.isawaitable(answer) else answer

        return call


class CredentialStoreContract:
    """What every credential store must do; each test has a store and an event loop of its own."""

    def make_store(self, folder: Path) -> Any:
        """Make an empty store; may be ``async``. ``folder`` is a new directory."""
        raise NotImplementedError

    async def close_store(self, store: Any) -> None:
        """Give back what the store holds."""
        if hasattr(store, "close"):
            store.close()

    def _run(self, folder: Path, test: Test) -> None:
        async def run() -> None:
            store = self.make_store(folder)
            store = await store if inspect.isawaitable(store) else store
            try:
                await test(_Asked(store))
            finally:
                await self.close_store(store)

        asyncio.run(run())

    def test_an_unknown_key_has_nothing(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            found = await store.load(KEY)
            assert found is None or found == Credentials()

        self._run(tmp_path, test)

    def test_what_is_saved_is_loaded_one_version_higher(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            assert await store.save(KEY, NEW)
            found = await store.load(KEY)
            assert (found.version, found.values, found.renew_at) == (1, NEW.values, NEW.renew_at)
            closed = Credentials(found.values, found.version, state="needs_reauth", reason="revoked", retry_at=12.5)
            assert await store.save(KEY, closed)
            found = await store.load(KEY)
            assert (found.version, found.state, found.reason) == (2, "needs_reauth", "revoked")
            assert (found.renew_at, found.retry_at) == (None, 12.5)

        self._run(tmp_path, test)

    def test_a_save_from_an_older_version_is_refused(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            assert await store.save(KEY, NEW)
            assert not await store.save(KEY, Credentials({"access_token": "late"}))
            assert (await store.load(KEY)).values == NEW.values

        self._run(tmp_path, test)

    def test_one_lease_at_a_time(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            assert await store.lease(KEY, 0, "first", 30)
            assert not await store.lease(KEY, 0, "second", 30)
            assert await store.lease(KEY, 0, "first", 30)
            assert await store.save(KEY, NEW)
            assert not await store.lease(KEY, 0, "second", 30)
            assert await store.lease(KEY, 1, "second", 30)

        self._run(tmp_path, test)

    def test_a_lease_ends_by_itself(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            assert await store.lease(KEY, 0, "first", 0.05)
            await asyncio.sleep(0.2)
            assert await store.lease(KEY, 0, "second", 30)

        self._run(tmp_path, test)

    def test_accounts_and_seeds_do_not_mix(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            other = (KEY._replace(seed="1" * 32), KEY._replace(account_id=ANOTHER))
            assert await store.save(KEY, NEW)
            for key in other:
                assert (await store.load(key) or Credentials()).version == 0
                assert await store.lease(key, 0, "anyone", 30)

        self._run(tmp_path, test)

    def test_a_forgotten_account_is_gone(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            mine, another = (KEY, KEY._replace(seed="1" * 32)), KEY._replace(account_id=ANOTHER)
            for key in (*mine, another):
                assert await store.save(key, NEW)
            await store.forget(KEY.account_id)
            found = [(await store.load(key) or Credentials()).version for key in (*mine, another)]
            assert found == [0, 0, 1]

        self._run(tmp_path, test)

    def test_of_many_at_once_one_gets_the_lease(self, tmp_path: Path) -> None:
        async def test(store: _Asked) -> None:
            granted = await asyncio.gather(*(store.lease(KEY, 0, f"worker {number}", 30) for number in range(20)))
            assert sorted(granted) == [False] * 19 + [True]

        self._run(tmp_path, test)
