"""What a plugin does wrong becomes a named error for its slug: F092 to F097, and how requests are finished."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from acme import TOKEN, AcmeSettings, EmptyRegistry, make_info, make_plugin
from unilead import (
    AuthError,
    CreatedLead,
    HookContractError,
    InvalidLeadError,
    Lead,
    MalformedResponseError,
    Provider,
    RejectedError,
    Request,
    Response,
    Settings,
    SettingsError,
    UnavailableError,
)

LEAD = Lead(last_name="Okafor")


@pytest.fixture
def settings() -> Settings:
    return AcmeSettings(token=TOKEN)


def _provider(**hooks: Any) -> Provider:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(**hooks))
    return registry.get("acme")


def _raiser(fault: BaseException) -> Any:
    def build_request(lead: Lead) -> Request:
        raise fault

    return build_request


@pytest.mark.parametrize("kind", [KeyError, ZeroDivisionError, RecursionError, SystemExit, MemoryError])
def test_f092_a_raising_hook_sends_nothing(kind: type[BaseException], settings: Settings) -> None:
    with pytest.raises(HookContractError, match=f"build_request raised {kind.__name__}") as caught:
        _provider(build_request=_raiser(kind())).build_request(LEAD, settings)
    assert (caught.value.outcome, caught.value.provider) == ("not_sent", "acme")


@pytest.mark.parametrize("fault", [RecursionError, SystemExit])
@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [(201, MalformedResponseError, "unknown"), (400, RejectedError, "rejected"), (503, UnavailableError, "unknown")],
)
def test_f093_a_raising_parser_is_judged_by_status(
    status: int, kind: type, outcome: str, fault: type, settings: Settings
) -> None:
    def parse_response(response: Response) -> CreatedLead:
        raise fault

    provider = _provider(parse_response=parse_response)
    with pytest.raises(kind) as caught:
        provider.parse_response(Response.of(status, {"kept": True}), provider.build_request(LEAD, settings), settings)
    assert caught.value.outcome == outcome
    assert caught.value.response.json == {"kept": True}


class _Hostile(dict[str, Any]):
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


async def _coroutine() -> None: ...


@pytest.mark.parametrize(
    "answer", [None, {}, _Hostile(), (x for x in ()), "x"], ids=["nothing", "dict", "hostile", "generator", "str"]
)
def test_f094_a_wrong_answer_is_refused(answer: Any, settings: Settings) -> None:
    def build_request(lead: Lead) -> Any:
        return answer

    def parse_response(response: Response) -> Any:
        return answer

    with pytest.raises(HookContractError, match="hook build_request answered"):
        _provider(build_request=build_request).build_request(LEAD, settings)
    provider = _provider(parse_response=parse_response)
    with pytest.raises(MalformedResponseError) as caught:
        provider.parse_response(Response.of(201, {"id": 1}), provider.build_request(LEAD, settings), settings)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("validate_required", ["last_name"]),
        ("build_request", Request("GET", "/x")),
        ("build_request", Request("POST", "/x", json={"lead": {}}, record_path=("record",))),
        ("build_request", Request("POST", "/x", json={"records": []}, record_path=("records", 0))),
    ],
    ids=["no problems", "no body", "no such key", "no such item"],
)
def test_f094_an_answer_of_the_right_type_that_is_of_no_use_is_refused(
    hook: str, answer: Any, settings: Settings
) -> None:
    provider = _provider(**{hook: lambda: answer})
    with pytest.raises(HookContractError, match=f"hook {hook} answered"):
        provider.build_request(Lead(last_name="Okafor", remote_data={"x": 1}), settings)


@pytest.mark.parametrize(
    "answer",
    [
        (Request("POST", "/x", json=[]),),
        (Request("POST", "/x", json=[]), (0,), ()),
        ((0,), Request("POST", "/x", json=[])),
        (Request("POST", "/x", json=[]), (0, 0)),
        (Request("POST", "/x", json=[]), (-1, 0)),
        (Request("POST", "/x", json=[]), (0, 2)),
    ],
    ids=["no indexes", "too much", "the wrong way round", "one twice", "below the first", "past the last"],
)
def test_f094_a_wrong_answer_to_a_batch_is_refused(answer: Any, settings: Settings) -> None:
    provider = _provider(build_batch_request=lambda: answer)
    requests = [provider.compose(LEAD, settings)] * 2
    with pytest.raises(HookContractError, match="hook build_batch_request"):
        provider.build_batch(requests, settings)


@pytest.mark.parametrize(("status", "outcome"), [(207, "unknown"), (422, "rejected")])
def test_f094_a_lead_without_verdict_is_judged_by_status(status: int, outcome: str, settings: Settings) -> None:
    provider = _provider(parse_batch_response=lambda: [CreatedLead(id=1), None, "2"])
    request = provider.compose(LEAD, settings)
    _, *others = provider.parse_batch(Response.of(status, {}), request, 3, settings)
    assert [verdict.outcome for verdict in others] == [outcome] * 2


@pytest.mark.parametrize("hook", ["build_request", "parse_response"])
def test_an_interrupt_in_a_hook_is_no_fault_of_the_plugin(hook: str, settings: Settings) -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    provider = _provider(**{hook: interrupted})
    with pytest.raises(KeyboardInterrupt):
        provider.parse_response(Response.of(201, {}), provider.build_request(LEAD, settings), settings)


def test_a_bare_refusal_is_completed_by_the_answer(settings: Settings) -> None:
    def parse_response(response: Response) -> CreatedLead:
        raise AuthError("who are you?")

    provider = _provider(parse_response=parse_response)
    with pytest.raises(AuthError) as caught:
        provider.parse_response(Response.of(401, {}), provider.build_request(LEAD, settings), settings)
    assert (caught.value.provider, caught.value.status, caught.value.outcome) == ("acme", 401, "rejected")
    assert "credentials" in caught.value.hint


def test_a_provider_without_simulator_says_so() -> None:
    plugin = make_plugin()
    del plugin.simulator
    registry = EmptyRegistry()
    registry.register("acme", plugin)
    with pytest.raises(HookContractError, match="hook simulator is not written"):
        registry.get("acme").simulator()


def test_f094_a_coroutine_is_refused(settings: Settings) -> None:
    def build_request(lead: Lead) -> Any:
        return _coroutine()

    with pytest.raises(HookContractError, match="a coroutine"):
        _provider(build_request=build_request).build_request(LEAD, settings)


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/x", "//evil.example/x", "/a/../b", "/a b", "/a?b=c", "/a#b", "/a\r\nX: 1", "relative", ""],
)
def test_f097_a_request_cannot_leave_its_host_or_path(path: str, settings: Settings) -> None:
    def build_request(lead: Lead) -> Request:
        return Request("POST", path, json={})

    with pytest.raises(HookContractError):
        _provider(build_request=build_request).build_request(LEAD, settings)


@pytest.mark.parametrize(
    "name", ["Host", "authorization", "Transfer-Encoding", "Content-Length", "Cookie", "X\r\nY", "a b"]
)
def test_f097_headers_of_the_core_are_not_the_plugins(name: str, settings: Settings) -> None:
    def build_request(lead: Lead) -> Request:
        return Request("POST", "/x", json={}, headers={name: "1"})

    with pytest.raises(HookContractError):
        _provider(build_request=build_request).build_request(LEAD, settings)


@pytest.mark.parametrize("value", ["a\r\nX: 1", "a\0", "é"])
def test_s008_header_values_are_plain_text(value: str, settings: Settings) -> None:
    def build_request(lead: Lead) -> Request:
        return Request("POST", "/x", json={}, headers={"X-Acme": value})

    with pytest.raises(HookContractError):
        _provider(build_request=build_request).build_request(LEAD, settings)


def test_remote_data_is_merged_into_the_record_and_wins(settings: Settings) -> None:
    lead = Lead.parse(
        {"last_name": "A", "custom_fields": {"x": 1}, "remote_data": {"surname": "B", "extra": {"y": [2]}, "n": None}}
    )
    body = json.loads(_provider().build_request(lead, settings).body)
    assert body == {"prospect": {"surname": "B", "extra": {"x": 1, "y": [2]}, "n": None}}


@pytest.mark.parametrize("key", ["prospect", "api_token", "API_TOKEN"])
def test_b030_envelope_and_credentials_cannot_be_replaced(key: str, settings: Settings) -> None:
    with pytest.raises(InvalidLeadError) as caught:
        _provider().build_request(Lead(last_name="A", remote_data={key: "x"}), settings)
    assert caught.value.fields == (f"remote_data.{key}",)


@pytest.mark.parametrize(
    ("style", "query"),
    [("brackets", "a%5Bb%5D=1&l%5B%5D=x&l%5B%5D=y"), ("repeat", "a%5Bb%5D=1&l=x&l=y"), ("comma", "a%5Bb%5D=1&l=x%2Cy")],
)
def test_remote_query_is_written_in_the_crms_style(style: str, query: str, settings: Settings) -> None:
    provider = _provider(describe=lambda: make_info(query_style=style))
    url = provider.build_request(LEAD, settings, remote_query={"a": {"b": "1"}, "l": ["x", "y"]}).url
    assert url == f"https://api.acme.example/v1/prospects?{query}"


def test_the_callers_query_wins(settings: Settings) -> None:
    def build_request(lead: Lead) -> Request:
        return Request("POST", "/x", json={}, query={"a": "own", "b": "own"})

    url = _provider(build_request=build_request).build_request(LEAD, settings, remote_query={"a": "caller"}).url
    assert url.endswith("?b=own&a=caller")


@pytest.mark.parametrize("answer", [0, "", "0", " ", None])
def test_f025_an_id_that_is_none_is_no_success(answer: Any, settings: Settings) -> None:
    provider = _provider()
    response = Response.of(201, {"prospect": {"id": answer, "surname": "x"}})
    with pytest.raises(MalformedResponseError) as caught:
        provider.parse_response(response, provider.build_request(LEAD, settings), settings)
    assert caught.value.outcome == "unknown"


def test_a_lone_surrogate_is_refused_before_the_send(settings: Settings) -> None:
    with pytest.raises(InvalidLeadError) as caught:
        _provider().build_request(Lead(last_name="\ud800"), settings)
    assert caught.value.problems[0].code == "invalid_unicode"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.example", "https://u@api.acme.example", "https://api.acme.example:8443", "https://evil.example",
        "https://api.acme.example.evil.com", "https://evilapi.acme.example", "https://api.acme.example/x",
        "https://127.0.0.1", "https://[::1]", "https://localhost", "https://api.acme.example.", "https://api.acme.example\\@x",
        "https://api.acme.example\n", "ftp://api.acme.example", "https://api.acme.example?x", "https://api.acme.example#x",
        "https://аpi.acme.example", "https://api.acme.example:", "", "https://2130706433", "https://０x7f.1",
    ],
)  # fmt: skip
def test_s001_s003_s004_base_urls_outside_the_allow_list_are_refused(url: str, settings: Settings) -> None:
    provider = _provider()
    provider.info = replace(provider.info, base_url=url)
    with pytest.raises(SettingsError):
        provider.build_request(LEAD, settings)


def test_a_retried_batch_hook_must_answer_ascending_indexes(settings: Settings) -> None:
    def build_batch_request(requests: Any) -> Any:
        return Request("POST", "/v1/batch", json=[]), (1, 0)

    provider = _provider(build_batch_request=build_batch_request)
    requests = [provider.compose(LEAD, settings)] * 2
    with pytest.raises(HookContractError, match="ascending"):
        provider.build_batch(requests, settings)


@pytest.mark.parametrize("answered", [0, 1, 3])
def test_f076_a_wrong_number_of_verdicts_is_unknown(answered: int, settings: Settings) -> None:
    def build_batch_request(requests: Any) -> Any:
        return Request("POST", "/v1/batch", json=[]), (0, 1)

    def parse_batch_response(response: Response) -> Any:
        return [CreatedLead(id=1)] * answered

    provider = _provider(build_batch_request=build_batch_request, parse_batch_response=parse_batch_response)
    request, taken = provider.build_batch([provider.compose(LEAD, settings)] * 2, settings)
    with pytest.raises(MalformedResponseError) as caught:
        provider.parse_batch(Response.of(200, []), request, len(taken), settings)
    assert caught.value.outcome == "unknown"


def test_a_hook_may_take_its_arguments_by_position_only(settings: Settings) -> None:
    def build_request(lead: Lead, settings: Settings, /) -> Request:
        return Request("POST", "/leads", json={"name": lead.last_name})

    assert _provider(build_request=build_request).build_request(LEAD, settings).body == b'{"name":"Okafor"}'


def test_each_hook_is_given_what_its_specification_names(settings: Settings) -> None:
    given: dict[str, Any] = {}

    def validate_required(lead: Lead, settings: Settings) -> list[Any]:
        given["validate_required"] = lead, settings
        return []

    def build_request(lead: Lead, settings: Settings) -> Request:
        given["build_request"] = lead, settings
        return Request("POST", "/x", json={})

    def build_batch_request(leads: Any, requests: Any, settings: Settings) -> Any:
        given["build_batch_request"] = leads, requests, settings
        return Request("POST", "/x", json=[]), (1,)

    def parse_response(response: Response, request: Request, settings: Settings) -> CreatedLead:
        given["parse_response"] = response, request, settings
        return CreatedLead(id=1)

    def parse_batch_response(response: Response, request: Request, count: int, settings: Settings) -> Any:
        given["parse_batch_response"] = response, request, count, settings
        return [CreatedLead(id=1)]

    def build_read_request(lead_id: str, settings: Settings) -> Request:
        given["build_read_request"] = lead_id, settings
        return Request("GET", "/x")

    hooks = [validate_required, build_request, build_batch_request]
    hooks += [parse_response, parse_batch_response, build_read_request]
    provider = _provider(**{hook.__name__: hook for hook in hooks})
    answer, other = Response.of(201, {}), Lead(last_name="Adeyemi", remote_data={"x": 1})
    request = provider.build_request(LEAD, settings)
    requests = (provider.compose(LEAD, settings), provider.compose(other, settings))
    batch, _ = provider.build_batch(requests, settings)
    provider.parse_response(answer, request, settings)
    provider.parse_batch(answer, batch, 1, settings)
    provider.build_read_request("7", settings)
    assert given == {
        "validate_required": (LEAD, settings),
        "build_request": (other, settings),
        "build_batch_request": ((LEAD, other), requests, settings),
        "parse_response": (answer, request, settings),
        "parse_batch_response": (answer, batch, 1, settings),
        "build_read_request": ("7", settings),
    }
    assert batch.leads == (other,), "of those that the batch took"


@pytest.mark.parametrize(
    ("status", "count", "outcome"), [(200, 1, "rejected"), (200, 2, "unknown"), (400, 2, "rejected")]
)
def test_f076_a_refusal_of_a_batch_is_certain_for_one_lead_or_by_its_status(
    status: int, count: int, outcome: str, settings: Settings
) -> None:
    def parse_batch_response(response: Response) -> Any:
        raise RejectedError("no", response=response)

    provider = _provider(parse_batch_response=parse_batch_response)
    with pytest.raises(RejectedError) as caught:
        provider.parse_batch(Response.of(status, {}), provider.compose(LEAD, settings), count, settings)
    assert caught.value.outcome == outcome


@pytest.mark.parametrize(("size", "hook", "takes"), [(1, True, False), (2, False, False), (2, True, True)])
def test_a_provider_takes_batches_by_its_data_sheet_and_its_hook(size: int, hook: bool, takes: bool) -> None:
    hooks = {"build_batch_request": lambda: None} if hook else {}
    assert _provider(describe=lambda: make_info(batch_size=size), **hooks).takes_batches is takes


def test_accounts_by_turns_keep_their_own_address() -> None:
    class Regional(AcmeSettings):
        address: str

    info = make_info(settings=Regional, base_url="{address}", allowed_hosts=(r"\w+\.acme\.example",))
    provider = _provider(describe=lambda: info)
    accounts = [Regional(token=TOKEN, address=f"https://{name}.acme.example/") for name in ("eu", "us")] * 2
    found = [provider.build_request(LEAD, account).url for account in accounts]
    assert found == [f"https://{name}.acme.example/v1/prospects" for name in ("eu", "us")] * 2


def test_a_lead_is_read_where_the_caller_says(settings: Settings) -> None:
    assert _provider().build_read_request("7", settings).url == "https://api.acme.example/v1/prospects/7"
    there = _provider().build_read_request("7", settings, base_url="http://127.0.0.1:1")
    assert there.url == "http://127.0.0.1:1/v1/prospects/7"
