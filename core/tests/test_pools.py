"""One pool for all threads of a client, however many of them send first."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from unilead.transport import open_transport
from unilead.transport import pool as pools


@pytest.mark.parametrize("backend", ["httpx", "httpx2"])
def test_threads_that_send_first_at_once_share_one_pool(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = pools._pool_options

    def slow_options(*given: Any, **more: Any) -> dict[str, Any]:
        time.sleep(0.02)
        made.append(None)
        return real(*given, **more)

    monkeypatch.setattr(pools, "_pool_options", slow_options)
    transport = open_transport(None, backend)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(transport._opened())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    transport.close()
    assert len(made) == 1
    assert len({id(pool) for pool in found}) == 1
