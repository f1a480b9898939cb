"""F051 to F054 in every order: processes that share an account, step by step in a generated order, some of them killed.

Nothing here is real but the exchange: time is logical, a process is a number, and killing it means that its steps end
where they are. The CRM rotates refresh tokens and revokes all of them when a spent one comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from unilead import (
    AuthError,
    Call,
    ConnectError,
    CredentialKey,
    Credentials,
    Lead,
    LeadError,
    Registry,
    Response,
    Result,
)
from unilead.access import Access
from unilead.credentials import lease_is_free
from unilead.exchange import exchange
from unilead.refresh import Refresher, Renewals
from unilead.sending import Options
from unilead.steps import Apart, Send, Step, Use, Wait
from unilead_zendesk_sell.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, ZendeskSellSimulator

PROVIDER = Registry(overrides=False).get("zendesk-sell")
SETTINGS = PROVIDER.settings({"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN})
LEAD = Lead.parse({"last_name": "Okafor"})
PROCESSES, WORKERS = 3, 2


@dataclass
class World:
    """What the processes share: the time, the store, and the CRM."""

    now: float = 1_000.0
    row: Credentials = field(default_factory=Credentials)
    lease_until: float | None = None
    crm: ZendeskSellSimulator = field(default_factory=ZendeskSellSimulator)
    granted: int = 0
    refused: int = 0

    def load(self, key: CredentialKey) -> Credentials:
        return self.row

    def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        if version != self.row.version or not lease_is_free(self.lease_until, self.now):
            return False
        self.lease_until = self.now + seconds
        return True

    def save(self, key: CredentialKey, credentials: Credentials) -> bool:
        if credentials.version != self.row.version:
            return False
        self.row, self.lease_until = replace(credentials, version=credentials.version + 1), None
        return True

    def forget(self, account_id: str) -> None: ...

    def answer(self, step: Send) -> Response:
        request = step.request
        headers = {**request.headers, **step.credentials}
        response = self.crm.respond(Call.of(request.method, request.url, headers, request.body))
        if request.path == "/oauth2/token":
            self.granted += response.status == 200
            self.refused += response.status != 200
        return response


class Worker:
    """One create in one process, advanced a step at a time."""

    def __init__(self, world: World, process: int, renewals: Renewals) -> None:
        self.world, self.process = world, process
        refresher = Refresher(
            PROVIDER,
            PROVIDER.info.auth,
            SETTINGS,
            "account",
            world,
            renewals,
            now=lambda: world.now,  # type: ignore[arg-type]
        )
        options = Options(timeout=200, access=lambda: Access(PROVIDER, SETTINGS, refresher))
        self.outcome: Result | LeadError | None = None
        self._stack: list[Any] = [exchange(PROVIDER, LEAD, SETTINGS, options, clock=lambda: world.now)]
        self._answer: Any = None
        self._error: LeadError | None = None

    def advance(self) -> None:
        """Take one step: get its answer, and run to the next one."""
        steps, error = self._stack[-1], self._error
        answer, self._answer, self._error = self._answer, None, None
        try:
            step: Step = steps.throw(error) if error else steps.send(answer)
        except StopIteration as done:
            self._end(done.value, None)
        except LeadError as fault:
            self._end(None, fault)
        else:
            self._carry_out(step)

    def _end(self, value: Any, error: LeadError | None) -> None:
        self._stack.pop()
        self._answer, self._error = value, error
        if not self._stack:
            self.outcome = error or value

    def _carry_out(self, step: Step) -> None:
        if isinstance(step, Send):
            self._answer = self.world.answer(step)
        elif isinstance(step, Use):
            self._answer = step.call()
        elif isinstance(step, Wait):
            self.world.now += step.seconds
        elif isinstance(step, Apart):
            self._stack.append(step.steps)


def play(
    world: World, order: list[int], kills: Mapping[int, int], stalls: Mapping[int, int] = MappingProxyType({})
) -> list[Worker]:
    """Advance the workers in this order, over and over.

    Args:
        kills: step to the process that is killed there.
        stalls: step to the process that stands still from there on, until all others have come to an end.
    Returns: the workers of the surviving processes.
    """
    stalled: set[int] = set()
    renewals = [Renewals() for _ in range(PROCESSES)]
    workers = [Worker(world, number % PROCESSES, renewals[number % PROCESSES]) for number in range(PROCESSES * WORKERS)]
    for number, choice in enumerate(_for_ever(order)):
        killed = kills.get(number)
        if killed is not None:
            workers = [worker for worker in workers if worker.process != killed]
        if number in stalls:
            stalled.add(stalls[number])
        unfinished = [worker for worker in workers if worker.outcome is None]
        if not unfinished:
            return workers
        running = [worker for worker in unfinished if worker.process not in stalled] or unfinished
        assert number < 100_000, "nobody comes to an end"
        running[choice % len(running)].advance()
    return workers


def _for_ever(order: list[int]) -> Iterator[int]:
    yield from order
    while True:
        yield from range(PROCESSES * WORKERS)


orders = st.lists(st.integers(0, PROCESSES * WORKERS - 1), max_size=120)


@settings(max_examples=150, deadline=None)
@given(orders)
def test_in_any_order_there_is_one_refresh(order: list[int]) -> None:
    world = World()
    workers = play(world, order, {})
    assert all(isinstance(worker.outcome, Result) for worker in workers)
    assert (world.granted, world.refused, world.crm.count) == (1, 0, len(workers))


@settings(max_examples=300, deadline=None)
@given(orders, st.dictionaries(st.integers(0, 60), st.integers(0, PROCESSES - 1), max_size=2))
def test_whoever_is_killed_the_others_end_and_nobody_asks_in_a_loop(order: list[int], kills: dict[int, int]) -> None:
    world = World()
    survivors = play(world, order, kills)
    created = [worker for worker in survivors if isinstance(worker.outcome, Result)]
    for worker in survivors:
        assert isinstance(worker.outcome, (Result, AuthError, ConnectError)), worker.outcome
    assert world.granted <= 1 + len(kills)
    assert world.refused <= 1, "after a refusal nobody asks again"
    if world.refused:  # a killed process had taken the rotated token with it
        assert kills and world.row.state == "needs_reauth"
    elif survivors:
        assert len(created) == len(survivors)
    assert world.crm.count >= len(created)


@settings(max_examples=300, deadline=None)
@given(orders, st.dictionaries(st.integers(0, 60), st.integers(0, PROCESSES - 1), max_size=2))
def test_a_process_that_stalls_past_its_lease_does_no_harm_when_it_wakes(
    order: list[int], stalls: dict[int, int]
) -> None:
    world = World()
    workers = play(world, order, {}, stalls)
    for worker in workers:
        assert isinstance(worker.outcome, (Result, AuthError, ConnectError)), worker.outcome
    assert world.granted + world.refused <= 2 + len(stalls)
    assert world.crm.count == sum(isinstance(worker.outcome, Result) for worker in workers)
    if not world.refused:
        assert world.row.state == "active"
