"""Batches whose answers contradict themselves, and runs that are stopped: nothing is sent twice or guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from acme_batch import ACCOUNT, BatchSimulator, batch_registry
from unilead import Client, CreatedLead, LeadError, Response, Result, error_for
from unilead.bulk import Run
from unilead.sending import Options
from unilead.steps import Send, Wait


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)


class Answering(BatchSimulator):
    """Stores every batch, and answers what it is told to."""

    def __init__(self, answer: Callable[[list[Any]], Response]) -> None:
        super().__init__()
        self.answer = answer

    def send(self, request: Any, **rest: Any) -> Response:
        rows = super().send(request, **rest).json["rows"]
        return self.answer(rows)


def _rows_of(response: Response, count: int) -> Any:
    """Reads rows whatever the status is, as some providers must."""
    from acme_batch import parse_batch_response

    return parse_batch_response(Response.of(207, response.json, response.headers), count)


def _create(crm: BatchSimulator, count: int = 3, **hooks: Any) -> list[Any]:
    with Client(transport=crm, registry=batch_registry(**hooks)) as client:
        found = dict(client.create_many([{"last_name": f"ok{i}"} for i in range(count)], ACCOUNT))
    return [found[index] for index in range(count)]


def _outcomes(found: list[Any]) -> list[str]:
    return ["created" if isinstance(verdict, Result) else verdict.outcome for verdict in found]


# --- answers that contradict themselves -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 409, 422, 429])
def test_f076_an_id_under_a_refusal_is_unknown_and_not_sent_again(status: int) -> None:
    crm = Answering(lambda rows: Response.of(status, {"rows": [rows[0], {"text": "no", "path": "surname"}, None]}))
    found = _create(crm, parse_batch_response=_rows_of)
    assert _outcomes(found) == ["unknown", "rejected", "unknown"]
    assert "look it up" in found[0].hint
    assert crm.sizes == [3]


@pytest.mark.parametrize("status", [300, 400, 429])
def test_an_id_under_a_refusal_of_one_lead_is_unknown_and_not_sent_again(status: int) -> None:
    class Contradicting(BatchSimulator):
        def send(self, request: Any, **rest: Any) -> Response:
            return Response.of(status, super().send(request, **rest).json)

    def parse_response(response: Response) -> CreatedLead:
        return CreatedLead(id=response.json["prospect"]["id"])

    crm = Contradicting()
    client = Client(transport=crm, registry=batch_registry(parse_response=parse_response))
    with pytest.raises(LeadError) as caught:
        client.create({"last_name": "a"}, ACCOUNT)
    assert (caught.value.outcome, caught.value.retryable, crm.sizes) == ("unknown", False, [1])


@pytest.mark.parametrize("success", [200, 201, 207])
def test_an_id_that_a_provider_reads_under_one_success_alone_is_seen_under_a_refusal(success: int) -> None:
    class Refusing(BatchSimulator):
        def send(self, request: Any, **rest: Any) -> Response:
            return Response.of(422, super().send(request, **rest).json)

    def parse_response(response: Response) -> CreatedLead:
        if response.status != success:
            raise error_for(response)
        return CreatedLead(id=response.json["prospect"]["id"])

    crm = Refusing()
    client = Client(transport=crm, registry=batch_registry(parse_response=parse_response))
    with pytest.raises(LeadError) as caught:
        client.create({"last_name": "a"}, ACCOUNT)
    assert (caught.value.outcome, crm.sizes) == ("unknown", [1])


@pytest.mark.parametrize(("known", "outcome"), [("7", "rejected"), (None, "unknown")])
def test_a_record_that_the_provider_says_was_there_before_is_no_new_lead(known: str | None, outcome: str) -> None:
    class Knowing(BatchSimulator):
        def send(self, request: Any, **rest: Any) -> Response:
            return Response.of(409, {"prospect": {"id": "7"}})

    def parse_response(response: Response) -> CreatedLead:
        if response.status == 409:
            raise error_for(response, existing_id=known)
        return CreatedLead(id=response.json["prospect"]["id"])

    client = Client(transport=Knowing(), registry=batch_registry(parse_response=parse_response))
    with pytest.raises(LeadError) as caught:
        client.create({"last_name": "a"}, ACCOUNT)
    assert caught.value.outcome == outcome


def test_f076_rows_that_share_an_id_are_unknown() -> None:
    crm = Answering(lambda rows: Response.of(207, {"rows": [rows[0], rows[1], rows[0]]}))
    found = _create(crm)
    assert _outcomes(found) == ["unknown", "created", "unknown"]
    assert crm.sizes == [3]


@pytest.mark.parametrize("category", ["validation", "permission", "conflict", "not_found"])
def test_f076_one_refusal_inside_a_success_is_no_verdict_on_all(category: Any) -> None:
    def parse_batch_response(response: Response) -> Any:
        raise error_for(response, "one of them", category=category)

    crm = Answering(lambda rows: Response.of(200, {}))
    found = _create(crm, parse_batch_response=parse_batch_response)
    assert _outcomes(found) == ["unknown"] * 3
    assert crm.sizes == [3], "what may have been stored is not sent again"
    assert {(error.message, error.retryable) for error in found} == {("one of them", False)}


def test_rows_refused_after_an_answer_was_lost_are_unknown() -> None:
    """The first send may have created them; that the second was refused does not undo it."""

    class Losing(BatchSimulator):
        def send(self, request: Any, **rest: Any) -> Response:
            rows = super().send(request, **rest).json["rows"]
            if len(self.sizes) == 1:
                return Response.of(503, {})
            return Response.of(207, {"rows": [rows[0], {"text": "no", "path": "surname"}, rows[2]]})

    def build_batch_request(requests: Any) -> Any:
        from acme_batch import build_batch_request

        request, taken = build_batch_request(requests)
        return request.changed(idempotent=True), taken

    def parse_batch_response(response: Response, count: int) -> Any:
        from acme_batch import parse_batch_response

        if response.status == 503:
            raise error_for(response)
        return parse_batch_response(response, count)

    crm = Losing()
    found = _create(crm, build_batch_request=build_batch_request, parse_batch_response=parse_batch_response)
    assert _outcomes(found) == ["created", "unknown", "created"]
    assert (crm.sizes, found[1].retryable) == ([3, 3], False)


# --- stopping ---------------------------------------------------------------------------------------------------------


def test_f072_a_lead_error_of_the_callbacks_own_ends_the_sending() -> None:
    def before_send(indexes: Any) -> None:
        raise LeadError("the application's own ledger refuses")

    crm = BatchSimulator()
    with Client(transport=crm, registry=batch_registry()) as client:
        creating = client.create_many([{"last_name": f"ok{i}"} for i in range(50)], ACCOUNT, before_send=before_send)
        with pytest.raises(LeadError, match="own ledger refuses"):
            list(creating)
    assert crm.sizes == []


def _locked(response: Response, count: int) -> Any:
    rows = _rows_of(response, count)
    rows[1] = error_for(Response.of(423, {}), "the row is locked", processed=False)
    return rows


def _run(**hooks: Any) -> tuple[Run, list[float]]:
    """A run whose clock stands still until it is moved."""
    now = [100.0]
    provider = batch_registry(**hooks).get("acme")
    options = Options(attempts=3, patient=True, base_url="http://crm.example")
    return Run(provider, provider.settings_of(ACCOUNT), options, clock=lambda: now[0]), now


def _answer(count: int) -> Response:
    return Response.of(207, {"rows": [{"id": str(i + 1), "surname": f"ok{i}"} for i in range(count)]})


def _verdicts(done: Any) -> list[str]:
    return _outcomes([verdict for _, verdict in done.value.value])


def test_f079_rows_that_wait_for_a_lock_are_not_sent_again_after_a_stop() -> None:
    run, now = _run(parse_batch_response=_locked)
    group = run.group([(i, {"last_name": f"ok{i}"}) for i in range(3)])
    assert isinstance(next(group), Send)
    assert isinstance(group.send(_answer(3)), Wait)
    run.gate.stopped = True
    now[0] += 60
    with pytest.raises(StopIteration) as done:
        group.send(None)
    assert _verdicts(done) == ["created", "not_sent", "created"]
    assert run.gate.calls == 1


def test_rows_that_wait_for_a_lock_are_sent_again_when_it_is_time() -> None:
    run, now = _run(parse_batch_response=_locked)
    group = run.group([(i, {"last_name": f"ok{i}"}) for i in range(3)])
    next(group)
    assert isinstance(group.send(_answer(3)), Wait)
    now[0] += 60
    assert isinstance(group.send(None), Send)
    assert run.gate.calls == 2


def test_f079_after_a_stop_the_leads_of_a_group_that_were_not_sent_yet_are_not_sent() -> None:
    def build_batch_request(requests: Any) -> Any:
        raise ZeroDivisionError  # so that they go singly

    run, _ = _run(build_batch_request=build_batch_request)
    group = run.group([(i, {"last_name": f"ok{i}"}) for i in range(3)])
    assert isinstance(next(group), Send)
    run.gate.stopped = True
    with pytest.raises(StopIteration) as done:
        group.send(Response.of(201, {"prospect": {"id": "1", "surname": "ok0"}}))
    assert _verdicts(done) == ["created", "not_sent", "not_sent"]
    assert Counter(type(verdict).__name__ for _, verdict in done.value.value)["ConnectError"] == 2
    assert run.gate.closed is None, "the account is as good as before"


def test_a_row_whose_repetition_breaks_off_has_no_verdict() -> None:
    """The CRM did not process it at first, and may have the second time: the first verdict no longer holds."""

    class Breaking(BatchSimulator):
        def send(self, request: Any, **rest: Any) -> Response:
            answer = super().send(request, **rest)
            if len(self.sizes) > 1:
                raise ValueError("the transport's own fault")
            return answer

    def parse_batch_response(response: Response) -> Any:
        rows = response.json["rows"]
        locked = error_for(Response.of(423, {}), "locked", processed=False)
        return [locked, locked, *(CreatedLead(id=row["id"]) for row in rows[2:])]

    found: list[int] = []

    def consume(client: Client) -> None:
        leads = [{"last_name": f"ok{i}"} for i in range(3)]
        found.extend(index for index, _ in client.create_many(leads, ACCOUNT))

    registry = batch_registry(parse_batch_response=parse_batch_response)
    with Client(transport=Breaking(), registry=registry) as client, pytest.raises(ValueError, match="own fault"):
        consume(client)
    assert found == [2]
