"""Rate limits in front of the send, and quotas that are used up."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme import TOKEN, AcmeSimulator, EmptyRegistry, make_info, make_plugin
from test_exchange import CREATED, LEAD, Script
from unilead import Account, AsyncClient, Client, RateLimit, RateLimitError, RatePacer, Registry, Response, Result
from unilead.pace import Pauses, binding_limits

LIMITS = (RateLimit(10, 1), RateLimit(60, 10))


class Clock:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def most_in_any_window(sent: list[float], seconds: float) -> int:
    return max(sum(start <= moment < start + seconds for moment in sent) for start in sent)


def schedule(pacer: RatePacer, clock: Clock, workers: int, limits: Iterable[RateLimit], until: float) -> list[float]:
    """Let workers send as fast as the pacer lets them. Returns: when each send left."""
    sent: list[float] = []
    free = [clock.now + random.random() / 100 for _ in range(workers)]
    while min(free) < until:
        worker = free.index(min(free))
        clock.now = free[worker]
        seconds = pacer.wait("account", tuple(limits))
        if not seconds:
            sent.append(clock.now)
        free[worker] = clock.now + (seconds or 0.001)
    return sent


@pytest.mark.parametrize("workers", [1, 4, 50])
@pytest.mark.parametrize("limits", [(RateLimit(10, 1),), (RateLimit(10, 1), RateLimit(100, 10)), LIMITS])
def test_l008_no_window_is_ever_overfull_and_hardly_a_slot_is_lost(workers: int, limits: tuple[RateLimit, ...]) -> None:
    clock = Clock()
    sent = schedule(RatePacer(clock), clock, workers, limits, until=clock.now + 60)
    for limit in limits:
        assert most_in_any_window(sent, limit.seconds) <= limit.requests
    allowed = min(60 / limit.seconds * limit.requests for limit in limits)
    assert len(sent) >= 0.9 * allowed


def test_a_pacer_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrate_limiter", None)
    with pytest.raises(ImportError, match=r"pip install 'unilead\[bulk\]'"):
        RatePacer()


def test_accounts_do_not_share_a_budget() -> None:
    pacer = RatePacer(Clock())
    assert [pacer.wait("one", (RateLimit(1, 60),)) > 0 for _ in range(2)] == [False, True]
    assert pacer.wait("two", (RateLimit(1, 60),)) == 0
    assert pacer.wait("three", ()) == 0


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ((RateLimit(8, 1), RateLimit(36_000, 3_600)), [(8, 1)]),
        ((RateLimit(110, 10), RateLimit(625_000, 86_400)), [(110, 10)]),
        ((RateLimit(10, 1), RateLimit(60, 10)), [(10, 1), (60, 10)]),
        ((RateLimit(60, 10), RateLimit(10, 1)), [(10, 1), (60, 10)]),
        ((RateLimit(10, 1), RateLimit(5, 10)), [(5, 10)]),
        ((RateLimit(10, 1), RateLimit(5, 1)), [(5, 1)]),
        ((RateLimit(100_000, 86_400),), []),
        ((), []),
    ],
)
def test_windows_that_never_bind_are_left_out(limits: tuple[RateLimit, ...], kept: list[tuple[int, float]]) -> None:
    assert [(limit.requests, limit.seconds) for limit in binding_limits(limits)] == kept


@given(st.lists(st.builds(RateLimit, st.integers(1, 1000), st.sampled_from([1, 2, 10, 60, 3600, 86_400]))))
def test_any_limits_make_a_pacer(limits: list[RateLimit]) -> None:
    assert RatePacer(Clock()).wait("account", limits) == 0


def paced_registry() -> Registry:
    found = EmptyRegistry()
    found.register("acme", make_plugin(describe=lambda: make_info(rate_limits=(RateLimit(3, 1),))))
    return found


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_both_clients_wait_in_front_of_the_send(kind: str, monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    clock = Clock()
    sent: list[float] = []

    def sleep(seconds: float) -> None:
        clock.now += seconds

    async def sleep_async(seconds: float) -> None:
        clock.now += seconds

    class Timed(AcmeSimulator):
        def respond(self, call: Any) -> Response:
            sent.append(clock.now)
            return super().respond(call)

    monkeypatch.setattr("unilead.drive.time.sleep", sleep)
    monkeypatch.setattr("unilead.drive.asyncio.sleep", sleep_async)
    options: dict[str, Any] = {"transport": Timed(), "registry": paced_registry(), "pacer": RatePacer(clock)}
    if kind == "sync":
        with Client(**options) as client:
            results = [client.create(LEAD, account) for _ in range(10)]
    else:

        async def run() -> list[Result]:
            async with AsyncClient(**options) as client:
                return [await client.create(LEAD, account) for _ in range(10)]

        results = asyncio.run(run())
    assert len(results) == len(sent) == 10
    assert {result.attempts for result in results} == {1}, "a wait is no failure"
    assert most_in_any_window(sent, 1) == 3


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_many_leads_are_paced_too(kind: str, account: Account) -> None:
    sent: list[float] = []

    class Timed(AcmeSimulator):
        def respond(self, call: Any) -> Response:
            sent.append(time.monotonic())
            return super().respond(call)

    registry = EmptyRegistry()
    registry.register("acme", make_plugin(describe=lambda: make_info(rate_limits=(RateLimit(5, 0.2),))))
    options: dict[str, Any] = {"transport": Timed(), "registry": registry, "pacer": RatePacer()}
    if kind == "sync":
        with Client(**options) as client:
            verdicts = list(client.create_many([LEAD] * 20, account, concurrency=8))
    else:

        async def run() -> list[Any]:
            async with AsyncClient(**options) as client:
                return [verdict async for verdict in client.create_many([LEAD] * 20, account, concurrency=8)]

        verdicts = asyncio.run(run())
    assert len(verdicts) == len(sent) == 20
    assert max(sent) - min(sent) > 0.55  # four windows of five


def test_a_wait_does_not_count_where_nobody_sits_and_waits(account: Account) -> None:
    class Once:
        waits = [0.1]

        def wait(self, account_id: str, limits: Any) -> float:
            return self.waits.pop() if self.waits else 0.0

    client = Client(transport=AcmeSimulator(), registry=paced_registry(), pacer=Once(), timeout=0.05)
    ((_, result),) = client.create_many([LEAD], account)
    assert isinstance(result, Result)
    assert result.attempts == 1


def test_a_wait_that_passes_the_deadline_sends_nothing(account: Account) -> None:
    class Never:
        def wait(self, account_id: str, limits: Any) -> float:
            return 100.0

    simulator = AcmeSimulator()
    client = Client(transport=simulator, registry=paced_registry(), pacer=Never())
    with pytest.raises(RateLimitError) as caught:
        client.create(LEAD, account)
    error = caught.value
    assert (error.outcome, error.retry_after, error.retryable, error.provider) == ("not_sent", 100.0, True, "acme")
    assert not simulator.calls


def test_nobody_is_paced_without_a_pacer(account: Account) -> None:
    simulator = AcmeSimulator()
    with Client(transport=simulator, registry=paced_registry()) as client:
        for _ in range(20):
            client.create(LEAD, account)
    assert simulator.count == 20


# --- F040: a quota that is used up ------------------------------------------------------------------------------------


def test_f040_a_quota_that_is_used_up_is_not_asked_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(Response.of(429, {"text": "day's quota"}, {"Retry-After": "7200"}), CREATED, CREATED)
    spent, other = Account("acme", {"token": TOKEN}), Account("acme", {"token": TOKEN})
    clock = Clock()
    client = Client(transport=script, registry=registry)
    client._pauses = Pauses(clock)
    with pytest.raises(RateLimitError) as first:
        client.create(LEAD, spent)
    clock.now += 3600
    with pytest.raises(RateLimitError) as again:
        client.create(LEAD, spent)
    assert (script.sent, first.value.retry_after, again.value.retry_after) == (1, 7200, 3600)
    assert (again.value.outcome, again.value.status) == ("not_sent", 429)
    assert first.value.request_id != again.value.request_id
    assert client.create(LEAD, other).id == "7"
    clock.now += 3601
    assert client.create(LEAD, spent).id == "7"


def test_other_settings_of_the_account_are_not_held_back_by_it(registry: Registry) -> None:
    """Another token, another plan, another customer of the CRM: only the CRM knows what is left of its quota."""
    script = Script(Response.of(429, {"text": "day's quota"}, {"Retry-After": "7200"}), CREATED)
    client = Client(transport=script, registry=registry)
    for _ in range(2):
        with pytest.raises(RateLimitError):
            client.create(LEAD, Account("acme", {"token": TOKEN}, id="one"))
    assert script.sent == 1
    assert client.create(LEAD, Account("acme", {"token": "another"}, id="one")).id == "7"


def test_a_short_wait_closes_nothing(registry: Registry, account: Account) -> None:
    script = Script(Response.of(429, {"text": "x"}, {"Retry-After": "7"}), CREATED)
    client = Client(transport=script, registry=registry, send_once=True)
    with pytest.raises(RateLimitError):
        client.create(LEAD, account)
    assert client.create(LEAD, account).id == "7"


def test_what_is_sent_once_is_not_kept_waiting_but_many_leads_are(account: Account) -> None:
    asked: list[str] = []

    class Asked:
        def wait(self, account_id: str, limits: Any) -> float:
            asked.append(account_id)
            return 0.0

    with Client(transport=AcmeSimulator(), registry=paced_registry(), pacer=Asked(), send_once=True) as client:
        client.create(LEAD, account)
        assert asked == []
        assert len(list(client.create_many([LEAD, LEAD], account))) == 2
    assert asked == [account.id] * 2
