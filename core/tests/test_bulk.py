"""Many leads: batches, partial failures, bisection, outcomes that are unknown, back-pressure; F039, F075-F078, F082."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest

from acme import FIELDS
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
    Account,
    AsyncClient,
    AuthError,
    Client,
    ConnectError,
    CreatedLead,
    InvalidLeadError,
    Lead,
    LeadError,
    MissingFieldsError,
    OutcomeUnknownError,
    RateLimitError,
    Registry,
    Request,
    Response,
    Result,
    SettingsError,
    error_for,
)
from unilead.bulk import Run
from unilead.sending import Options
from unilead.steps import Send, Wait


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)
    monkeypatch.setattr("time.sleep", lambda seconds: (waits.append(seconds), sleep(seconds))[1])
    return waits


@pytest.fixture
def crm() -> BatchSimulator:
    simulator = BatchSimulator()
    simulator.throttled = lambda call: Response.of(429, {"text": "slower"})  # type: ignore[method-assign]
    return simulator


def _create(crm: Any, leads: Any, registry: Registry | None = None, **options: Any) -> dict[int, Any]:
    with Client(transport=crm, registry=registry or batch_registry()) as client:
        found = list(client.create_many(leads, ACCOUNT, **options))
    assert len(dict(found)) == len(found), "a lead has two verdicts"
    return dict(found)


in_batches_and_singly = pytest.mark.parametrize(
    ("registry", "size"), [(batch_registry, SIZE), (single_registry, 1)], ids=["in batches", "singly"]
)


# --- batches ----------------------------------------------------------------------------------------------------------


def test_leads_go_in_full_batches_and_each_has_a_verdict(crm: BatchSimulator, slept: list[float]) -> None:
    with Client(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many(make_leads(95), ACCOUNT)
        found = dict(creating)
    assert sorted(found) == list(range(95))
    assert (creating.calls, sorted(crm.sizes)) == (10, [5] + [SIZE] * 9)
    assert all(crm.leads[verdict.id]["surname"] == f"ok{index:03}" for index, verdict in found.items())
    assert slept == []


def test_a_lead_that_is_left_alone_goes_singly(crm: BatchSimulator) -> None:
    assert outcomes_of(_create(crm, make_leads(11), concurrency=1)) == {"created": 11}
    assert [call.path for call in crm.calls] == ["/v1/prospects/batch", "/v1/prospects"]


def test_a_row_of_a_batch_holds_its_own_answer_only(crm: BatchSimulator) -> None:
    found = _create(crm, [{"last_name": "a", "status": "new", "x": 1}, {"last_name": "b"}])
    assert found[0].render("raw") == {"id": "1", "surname": "a"}
    assert found[1].render()["remote_data"] == {"id": "2", "surname": "b"}
    assert (found[0].dropped, found[0].unknown, found[1].dropped) == (("status",), ("x",), ())


def test_a_row_that_the_plugin_tells_no_part_of_holds_the_whole_answer(crm: BatchSimulator) -> None:
    def parse_batch_response(response: Response) -> Any:
        return [CreatedLead(id=row["id"]) for row in response.json["rows"]]

    found = _create(crm, make_leads(2), batch_registry(parse_batch_response=parse_batch_response))
    assert [row["id"] for row in found[1].render("raw")["rows"]] == ["1", "2"]


def test_a_crm_without_batches_gets_single_requests(crm: BatchSimulator) -> None:
    assert outcomes_of(_create(crm, make_leads(25, bad=(7,)), single_registry())) == {"created": 24, "rejected": 1}
    assert crm.sizes == [1] * 25


def test_leads_that_a_batch_does_not_take_go_singly(crm: BatchSimulator) -> None:
    leads = [{"last_name": f"ok{i}", "first_name": "alone" if i in (2, 5) else "x"} for i in range(10)]
    assert outcomes_of(_create(crm, leads)) == {"created": 10}
    assert sorted(crm.sizes) == [1, 1, 8]


def test_f075_a_partial_failure_gives_each_row_its_own_verdict(crm: BatchSimulator) -> None:
    found = _create(crm, make_leads(100, bad=(3, 50, 99)))
    assert outcomes_of(found) == {"created": 97, "rejected": 3}
    assert {index for index, verdict in found.items() if isinstance(verdict, LeadError)} == {3, 50, 99}
    assert (found[50].message, found[50].field) == ("Surname bad050 is bad", "last_name")
    assert crm.count == 97


@pytest.mark.parametrize(
    ("rows", "unknown"),
    [
        (lambda rows: rows[:-1], 10),
        (lambda rows: [*rows, rows[0]], 10),
        (lambda rows: [rows[0], None, *rows[2:]], 1),
        (lambda rows: [], 10),
    ],
    ids=["fewer", "more", "one not told apart", "none"],
)
def test_f076_rows_that_cannot_be_matched_are_unknown(rows: Any, unknown: int, crm: BatchSimulator) -> None:
    crm.rows = rows
    found = _create(crm, make_leads(10))
    assert outcomes_of(found)["unknown"] == unknown
    assert (crm.count, crm.sizes) == (10, [10])


def test_f077_a_batch_refused_as_a_whole_is_bisected(crm: BatchSimulator) -> None:
    crm.all_or_nothing = True
    found = _create(crm, make_leads(10, bad=(7,)))
    assert outcomes_of(found) == {"created": 9, "rejected": 1}
    assert found[7].message == "Surname bad007 is bad"
    assert crm.names == [f"ok{i:03}" for i in range(10) if i != 7]
    assert crm.sizes == [10, 5, 5, 2, 3, 1, 2]


def test_leads_that_each_have_to_go_alone_are_no_batches_of_one(crm: BatchSimulator) -> None:
    found = _create(crm, [{"last_name": "bad"}, {"last_name": "ok", "first_name": "alone"}])
    assert outcomes_of(found) == {"created": 1, "rejected": 1}
    assert [call.path for call in crm.calls] == ["/v1/prospects"] * 2


def test_a_refusal_that_is_about_no_lead_is_not_bisected(crm: BatchSimulator) -> None:
    crm.create_batch = lambda call: Response.of(405, {"text": "no such method"})  # type: ignore[method-assign]
    assert outcomes_of(_create(crm, make_leads(10))) == {"rejected": 10}
    assert len(crm.calls) == 1


def test_a_refusal_inside_a_success_is_not_bisected(crm: BatchSimulator) -> None:
    crm.throttled = lambda call: Response.of(200, {"text": "refused"})  # type: ignore[method-assign]
    crm.faults.throttle = 1

    def parse_batch_response(response: Response) -> Any:
        raise error_for(response, "refused", category="validation")

    found = _create(crm, make_leads(10), batch_registry(parse_batch_response=parse_batch_response))
    assert outcomes_of(found) == {"unknown": 10}
    assert len(crm.calls) == 1


@pytest.mark.parametrize("fault", ["drop_before", "drop_after_commit", "truncate"])
def test_f078_a_batch_without_an_answer_is_unknown_and_never_sent_again(fault: str, crm: BatchSimulator) -> None:
    setattr(crm.faults, fault, 1)
    found = _create(crm, make_leads(30), concurrency=1)
    assert outcomes_of(found) == {"created": 20, "unknown": 10}
    assert len(crm.calls) == 4  # the first of the next ten goes alone, see test_doubts.py
    assert crm.count in (20, 30)


def test_f078_a_failing_crm_leaves_the_batch_unknown(crm: BatchSimulator) -> None:
    crm.faults.status, crm.faults.status_count = 503, 1
    assert outcomes_of(_create(crm, make_leads(10))) == {"unknown": 10}
    assert len(crm.calls) == 1


# --- waiting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["throttle", "refuse"])
def test_what_was_not_processed_is_sent_again(fault: str, crm: BatchSimulator, slept: list[float]) -> None:
    setattr(crm.faults, fault, 2)
    found = _create(crm, make_leads(10))
    assert outcomes_of(found) == {"created": 10}
    assert (crm.count, found[0].attempts) == (10, 3)
    assert slept


def test_f041_throttled_for_ever_gives_up_without_a_lead(crm: BatchSimulator) -> None:
    crm.faults.throttle = 99
    found = _create(crm, make_leads(10))
    assert outcomes_of(found) == {"not_sent": 10}
    assert len(crm.calls) == 5


@in_batches_and_singly
def test_f039_a_wait_of_hours_is_not_slept_and_ends_the_asking(
    registry: Any, size: int, crm: BatchSimulator, slept: list[float]
) -> None:
    crm.throttled = lambda call: Response.of(429, {"text": "x"}, {"Retry-After": "99999"})  # type: ignore[method-assign]
    crm.faults.throttle = 99
    found = _create(crm, make_leads(100), registry(), concurrency=1)
    assert outcomes_of(found) == {"not_sent": 100}
    assert all(isinstance(error, RateLimitError) and 99_000 < error.retry_after <= 99_999 for error in found.values())
    assert (len(crm.calls), slept) == (1, [])


@in_batches_and_singly
def test_f059_refused_credentials_are_asked_once_and_no_lead_is_at_fault(
    registry: Any, size: int, crm: BatchSimulator
) -> None:
    announced: list[int] = []
    with Client(transport=crm, registry=registry()) as client:
        wrong = Account("acme", {"token": "wrong"})
        found = dict(client.create_many(make_leads(100), wrong, concurrency=1, before_send=announced.extend))
    assert outcomes_of(found) == {"not_sent": 100}
    assert all(isinstance(error, AuthError) and error.retry_after is None for error in found.values())
    assert len(crm.calls) == 1
    assert announced == list(range(size)), "a mark of what is not sent would be a doubt about nothing"


def test_a_lead_that_the_account_may_not_create_says_nothing_of_the_others(crm: BatchSimulator) -> None:
    def parse_response(response: Response) -> CreatedLead:
        if response.status == 422:
            raise error_for(response, "not with this owner", category="permission")
        return CreatedLead(id=response.json["prospect"]["id"])

    found = _create(crm, make_leads(10, bad=(2,)), single_registry(parse_response=parse_response), concurrency=1)
    assert outcomes_of(found) == {"created": 9, "rejected": 1}


def test_rows_that_the_crm_did_not_process_are_sent_again(crm: BatchSimulator) -> None:
    locked = [2, 3]

    def parse_batch_response(response: Response, count: int) -> Any:
        from acme_batch import parse_batch_response

        rows = parse_batch_response(response, count)
        while locked:
            place = locked.pop()
            crm.leads.pop(rows[place].id)
            rows[place] = error_for(Response.of(409, {}), "row is locked", processed=False)
        return rows

    found = _create(crm, make_leads(10), batch_registry(parse_batch_response=parse_batch_response))
    assert outcomes_of(found) == {"created": 10}
    assert (crm.sizes, crm.names) == ([10, 2], [f"ok{i:03}" for i in range(10)])


def test_rows_that_the_crm_never_processes_are_given_up(crm: BatchSimulator) -> None:
    def parse_batch_response(response: Response, count: int) -> Any:
        return [error_for(Response.of(423, {}), "the row is locked", processed=False)] * count

    found = _create(crm, make_leads(2), batch_registry(parse_batch_response=parse_batch_response))
    assert (outcomes_of(found), crm.sizes) == ({"not_sent": 2}, [2] * 5)


def test_rows_that_have_to_wait_for_hours_are_not_slept_for(crm: BatchSimulator, slept: list[float]) -> None:
    def parse_batch_response(response: Response, count: int) -> Any:
        from acme_batch import parse_batch_response

        rows = parse_batch_response(response, count)
        rows[2] = error_for(Response.of(429, {}), "this owner's limit", retry_after=9_999)
        return rows

    found = _create(crm, make_leads(10), batch_registry(parse_batch_response=parse_batch_response))
    assert outcomes_of(found) == {"created": 9, "not_sent": 1}
    assert (len(crm.calls), slept) == (1, [])


# --- rows that fail before they are sent ------------------------------------------------------------------------------


def test_bad_leads_are_rejected_and_cost_the_others_nothing(crm: BatchSimulator) -> None:
    leads: list[Any] = [
        {"last_name": "ok"}, {}, {"last_name": []}, "{", 5, None, {"last_name": "x", "created_at": "today"},
        LeadError("line 8: ragged"), b'{"last_name": "ok"}', Lead(last_name="ok"), {"last_name": "\ud800"},
        {"last_name": "ok", "custom_fields": {"a": "\ud800"}}, {"last_name": "ok", "remote_data": _bottomless()},
    ]  # fmt: skip
    found = _create(crm, leads)
    assert [index for index, verdict in found.items() if isinstance(verdict, Result)] == [0, 8, 9]
    assert outcomes_of(found) == {"created": 3, "rejected": 10}
    assert isinstance(found[1], MissingFieldsError)
    assert found[7].message == "line 8: ragged"
    assert all(
        error.provider == "acme" and error.request_id for error in found.values() if not isinstance(error, Result)
    )
    assert crm.count == 3


def test_a_lead_that_cannot_be_encoded_does_not_break_up_the_batch(crm: BatchSimulator) -> None:
    leads = [*make_leads(9), {"last_name": "\ud800"}]
    assert outcomes_of(_create(crm, leads)) == {"created": 9, "rejected": 1}
    assert crm.sizes == [9]


def _bottomless() -> Any:
    value: Any = {}
    for _ in range(5_000):
        value = {"a": value}
    return value


def test_f082_a_row_that_breaks_the_plugin_is_rejected_and_the_others_go_on(crm: BatchSimulator) -> None:
    def build_request(lead: Lead) -> Request:
        if lead.last_name == "ok004":
            raise ZeroDivisionError
        return Request("POST", "/v1/prospects", json={"prospect": FIELDS.render(lead)[0]}, record_path=("prospect",))

    found = _create(crm, make_leads(20), batch_registry(build_request=build_request))
    assert outcomes_of(found) == {"created": 19, "rejected": 1}
    assert found[4].category == "unexpected"


def test_a_broken_batch_hook_falls_back_to_single_requests(crm: BatchSimulator) -> None:
    def build_batch_request(requests: Any) -> Any:
        raise ZeroDivisionError

    assert outcomes_of(_create(crm, make_leads(10), batch_registry(build_batch_request=build_batch_request))) == {
        "created": 10
    }
    assert crm.sizes == [1] * 10


def test_losses_can_be_refused(crm: BatchSimulator) -> None:
    found = _create(crm, [{"last_name": "a", "status": "new"}, {"last_name": "b"}], on_unsupported="raise")
    assert isinstance(found[0], InvalidLeadError)
    assert found[0].fields == ("status",)
    assert crm.names == ["b"]


def test_an_account_that_cannot_be_used_fails_at_once(crm: BatchSimulator) -> None:
    client = Client(transport=crm, registry=batch_registry())
    for settings in ({}, {"token": ""}):
        with pytest.raises(SettingsError):
            client.create_many(make_leads(1), Account("acme", settings))
    with pytest.raises(ValueError, match="concurrency"):
        client.create_many(make_leads(1), ACCOUNT, concurrency=0)


# --- in flight --------------------------------------------------------------------------------------------------------


class Turnstile:
    """A transport whose answers wait until they are let through."""

    def __init__(self, crm: BatchSimulator) -> None:
        self.crm = crm
        self.open = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)

    def send(self, request: Request, **rest: Any) -> Response:
        self.arrived.release()
        self.open.acquire()
        return self.crm.send(request, **rest)

    def close(self) -> None: ...


def test_no_more_is_taken_than_is_in_flight(crm: BatchSimulator) -> None:
    gate, taken = Turnstile(crm), []

    def leads() -> Iterator[dict[str, str]]:
        for lead in make_leads(1000):
            taken.append(lead)
            yield lead

    creating = Client(transport=gate, registry=batch_registry()).create_many(leads(), ACCOUNT, concurrency=3)
    gate.open.release()
    next(creating)
    seen = len(taken)
    for _ in range(3):
        gate.arrived.acquire()
    gate.open.release(999)
    creating.close()
    assert seen == 3 * SIZE
    assert len(crm.calls) == 3, "closing waits for what is in flight and sends nothing more"


def test_each_lead_is_announced_once_before_it_is_sent(crm: BatchSimulator) -> None:
    crm.all_or_nothing = True
    announced: list[int] = []
    stored_then: list[int] = []

    def before_send(indexes: Any) -> None:
        announced.extend(indexes)
        stored_then.append(crm.count)

    leads = ((10 + i, lead) for i, lead in enumerate([*make_leads(10, bad=(7,)), {}]))
    found = _create(crm, leads, numbered=True, before_send=before_send, concurrency=1)
    assert announced == list(range(10, 20))
    assert stored_then == [0]
    assert isinstance(found[20], MissingFieldsError)


def test_f072_when_the_caller_cannot_note_it_nothing_is_sent(crm: BatchSimulator) -> None:
    def before_send(indexes: Any) -> None:
        if 20 in indexes:
            raise OSError(28, "No space left on device")

    client = Client(transport=crm, registry=batch_registry())
    creating = client.create_many(make_leads(1000), ACCOUNT, concurrency=1, before_send=before_send)
    assert sorted(index for index, _ in islice(creating, 20)) == list(range(20))
    with pytest.raises(OSError, match="No space"):
        next(creating)
    assert crm.count == 20


def test_a_failing_source_does_not_lose_the_verdicts_of_what_was_taken(crm: BatchSimulator) -> None:
    def leads() -> Iterator[dict[str, str]]:
        yield from make_leads(25)
        raise RuntimeError("the file changed")

    creating = Client(transport=crm, registry=batch_registry()).create_many(leads(), ACCOUNT)
    assert sorted(index for index, _ in islice(creating, 25)) == list(range(25))
    with pytest.raises(RuntimeError, match="the file changed"):
        next(creating)
    assert crm.count == 25


# --- asynchronously ---------------------------------------------------------------------------------------------------


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["iterable", "asynchronous iterable"])
async def test_the_asynchronous_client_does_the_same(kind: str, crm: BatchSimulator) -> None:
    async def leads() -> AsyncIterator[dict[str, str]]:
        for lead in make_leads(95, bad=(7,)):
            yield lead

    given: Any = leads() if kind == "asynchronous iterable" else make_leads(95, bad=(7,))
    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many(given, ACCOUNT)
        found = {index: verdict async for index, verdict in creating}
    assert outcomes_of(found) == {"created": 94, "rejected": 1}
    assert (creating.calls, sorted(found)) == (10, list(range(95)))


@pytest.mark.anyio
async def test_f078_the_asynchronous_client_never_repeats_an_unknown_batch(crm: BatchSimulator) -> None:
    crm.faults.drop_after_commit = 1
    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        found = {index: verdict async for index, verdict in client.create_many(make_leads(10), ACCOUNT)}
    assert all(isinstance(error, OutcomeUnknownError) for error in found.values())
    assert (len(crm.calls), crm.count) == (1, 10)


@pytest.mark.anyio
async def test_a_slow_source_does_not_hold_verdicts_back(crm: BatchSimulator) -> None:
    more = asyncio.Event()

    async def leads() -> AsyncIterator[dict[str, str]]:
        for lead in make_leads(10):
            yield lead
        await more.wait()
        yield {"last_name": "late"}

    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        found = []
        async for index, _ in client.create_many(leads(), ACCOUNT):
            found.append(index)
            if len(found) == 10:
                more.set()
    assert sorted(found) == list(range(11))


@pytest.mark.anyio
async def test_no_more_is_in_flight_than_was_asked_for(crm: BatchSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, going, most = crm.send_async, 0, 0

    async def send_async(request: Any, **rest: Any) -> Response:
        nonlocal going, most
        going += 1
        most = max(most, going)
        await asyncio.sleep(0.01)
        going -= 1
        return await answers(request, **rest)

    monkeypatch.setattr(crm, "send_async", send_async)
    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        found = {index: verdict async for index, verdict in client.create_many(make_leads(100), ACCOUNT, concurrency=2)}
    assert (outcomes_of(found), most) == ({"created": 100}, 2)


@pytest.mark.anyio
async def test_a_failing_asynchronous_source_does_not_lose_the_verdicts_of_what_was_taken(crm: BatchSimulator) -> None:
    async def leads() -> AsyncIterator[dict[str, str]]:
        for lead in make_leads(25):
            yield lead
        raise RuntimeError("the file changed")

    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many(leads(), ACCOUNT)
        assert sorted([(await anext(creating))[0] for _ in range(25)]) == list(range(25))
        with pytest.raises(RuntimeError, match="the file changed"):
            await anext(creating)
    assert crm.count == 25


@pytest.mark.anyio
async def test_an_asynchronous_fault_is_raised_after_what_is_in_flight(crm: BatchSimulator) -> None:
    def before_send(indexes: Any) -> None:
        if 20 in indexes:
            raise OSError(28, "No space left on device")

    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many(make_leads(1000), ACCOUNT, concurrency=1, before_send=before_send)
        assert sorted([(await anext(creating))[0] for _ in range(20)]) == list(range(20))
        with pytest.raises(OSError, match="No space"):
            await anext(creating)
    assert crm.count == 20


@in_batches_and_singly
def test_a_crm_that_cannot_be_reached_is_not_tried_for_every_lead(
    registry: Any, size: int, crm: BatchSimulator
) -> None:
    crm.faults.refuse = 999
    found = _create(crm, make_leads(100), registry(), concurrency=1)
    assert outcomes_of(found) == {"not_sent": 100}
    assert crm.faults.refuse == 994, "five tries for the first request, none for the others"


def _run_by_hand() -> tuple[Run, list[float]]:
    """A run whose clock stands still until it is moved."""
    now = [100.0]
    provider = batch_registry().get("acme")
    options = Options(attempts=3, patient=True, base_url="http://crm.example")
    return Run(provider, provider.settings_of(ACCOUNT), options, clock=lambda: now[0]), now


def _group(run: Run, first: int) -> Any:
    return run.group([(first + i, {"last_name": f"ok{first + i}"}) for i in range(3)])


SLOWER = Response.of(429, {"text": "slower"}, {"Retry-After": "7"})


def test_a_wait_of_one_request_is_a_wait_of_all() -> None:
    run, now = _run_by_hand()
    first, second = _group(run, 0), _group(run, 3)
    assert isinstance(next(first), Send)
    assert isinstance(first.send(SLOWER), Wait)
    waiting = next(second)
    assert isinstance(waiting, Wait), "nothing is sent while the account has to wait"
    assert waiting.seconds <= 0.5, "so that a stop is not slept through"
    assert isinstance(second.send(None), Wait)
    now[0] += 7.1
    assert isinstance(second.send(None), Send)
    assert isinstance(first.send(None), Send)
    assert run.gate.calls == 3


def test_a_closed_account_tells_what_is_left_of_its_wait_and_opens_again() -> None:
    run, now = _run_by_hand()
    first, second, third = (_group(run, place) for place in (0, 3, 6))
    next(first)
    with pytest.raises(StopIteration):
        first.send(Response.of(429, {"text": "enough"}, {"Retry-After": "1000"}))
    now[0] += 400
    with pytest.raises(StopIteration) as done:
        next(second)
    assert [(error.outcome, error.retry_after) for _, error in done.value.value] == [("not_sent", 600)] * 3
    now[0] += 601
    assert isinstance(next(third), Send)


def _fail(group: Any, now: list[float], answer: Any) -> None:
    """Answer each send of a group alike, until it is given up."""
    step = next(group)
    with suppress(StopIteration):
        while True:
            if isinstance(step, Wait):
                now[0] += step.seconds
                step = group.send(None)
            else:
                step = group.throw(answer) if isinstance(answer, LeadError) else group.send(answer)


def test_a_crm_that_could_not_be_reached_is_tried_again_after_a_minute() -> None:
    run, now = _run_by_hand()
    _fail(_group(run, 0), now, ConnectError("refused"))
    with pytest.raises(StopIteration):
        next(_group(run, 3))
    now[0] += 61
    assert isinstance(next(_group(run, 6)), Send)


def test_a_throttle_of_seconds_says_nothing_of_the_leads_that_follow() -> None:
    run, now = _run_by_hand()
    _fail(_group(run, 0), now, SLOWER)
    assert isinstance(next(_group(run, 3)), Send)


def test_a_stopped_run_does_not_wait_for_its_turn() -> None:
    run, _ = _run_by_hand()
    group = _group(run, 0)
    next(group)
    group.send(SLOWER)
    run.gate.stopped = True
    with pytest.raises(StopIteration) as done:
        group.send(None)
    assert [(index, error.outcome) for index, error in done.value.value] == [(i, "not_sent") for i in range(3)]


@pytest.mark.anyio
async def test_an_asynchronous_run_can_be_stopped(crm: BatchSimulator) -> None:
    async with AsyncClient(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many(make_leads(1000), ACCOUNT, concurrency=2)
        found = {}
        async for index, verdict in creating:
            found[index] = verdict
            creating.stop()
    outcomes = outcomes_of(found)
    assert outcomes["created"] == crm.count <= 30
    assert outcomes["created"] + outcomes["not_sent"] == len(found) <= 60, "no more is taken"


# --- nothing that is known is lost ------------------------------------------------------------------------------------


def _mixed() -> list[dict[str, str]]:
    """A group of which the batch takes nine and leaves one to go alone."""
    return [*make_leads(9), {"last_name": "ok009", "first_name": "alone"}]


def test_f072_a_fault_in_the_middle_of_a_group_keeps_the_verdicts_it_has(crm: BatchSimulator) -> None:
    def before_send(indexes: Any) -> None:
        if 9 in indexes:
            raise OSError(28, "No space left on device")

    with Client(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many(_mixed(), ACCOUNT, before_send=before_send)
        found = dict(islice(creating, 9))
        with pytest.raises(OSError, match="No space"):
            next(creating)
    assert sorted(found) == list(range(9)) and crm.count == 9
    assert all(isinstance(verdict, Result) for verdict in found.values())


def test_a_transport_that_breaks_in_the_middle_of_a_group_keeps_the_verdicts_it_has(crm: BatchSimulator) -> None:
    class Breaking(BatchSimulator):
        def send(self, request: Any, *, credentials: Any, timeout: float) -> Response:
            if request.path == "/v1/prospects":
                raise RuntimeError("a transport of the application's own")
            return super().send(request, credentials=credentials, timeout=timeout)

    creating = Client(transport=Breaking(), registry=batch_registry()).create_many(_mixed(), ACCOUNT)
    assert sorted(index for index, _ in islice(creating, 9)) == list(range(9))
    with pytest.raises(RuntimeError, match="application's own"):
        next(creating)


def test_leaving_early_repeats_nothing() -> None:
    first_is_answered, second_is_here = threading.Event(), threading.Event()

    class Throttling(BatchSimulator):
        def send(self, request: Any, *, credentials: Any, timeout: float) -> Response:
            if b"ok010" in request.body:
                second_is_here.set()
                first_is_answered.wait()
                self.sizes.append(0)
                return Response.of(429, {"text": "slower"}, {"Retry-After": "2"})
            second_is_here.wait()
            answer = super().send(request, credentials=credentials, timeout=timeout)
            first_is_answered.set()
            return answer

    crm = Throttling()
    creating = Client(transport=crm, registry=batch_registry()).create_many(
        make_leads(2 * SIZE), ACCOUNT, concurrency=2
    )
    next(creating)
    creating.close()
    assert crm.sizes == [SIZE, 0], "the throttled batch is not sent again for nobody"


def test_pairs_that_are_none_end_the_sending_and_keep_the_verdicts_in_flight() -> None:
    second_is_read = threading.Event()

    class Slow(BatchSimulator):
        def send(self, request: Any, *, credentials: Any, timeout: float) -> Response:
            second_is_read.wait(5)
            return super().send(request, credentials=credentials, timeout=timeout)

    def pairs() -> Iterator[Any]:
        yield from enumerate(make_leads(SIZE))
        yield "no pair"
        second_is_read.set()

    creating = Client(transport=Slow(), registry=batch_registry()).create_many(
        pairs(), ACCOUNT, numbered=True, concurrency=2
    )
    assert sorted(index for index, _ in islice(creating, SIZE)) == list(range(SIZE))
    with pytest.raises(ValueError, match="unpack"):
        next(creating)
