"""Guessing tokens is slow, by address: S020."""

from __future__ import annotations

import httpx
import pytest

from host_callers import Tenant
from unilead_host.app import Application
from unilead_host.attempts import ADDRESSES, FailedAttempts


def test_s020_a_thousand_wrong_tokens_in_a_minute() -> None:
    now = 0.0
    attempts = FailedAttempts(clock=lambda: now)
    tried = 0
    for tick in range(1_000):
        now = tick * 0.06
        if not attempts.wait("192.0.2.1"):
            attempts.failed("192.0.2.1")
            tried += 1
    assert 60 <= tried <= 91  # the burst, and one a second
    assert attempts.wait("192.0.2.1") >= 1
    assert attempts.wait("192.0.2.2") == 0


def test_s020_failures_are_forgiven() -> None:
    now = 0.0
    attempts = FailedAttempts(burst=3, clock=lambda: now)
    for _ in range(3):
        attempts.failed("192.0.2.1")
    now = attempts.wait("192.0.2.1")
    assert now == 1
    assert attempts.wait("192.0.2.1") == 0


def test_s020_an_ipv6_caller_cannot_pick_a_new_address() -> None:
    attempts = FailedAttempts(burst=1)
    attempts.failed("2001:db8::1")
    assert attempts.wait("2001:db8::2")
    assert not attempts.wait("2001:db8:0:1::1")


def test_s020_memory_is_bounded() -> None:
    attempts = FailedAttempts(burst=1)
    for number in range(ADDRESSES + 10):
        attempts.failed(f"host {number}")
    assert not attempts.wait("host 0")
    assert attempts.wait(f"host {ADDRESSES + 9}")


@pytest.mark.anyio
async def test_s020_over_http_a_guesser_is_slowed_and_others_are_not(app: Application, ours: Tenant) -> None:
    guesser = httpx.ASGITransport(app, client=("192.0.2.9", 1))
    async with httpx.AsyncClient(transport=guesser, base_url="http://host") as http:
        wrong = {"Authorization": f"Bearer {ours.token[:-2]}AA"}
        answers = [await http.get("/integrated-account", headers=wrong) for _ in range(100)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[:30] == [401] * 30
        assert statuses.count(429) >= 60
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await http.get("/ping")).status_code == 200
    assert (await ours("GET")).status_code == 200
