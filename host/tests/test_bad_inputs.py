"""Bad bodies, queries and headers: the API's own error, naming the place, and nothing is sent (B001-B019, B051-B069).

What needs a socket (B014, B015, B070) is in `test_server`.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from host_stage import LEADS, Stage, staged

pytestmark = pytest.mark.anyio
SELL = "zendesk-sell"
L = {"last_name": "L"}


@pytest.fixture
async def stage(sqlite_url: str, anyio_backend: str) -> AsyncIterator[Stage]:
    """On SQLite alone: nothing here comes as far as the database."""
    async with staged(sqlite_url) as made:
        yield made


def lead(**more: Any) -> bytes:
    return json.dumps(L | more).encode()


def with_value(text: str, name: str = "custom_fields") -> bytes:
    """A lead whose ``custom_fields`` hold this JSON text."""
    return f'{{"last_name": "L", "{name}": {{"x": {text}}}}}'.encode()


def assert_refused(stage: Stage, answer: httpx.Response, status: int, message: str = "", field: str = "") -> None:
    assert answer.status_code == status, answer.text
    got = answer.json()
    assert list(got)[:3] == ["statusCode", "error", "message"]
    assert "truto_is_remote_error" not in got
    assert message in got["message"]
    if field:
        assert field in [failure["field"] for failure in got["details"]["failures"]]
    assert not stage.simulators[SELL].calls


def assert_sent(stage: Stage, answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    assert len(stage.simulators[SELL].calls) == 1


# --- the body as bytes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"  ", b"null", b"[]", b"[{}]", b'"x"', b"5", b"true"])
async def test_b001_a_body_that_is_no_object(stage: Stage, content: bytes) -> None:
    assert_refused(stage, await stage.post(SELL, content=content), 400, "request body must be a JSON object")


@pytest.mark.parametrize("content", [b'{"a":', b'{"a":1,}', b"{} // x", b"{'a':1}", b"{} x", b"{}{}", b'{"a":"\x01"}'])
async def test_b002_b007_a_body_that_is_no_json(stage: Stage, content: bytes) -> None:
    answer = await stage.post(SELL, content=content)
    assert_refused(stage, answer, 400, "request body is not valid JSON (line 1 column ")


@pytest.mark.parametrize(
    "content", ["{}".encode("utf-16"), "{}".encode("utf-32"), b'{"a":"\xe9"}', b'{"a":"\xc0\x80"}']
)
async def test_b003_a_body_that_is_not_utf_8(stage: Stage, content: bytes) -> None:
    assert_refused(stage, await stage.post(SELL, content=content), 400, "not UTF-8")


async def test_b004_a_byte_order_mark_is_tolerated(stage: Stage) -> None:
    assert_sent(stage, await stage.post(SELL, content=b"\xef\xbb\xbf" + lead()))


@pytest.mark.parametrize("content", [b'{"last_name":"\\ud800"}', b'{"last_name":"L","\\udfff":1}'])
async def test_b005_lone_surrogates(stage: Stage, content: bytes) -> None:
    assert_refused(stage, await stage.post(SELL, content=content), 400, "surrogate")


async def test_b006_nul_is_passed_on_and_can_be_kept(stage: Stage) -> None:
    key = {"Idempotency-Key": "nul"}
    first = await stage.post(SELL, {"last_name": "a\0b"}, headers=key)
    assert_sent(stage, first)
    assert stage.simulators[SELL].calls[0].json["data"]["last_name"] == "a\0b"
    assert (await stage.post(SELL, {"last_name": "a\0b"}, headers=key)).json() == first.json()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5_000])
async def test_b008_b009_b010_numbers_that_json_cannot_carry(stage: Stage, number: str) -> None:
    assert_refused(stage, await stage.post(SELL, content=with_value(number)), 400)


@pytest.mark.parametrize(
    "number", ["1e-999", "1" * 19, "1" * 40, "9007199254740993", "0.1", "-0", "1.0", "12345678901234567890.5"]
)
async def test_b010_b011_numbers_that_it_can_arrive_as_they_are(stage: Stage, number: str) -> None:
    answer = await stage.post("pipeliner", content=b'{"name": "N", "remote_data": {"cf_x": %s}}' % number.encode())
    assert answer.status_code == 200, answer.text
    sent = stage.simulators["pipeliner"].calls[0].body.decode()
    expected = json.loads(number)
    assert json.loads(sent)["cf_x"] == expected
    assert isinstance(json.loads(sent)["cf_x"], type(expected))


async def test_b012_the_last_of_equal_keys_wins(stage: Stage) -> None:
    content = b'{"last_name":"A","last_name":"B","custom_fields":{"x":1,"x":2}}'
    assert_sent(stage, await stage.post(SELL, content=content))
    sent = stage.simulators[SELL].calls[0].json["data"]
    assert (sent["last_name"], sent["custom_fields"]) == ("B", {"x": 2})


@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
async def test_b013_bottomless_nesting(stage: Stage, depth: int) -> None:
    answer = await stage.post(SELL, content=with_value("[" * depth + "]" * depth))
    assert_refused(stage, answer, 400, "nested deeper than 32 levels")


async def test_b013_nesting_counts_from_the_body_on(stage: Stage) -> None:
    content = '{"last_name":"Okafor","email_addresses":[{"email":"a@b.example","x":%s}]}' % ("[" * 31 + "]" * 31)
    answer = await stage.post(SELL, content=content.encode())
    assert_refused(stage, answer, 400, "nested deeper than 32 levels")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 200), ("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("multipart/form-data", 415),
        ("application/json; charset=latin-1", 415), ("application/json; charset=utf-8", 200),
        ('application/json;charset="UTF-8"', 200), ("application/vnd.api+json", 200), ("APPLICATION/JSON", 200),
        ("application/jsonp", 415),
    ],
)  # fmt: skip
async def test_b016_media_types(stage: Stage, kind: str | None, status: int) -> None:
    url = f"{LEADS}?integrated_account_id={stage.accounts[SELL]}"
    headers = {"Authorization": f"Bearer {stage.token}"} | ({} if kind is None else {"Content-Type": kind})
    answer = await stage.http.post(url, content=lead(), headers=headers)
    assert answer.status_code == status
    assert len(stage.simulators[SELL].calls) == (status == 200)


async def test_b017_compressed_bodies_are_not_taken(stage: Stage) -> None:
    answer = await stage.post(SELL, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert_refused(stage, answer, 415, "Content-Encoding")


@pytest.mark.parametrize(
    "content", [lead(**{f"k{n}": 1 for n in range(100_000)})[:1_000_000] + b'"}', lead(**{"k" * 1025: 1})]
)
async def test_b018_too_many_members_or_too_long_a_key(stage: Stage, content: bytes) -> None:
    assert_refused(stage, await stage.post(SELL, content=content), 400)


async def test_b018_members_are_counted(stage: Stage) -> None:
    answer = await stage.post(SELL, {"last_name": "L", "custom_fields": {f"k{n}": 1 for n in range(10_000)}})
    assert_refused(stage, answer, 400, "10000 members")


async def test_b019_a_long_text_is_the_vendors_to_judge(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    text = "x" * 900_000
    answer = await stage.post("zoho-crm", {"first_name": "F", "last_name": "L", "title": text})
    assert stage.simulators["zoho-crm"].calls[0].json["data"][0]["Designation"] == text
    assert text not in answer.json().get("message", "")
    assert "xxxx" not in capsys.readouterr().out


# --- the query --------------------------------------------------------------------------------------------------------


async def query(stage: Stage, text: str) -> httpx.Response:
    """Create with this query and no other."""
    headers = {"Authorization": f"Bearer {stage.token}"}
    return await stage.http.post(httpx.URL("http://host" + LEADS, query=text.encode()), json=L, headers=headers)


@pytest.mark.parametrize(
    "form", ["", "integrated_account_id=", "{id}&{id}", "integrated_account_id[]={uuid}", "{{{uuid}}}"]
)
async def test_b051_an_account_that_is_not_named_properly(stage: Stage, form: str) -> None:
    uuid = stage.accounts[SELL]
    text = form.replace("{id}", f"integrated_account_id={uuid}").replace("{uuid}", uuid)
    assert_refused(stage, await query(stage, text), 400)
    assert_refused(stage, await query(stage, "integrated_account_id=" + "z" * 36), 400, "must be a uuid")


async def test_b051_upper_case_is_fine(stage: Stage) -> None:
    assert_sent(stage, await query(stage, f"integrated_account_id={stage.accounts[SELL].upper()}"))


@pytest.mark.parametrize(
    "text",
    [
        "truto_response_format=RAW", "truto_response_format=raw ", "truto_response_format=stream",
        "truto_response_format=raw&truto_response_format=raw", "truto_response_format[]=raw",
        "truto_ignore_remote_data=TRUE", "truto_ignore_remote_data=yes", "truto_ignore_remote_data=2",
        "truto_ignore_remote_data=None", "truto_exclude_fields[][x]=1", "truto_exclude_fields[a]=b",
        "remote_query=foo", "remote_query[a]=1&remote_query[a][b]=2", "remote_query[]=1",
        "truto_body_passthrough=true", "truto_response_format=%00", "truto_exclude_fields=%00", "x=%zz",
    ],
)  # fmt: skip
async def test_b052_b053_b054_b055_b059_b062_parameters_that_are_refused(stage: Stage, text: str) -> None:
    assert_refused(stage, await stage.post(SELL, L, text), 400)


@pytest.mark.parametrize(
    "text",
    [
        "truto_response_format=", *(f"truto_ignore_remote_data={flag}" for flag in ("true", "1", "false", "0", "")),
        "&".join(f"truto_exclude_fields[]=n{number}" for number in range(900)), "foo=1&utm_source=x&truto_key_by=id",
        "__proto__[x]=1&constructor=1", "remote_query[__proto__]=1", "=1&&&", "[]=1", "truto_body_passthrough=false",
    ],
)  # fmt: skip
async def test_b052_b053_b054_b060_b061_b062_parameters_that_are_not(stage: Stage, text: str) -> None:
    assert_sent(stage, await stage.post(SELL, L, text))
    assert stage.simulators[SELL].calls[0].query == ()


@pytest.mark.parametrize("text", ["a=1&" * 500_000, "a" + "[a]" * 100_000 + "=1", "a=" + "x" * 1_000_000])
async def test_b056_b057_b063_query_bombs_are_cheap(stage: Stage, text: str) -> None:
    """Past the test's HTTP client, which refuses such a URL itself."""
    token = f"Bearer {stage.token}".encode()
    scope = {"type": "http", "method": "POST", "path": LEADS, "query_string": text.encode()}
    scope |= {"headers": [(b"authorization", token)], "client": ("127.0.0.1", 1)}
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": lead()}

    async def send(message: Any) -> None:
        sent.append(message)

    start = time.process_time()
    await stage.app(scope, receive, send)
    assert time.process_time() - start < 1.0  # five times the bound
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("name", ["api_token", "API_TOKEN", "api%5Ftoken", "access_token", "a%5Bapi_token%5D"])
async def test_b064_credentials_do_not_come_in_by_the_query(stage: Stage, name: str) -> None:
    answer = await stage.post(
        "pipedrive", {"title": "T"}, f"remote_query%5B{name.replace('%5B', '%5D%5B', 1).removesuffix('%5D')}%5D=x"
    )
    assert_refused(stage, answer, 400, "credential")
    assert not stage.simulators["pipedrive"].calls


@pytest.mark.parametrize("text", ["\r\nX: 1", "\0", "#", "&b=2", ";", "é", "a=b"])
async def test_b065_nothing_in_a_query_splits_the_url(stage: Stage, text: str) -> None:
    encoded = quote(text, safe="")
    answer = await stage.post("insightly", L, f"remote_query[n]={encoded}&remote_query[{encoded}]=v")
    assert answer.status_code == 200, answer.text
    (call,) = stage.simulators["insightly"].calls
    assert call.query == (("n", text), (text, "v"))


# --- headers, methods, paths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "status"), [("", 200), ("k", 200), ("k" * 255, 200), ("k" * 256, 400), ("a b", 400)])
async def test_b066_idempotency_keys(stage: Stage, key: str, status: int) -> None:
    answer = await stage.post(SELL, L, headers={"Idempotency-Key": key})
    assert answer.status_code == status
    assert len(stage.simulators[SELL].calls) == (status == 200)


@pytest.mark.parametrize("keys", [[b"a", b"b"], ["é".encode()], [b"a", b"a"]])
async def test_b066_two_keys_or_one_that_is_not_ascii(stage: Stage, keys: list[bytes]) -> None:
    url = f"{LEADS}?integrated_account_id={stage.accounts[SELL]}"
    headers = [(b"authorization", b"Bearer " + stage.token.encode()), *((b"idempotency-key", key) for key in keys)]
    assert_refused(stage, await stage.http.post(url, json=L, headers=headers), 400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ([], 401), (["Basic {token}"], 401), (["bearer {token}"], 200), (["Bearer"], 401), (["Bearer  {token}"], 401),
        (["Bearer {token}", "Bearer {token}"], 401), (["Bearer " + "x" * 10_000], 401), (["Bearer é"], 401),
        (["{token}"], 401), (["Bearer {token} "], 401),
    ],
)  # fmt: skip
async def test_b067_authorization(stage: Stage, form: list[str], status: int) -> None:
    url = f"{LEADS}?integrated_account_id={stage.accounts[SELL]}"
    headers = [(b"authorization", text.replace("{token}", stage.token).encode()) for text in form]
    answer = await stage.http.post(url, json=L, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert_refused(stage, answer, 401, "Invalid or missing token")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO", "PATCH"])
async def test_b068_other_methods(stage: Stage, method: str) -> None:
    answer = await stage.http.request(method, f"{LEADS}?integrated_account_id={uuid4()}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or answer.json()["error"] == "Method Not Allowed"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/unified/crm/leads/", 200), ("//unified/crm/leads", 200), ("/Unified/crm/leads", 404),
        ("/unified/crm/leads/%2E%2E/x", 404), ("/unified/crm", 404), ("/unified/crm/leadsx", 404),
    ],
)  # fmt: skip
async def test_b068_paths(stage: Stage, path: str, status: int) -> None:
    answer = await stage.post(SELL, L, path=path)
    assert answer.status_code == status
    if status == 404:
        assert answer.json() == {"statusCode": 404, "error": "Not Found", "message": "Not Found"}


@pytest.mark.parametrize("headers", [{"Accept": "text/html"}, {"Accept": "*/*;q=0"}, {"Expect": "100-continue"}])
async def test_b069_the_answer_is_json_whatever_is_accepted(stage: Stage, headers: Mapping[str, str]) -> None:
    answer = await stage.post(SELL, L, headers=headers)
    assert_sent(stage, answer)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("path", [LEADS, "/integrated-account"])
async def test_b014_the_limit_holds_on_every_path(stage: Stage, path: str) -> None:
    headers = {"Authorization": f"Bearer {stage.token}"}
    answer = await stage.http.post(path, json={"provider": "x" * 1_048_576}, headers=headers)
    assert answer.json() == {
        "statusCode": 413,
        "error": "Payload Too Large",
        "message": "Request body exceeds 1048576 bytes",
    }
