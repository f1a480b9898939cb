"""The conformance vectors of the API, one row or one short play for each number, counting leads at the simulators."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest

from host_stage import LEADS, Stage, staged
from unilead import Call, CreatedLead, Response

pytestmark = pytest.mark.anyio

Check: TypeAlias = Callable[[httpx.Response, Stage], None]
Play: TypeAlias = Callable[[Stage], Awaitable[None]]

SELL, ZOHO, HUBSPOT, FORCE = "zendesk-sell", "zoho-crm", "hubspot", "salesforce"
L = {"last_name": "L"}
FIVE_SPELLINGS = [
    "truto_exclude_fields[]=id&truto_exclude_fields[]=title",
    "truto_exclude_fields%5B%5D=id&truto_exclude_fields%5B%5D=title",
    "truto_exclude_fields%5B0%5D=id&truto_exclude_fields%5B1%5D=title",
    "truto_exclude_fields=id,title",
    "truto_exclude_fields=id&truto_exclude_fields=title",
]


@dataclass(frozen=True)
class Vector:
    """One request and what comes of it.

    Attributes:
        number: the vector's number, and what tells it from others of that number.
        sent: requests that reach the provider.
        check: looks at the answer.
        before: sets the stage.
    """

    number: str
    slug: str
    lead: Any = field(default_factory=lambda: dict(L))
    query: str = ""
    status: int = 200
    sent: int = 1
    check: Check = lambda answer, stage: None
    before: Callable[[Stage], None] = lambda stage: None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None
    path: str = LEADS


def refused(number: str, slug: str = SELL, **more: Any) -> Vector:
    """A request that the host refuses itself: 400, and nothing is sent."""
    return Vector(number, slug, **{"status": 400, "sent": 0, **more})


def body(expected: Callable[[Any], bool]) -> Check:
    def check(answer: httpx.Response, stage: Stage) -> None:
        assert expected(answer.json()), answer.text

    return check


def header(name: str, value: str) -> Check:
    def check(answer: httpx.Response, stage: Stage) -> None:
        assert answer.headers[name] == value

    return check


def both(*checks: Check) -> Check:
    def check(answer: httpx.Response, stage: Stage) -> None:
        for one in checks:
            one(answer, stage)

    return check


def missing(*names: str) -> Check:
    return body(lambda got: got["truto_error_insight"]["missing_required_body_fields"]["value"] == list(names))


def last_call(slug: str, expected: Callable[[Call], bool]) -> Check:
    def check(answer: httpx.Response, stage: Stage) -> None:
        assert expected(stage.simulators[slug].calls[-1])

    return check


def names_and_values(call: Call) -> set[tuple[str, str]]:
    return {(name, value) for name, value in call.json["data"][0].items() if isinstance(value, str)}


def fault(slug: str, **faults: Any) -> Callable[[Stage], None]:
    def before(stage: Stage) -> None:
        for name, value in faults.items():
            setattr(stage.simulators[slug].faults, name, value)

    return before


def answering(slug: str, status: int, value: Any, headers: Mapping[str, str] | None = None) -> Callable[[Stage], None]:
    """Let the CRM give this answer, whatever is asked."""

    def before(stage: Stage) -> None:
        answer = Response.of(status, value, headers)
        stage.simulators[slug]._dispatch = lambda call: answer  # type: ignore[method-assign]

    return before


def is_remote(got: Any, status: int, raw: Any, *insights: str) -> bool:
    shape = (got["statusCode"], got["truto_is_remote_error"], got["raw_response"])
    return shape == (status, True, raw) and set(insights) <= set(got["truto_error_insight"])


def is_raw(answer: httpx.Response, stage: Stage) -> None:
    (stored,) = stage.simulators[SELL].leads.values()
    assert answer.json()["data"]["id"] == stored["id"]
    assert set(answer.json()) == {"data", "meta"}


def is_normalized(answer: httpx.Response, stage: Stage) -> None:
    got = answer.json()
    assert list(got) == [*CreatedLead.model_fields, "remote_data"]
    assert (got["urls"], got["phone_numbers"], got["custom_fields"], got["status"]) == ([], [], {}, None)


VECTORS = [
    Vector("1", SELL, check=body(lambda got: isinstance(got["id"], str) and "remote_data" in got)),
    Vector("2", SELL, query="truto_ignore_remote_data=true", check=body(lambda got: "remote_data" not in got)),
    refused("3", query="truto_ignore_remote_data=yes"),
    Vector("4", SELL, query="truto_response_format=raw", check=is_raw),
    Vector("5", SELL, query="truto_response_format=raw&truto_exclude_fields[]=id", check=is_raw),
    Vector("6", SELL, query="truto_response_format=normalized", check=is_normalized),
    refused("7a", query="truto_response_format=Unified"),
    refused("7b", query="truto_response_format=stream"),
    Vector("9", SELL, query="truto_exclude_fields[]=owner.id", check=body(lambda got: got["owner"] == {})),
    Vector("10", SELL, query="truto_exclude_fields[]=nonsense", check=body(lambda got: "id" in got and "owner" in got)),
    refused("12", account="123"),
    refused("13", account=str(uuid4()), status=404, check=body(lambda got: len(got) == 3)),
    refused("16", ZOHO, lead={"title": "x"}, check=missing("first_name", "last_name")),
    refused("17", ZOHO, lead={"first_name": " ", "last_name": "L"}, check=missing("first_name")),
    refused("18", HUBSPOT, lead={"title": "x", "contact": {}, "account": {"id": "9"}}, check=missing("contact")),
    refused("19a", "pipedrive", lead={}, check=missing("title")),
    refused("19b", "nutshell", lead={}, check=missing("title")),
    refused("20a", "insightly", lead={}, check=missing("last_name")),
    refused("20b", SELL, lead={}, check=missing("last_name")),
    refused("21", "pipeliner", lead={}, check=missing("name")),
    Vector("22", FORCE, {}, status=400, check=body(lambda got: got["truto_is_remote_error"])),
    Vector(
        "23", SELL, L | {"status": "New"},
        check=both(
            header("unified-dropped-fields", "status"), last_call(SELL, lambda call: "status" not in call.json["data"])
        ),
    ),
    Vector("24", SELL, L | {"foo": 1}, check=header("unified-unknown-fields", "foo")),
    Vector(
        "25", ZOHO, {"first_name": "F", "last_name": "L", "remote_data": {"Company": "Acme"}},
        check=last_call(ZOHO, lambda call: names_and_values(call) >= {("Company", "Acme"), ("Last_Name", "L")}),
    ),
    Vector(
        "26", FORCE, {"last_name": "A", "remote_data": {"LastName": "B", "Company": "C"}},
        check=last_call(FORCE, lambda call: call.json["LastName"] == "B"),
    ),
    Vector(
        "27", "insightly", query="remote_query[a][b]=1&remote_query[c]=d",
        check=last_call("insightly", lambda call: call.query == (("a[b]", "1"), ("c", "d"))),
    ),
    refused("28a", query="remote_query=foo"),
    refused("28b", query="remote_query[a]=1&remote_query[a][b]=2"),
    *(refused(f"29-{place}", content=text) for place, text in enumerate([b"[]", b"null", b'"x"', b"", b'{"a":'])),
    refused("30", content=b"hello", status=415, headers={"Content-Type": "text/plain"}),
    refused("31", lead=L | {"owner": "7"}, check=body(lambda got: got["details"]["failures"][0]["field"] == "owner")),
    Vector("33", SELL, L | {"phone_numbers": [{"number": "1", "type": "home"}]}),
    Vector(
        "34", SELL, status=422, before=answering(SELL, 422, {"message": "Email is invalid", "code": 7}),
        check=body(lambda got: is_remote(got, 422, {"message": "Email is invalid", "code": 7}, "remote_error")),
    ),
    Vector(
        "36", SELL, status=429, before=answering(SELL, 429, {"message": "slow"}, {"Retry-After": "7"}),
        check=both(
            header("retry-after", "7"),
            body(lambda got: is_remote(got, 429, {"message": "slow"}, "rate_limit_error", "remote_error")),
        ),
    ),
    Vector(
        "37", SELL, status=429,
        before=answering(
            SELL, 429, {}, {"Date": "Mon, 23 Nov 2026 10:00:00 GMT", "Retry-After": "Mon, 23 Nov 2026 10:00:09 GMT"}
        ),
        check=header("retry-after", "9"),
    ),
    Vector(
        "38a", ZOHO, {"first_name": "F", "last_name": "L"}, status=422,
        before=answering(ZOHO, 200, {"data": [{"code": "INVALID_DATA", "status": "error", "message": "invalid data"}]}),
        check=body(lambda got: got["truto_is_remote_error"] and "outcome" not in got.get("details", {})),
    ),
    Vector(
        "38b", SELL, status=422, before=answering(SELL, 200, {"data": {"last_name": "L"}}),
        check=body(lambda got: got["truto_is_remote_error"] and got["details"]["outcome"] == "unknown"),
    ),
    Vector(
        "39", SELL, status=503, before=answering(SELL, 503, "Server too busy"),
        check=body(lambda got: is_remote(got, 503, "Server too busy", "remote_error")),
    ),
    Vector(
        "40", SELL, status=502, sent=0, before=fault(SELL, refuse=9),
        check=body(lambda got: got["details"]["outcome"] == "not_sent" and "truto_is_remote_error" not in got),
    ),
    Vector("50a", SELL, path=f"/{LEADS}"),
    Vector("50b", SELL, path=f"{LEADS}/"),
]  # fmt: skip


@pytest.fixture
async def stage(host_url: str, anyio_backend: str) -> Any:
    async with staged(host_url, create_timeout=2.0) as made:
        yield made


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"v{vector.number}")
async def test_vector(vector: Vector, stage: Stage) -> None:
    vector.before(stage)
    answer = await stage.post(
        vector.slug,
        vector.lead,
        vector.query,
        content=vector.content,
        headers=vector.headers,
        account=vector.account,
        path=vector.path,
    )
    assert answer.status_code == vector.status, answer.text
    assert len(stage.simulators[vector.slug].calls) == vector.sent
    if answer.status_code >= 400:
        assert_is_error(answer, stage)
    vector.check(answer, stage)


def assert_is_error(answer: httpx.Response, stage: Stage) -> None:
    """Vector 53; that ``error`` is the reason phrase is seen on a socket, in `test_server`."""
    got = answer.json()
    assert list(got)[:3] == ["statusCode", "error", "message"]
    assert got["statusCode"] == answer.status_code
    assert stage.token not in answer.text


def play(number: str) -> Callable[[Play], Play]:
    """Mark a vector that takes more than one request."""

    def mark(function: Play) -> Play:
        PLAYS[number] = function
        return function

    return mark


PLAYS: dict[str, Play] = {}


@play("8")
async def five_spellings_mean_the_same(stage: Stage) -> None:
    answers = [
        await stage.post(SELL, L | {"title": "T"}, f"{spelling}&truto_ignore_remote_data=1")
        for spelling in FIVE_SPELLINGS
    ]
    keys = [set(answer.json()) for answer in answers]
    assert keys[0] >= {"last_name"} and not keys[0] & {"id", "title"}
    assert all(one == keys[0] for one in keys)


@play("11")
async def no_account_is_named(stage: Stage) -> None:
    answer = await stage.http.post(LEADS, json=L, headers={"Authorization": f"Bearer {stage.token}"})
    assert answer.json() == {"statusCode": 400, "error": "Bad Request", "message": "integrated_account_id is required"}


@play("14")
async def another_tenants_account_does_not_exist(stage: Stage) -> None:
    other = await stage.host.tenants.create("second")
    theirs = await stage.host.accounts.create(other.id, SELL, is_simulated=True)
    unknown = await stage.post(SELL, L, account=str(uuid4()))
    foreign = await stage.post(SELL, L, account=theirs.id)
    assert foreign.status_code == 404
    assert foreign.content == unknown.content
    assert foreign.headers.keys() == unknown.headers.keys()
    assert not stage.simulators[SELL].calls


@play("15")
async def a_token_is_shown_in_the_header_or_not_at_all(stage: Stage) -> None:
    url = f"{LEADS}?integrated_account_id={stage.accounts[SELL]}"
    wrong = {"Authorization": "Bearer " + stage.token[:-1] + ("a" if stage.token[-1] != "a" else "b")}
    for address, headers in [(url, {}), (url, wrong), (f"{url}&token={stage.token}&access_token={stage.token}", {})]:
        answer = await stage.http.post(address, json=L, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json() == {"statusCode": 401, "error": "Unauthorized", "message": "Invalid or missing token"}
    assert not stage.simulators[SELL].calls


@play("32")
async def an_id_may_be_a_number(stage: Stage) -> None:
    for given in (7, "7"):
        assert (await stage.post(SELL, L | {"owner": {"id": given}})).status_code == 200
    first, second = stage.simulators[SELL].calls
    assert first.body == second.body


@play("35")
async def refused_credentials_are_refused_from_then_on(stage: Stage) -> None:
    said = {"errors": [{"error": {"code": "invalid_token", "message": "Session expired or invalid"}}]}
    answering(SELL, 401, said)(stage)
    first = await stage.post(SELL, L)
    assert first.status_code == 401
    assert is_remote(first.json(), 401, said, "remote_error")
    stored = await stage.host.accounts.get(stage.tenant_id, stage.accounts[SELL])
    assert stored is not None
    assert (stored.status, stored.last_error) == ("needs_reauth", said)
    second = await stage.post(SELL, L)
    assert second.json() == first.json()
    assert len(stage.simulators[SELL].calls) == 1


@play("41")
async def silence_is_unknown(stage: Stage) -> None:
    stage.simulators[SELL].faults.latency = 60
    answer = await stage.post(SELL, L)
    assert answer.status_code == 500
    assert answer.json()["details"] == {"outcome": "unknown", "safe_to_retry": False}
    assert "truto_is_remote_error" not in answer.json()


KEYED = {"Idempotency-Key": "order-17"}


@play("42")
async def a_key_is_answered_again(stage: Stage) -> None:
    first = await stage.post(SELL, L | {"status": "x"}, headers=KEYED)
    second = await stage.post(SELL, {"status": "x"} | L, headers=KEYED)
    assert (second.status_code, second.json()) == (200, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["unified-dropped-fields"] == "status"
    raw = await stage.post(SELL, L | {"status": "x"}, "truto_response_format=raw", headers=KEYED)
    assert raw.json() == first.json()["remote_data"]
    assert len(stage.simulators[SELL].calls) == 1


@play("43")
async def a_key_belongs_to_one_request(stage: Stage) -> None:
    await stage.post(SELL, L, headers=KEYED)
    for lead, query in [({"last_name": "M"}, ""), (L, "remote_query[a]=1")]:
        answer = await stage.post(SELL, lead, query, headers=KEYED)
        assert (answer.status_code, "truto_is_remote_error" in answer.json()) == (422, False)
    assert len(stage.simulators[SELL].calls) == 1


@play("44")
async def a_key_sends_once_even_at_once(stage: Stage) -> None:
    stage.simulators[SELL].faults.latency = 0.2
    answers = await asyncio.gather(*(stage.post(SELL, L, headers=KEYED) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 200])
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 409)
    assert len(stage.simulators[SELL].calls) == 1


@play("45")
async def a_throttled_key_may_be_used_again(stage: Stage) -> None:
    stage.simulators[SELL].faults.throttle = 1
    first = await stage.post(SELL, L, headers=KEYED)
    second = await stage.post(SELL, L, headers=KEYED)
    assert (first.status_code, second.status_code) == (429, 200)
    assert "idempotent-replayed" not in second.headers
    assert stage.simulators[SELL].count == 1


@play("46")
async def an_unknown_key_stays_unknown_after_a_restart(stage: Stage) -> None:
    stage.simulators[SELL].faults.latency = 60
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 500
    url = stage.host.settings.database_url.get_secret_value()
    async with staged(url) as restarted:
        again = await restarted.post(SELL, L, headers=KEYED)
        assert again.status_code == 500
        assert again.json()["details"]["outcome"] == "unknown"
        assert not restarted.simulators[SELL].calls


@play("47")
async def a_sandbox_account_is_read_only(stage: Stage) -> None:
    await stage.host.accounts.update(stage.tenant_id, stage.accounts[SELL], is_sandbox=True)
    answer = await stage.post(SELL, L)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert not stage.simulators[SELL].calls


@play("48")
async def a_blocked_account_sends_nothing(stage: Stage) -> None:
    await stage.host.accounts.set_blocked(stage.tenant_id, stage.accounts[SELL], True)
    answer = await stage.post(SELL, L)
    assert (answer.status_code, answer.json()["message"]) == (503, "The integrated account is blocked")
    assert "truto_is_remote_error" not in answer.json()
    assert not stage.simulators[SELL].calls


@play("49")
async def a_plugin_that_is_not_installed(stage: Stage) -> None:
    from unilead import Registry

    url = stage.host.settings.database_url.get_secret_value()
    async with staged(url, registry=Registry(disable=["nutshell"])) as without:
        answer = await without.post("nutshell", {"title": "T"})
        assert answer.status_code == 501
        assert answer.json()["message"] == "No installed plugin serves integration 'nutshell'"
        assert (await without.post(SELL, L)).status_code == 200


PYTHON = (
    "truto_response_format=raw&truto_ignore_remote_data=true&truto_exclude_fields%5B%5D=id"
    "&truto_exclude_fields%5B%5D=owner&remote_query%5Ba%5D%5Bb%5D=1&remote_query%5Bl%5D%5B%5D=x"
    "&remote_query%5Bl%5D%5B%5D%5By%5D=z+w&remote_query%5Bn%5D=None&remote_query%5Be%5D="
)
TYPESCRIPT = (
    "truto_response_format=raw&truto_ignore_remote_data=true&truto_exclude_fields%5B0%5D=id"
    "&truto_exclude_fields%5B1%5D=owner&remote_query%5Ba%5D%5Bb%5D=1&remote_query%5Bl%5D%5B0%5D=x"
    "&remote_query%5Bl%5D%5B1%5D%5By%5D=z%20w&remote_query%5Bn%5D=&remote_query%5Be%5D="
)


@play("51")
async def the_bytes_of_the_python_sdk(stage: Stage) -> None:
    """The SDK itself runs in an environment of its own, `host/tests/sdk`."""
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    answer = await stage.post(SELL, content=json.dumps(L).encode(), headers=headers)
    assert "json" in answer.headers["content-type"]
    assert answer.json()["last_name"] == "L"
    refusal = await stage.post(ZOHO, {"title": "x"})
    assert (refusal.status_code, refusal.json()["error"]) == (400, "Bad Request")


@play("52")
async def both_sdks_write_the_same_query(stage: Stage) -> None:
    for query in (PYTHON, TYPESCRIPT):
        assert (await stage.post("insightly", L, query)).status_code == 200
    python, typescript = (dict(call.query) for call in stage.simulators["insightly"].calls)
    assert python == {"a[b]": "1", "l[]": "x", "l[][y]": "z w", "n": "None", "e": ""}
    assert typescript == python | {"n": ""}


@play("53")
async def an_error_does_not_tell_who_the_lead_is(stage: Stage) -> None:
    email = "ada.okafor@example.com"
    said = {"message": f"{email} is taken by Okafor, call +44 20 7946 0000"}
    answering(SELL, 409, said)(stage)
    phones = [{"number": "+44 20 7946 0000"}]
    answer = await stage.post(
        SELL, {"last_name": "Okafor", "email_addresses": [{"email": email}], "phone_numbers": phones}
    )
    got = answer.json()
    assert got.pop("raw_response") == said
    assert_is_error(answer, stage)
    for personal in (email, "Okafor", "7946"):
        assert personal not in json.dumps(got)


@pytest.mark.parametrize("number", PLAYS)
async def test_vector_in_steps(number: str, stage: Stage) -> None:
    await PLAYS[number](stage)


async def test_all_53_vectors_are_here() -> None:
    numbers = {re.match(r"\d+", vector.number)[0] for vector in VECTORS} | PLAYS.keys()
    assert numbers == {str(number) for number in range(1, 54)}
