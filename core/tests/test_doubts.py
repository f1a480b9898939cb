"""A CRM that fails is asked ever more rarely, by one request at a time, with one lead at a time; L010."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from acme_batch import (
    ACCOUNT,
    SIZE,
    BatchSimulator,
    batch_registry,
    make_leads,
    outcomes_of,
    single_registry,
)
from unilead import (
    Client,
    LeadError,
    OutcomeUnknownError,
    RateLimitError,
    Registry,
    Request,
    Response,
    UnavailableError,
)
from unilead.bulk import Run
from unilead.doubts import LONGEST_DOUBT, Doubts, Trial
from unilead.sending import Options
from unilead.steps import Send, Wait

FAILED = Response.of(503, {"text": "we are sorry"})
CREATED = Response.of(201, {"prospect": {"id": "1", "surname": "L"}})


class Failing(BatchSimulator):
    """Fails for some requests.

    Attributes:
        left: requests that still fail.
        at_a_time: how many there were at the moment at which each of them came.
    """

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.at_a_time: list[int] = []
        self._now = 0
        self._counting = threading.Lock()

    def send(self, request: Request, **rest: Any) -> Response:
        with self._counting:
            self._now += 1
            self.at_a_time.append(self._now)
            self.left -= 1
            fails = self.left >= 0
        time.sleep(0.005)
        with self._counting:
            self._now -= 1
        return FAILED if fails else super().send(request, **rest)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)
    monkeypatch.setattr("unilead.doubts.ASK_AGAIN", 0.001)


def _create(crm: Failing, count: int, registry: Registry, **options: Any) -> tuple[Counter[str], Any]:
    with Client(transport=crm, registry=registry) as client:
        creating = client.create_many(make_leads(count), ACCOUNT, **options)
        return outcomes_of(dict(creating)), creating


def test_l010_a_crm_that_goes_on_failing_costs_few_leads() -> None:
    found, creating = _create(Failing(10_000), 1_000, single_registry())
    assert 10 <= found["unknown"] <= 4 + 9, "those that were in flight together, then one by one"
    assert found["not_sent"] == 1_000 - found["unknown"]
    assert isinstance(creating.closed, UnavailableError)
    assert creating.closed.message == ("the outcome of 10 requests in a row is unknown, the last one: we are sorry")


def test_l010_sending_goes_on_by_itself_once_the_crm_is_well_again() -> None:
    crm = Failing(9)
    found, _ = _create(crm, 1_000, single_registry())
    assert found == {"unknown": 9, "created": 991}
    assert crm.count == 991, "no lead was sent twice"


def test_while_there_is_doubt_one_request_at_a_time_is_sent() -> None:
    crm = Failing(10_000)
    _create(crm, 100, single_registry(), concurrency=8)
    assert len(crm.at_a_time) <= 8 + 9
    assert crm.at_a_time[-8:] == [1] * 8


def test_of_a_batch_one_lead_is_risked_before_the_others_go() -> None:
    crm = Failing(4 + 3)
    found, _ = _create(crm, 200, batch_registry())
    assert found["unknown"] <= 4 * SIZE + 6, "what was in flight together, then one by one"
    assert found["created"] == crm.count == 200 - found["unknown"]
    assert SIZE in crm.sizes, "then in batches again"


def test_rows_of_a_batch_that_waits_are_not_sent_once_there_are_too_many_doubts() -> None:
    found, _ = _create(Failing(10_000), 200, batch_registry())
    assert SIZE + 9 <= found["unknown"] <= 4 * SIZE + 9
    assert found["not_sent"] == 200 - found["unknown"]


def test_a_lead_that_the_crm_fails_on_holds_the_others_up_for_one_answer_alone(crm: Failing) -> None:
    """An answer to another lead says that the CRM is well, whether it took that lead or not."""
    for answer in (CREATED, Response.of(422, {"text": "no"}), Response.of(429, {"text": "slower"})):
        run, now = _run()
        bad, good, next_one = (_group(run, place) for place in range(3))
        next(bad), next(good)
        _end(bad, FAILED)
        assert run.gate.doubts.count == 1
        waiting = next(next_one)
        assert isinstance(waiting, Wait)
        _end(good, answer)
        now[0] += 10 if answer.status == 429 else waiting.seconds
        assert isinstance(next_one.send(None), Send), answer.status


def test_requests_that_were_in_flight_together_are_one_doubt() -> None:
    run, _ = _run()
    groups = [_group(run, place) for place in range(4)]
    for group in groups:
        next(group)
    for group in groups:
        _end(group, OutcomeUnknownError("timed out"))
    assert run.gate.doubts.count == 1


def test_a_batch_of_which_nothing_is_certain_is_a_doubt() -> None:
    run, _ = _run(batch_registry())
    group = run.group([(number, {"last_name": f"ok{number}"}) for number in range(3)])
    next(group)
    _end(group, Response.of(207, {"rows": [None, None, None]}))
    assert run.gate.doubts.count == 1


def test_l010_an_outage_of_a_minute_is_asked_a_dozen_times_and_noticed_to_be_over_in_half_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # the real waits, by a clock of our own
    run, now = _run()
    begun, asked = now[0], []
    for place in range(100):
        group = _group(run, place)
        step = next(group)
        while isinstance(step, Wait):
            now[0] += step.seconds
            step = group.send(None)
        asked.append(now[0] - begun)
        _end(group, CREATED if asked[-1] > 60 else FAILED)
        if asked[-1] > 60:
            break
    assert len(asked) <= 12
    assert asked[-1] < 60 + 30
    assert max(later - earlier for earlier, later in zip(asked, asked[1:], strict=False)) <= LONGEST_DOUBT + 0.5


def test_a_run_that_is_stopped_does_not_wait_for_the_crm_to_be_well() -> None:
    run, _ = _run()
    first, second = _group(run, 0), _group(run, 1)
    next(first)
    _end(first, FAILED)
    assert isinstance(next(second), Wait)
    run.gate.stopped = True
    with pytest.raises(StopIteration) as done:
        second.send(None)
    assert [error.outcome for _, error in done.value.value] == ["not_sent"]


def test_one_that_tries_and_breaks_off_makes_room_for_the_next() -> None:
    now = [0.0]
    doubts = Doubts(lambda: now[0])
    doubts.failed(Trial(), OutcomeUnknownError("x"))
    now[0] += 10
    first, second = Trial(), Trial()
    assert (doubts.wait(first), doubts.wait(second) > 0) == (0, True)
    doubts.failed(first, RateLimitError("no answer, and nothing sent"))
    doubts.leave(first)
    assert (doubts.count, doubts.wait(second)) == (1, 0)


def _run(registry: Registry | None = None) -> tuple[Run, list[float]]:
    """A run whose clock stands still until it is moved."""
    now = [100.0]
    provider = (registry or single_registry()).get("acme")
    options = Options(attempts=3, patient=True, base_url="http://crm.example")
    return Run(provider, provider.settings_of(ACCOUNT), options, clock=lambda: now[0]), now


def _group(run: Run, index: int) -> Any:
    return run.group([(index, {"last_name": f"ok{index}"})])


def _end(group: Any, answer: Any) -> None:
    """Answer the request that was sent; what it waits for then is nobody's business here."""
    with suppress(StopIteration):
        group.throw(answer) if isinstance(answer, LeadError) else group.send(answer)
