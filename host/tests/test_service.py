"""What a create means for repetitions, for the account and for the answer's headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from sqlalchemy import select, update

from host_stage import LEADS, Stage, log_lines, staged
from unilead import AsyncClient, AuthError, ConnectError, RateLimitError, Response, hookimpl
from unilead_host.lead_call import LeadCall
from unilead_host.storage import StorageError
from unilead_host.storage.tables import accounts, idempotency_keys, now, unknown_outcomes
from unilead_host.tokens import Caller

pytestmark = pytest.mark.anyio
SELL = "zendesk-sell"
L = {"last_name": "L"}
KEYED = {"Idempotency-Key": "k"}


def answering(stage: Stage, status: int, value: Any = None, headers: Mapping[str, str] | None = None) -> None:
    """Let the CRM give this answer from now on."""
    answer = Response.of(status, value, headers)
    stage.simulators[SELL]._dispatch = lambda call: answer  # type: ignore[method-assign]


def working(stage: Stage) -> None:
    """Let the CRM work again."""
    vars(stage.simulators[SELL]).pop("_dispatch", None)


def calls(stage: Stage) -> int:
    return len(stage.simulators[SELL].calls)


# --- the guard against blind repetitions ------------------------------------------------------------------------------

UNKNOWN_ANSWERS = [
    (500, 500),
    (502, 502),
    (503, 503),
    (504, 504),
    (408, 408),
    (425, 425),
    (302, 500),
    (200, 422),
    (600, 500),
]


@pytest.mark.parametrize(("crm", "status"), UNKNOWN_ANSWERS)
async def test_f043_f045_f049_a_blind_repetition_is_not_sent(stage: Stage, crm: int, status: int) -> None:
    answering(stage, crm, {})
    assert (await stage.post(SELL, L)).status_code == status
    for _ in range(3):
        again = await stage.post(SELL, L, "truto_response_format=raw")
        assert again.status_code == 500
        assert again.json()["details"] == {"outcome": "unknown", "safe_to_retry": False}
        assert "Unified-Send-Again: true" in again.json()["message"]
    assert calls(stage) == 1


async def test_the_guard_knows_the_request_and_nothing_else(stage: Stage) -> None:
    stage.simulators[SELL].faults.drop_after_commit = 1
    assert (await stage.post(SELL, L)).status_code == 500
    assert (await stage.post(SELL, {"last_name": "M"})).status_code == 200
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 200
    assert (await stage.post(SELL, L)).status_code == 500
    assert calls(stage) == 3


async def test_the_guard_survives_a_restart(stage: Stage) -> None:
    stage.simulators[SELL].faults.drop_after_commit = 1
    await stage.post(SELL, L)
    async with staged(stage.host.settings.database_url.get_secret_value()) as restarted:
        assert (await restarted.post(SELL, L)).status_code == 500
        assert calls(restarted) == 0


async def test_a_caller_who_looked_may_send_again(stage: Stage) -> None:
    stage.simulators[SELL].faults.drop_before = 1
    await stage.post(SELL, L)
    again = await stage.post(SELL, L, headers={"Unified-Send-Again": "true"})
    assert again.status_code == 200
    assert (await stage.post(SELL, L)).status_code == 200, "a certain answer ends the guard"


async def test_sending_again_ends_the_guard_only_with_a_certain_answer(stage: Stage) -> None:
    stage.simulators[SELL].faults.drop_after_commit = 1
    await stage.post(SELL, L)
    answering(stage, 429, {})
    assert (await stage.post(SELL, L, headers={"Unified-Send-Again": "true"})).status_code == 429
    working(stage)
    assert (await stage.post(SELL, L)).status_code == 500
    assert stage.simulators[SELL].count == 1


async def test_the_guard_ends_with_its_time(stage: Stage) -> None:
    stage.simulators[SELL].faults.drop_before = 1
    await stage.post(SELL, L)
    async with stage.host.database.transaction() as connection:
        await connection.execute(update(unknown_outcomes).values(at=now() - 15 * 60 - 1))
    assert (await stage.post(SELL, L)).status_code == 200
    assert await stage.host.repeats.purge() == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
async def test_a_certain_refusal_may_be_repeated(stage: Stage, status: int) -> None:
    answering(stage, status, {"message": "no"})
    for _ in range(2):
        assert (await stage.post(SELL, L)).status_code == status
    assert calls(stage) == (1 if status == 401 else 2)  # after a 401 the account needs to be connected anew


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_known_refusal_is_kept_under_its_key(stage: Stage, status: int) -> None:
    answering(stage, status, {"message": "no"}, {"Retry-After": "3"})
    first = await stage.post(SELL, L | {"status": "x"}, headers=KEYED)
    working(stage)
    second = await stage.post(SELL, L | {"status": "x"}, headers=KEYED)
    assert (second.status_code, second.json()) == (status, first.json())
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["unified-dropped-fields"] == first.headers["unified-dropped-fields"] == "status"
    assert calls(stage) == 1


async def test_one_key_is_for_one_request_whatever_form_its_answers_take(stage: Stage) -> None:
    """Also a parameter that means nothing here makes another request of it."""
    assert (await stage.post(SELL, L, "a=1", headers=KEYED)).status_code == 200
    for query in ("a=1", "a=1&truto_response_format=raw", "truto_exclude_fields=id&a=1&truto_ignore_remote_data=1"):
        assert (await stage.post(SELL, L, query, headers=KEYED)).headers["idempotent-replayed"] == "true"
    for query in ("", "a=2", "a=1&b=1", "a=1&remote_query[x]=1"):
        assert (await stage.post(SELL, L, query, headers=KEYED)).status_code == 422
    assert calls(stage) == 1


@pytest.mark.parametrize("status", [403, 429])
async def test_an_answer_for_now_gives_the_key_back(stage: Stage, status: int) -> None:
    answering(stage, status, {})
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == status
    working(stage)
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 200


async def test_what_was_not_sent_gives_the_key_back(stage: Stage) -> None:
    refused = await stage.post(SELL, {"title": "x"}, headers=KEYED)
    stage.simulators[SELL].faults.refuse = 3
    unreached = await stage.post(SELL, L, headers=KEYED)
    assert (refused.status_code, unreached.status_code) == (400, 502)
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 200


@pytest.mark.parametrize("crm", [408, 425, 500, 503, 302, 200])
async def test_an_unknown_key_is_never_sent_again(stage: Stage, crm: int) -> None:
    answering(stage, crm, {})
    await stage.post(SELL, L, headers=KEYED)
    working(stage)
    again = await stage.post(SELL, L, headers=KEYED | {"Unified-Send-Again": "true"})
    assert again.status_code == 500
    assert again.json()["details"]["outcome"] == "unknown"
    assert calls(stage) == 1


async def test_s014_a_key_is_the_tenants_and_the_accounts_own(stage: Stage) -> None:
    other = await stage.host.tenants.create("second")
    token, _ = await stage.host.tokens.create(other.id)
    theirs = await stage.host.accounts.create(other.id, SELL, is_simulated=True)
    mine = await stage.host.accounts.create(stage.tenant_id, SELL, is_simulated=True)
    await stage.post(SELL, L, headers=KEYED)
    for account, headers in [(mine.id, KEYED), (theirs.id, KEYED | {"Authorization": f"Bearer {token}"})]:
        answer = await stage.post(SELL, L, headers=headers, account=account)
        assert "idempotent-replayed" not in answer.headers
    assert calls(stage) == 3


async def test_a_key_ends_with_its_time(stage: Stage) -> None:
    await stage.post(SELL, L, headers=KEYED)
    async with stage.host.database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1))
    assert (await stage.post(SELL, {"last_name": "M"}, headers=KEYED)).status_code == 200
    async with stage.host.database.transaction() as connection:
        await connection.execute(update(idempotency_keys).values(expires_at=now() - 1))
    assert await stage.host.keys.purge() == 1


async def test_f088_a_key_whose_process_died_is_unknown_after_its_lease(stage: Stage) -> None:
    stage.simulators[SELL].faults.latency = 1.0
    sending = asyncio.create_task(stage.post(SELL, L, headers=KEYED))
    expired = update(idempotency_keys).values(lease_until=now() - 1)
    changed = 0
    async with asyncio.timeout(10):
        while not changed:  # the key is claimed once the create is under way
            async with stage.host.database.transaction() as connection:
                changed = (await connection.execute(expired)).rowcount
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 500
    assert (await sending).status_code == 200
    replayed = await stage.post(SELL, L, headers=KEYED)
    assert (replayed.status_code, calls(stage)) == (200, 1), "the true answer improves an unknown"


async def test_f070_without_the_database_nothing_is_sent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def locked(*_: Any) -> None:
        raise StorageError("locked")

    monkeypatch.setattr(stage.host.keys, "claim", locked)
    answer = await stage.post(SELL, L, headers=KEYED)
    assert (answer.status_code, answer.headers["retry-after"], calls(stage)) == (503, "1", 0)


async def test_f071_a_verdict_that_cannot_be_written_is_written_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, refusals = stage.host.keys.finish, [StorageError("locked"), StorageError("full")]

    async def finishing(*arguments: Any) -> None:
        if refusals:
            raise refusals.pop()
        await finish(*arguments)

    monkeypatch.setattr(stage.host.keys, "finish", finishing)
    monkeypatch.setattr("unilead_host.verdict_writes.PAUSE", 0.01)
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 200
    await stage.host.writes.drain()
    assert (await stage.post(SELL, L, headers=KEYED)).headers["idempotent-replayed"] == "true"


# --- the account ------------------------------------------------------------------------------------------------------


async def test_missing_scopes_are_noted_and_the_account_stays_active(stage: Stage) -> None:
    stage.simulators["hubspot"].scopes.clear()  # type: ignore[attr-defined]
    lead = {"title": "T", "contact": {"id": "1"}, "account": {"id": "2"}}
    answer = await stage.post("hubspot", lead)
    assert answer.status_code == 403
    wanted = ["crm.objects.leads.write"]
    assert answer.json()["truto_error_insight"]["forbidden_error"]["value"] == {"missing_scopes": wanted}
    stored = await stage.host.accounts.get(stage.tenant_id, stage.accounts["hubspot"])
    assert stored is not None
    assert (stored.status, stored.last_forbidden_error["missing_scopes"]) == ("active", wanted)  # type: ignore[index]


async def test_a_full_plan_is_no_missing_scope(stage: Stage) -> None:
    stage.simulators["insightly"].record_limit = 0  # type: ignore[attr-defined]
    answer = await stage.post("insightly", L)
    assert answer.status_code == 402
    assert list(answer.json()["truto_error_insight"]) == ["remote_error"]
    stored = await stage.host.accounts.get(stage.tenant_id, stage.accounts["insightly"])
    assert stored is not None
    assert (stored.status, stored.last_forbidden_error) == ("active", None)


def throwing(stage: Stage, error: Exception) -> None:
    async def send_async(request: Any, **_: Any) -> Response:
        raise error

    stage.simulators[SELL].send_async = send_async  # type: ignore[method-assign]


async def test_f056_a_refused_refresh_asks_for_a_new_connection(stage: Stage) -> None:
    throwing(stage, AuthError("the token endpoint refuses the refresh token: invalid_grant", outcome="not_sent"))
    first = await stage.post(SELL, L)
    assert first.status_code == 401
    assert first.json()["message"] == "the token endpoint refuses the refresh token: invalid_grant"
    assert first.json()["truto_is_remote_error"] is True
    stored = await stage.host.accounts.get(stage.tenant_id, stage.accounts[SELL])
    assert stored is not None
    assert stored.status == "needs_reauth"
    assert (await stage.post(SELL, L)).json() == first.json()


async def test_f055_a_token_endpoint_out_of_order_leaves_the_account_active(stage: Stage) -> None:
    throwing(stage, ConnectError("the token endpoint gave no token: HTTP status 500", retry_after=30.2))
    answer = await stage.post(SELL, L)
    assert (answer.status_code, answer.headers["retry-after"]) == (502, "31")
    assert answer.json()["details"] == {"outcome": "not_sent", "safe_to_retry": True}
    stored = await stage.host.accounts.get(stage.tenant_id, stage.accounts[SELL])
    assert stored is not None
    assert stored.status == "active"


async def test_a_pace_that_leaves_no_room_is_a_429(stage: Stage) -> None:
    throwing(stage, RateLimitError("the CRM's rate limit leaves no room", retry_after=0.4))
    answer = await stage.post(SELL, L)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "truto_is_remote_error" not in answer.json()


@pytest.mark.parametrize("headers", [{}, KEYED], ids=["unkeyed", "keyed"])
async def test_what_nobody_expects_after_the_send_is_unknown(stage: Stage, headers: dict[str, str]) -> None:
    throwing(stage, ZeroDivisionError())
    answer = await stage.post(SELL, L, headers=headers)
    assert answer.json()["details"] == {"outcome": "unknown", "safe_to_retry": False}
    assert (await stage.post(SELL, L, headers=headers)).status_code == 500


async def test_what_nobody_expects_before_the_send_gives_the_key_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("unilead.provider.Provider.build_request", crash)
        assert (await stage.post(SELL, L, headers=KEYED)).status_code == 500
    assert ((await stage.post(SELL, L, headers=KEYED)).status_code, calls(stage)) == (200, 1)


@pytest.mark.parametrize("status", ["connecting", "post_install_error", "validation_error"])
async def test_an_account_that_is_not_active(stage: Stage, status: Any) -> None:
    stored = await stage.host.accounts.get(stage.tenant_id, stage.accounts[SELL])
    assert stored is not None
    await stage.host.accounts.set_status(stored, status)
    answer = await stage.post(SELL, L)
    assert (answer.status_code, calls(stage)) == (400, 0)
    assert answer.json()["message"] == f"integrated account is not active (status: {status})"


async def test_the_order_of_an_accounts_checks(stage: Stage) -> None:
    """Blocked before sandbox before needs_reauth; and all of them before the lead itself is looked at."""
    accounts, account_id = stage.host.accounts, stage.accounts[SELL]
    stored = await accounts.get(stage.tenant_id, account_id)
    assert stored is not None
    await accounts.note_auth_error(stored, {"message": "expired"})
    bad = {"last_name": []}
    statuses = [(await stage.post(SELL, bad)).status_code]
    await accounts.update(stage.tenant_id, account_id, is_sandbox=True)
    statuses.append((await stage.post(SELL, bad)).status_code)
    await accounts.set_blocked(stage.tenant_id, account_id, True)
    statuses.append((await stage.post(SELL, bad)).status_code)
    assert statuses == [401, 405, 503]


async def test_s019_tokens_that_may_not(stage: Stage) -> None:
    reading, _ = await stage.host.tokens.create(stage.tenant_id, scope="read")
    bound, _ = await stage.host.tokens.create(stage.tenant_id, account_id=stage.accounts[SELL])
    refused = await stage.post(SELL, L, headers={"Authorization": f"Bearer {reading}"})
    assert refused.json() == {
        "statusCode": 403,
        "error": "Forbidden",
        "message": "This token may not call this endpoint",
    }
    mine = {"Authorization": f"Bearer {bound}"}
    assert (await stage.post("nutshell", {"title": "T"}, headers=mine)).status_code == 403
    assert (await stage.http.post(LEADS, json=L, headers=mine)).status_code == 200, "the token brings its account"
    assert calls(stage) == 1


@pytest.mark.parametrize("limit", ["account_rate", "token_rate"])
async def test_the_hosts_own_limit_is_the_last_check(limit: str, host_url: str, anyio_backend: str) -> None:
    async with staged(host_url, **{limit: 2}) as stage:
        statuses = [(await stage.post(SELL, lead)).status_code for lead in (L, {}, L, L)]
        assert statuses == [200, 400, 200, 429]
        limited = await stage.post(SELL, L | {"foo": 1, "status": "x"}, headers=KEYED)
        assert limited.json() == {"statusCode": 429, "error": "Too Many Requests", "message": "Rate limit exceeded"}
        assert (limited.headers["retry-after"], calls(stage)) == ("10", 2)
        assert (limited.headers["unified-dropped-fields"], limited.headers["unified-unknown-fields"]) == (
            "status",
            "foo",
        )
        with time_machine.travel(0, tick=False):
            assert (await stage.post(SELL, L)).status_code == 429, "the wall clock has no say"


async def test_a_create_that_has_no_time_left_is_not_sent(stage: Stage) -> None:
    caller = await stage.host.tokens.authenticate(stage.token)
    assert caller is not None
    query = f"integrated_account_id={stage.accounts[SELL]}".encode()
    call = LeadCall(caller, query, b'{"last_name":"L"}', "k", started=time.monotonic() - 25)
    answer = await stage.host.leads.create(call)
    assert (answer.status, answer.headers["Retry-After"], calls(stage)) == (503, "1", 0)
    assert (await stage.post(SELL, L, headers=KEYED)).status_code == 200, "the key was given back"


# --- headers ----------------------------------------------------------------------------------------------------------


async def test_the_crms_limits_are_told_in_one_form(stage: Stage) -> None:
    lead = {"title": "T", "contact": {"id": "1"}, "account": {"id": "2"}}
    tight = (await stage.post("hubspot", lead)).headers
    assert (tight["ratelimit-limit"], tight["ratelimit-remaining"]) == ("190;w=10", "189")
    assert "ratelimit-reset" not in tight
    assert "ratelimit-limit" not in (await stage.post(SELL, L)).headers
    made, again = [await stage.post("hubspot", lead, headers=KEYED) for _ in range(2)]
    assert again.json() == made.json()
    assert ("ratelimit-limit" in made.headers, "ratelimit-limit" in again.headers) == (True, False)


async def test_warnings_ride_on_errors_too_and_are_cut(stage: Stage) -> None:
    names = {f"naïve,{number:04}": 1 for number in range(500)}
    answer = await stage.post(SELL, {"title": "x"} | names)
    told = answer.headers["unified-unknown-fields"]
    assert answer.status_code == 400
    assert told.startswith("na%C3%AFve%2C0000, na%C3%AFve%2C0001, ")
    assert told.endswith(", …")
    assert len(told.encode()) <= 2048
    answering(stage, 422, {"message": "no"})
    assert (await stage.post(SELL, L | {"status": "x"})).headers["unified-dropped-fields"] == "status"


async def test_every_answer_has_an_id_and_is_not_stored_anywhere(stage: Stage) -> None:
    answers = [await stage.post(SELL, lead) for lead in (L, {})]
    ids = {answer.headers["unified-request-id"] for answer in answers}
    assert len(ids) == 2
    for answer in [*answers, await stage.get("/ping"), await stage.http.post(LEADS)]:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_crash_is_a_500_that_tells_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: Any, **__: Any) -> Caller:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr(stage.host.tokens, "authenticate", crash)
    for answer in (await stage.post(SELL, L), await stage.get(f"{LEADS}/meta/create")):
        assert answer.json() == {
            "statusCode": 500,
            "error": "Internal Server Error",
            "message": "Internal server error",
        }


async def test_f092_a_plugin_that_crashes_sends_nothing(stage: Stage) -> None:
    class Crashing:
        @staticmethod
        @hookimpl
        def build_request(lead: Any) -> Any:
            raise KeyError("canary")

    stage.host.registry.register(SELL, Crashing)
    answer = await stage.post(SELL, L)
    assert answer.status_code == 500
    assert answer.json()["details"] == {"outcome": "not_sent", "safe_to_retry": False}
    assert ("canary" in answer.text, calls(stage)) == (False, 0)


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_a_lead_can_be_read(stage: Stage) -> None:
    made = (await stage.post(SELL, L)).json()
    path = f"{LEADS}/{made['id']}?integrated_account_id={stage.accounts[SELL]}"
    assert (await stage.get(f"{path}&truto_ignore_remote_data=1")).json()["last_name"] == "L"
    absent = await stage.get(f"{LEADS}/1?integrated_account_id={stage.accounts[SELL]}")
    assert (absent.status_code, absent.json()["truto_is_remote_error"]) == (404, True)
    assert (await stage.get(f"{LEADS}/..%20?integrated_account_id={stage.accounts[SELL]}")).status_code in (400, 404)


async def test_a_read_without_an_answer_may_be_repeated(stage: Stage) -> None:
    stage.simulators[SELL].faults.drop_before = 1
    answer = await stage.get(f"{LEADS}/1?integrated_account_id={stage.accounts[SELL]}")
    assert (answer.status_code, answer.json()["details"]) == (504, {"safe_to_retry": True})


async def test_a_sandbox_account_can_be_read(stage: Stage) -> None:
    made = (await stage.post(SELL, L)).json()
    await stage.host.accounts.update(stage.tenant_id, stage.accounts[SELL], is_sandbox=True)
    answer = await stage.get(f"{LEADS}/{made['id']}?integrated_account_id={stage.accounts[SELL]}")
    assert answer.status_code == 200


async def test_other_methods_on_a_lead(stage: Stage) -> None:
    answer = await stage.http.patch(f"{LEADS}/1", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


# --- meta -------------------------------------------------------------------------------------------------------------


async def test_meta_tells_what_a_create_takes(stage: Stage) -> None:
    of_account = (await stage.get(f"{LEADS}/meta/create?integrated_account_id={stage.accounts['hubspot']}")).json()
    of_provider = (await stage.get(f"{LEADS}/hubspot/meta/create")).json()
    assert of_account["request_body_schema"]["required"] == ["contact", "account"]
    assert set(of_account["request_body_schema"]["properties"]) == {
        "title", "owner", "contact", "account", "custom_fields", "lead_type", "status", "remote_data",
    }  # fmt: skip
    assert of_account["query_schema"]["required"] == ["integrated_account_id"]
    assert of_provider == of_account | {"response_schema": of_account["schema"]}
    assert (await stage.get(f"{LEADS}/nothing/meta/create")).status_code == 404
    assert (await stage.http.get(f"{LEADS}/hubspot/meta/create")).status_code == 401


# --- the log ----------------------------------------------------------------------------------------------------------


async def test_every_call_is_one_line_that_the_answer_names(stage: Stage) -> None:
    with log_lines() as lines:
        made = await stage.post(SELL, L, headers=KEYED)
        again = await stage.post(SELL, L, headers=KEYED)
        refused = await stage.post(SELL, {})
        lost = await stage.post(SELL, L, account="123")
        read = await stage.get(f"{LEADS}/{made.json()['id']}?integrated_account_id={stage.accounts[SELL]}")
    told = [(line["event"], line.get("outcome"), line["status"], line["request_id"]) for line in lines]
    answers = [made, again, refused, lost, read]
    assert [line[3] for line in told] == [answer.headers["unified-request-id"] for answer in answers]
    assert [line[:3] for line in told] == [
        ("lead.create", "created", 200), ("lead.create", "replayed", 200), ("lead.create", "rejected", 400),
        ("lead.create", None, 400), ("lead.read", None, 200),
    ]  # fmt: skip
    assert {line["account_id"] for line in lines if "account_id" in line} == {stage.accounts[SELL]}


# --- the order of the checks ------------------------------------------------------------------------------------------

LATE = b"x" * 1_048_577  # too large, no JSON, and of no media type that is taken


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ({"method": "PUT", "token": "x", "content": LATE}, 405, "Method Not Allowed"),
        ({"token": "x", "content": LATE, "kind": "text/plain"}, 401, "Invalid or missing token"),
        ({"content": LATE, "kind": "text/plain", "query": "x=%zz"}, 413, "Request body exceeds"),
        ({"content": b"x", "kind": "text/plain", "query": "x=%zz"}, 415, "Content-Type"),
        ({"content": b"x", "query": "x=%zz"}, 400, "query string"),
        ({"content": b"x", "query": f"integrated_account_id={uuid4()}"}, 400, "request body is not valid JSON"),
        ({"content": b'{"owner": 1}', "query": f"integrated_account_id={uuid4()}"}, 404, "not found"),
        ({"content": b'{"owner": 1}', "headers": {"Idempotency-Key": "used"}}, 422, "different request"),
        ({"content": b'{"owner": 1}'}, 400, "owner must be an object"),
        ({"content": b"{}"}, 400, "last_name is required"),
        ({"content": b'{"last_name": "L"}'}, 429, "Rate limit exceeded"),
    ],
)
async def test_the_first_failing_check_answers(
    sqlite_url: str, anyio_backend: str, request_: dict[str, Any], status: int, message: str
) -> None:
    async with staged(sqlite_url, account_rate=1) as stage:
        await stage.post(SELL, L, headers={"Idempotency-Key": "used"})
        answer = await stage.http.request(
            request_.get("method", "POST"),
            f"{LEADS}?{request_.get('query', f'integrated_account_id={stage.accounts[SELL]}')}",
            content=request_["content"],
            headers={
                "Authorization": f"Bearer {request_.get('token', stage.token)}",
                "Content-Type": request_.get("kind", "application/json"),
                **request_.get("headers", {}),
            },
        )
        assert (answer.status_code, message in answer.json()["message"]) == (status, True), answer.text
        assert calls(stage) == 1


# --- accounts that a lead cannot be sent for --------------------------------------------------------------------------


async def test_a_simulated_account_needs_a_host_with_simulators(sqlite_url: str) -> None:
    async with staged(sqlite_url):
        pass
    async with staged(sqlite_url, simulated=False) as stage:
        answer = await stage.post(SELL, L)
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "integrated account is simulated, and this host runs without simulators",
    )


async def test_settings_sealed_for_another_account_are_not_used(stage: Stage) -> None:
    ours, other = stage.accounts[SELL], stage.accounts["hubspot"]
    of_other = select(accounts.c.sealed).where(accounts.c.id == other).scalar_subquery()
    async with stage.host.database.transaction() as connection:
        await connection.execute(update(accounts).where(accounts.c.id == ours).values(sealed=of_other))
    answer = await stage.post(SELL, L)
    message = "The integrated account's settings cannot be read: sealed for another account"
    assert (answer.status_code, answer.json()["message"], calls(stage)) == (500, message, 0)
    again = await stage.post(SELL, L)
    assert again.status_code == 400
    assert "validation_error" in again.json()["message"]


async def test_the_connections_of_all_crms_are_closed_in_the_end(sqlite_url: str) -> None:
    closed: list[str] = []

    class Transport:
        async def send_async(self, request: Any, *, credentials: Any, timeout: float) -> Response:
            return Response.of(200, {"data": {"id": 1}})

        async def aclose(self) -> None:
            closed.append("closed")

    async with staged(sqlite_url) as stage:
        stage.host.targets._client = AsyncClient(registry=stage.host.registry, transport=Transport(), send_once=True)
        made = await stage.host.accounts.create(stage.tenant_id, SELL, {"access_token": "t"})
        assert (await stage.post(SELL, L, account=made.id)).status_code == 200
        assert closed == []
    assert closed == ["closed"]
