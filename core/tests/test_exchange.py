"""What is repeated and what never is; what a result holds."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from acme import TOKEN, AcmeSimulator, EmptyRegistry, make_plugin
from unilead import (
    Account,
    AsyncClient,
    AuthError,
    Client,
    ConnectError,
    InvalidLeadError,
    Lead,
    LeadError,
    MalformedResponseError,
    MissingFieldsError,
    OutcomeUnknownError,
    RateLimitError,
    Registry,
    RejectedError,
    Request,
    Response,
    Settings,
)
from unilead.drive import Driver
from unilead.exchange import exchange
from unilead.pace import Lane, Pauses
from unilead.sending import Options
from unilead.steps import Send, Wait
from unilead.transport.answer import MAX_ANSWER

LEAD = {"last_name": "Okafor"}


class Script:
    """A transport that plays answers and errors in order."""

    def __init__(self, *answers: Any) -> None:
        self.answers: Iterator[Any] = iter(answers)
        self.sent = 0

    def send(self, request: Any, *, credentials: Any, timeout: float) -> Response:
        self.sent += 1
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None: ...


CREATED = Response.of(201, {"prospect": {"id": 7, "surname": "Okafor"}})


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    return waits


def _create(script: Script, registry: Registry, account: Account, **options: Any) -> Any:
    return Client(transport=script, registry=registry).create(LEAD, account, **options)


def test_f002_not_connected_is_tried_three_times(registry: Registry, account: Account, slept: list[float]) -> None:
    script = Script(*[ConnectError("refused")] * 3)
    with pytest.raises(ConnectError) as caught:
        _create(script, registry, account)
    assert (script.sent, caught.value.outcome, caught.value.provider) == (3, "not_sent", "acme")
    assert len(slept) == 2 and slept[0] < slept[1]


def test_a_connection_at_the_second_try_creates(registry: Registry, account: Account) -> None:
    result = _create(Script(ConnectError("refused"), CREATED), registry, account)
    assert (result.id, result.attempts) == ("7", 2)


def test_sent_and_unanswered_is_never_repeated(registry: Registry, account: Account) -> None:
    script = Script(OutcomeUnknownError("reset"), CREATED)
    with pytest.raises(OutcomeUnknownError) as caught:
        _create(script, registry, account)
    assert (script.sent, caught.value.outcome) == (1, "unknown")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425, 302])
def test_f043_f044_f045_f034_failures_are_never_repeated(status: int, registry: Registry, account: Account) -> None:
    script = Script(Response.of(status, {"text": "x"}, {"Retry-After": "1"}), CREATED)
    with pytest.raises(LeadError) as caught:
        _create(script, registry, account)
    assert (script.sent, caught.value.outcome, caught.value.retry_after) == (1, "unknown", 1.0)


def test_nothing_is_sent_when_the_time_is_over_before(
    registry: Registry, account: Account, simulator: AcmeSimulator
) -> None:
    with pytest.raises(ConnectError) as caught:
        Client(transport=simulator, registry=registry, timeout=0).create(LEAD, account)
    assert (caught.value.outcome, len(simulator.calls)) == ("not_sent", 0)


def test_f036_throttling_waits_as_told(registry: Registry, account: Account, slept: list[float]) -> None:
    result = _create(Script(Response.of(429, {"text": "x"}, {"Retry-After": "3"}), CREATED), registry, account)
    assert result.attempts == 2
    assert slept[0] >= 3


def test_f037_a_date_to_wait_for_is_reckoned_from_the_answer(
    registry: Registry, account: Account, slept: list[float]
) -> None:
    headers = {"Retry-After": "Mon, 23 Nov 2026 10:00:05 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}
    _create(Script(Response.of(429, {"text": "x"}, headers), CREATED), registry, account)
    assert slept[0] == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("text", ["1.5", "soon", "-5", "", "1, 2", "9" * 20])
def test_f038_an_odd_wait_counts_as_absent(text: str, registry: Registry, account: Account, slept: list[float]) -> None:
    assert _create(Script(Response.of(429, {"text": "x"}, {"Retry-After": text}), CREATED), registry, account).id == "7"
    assert slept[0] <= 1


@pytest.mark.parametrize(
    "date",
    [
        "Wed, 21 Oct 2035 07:28:00 +99999999999999999999",
        "Wed, 21 Oct 2035 07:28:99999999999999999999 GMT",
        "Wed, 99999999999999999999 Oct 2035 07:28:00 GMT",
    ],
)
@pytest.mark.parametrize("header", ["Retry-After", "Date"])
def test_f038_a_date_of_absurd_numbers_does_not_hide_the_outcome(
    header: str, date: str, registry: Registry, account: Account
) -> None:
    headers = {"Retry-After": "Wed, 21 Oct 2035 07:28:00 GMT", header: date}
    with pytest.raises(LeadError) as caught:
        _create(Script(Response.of(503, {"text": "x"}, headers)), registry, account)
    assert caught.value.outcome == "unknown"


def test_a_transport_that_fails_while_reading_back_leaves_the_lead_created(
    registry: Registry, account: Account
) -> None:
    assert _create(Script(CREATED, ValueError("own fault")), registry, account, read_back=True).id == "7"


def test_f039_a_long_wait_is_the_callers(registry: Registry, account: Account, slept: list[float]) -> None:
    with pytest.raises(RateLimitError) as caught:
        _create(Script(Response.of(429, {"text": "x"}, {"Retry-After": "99999"})), registry, account)
    assert (caught.value.retry_after, slept) == (99999, [])


def test_f041_throttled_for_ever_gives_up(registry: Registry, account: Account) -> None:
    script = Script(*[Response.of(429, {"text": "x"})] * 9)
    with pytest.raises(RateLimitError) as caught:
        _create(script, registry, account)
    assert (script.sent, caught.value.outcome, caught.value.retryable) == (3, "not_sent", True)


def test_f059_a_refused_key_is_not_repeated(registry: Registry) -> None:
    simulator = AcmeSimulator()
    with pytest.raises(AuthError), Client(transport=simulator, registry=registry) as client:
        client.create(LEAD, Account("acme", {"token": "wrong"}))
    assert len(simulator.calls) == 1


def test_missing_fields_send_nothing(registry: Registry, account: Account) -> None:
    script = Script()
    with pytest.raises(MissingFieldsError) as caught:
        Client(transport=script, registry=registry).create({}, account)
    assert (script.sent, caught.value.fields, caught.value.outcome) == (0, ("last_name",), "rejected")


def test_losses_are_reported_or_refused(registry: Registry, account: Account, simulator: AcmeSimulator) -> None:
    client = Client(transport=simulator, registry=registry)
    lead = {"last_name": "O", "status": "new", "foo": 1}
    result = client.create(lead, account)
    assert (result.dropped, result.unknown) == (("status",), ("foo",))
    with pytest.raises(InvalidLeadError) as caught:
        client.create(lead, account, on_unsupported="raise")
    assert caught.value.fields == ("status", "foo")
    assert simulator.count == 1


def test_reading_back_fills_what_the_create_did_not_answer(
    registry: Registry, account: Account, simulator: AcmeSimulator
) -> None:
    result = Client(transport=simulator, registry=registry).create(LEAD, account, read_back=True)
    assert result.lead.first_name == "Read"
    assert result.response.status == 201


def test_reading_back_takes_nothing_away(registry: Registry, account: Account) -> None:
    created = Response.of(201, {"prospect": {"id": "7", "surname": "Okafor", "given_name": "Amara"}})
    read = Response.of(200, {"prospect": {"id": "7", "surname": "Okafor-Bell"}})
    lead = _create(Script(created, read), registry, account, read_back=True).lead
    assert (lead.first_name, lead.last_name) == ("Amara", "Okafor-Bell")


def test_a_failed_read_leaves_the_create_a_success(registry: Registry, account: Account) -> None:
    for answer in (
        OutcomeUnknownError("x"),
        Response.of(500, {"text": "x"}),
        Response.of(200, {"prospect": {"id": 8, "surname": "x"}}),
    ):
        assert _create(Script(CREATED, answer), registry, account, read_back=True).lead.last_name == "Okafor"


def test_s032_an_echoed_secret_is_masked(registry: Registry, account: Account) -> None:
    answer = Response.of(422, {"text": f"bad token {TOKEN}", "code": "x"})
    with pytest.raises(RejectedError) as caught:
        _create(Script(answer), registry, account)
    assert TOKEN not in f"{caught.value}{caught.value.response.text}"
    assert "***" in caught.value.message


@pytest.mark.parametrize(("secret", "shown"), [("abcd", False), ("abc", True)])
def test_s032_what_is_shorter_than_four_characters_is_no_secret(secret: str, shown: bool, registry: Registry) -> None:
    answer = Response.of(422, {"text": f"no {secret} here", "code": "x"})
    with pytest.raises(RejectedError) as caught:
        _create(Script(answer), registry, Account("acme", {"token": secret}))
    assert caught.value.message == ("no abc here" if shown else "no *** here")


def test_any_httpx_transport_can_be_passed_in(registry: Registry, account: Account) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"prospect": {"id": 7, "surname": "Okafor"}})

    result = Client(transport=httpx.MockTransport(answer), registry=registry).create(LEAD, account)
    assert result.id == "7"
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(seen[0].content) == {"prospect": {"surname": "Okafor"}}
    assert seen[0].headers["content-length"] == str(len(seen[0].content))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_the_asynchronous_client_does_the_same(
    registry: Registry, account: Account, simulator: AcmeSimulator
) -> None:
    async with AsyncClient(transport=simulator, registry=registry) as client:
        result = await client.create(LEAD, account, read_back=True)
    assert (result.id, result.lead.first_name, simulator.count) == ("1", "Read", 1)
    mock = httpx.MockTransport(lambda request: httpx.Response(201, json={"prospect": {"id": 7, "surname": "O"}}))
    async with AsyncClient(transport=mock, registry=registry) as client:
        assert (await client.create(LEAD, account)).id == "7"


def test_a_private_address_needs_an_explicit_word(registry: Registry) -> None:
    with pytest.raises(ValueError, match="allow_private"):
        Client(registry=registry, base_url="http://127.0.0.1:1")


def test_request_ids_differ_and_errors_carry_them(
    registry: Registry, account: Account, simulator: AcmeSimulator
) -> None:
    client = Client(transport=simulator, registry=registry)
    assert client.create(LEAD, account).request_id != client.create(LEAD, account).request_id
    with pytest.raises(MissingFieldsError) as caught:
        client.create({}, account)
    assert caught.value.request_id


def test_send_once_passes_a_throttle_on_and_repeats_only_what_never_left(registry: Registry, account: Account) -> None:
    throttled = Script(Response.of(429, {}, {"Retry-After": "1"}), CREATED)
    with pytest.raises(RateLimitError) as refused:
        Client(transport=throttled, registry=registry, send_once=True).create(LEAD, account)
    assert (throttled.sent, refused.value.retry_after) == (1, 1.0)
    refused_connection = Script(ConnectError("refused"), CREATED)
    result = Client(transport=refused_connection, registry=registry, send_once=True).create(LEAD, account)
    assert (refused_connection.sent, result.attempts) == (2, 2)


class Seen:
    """A transport that keeps whose create or read it was, and answers as the simulator."""

    def __init__(self) -> None:
        self.simulator = AcmeSimulator()
        self.sends: list[str] = []

    def send(self, request: Request, *, credentials: Any, timeout: float) -> Response:
        self.sends.append(f"{request.method} {credentials['Authorization'].removeprefix('Bearer ')}")
        own = {"Authorization": f"Bearer {TOKEN}"}
        return self.simulator.send(request, credentials=own, timeout=timeout)

    def close(self) -> None: ...


def test_accounts_by_turns_keep_their_own_options_and_a_call_its_own(registry: Registry) -> None:
    """The options of the account asked for last are kept; nothing of them may stick to another one's create."""
    seen = Seen()
    plain, reading = Account("acme", {"token": "p"}), Account("acme", {"token": "r"}, read_back=True)
    with Client(registry=registry, transport=seen) as client:
        for account in (plain, reading, plain, plain, reading):
            client.create(LEAD, account)
        assert seen.sends == ["POST p", "POST r", "GET r", "POST p", "POST p", "POST r", "GET r"]
        seen.sends.clear()
        client.create(LEAD, plain, read_back=True)
        client.create(LEAD, plain)
        client.create(LEAD, reading, read_back=False)
        with pytest.raises(InvalidLeadError):
            client.create(LEAD | {"status": "x"}, plain, on_unsupported="raise")
        assert client.create(LEAD | {"status": "x"}, plain).dropped == ("status",)
    assert seen.sends == ["POST p", "GET p", "POST p", "POST r", "POST p"]


def test_on_send_sees_the_request_once_and_can_stop_it(registry: Registry, account: Account) -> None:
    seen: list[Any] = []
    _create(Script(ConnectError("refused"), CREATED), registry, account, on_send=seen.append)
    assert [request.method for request in seen] == ["POST"]

    def stop(request: Any) -> None:
        raise PermissionError

    script = Script(CREATED)
    with pytest.raises(PermissionError):
        _create(script, registry, account, on_send=stop)
    assert script.sent == 0


def test_read_answers_what_the_crm_stores(registry: Registry, account: Account) -> None:
    client = Client(transport=AcmeSimulator(), registry=registry)
    created = client.create(LEAD, account)
    read = client.read(created.id, account)
    assert (read.lead.id, read.lead.last_name) == (created.id, "Okafor")
    with pytest.raises(LeadError) as absent:
        client.read("no-such-lead", account)
    assert absent.value.provider == "acme"
    assert absent.value.request_id and absent.value.request_id != read.request_id


def test_a_read_that_fails_is_told_like_a_create(registry: Registry, account: Account) -> None:
    class Down(AcmeSimulator):
        def send(self, request: Request, **rest: Any) -> Response:
            raise ConnectError("could not connect")

    with pytest.raises(ConnectError) as caught:
        Client(transport=Down(), registry=registry).read("7", account, timeout=0.1)
    assert caught.value.provider == "acme"
    assert caught.value.request_id


def test_a_read_goes_where_the_client_sends(registry: Registry, account: Account) -> None:
    urls: list[str] = []

    class Noting(AcmeSimulator):
        def send(self, request: Request, **rest: Any) -> Response:
            urls.append(request.url)
            return super().send(request, **rest)

    client = Client(transport=Noting(), registry=registry, base_url="http://127.0.0.1:1", allow_private=True)
    client.read(client.create(LEAD, account, read_back=True).id, account)
    assert [url.removeprefix("http://127.0.0.1:1/v1/prospects") for url in urls] == ["", "/1", "/1"]


# --- outcomes that must not be claimed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last",
    [
        ConnectError("refused"),
        Response.of(401, {"text": "no"}),
        Response.of(422, {"text": "no"}),
        Response.of(429, {"text": "slower"}, {"Retry-After": "3600"}),
    ],
    ids=["not connected", "refused credentials", "rejected", "throttled"],
)
def test_a_doubtful_send_stays_doubtful_whatever_its_harmless_repetition_meets(last: Any, account: Account) -> None:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(build_request=_upsert))
    script = Script(OutcomeUnknownError("reset"), *[last] * 3)
    with pytest.raises(LeadError) as caught:
        _create(script, registry, account)
    assert script.sent >= 2
    assert (caught.value.outcome, caught.value.retryable) == ("unknown", False)


def _upsert(lead: Any) -> Request:
    return Request("PUT", "/v1/prospects/7", json={"prospect": {}}, record_path=("prospect",), idempotent=True)


def test_nothing_is_sent_when_the_callers_own_callback_took_all_the_time(registry: Registry, account: Account) -> None:
    script, now = Script(CREATED), [0.0]
    provider = registry.get("acme")

    def on_send(request: Any) -> None:
        now[0] += 31

    steps = exchange(
        provider, Lead.parse(LEAD), provider.settings_of(account), Options(on_send=on_send), clock=lambda: now[0]
    )
    with pytest.raises(ConnectError, match="time"):
        Driver(lambda: script).drive(steps)
    assert script.sent == 0


def test_a_long_wait_for_the_pace_takes_no_time_from_the_send(registry: Registry, account: Account) -> None:
    class Slow:
        waits: Iterator[float] = iter([40.0, 0.0])

        def wait(self, account_id: str, limits: Any) -> float:
            return next(self.waits)

    now = [0.0]
    provider = registry.get("acme")
    options = Options(patient=True, lane=Lane("one", Settings(), (), Slow(), Pauses()))
    steps = exchange(provider, Lead.parse(LEAD), provider.settings_of(account), options, clock=lambda: now[0])
    step = next(steps)
    assert isinstance(step, Wait)
    now[0] += step.seconds
    sending = steps.send(None)
    assert isinstance(sending, Send) and sending.timeout == 30


# --- transports that the application hands in -------------------------------------------------------------------------


class Misnaming(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Calls a reset after the CRM read the request a connect time-out, as httpx-aiohttp does."""

    sent = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent += len(b"".join(request.stream)) > 0  # type: ignore[arg-type]
        raise httpx.ConnectTimeout("reset")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


def test_f010_a_body_that_was_taken_counts_as_sent_whatever_the_error_is_called(
    registry: Registry, account: Account
) -> None:
    transport = Misnaming()
    with pytest.raises(LeadError) as caught:
        Client(transport=transport, registry=registry).create(LEAD, account)
    assert (caught.value.outcome, transport.sent) == ("unknown", 1)


def test_f002_a_mock_and_a_real_transport_that_do_not_connect_send_nothing(
    registry: Registry, account: Account
) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    options: dict[str, Any] = {"registry": registry, "base_url": "http://127.0.0.1:9", "allow_private": True}
    for transport in (httpx.MockTransport(refuse), httpx.HTTPTransport()):
        with Client(transport=transport, **options) as client, pytest.raises(ConnectError) as caught:
            client.create(LEAD, account)
        assert caught.value.outcome == "not_sent"


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack", "outcome"),
    [
        ("identity", bytes, "created"),
        (" GZIP ", gzip.compress, "created"),
        ("x-gzip", gzip.compress, "created"),
        ("deflate", zlib.compress, "created"),
        ("deflate", _raw_deflate, "created"),
        ("gzip", lambda data: gzip.compress(data)[:-8], "unknown"),
        ("gzip", bytes, "unknown"),
        ("gzip", lambda data: gzip.compress(data) + bytes(MAX_ANSWER), "unknown"),
        ("br", bytes, "unknown"),
        ("identity", lambda data: data.ljust(MAX_ANSWER), "created"),
        ("identity", lambda data: data.ljust(MAX_ANSWER + 1), "unknown"),
        ("gzip", lambda data: gzip.compress(data.ljust(MAX_ANSWER + 1), 1), "unknown"),
    ],
)
def test_f027_f028_an_answer_that_is_not_whole_once_unpacked_is_no_success(
    encoding: str, pack: Callable[[bytes], bytes], outcome: str, registry: Registry, account: Account
) -> None:
    transport = httpx.MockTransport(
        lambda request: httpx.Response(
            201, headers={"Content-Encoding": encoding}, stream=httpx.ByteStream(pack(CREATED.body))
        )
    )
    client = Client(transport=transport, registry=registry)
    if outcome == "created":
        assert client.create(LEAD, account).id == "7"
    else:
        with pytest.raises(MalformedResponseError) as caught:
            client.create(LEAD, account)
        assert caught.value.outcome == outcome


@pytest.mark.parametrize("transport", [httpx.AsyncHTTPTransport(), 5])
def test_a_transport_that_cannot_send_is_refused_and_not_an_unknown_outcome(
    transport: Any, registry: Registry, account: Account
) -> None:
    with pytest.raises(ValueError, match="cannot send synchronously"):
        Client(transport=transport, registry=registry).create(LEAD, account)


def test_an_unknown_policy_is_refused_and_not_taken_for_the_default(registry: Registry, account: Account) -> None:
    with pytest.raises(ValueError, match="on_unsupported"):
        Client(registry=registry, on_unsupported="rise")  # type: ignore[arg-type]
    client = Client(registry=registry, transport=AcmeSimulator())
    with pytest.raises(ValueError, match="on_unsupported"):
        client.create(LEAD, account, on_unsupported="rise")  # type: ignore[arg-type]


@pytest.mark.parametrize("lead", [None, 5, [1], [("last_name", "Okafor")]])
def test_what_is_no_lead_is_refused_by_name(lead: Any, registry: Registry, account: Account) -> None:
    with pytest.raises(InvalidLeadError, match="a lead is an object, not"):
        Client(registry=registry, transport=AcmeSimulator()).create(lead, account)


def test_a_read_back_is_paced_too(registry: Registry, account: Account, simulator: AcmeSimulator) -> None:
    class Counting:
        sends = 0

        def wait(self, account_id: str, limits: Any) -> float:
            self.sends += 1
            return 0.0

    pacer = Counting()
    Client(transport=simulator, registry=registry, pacer=pacer).create(LEAD, account, read_back=True)
    assert pacer.sends == len(simulator.calls) == 2
