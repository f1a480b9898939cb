"""Promise 5: nothing is sent twice unless the first certainly did not arrive; what cannot be known is `unknown`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.members import SLUGS
from unilead import Account, AsyncClient, Client, LeadError, Registry, Response, Result, Simulator

REGISTRY = Registry(overrides=False)
LEAD = {
    "title": "T",
    "name": "N",
    "first_name": "F",
    "last_name": "L",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works"},
}
HARMLESS = ("throttle", "refuse")  # the CRM did not process the request
DOUBTFUL = ("drop_before", "drop_after_commit", "truncate")  # nobody can tell


def create(simulator: Simulator, *, sync: bool) -> Result | LeadError:
    account = Account(simulator.slug, simulator.sample_settings)
    try:
        if sync:
            with Client(registry=REGISTRY, transport=simulator, timeout=60) as client:
                return client.create(LEAD, account)
        return asyncio.run(_create_async(simulator, account))
    except LeadError as error:
        return error


async def _create_async(simulator: Simulator, account: Account) -> Result:
    async with AsyncClient(registry=REGISTRY, transport=simulator, timeout=60) as client:
        return await client.create(LEAD, account)


async def _no_wait(seconds: float) -> None: ...


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.drive.time.sleep", lambda seconds: None)
    monkeypatch.setattr("unilead.drive.asyncio.sleep", _no_wait)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(faults=st.fixed_dictionaries({}, optional=dict.fromkeys((*HARMLESS, *DOUBTFUL), st.integers(0, 4))))
def test_whatever_goes_wrong_at_most_one_lead_is_stored(slug: str, sync: bool, faults: dict[str, int]) -> None:
    """Any mixture of faults: one lead at most, and the outcome tells whether there is one."""
    simulator = REGISTRY.get(slug).simulator()
    for name, times in faults.items():
        setattr(simulator.faults, name, times)
    outcome = create(simulator, sync=sync)
    if isinstance(outcome, Result):
        assert simulator.count == 1
    elif outcome.outcome == "unknown":
        assert simulator.count <= 1
        assert any(faults.get(name) for name in DOUBTFUL)
    else:
        assert simulator.count == 0


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("fault", DOUBTFUL)
def test_a_doubtful_send_is_the_last_one(slug: str, fault: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    setattr(simulator.faults, fault, 1)
    outcome: Any = create(simulator, sync=True)
    assert (outcome.outcome, outcome.retryable, len(simulator.calls)) == ("unknown", False, 1)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("fault", HARMLESS)
def test_a_harmless_fault_is_repeated_until_the_lead_is_there(slug: str, fault: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    setattr(simulator.faults, fault, 2)
    outcome = create(simulator, sync=True)
    assert isinstance(outcome, Result)
    assert (outcome.attempts, simulator.count) == (3, 1)


class _Refusing:
    """A CRM that stores what it is sent, behind a proxy that turns each success into a refusal."""

    def __init__(self, simulator: Simulator, status: int) -> None:
        self.simulator, self.status = simulator, status

    def send(self, request: Any, **rest: Any) -> Response:
        answer = self.simulator.send(request, **rest)
        return Response(self.status, answer.headers, answer.body) if 200 <= answer.status < 300 else answer

    def close(self) -> None: ...


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 423, 429, 477, 503])
def test_a_lead_under_a_refusing_status_is_unknown_and_sent_once(slug: str, status: int) -> None:
    simulator = REGISTRY.get(slug).simulator()
    account = Account(slug, simulator.sample_settings)
    with Client(registry=REGISTRY, transport=_Refusing(simulator, status)) as client:
        with pytest.raises(LeadError) as caught:
            client.create(LEAD, account)
        assert (caught.value.outcome, caught.value.retryable, simulator.count) == ("unknown", False, 1)
        found = [getattr(verdict, "outcome", "created") for _, verdict in client.create_many([LEAD] * 3, account)]
    assert set(found) <= {"unknown", "not_sent"}, "a refused account is not asked again"
    assert simulator.count == 1 + found.count("unknown") > 1
