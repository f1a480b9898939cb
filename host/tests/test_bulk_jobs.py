"""Bulk jobs over HTTP: what is posted, what becomes of it, and what can be done about it."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from host_bulk import BULK, act, counted, ended, job_of, lead, post, posted, rows_of
from host_stage import LEADS, Stage, log_lines, staged
from unilead import Response
from unilead_host.bulk.claims import Claims
from unilead_host.bulk.runner import JOBS
from unilead_host.bulk.upload import leads_of
from unilead_host.storage import StorageError
from unilead_host.wire import Refusal

pytestmark = pytest.mark.anyio
SELL, HUBSPOT = "zendesk-sell", "hubspot"


@pytest.mark.parametrize("slug", [SELL, HUBSPOT])
async def test_every_row_gets_a_verdict(stage: Stage, slug: str) -> None:
    """One by one, and in the CRM's batches."""
    leads: list[Any] = [lead(number) for number in range(1, 31)]
    leads[4] = {"first_name": "F"}
    leads[6] = 17
    job = await ended(stage, await posted(stage, slug, leads))
    assert (job["status"], job["total"], job["rows"]) == ("done", 30, counted(created=28, rejected=2))
    rows = await rows_of(stage, job["id"])
    assert [row["row"] for row in rows] == list(range(1, 31))
    assert [row["row"] for row in rows if row["status"] == "rejected"] == [5, 7]
    stored = stage.simulators[slug].leads
    assert sorted(row["id"] for row in rows if row["id"]) == sorted(map(str, stored))
    assert len(stored) == 28


async def test_a_row_is_refused_in_the_words_of_a_single_create(stage: Stage) -> None:
    refused = [{"first_name": "F"}, lead(1, owner={"id": "abc"}), lead(2, owner="x"), lead(3, website=False)]
    job = await ended(stage, await posted(stage, SELL, refused))
    rows = await rows_of(stage, job["id"])
    assert [row["error"] for row in rows] == [(await stage.post(SELL, one)).json() for one in refused]
    assert all(row["status"] == "rejected" for row in rows)


async def test_what_is_left_out_is_named_row_by_row(stage: Stage) -> None:
    job = await ended(stage, await posted(stage, SELL, [lead(1, status="new", colour="red")]))
    [row] = await rows_of(stage, job["id"])
    single = await stage.post(SELL, lead(2, status="new", colour="red"))
    assert ", ".join(row["dropped"]) == single.headers["unified-dropped-fields"]
    assert row["unknown"] == ["colour"]


async def test_a_lead_on_each_line(stage: Stage) -> None:
    lines = [json.dumps(lead(1)), "", "no lead", json.dumps(lead(2)), "[]"]
    answer = await stage.post(
        SELL, content="\r\n".join(lines).encode(), path=BULK, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 202
    job = await ended(stage, answer.json()["id"])
    assert job["rows"] == counted(created=2, rejected=2)
    assert [row["status"] for row in await rows_of(stage, job["id"])] == ["created", "rejected", "created", "rejected"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "message"),
    [
        (b"", "application/json", 400, "request body is not valid JSON"),
        (b"[]", "application/json", 400, "the body must be"),
        (b'{"leads": {}}', "application/json", 400, "the body must be"),
        (b'{"leads": []}', "application/json", 400, "there are no leads in the body"),
        (b'{"leads": [{}], "account": 1}', "application/json", 400, "account is not known here"),
        (b'{"leads": [{}', "application/json", 400, "request body is not valid JSON"),
        (b" \n\n", "application/x-ndjson", 400, "there are no leads in the body"),
        (b"{}\n\xff", "application/x-ndjson", 400, "line 2 is not UTF-8"),
        (b"{}\n{}\n\x00", "application/x-ndjson", 400, "line 3 holds NUL"),
        (b"\x00{}", "application/x-ndjson", 400, "line 1 holds NUL"),
        (b'{"leads": [NaN]}', "application/json", 400, "request body is not valid JSON"),
        (b"{}", "text/csv", 415, "Content-Type must be"),
        (b"{}", "application/json; charset=latin-1", 415, "Content-Type must be"),
    ],
)
async def test_a_body_that_is_no_job_is_refused_as_a_whole(
    stage: Stage, content: bytes, kind: str, status: int, message: str
) -> None:
    answer = await stage.post(SELL, content=content, path=BULK, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)
    assert (await stage.get(BULK)).json()["result"] == []


async def test_a_compressed_body_is_refused_as_for_a_single_lead(stage: Stage) -> None:
    for path in (BULK, LEADS):
        answer = await stage.post(SELL, content=b"\x1f\x8b", path=path, headers={"Content-Encoding": "gzip"})
        assert (answer.status_code, answer.json()["message"]) == (415, "Content-Encoding is not supported")


async def test_a_number_that_json_cannot_carry_is_refused_in_its_row(stage: Stage) -> None:
    content = b'{"leads": [{"last_name": "L", "custom_fields": {"a": 1e999}}, {"last_name": "M"}]}'
    answer = await stage.post(SELL, content=content, path=BULK)
    job = await ended(stage, answer.json()["id"])
    assert job["rows"] == counted(created=1, rejected=1)
    [row] = await rows_of(stage, job["id"], "status=rejected")
    assert row["row"] == 1


@pytest.mark.parametrize("kind", ["json", "x-ndjson"])
async def test_millions_of_leads_are_refused_before_much_is_made_of_them(kind: str) -> None:
    number = 1_000_000
    body = b'{"leads": [' + b"{}," * number + b"{}]}" if kind == "json" else b"{}\n" * number
    tracemalloc.start()
    with pytest.raises(Refusal, match="a job takes 10000"):
        leads_of(body, f"application/{kind}")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 90 * number  # an empty dict has 64 bytes, its place in a list 8


@pytest.mark.parametrize("kind", ["json", "x-ndjson"])
async def test_a_job_takes_ten_thousand_leads_and_not_one_more(kind: str) -> None:
    def body(number: int) -> bytes:
        return b'{"leads": [' + b"{}," * (number - 1) + b"{}]}" if kind == "json" else b"{}\n" * number

    assert len(leads_of(body(10_000), f"application/{kind}")) == 10_000
    with pytest.raises(Refusal, match="too many leads") as refused:
        leads_of(body(10_001), f"application/{kind}")
    assert refused.value.answer.status == 400


async def test_lines_end_with_a_line_feed_and_nothing_else() -> None:
    assert leads_of("{}\r\n\n \u2028{}\x0c\n  \n{}".encode(), "application/x-ndjson") == ["{}\r", " \u2028{}\x0c", "{}"]


async def test_a_job_may_be_larger_than_a_lead(host_url: str) -> None:
    async with staged(host_url, max_body=2_000, max_bulk_body=20_000) as stage:
        assert (await post(stage, SELL, [lead(1, description="x" * 5_000)])).status_code == 202
        answer = await post(stage, SELL, [lead(1, description="x" * 30_000)])
        assert (answer.status_code, answer.json()["message"]) == (413, "Request body exceeds 20000 bytes")
        assert (await stage.post(SELL, lead(1, description="x" * 5_000))).status_code == 413


async def test_f081_a_key_finds_the_job_of_the_first_request(stage: Stage) -> None:
    first = await post(stage, SELL, [lead(1)], **{"Idempotency-Key": "k"})
    again = await post(stage, SELL, [lead(1)], **{"Idempotency-Key": "k"})
    assert first.json()["id"] == again.json()["id"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert again.headers["location"] == first.headers["location"] == f"{BULK}/{first.json()['id']}"
    assert (await post(stage, SELL, [lead(2)], **{"Idempotency-Key": "k"})).status_code == 422
    assert (await post(stage, SELL, [lead(2)], **{"Idempotency-Key": "k" * 256})).status_code == 400
    await ended(stage, first.json()["id"])
    assert stage.simulators[SELL].count == 1


async def test_an_account_that_takes_no_leads_gets_no_job(stage: Stage) -> None:
    await stage.host.accounts.set_blocked(stage.tenant_id, stage.accounts[SELL], True)
    assert (await post(stage, SELL, [lead(1)])).status_code == 503
    nobodys = await stage.post(SELL, {"leads": [lead(1)]}, path=BULK, account="5d3f0a9e-0000-4000-8000-000000000000")
    assert nobodys.status_code == 404
    assert (await stage.get(BULK)).json() == {"result": [], "next_cursor": None}


async def test_jobs_and_rows_come_in_pages(stage: Stage) -> None:
    ids = [await posted(stage, slug, [lead(1), {}]) for slug in (SELL, HUBSPOT, SELL)]
    for job_id in ids:
        await ended(stage, job_id)
    page = (await stage.get(f"{BULK}?limit=2")).json()
    rest = (await stage.get(f"{BULK}?limit=2&next_cursor={page['next_cursor']}")).json()
    assert [job["id"] for job in page["result"] + rest["result"]] == ids[::-1]
    assert rest["next_cursor"] is None
    own = (await stage.get(f"{BULK}?integrated_account_id={stage.accounts[SELL]}")).json()["result"]
    assert [job["id"] for job in own] == [ids[2], ids[0]]
    first = (await stage.get(f"{BULK}/{ids[0]}/rows?limit=1")).json()
    assert ([row["row"] for row in first["result"]], first["next_cursor"]) == ([1], 1)
    second = (await stage.get(f"{BULK}/{ids[0]}/rows?limit=1&next_cursor=1")).json()
    assert ([row["row"] for row in second["result"]], second["next_cursor"]) == ([2], None)
    assert [row["row"] for row in await rows_of(stage, ids[0], "status=rejected")] == [2]


async def test_f079_a_cancelled_job_sends_nothing_more(stage: Stage) -> None:
    stage.simulators[SELL].faults.latency = 0.1
    job_id = await posted(stage, SELL, [lead(number) for number in range(60)])
    while not stage.simulators[SELL].calls:
        await rows_of(stage, job_id, "limit=1")
    answer = await act(stage, job_id, "cancel")
    assert answer.json()["status"] == "cancelled"
    await stage.host.runner.stop()
    job = await job_of(stage, job_id)
    assert job["rows"] == counted(created=stage.simulators[SELL].count, cancelled=60 - stage.simulators[SELL].count)
    assert 0 < job["rows"]["created"] < 60
    assert (await act(stage, job_id, "resume")).json()["status"] == "cancelled"


async def test_unknown_rows_are_sent_again_on_somebodys_word_alone(stage: Stage) -> None:
    crm = stage.simulators[SELL]
    crm.faults.drop_after_commit = 1
    job_id = await posted(stage, SELL, [lead(1), lead(2)])
    job = await ended(stage, job_id)
    assert job["rows"] == counted(created=1, unknown=1)
    [unknown] = await rows_of(stage, job_id, "status=unknown")
    assert unknown["error"]["details"] == {"outcome": "unknown", "safe_to_retry": False}
    assert (await act(stage, job_id, "resume")).json()["rows"] == counted(created=1, unknown=1)
    single = await stage.post(SELL, lead(unknown["row"]))
    assert single.status_code == 500  # the guard against blind repetitions knows of it
    refused = await act(stage, job_id, "send-again", {"rows": [1, 2, 99]})
    assert refused.status_code == 409
    assert refused.json()["message"].endswith(f"{3 - unknown['row']}, 99")
    assert crm.count == 2
    crm.leads.popitem()  # somebody looked: it is not there
    answer = await act(stage, job_id, "send-again", {"rows": [unknown["row"]]})
    assert answer.status_code == 200
    assert (await ended(stage, job_id, ["done"]))["rows"] == counted(created=2)


async def test_an_earlier_lead_of_unknown_outcome_is_not_sent_once_more(stage: Stage) -> None:
    crm = stage.simulators[SELL]
    crm.faults.drop_after_commit = 1
    assert (await stage.post(SELL, lead(1))).status_code == 500
    job = await ended(stage, await posted(stage, SELL, [lead(1), lead(2)]))
    assert job["rows"] == counted(created=1, unknown=1)
    [row] = await rows_of(stage, job["id"], "status=unknown")
    assert row["error"] == (await stage.post(SELL, lead(1))).json()
    assert crm.count == 2
    assert (await act(stage, job["id"], "send-again", {"rows": [row["row"]]})).status_code == 200
    assert (await ended(stage, job["id"], ["done"]))["rows"] == counted(created=2)
    await stage.host.writes.drain()
    assert (await stage.post(SELL, lead(1))).status_code == 200  # its outcome is known by now


async def test_a_lead_whose_row_is_unknown_is_not_sent_singly_either_also_after_a_restart(host_url: str) -> None:
    async with staged(host_url) as stage:
        stage.simulators[SELL].faults.drop_after_commit = 1
        job = await ended(stage, await posted(stage, SELL, [lead(1)]))
        assert job["rows"] == counted(unknown=1)
        assert (await stage.post(SELL, lead(1))).status_code == 500
        assert stage.simulators[SELL].count == 1
    async with staged(host_url) as stage:
        answer = await stage.post(SELL, lead(1))
        assert (answer.status_code, answer.json()["details"]["outcome"]) == (500, "unknown")
        assert stage.simulators[SELL].count == 0  # which forgets what it held before


async def test_rows_that_the_guard_keeps_back_are_no_doubts_about_the_crm(stage: Stage) -> None:
    """However many they are in a row, nothing was asked, and the job goes on."""
    crm = stage.simulators[SELL]
    crm.faults.drop_after_commit = 12
    for number in range(12):
        assert (await stage.post(SELL, lead(number))).status_code == 500
    job = await ended(stage, await posted(stage, SELL, [lead(number) for number in range(20)]))
    assert (job["status"], job["rows"]) == ("done", counted(created=8, unknown=12))
    assert crm.count == 20


async def test_a_token_of_one_account_sees_its_jobs_alone(stage: Stage) -> None:
    ids = {slug: await posted(stage, slug, [lead(1)]) for slug in (SELL, HUBSPOT)}
    bound, _ = await stage.host.tokens.create(stage.tenant_id, account_id=stage.accounts[SELL])
    headers = {"Authorization": f"Bearer {bound}"}
    assert [job["id"] for job in (await stage.http.get(BULK, headers=headers)).json()["result"]] == [ids[SELL]]
    assert (await stage.http.get(f"{BULK}/{ids[SELL]}", headers=headers)).status_code == 200
    assert (await stage.http.get(f"{BULK}/{ids[HUBSPOT]}", headers=headers)).status_code == 404
    other = f"{BULK}?integrated_account_id={stage.accounts[HUBSPOT]}"
    assert (await stage.http.get(other, headers=headers)).status_code == 403
    assert (await stage.http.post(other, headers=headers, json={"leads": [lead(1)]})).status_code == 403
    assert (await stage.http.post(BULK, headers=headers, json={"leads": [lead(2)]})).status_code == 202


async def test_reading_tokens_post_and_change_nothing(stage: Stage) -> None:
    job_id = await posted(stage, SELL, [lead(1)])
    stage.token, _ = await stage.host.tokens.create(stage.tenant_id, scope="read")
    assert (await post(stage, SELL, [lead(1)])).status_code == 403
    for action in ("cancel", "resume", "send-again"):
        assert (await act(stage, job_id, action, {"rows": [1]})).status_code == 403
    assert (await stage.get(f"{BULK}/{job_id}")).status_code == 200


# --- when something is wrong with the account, the CRM or a plugin ----------------------------------------------------


async def test_refused_credentials_stop_a_job_until_somebody_resumes_it(stage: Stage) -> None:
    crm = stage.simulators[SELL]
    crm._dispatch = lambda call: Response.of(401, {"message": "who are you"})  # type: ignore[method-assign]
    job_id = await posted(stage, SELL, [lead(number) for number in range(9)])
    job = await ended(stage, job_id)
    assert (job["status"], job["reason"]["statusCode"], job["rows"]) == ("stopped", 401, counted(pending=9))
    account = (await stage.get(f"/integrated-account/{stage.accounts[SELL]}")).json()
    assert account["status"] == "needs_reauth"
    assert (await act(stage, job_id, "resume")).status_code == 200
    assert (await ended(stage, job_id, ["stopped"]))["reason"]["statusCode"] == 401  # as the account still is
    del vars(crm)["_dispatch"]
    assert await stage.host.accounts.update(stage.tenant_id, stage.accounts[SELL], settings={})
    assert (await act(stage, job_id, "resume")).json()["reason"] is None
    assert (await ended(stage, job_id, ["done"]))["rows"] == counted(created=9)


async def test_l010_a_crm_that_wants_to_be_left_alone_is(stage: Stage) -> None:
    crm = stage.simulators[SELL]
    answer = Response.of(429, {"message": "later"}, {"Retry-After": "600"})
    crm._dispatch = lambda call: answer  # type: ignore[method-assign]
    job_id = await posted(stage, SELL, [lead(number) for number in range(40)])
    job = await ended(stage, job_id)
    assert (job["status"], job["reason"]["statusCode"], job["rows"]) == ("waiting", 429, counted(pending=40))
    waits = datetime.fromisoformat(job["not_before"]) - datetime.fromisoformat(job["updated_at"])
    assert timedelta(minutes=9) < waits < timedelta(minutes=11)
    calls = len(crm.calls)
    assert calls <= 4
    await act(stage, job_id, "resume")
    assert (await ended(stage, job_id))["rows"] == counted(pending=40)
    assert len(crm.calls) == calls  # it is known until when the CRM takes nothing


async def test_l010_many_unknown_outcomes_in_a_row_stop_a_job(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)
    crm = stage.simulators[SELL]
    crm.faults.drop_after_commit = 1_000
    job_id = await posted(stage, SELL, [lead(number) for number in range(60)])
    job = await ended(stage, job_id)
    assert (job["status"], job["reason"]["message"].startswith("The outcome of many requests")) == ("stopped", True)
    assert 10 <= job["rows"]["unknown"] <= 4 + 9
    assert job["rows"]["unknown"] + job["rows"]["pending"] == 60
    crm.faults.drop_after_commit = 0
    await act(stage, job_id, "resume")
    job = await ended(stage, job_id, ["done"])
    assert crm.count == 60 == job["rows"]["created"] + job["rows"]["unknown"]


async def test_l008_jobs_of_real_accounts_keep_below_the_limits_of_their_crm(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Asked:
        def wait(self, account_id: str, limits: Any) -> float:
            asked.append(account_id)
            return 0.0

    monkeypatch.setattr("unilead_host.targets.RatePacer", Asked)
    crm = stage.simulators[SELL]
    monkeypatch.setattr(stage.host.targets._client, "_transport", crm)
    real = await stage.host.accounts.create(stage.tenant_id, SELL, dict(crm.sample_settings))
    assert (await stage.post(SELL, lead(1), account=real.id)).status_code == 200
    await ended(stage, await posted(stage, SELL, [lead(2)]))
    assert asked == [], "neither single creates nor simulators are kept waiting"
    answer = await stage.post(SELL, {"leads": [lead(3), lead(4)]}, path=BULK, account=real.id)
    assert (await ended(stage, answer.json()["id"]))["rows"] == counted(created=2)
    assert asked == [real.id] * 2


@pytest.mark.parametrize("slug", [SELL, HUBSPOT])
async def test_l010_a_crm_that_fails_for_a_while_costs_few_rows(
    stage: Stage, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in flight, and then one now and then, until it is well again; the job goes on by itself."""
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)
    crm = stage.simulators[slug]
    in_flight = 4 if slug == SELL else 100
    crm.faults.status, crm.faults.status_count = 503, 7
    job = await ended(stage, await posted(stage, slug, [lead(number) for number in range(150)]))
    assert job["status"] == "done"
    assert job["rows"]["unknown"] <= in_flight + 6
    assert crm.count == job["rows"]["created"] == 150 - job["rows"]["unknown"]


async def test_f085_a_host_that_ends_finishes_what_is_on_its_way(host_url: str) -> None:
    async with staged(host_url) as stage:
        crm = stage.simulators[SELL]
        crm.faults.latency = 0.1
        job_id = await posted(stage, SELL, [lead(number) for number in range(40)])
        while not crm.calls:
            await rows_of(stage, job_id, "limit=1")
        await stage.host.runner.stop()
        job = await job_of(stage, job_id)
        assert (job["status"], job["rows"]) == ("queued", counted(created=crm.count, pending=40 - crm.count))
        assert 0 < crm.count < 40
        first = crm.count
    async with staged(host_url) as stage:
        assert (await ended(stage, job_id, ["done"]))["rows"] == counted(created=40)
        assert stage.simulators[SELL].count == 40 - first


async def test_f085_a_host_that_ends_does_not_wait_for_a_crm_that_wants_to_be_left_alone(stage: Stage) -> None:
    crm = stage.simulators[SELL]
    answer = Response.of(429, {"message": "later"}, {"Retry-After": "50"})
    crm._dispatch = lambda call: answer  # type: ignore[method-assign]
    job_id = await posted(stage, SELL, [lead(number) for number in range(40)])
    while not crm.calls:
        await rows_of(stage, job_id, "limit=1")
    async with asyncio.timeout(25):
        await stage.host.runner.stop()
    job = await job_of(stage, job_id)
    assert (job["status"], job["rows"]) == ("queued", counted(pending=40))


async def test_bulk_rows_are_counted_for_prometheus(stage: Stage) -> None:
    with log_lines() as lines:
        await ended(stage, await posted(stage, SELL, [lead(1), {}]))
    assert [line["event"] for line in lines if line["event"].startswith("bulk.")] == ["bulk.worked"]
    text = stage.host.metrics.text().decode()
    assert 'unilead_bulk_rows_total{provider="zendesk-sell",state="created"} 1.0' in text
    assert 'unilead_bulk_rows_total{provider="zendesk-sell",state="rejected"} 1.0' in text


@pytest.mark.parametrize("slug", [SELL, HUBSPOT])
async def test_rows_that_the_database_keeps_from_being_sent_stay_pending(
    stage: Stage, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard cannot be asked about the third: what was claimed with it is not left on its way."""
    asked: list[Any] = []

    async def find(*body: Any) -> None:
        asked.append(body)
        if len(asked) == 3:
            raise StorageError("locked")

    monkeypatch.setattr(type(stage.host.repeats), "may_hold", True)
    monkeypatch.setattr(stage.host.repeats, "find", find)
    job = await ended(stage, await posted(stage, slug, [lead(number) for number in range(9)]))
    created = stage.simulators[slug].count
    assert (job["status"], job["rows"]) == ("waiting", counted(created=created, pending=9 - created))


@pytest.mark.parametrize(("length", "is_kept"), [(10, True), (10_000, False)])
async def test_of_a_long_refusal_a_row_keeps_the_message_alone(stage: Stage, length: int, is_kept: bool) -> None:
    refusal = {"errors": [{"error": {"code": "c", "message": "no such owner"}}], "trace": "x" * length}
    stage.simulators[SELL]._dispatch = lambda call: Response.of(422, refusal)  # type: ignore[method-assign]
    job = await ended(stage, await posted(stage, SELL, [lead(1)]))
    assert job["rows"] == counted(rejected=1)
    [row] = await rows_of(stage, job["id"])
    assert ("raw_response" in row["error"]) == is_kept
    single = (await stage.post(SELL, lead(2))).json()
    assert row["error"]["message"] == single["message"]
    assert "raw_response" in single


# --- several jobs at a time -------------------------------------------------------------------------------------------


async def test_twelve_jobs_are_worked_on_at_a_time_and_the_others_after_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.simulators[SELL].faults.latency = 3.0
    monkeypatch.setattr(stage.host.runner, "wake", lambda: None)
    for number in range(JOBS + 2):
        account = await stage.host.accounts.create(stage.tenant_id, SELL, is_simulated=True)
        answer = await stage.post(SELL, {"leads": [lead(number)]}, account=account.id, path=BULK)
        assert answer.status_code == 202
    monkeypatch.undo()
    stage.host.runner.wake()  # it finds all of them at a time, as after a start
    running = {0}
    async with asyncio.timeout(30):
        while (states := await _states(stage))["done"] < JOBS + 2:
            running.add(states["running"])
    assert max(running) == JOBS
    assert stage.simulators[SELL].count == JOBS + 2


async def _states(stage: Stage) -> Counter[str]:
    return Counter(job["status"] for job in (await stage.get(BULK)).json()["result"])


@pytest.mark.parametrize("fault", [None, OSError("the disk fails")])
async def test_a_host_that_finds_no_job_looks_again_later_and_not_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    looked: list[float] = []

    async def take(*_: Any) -> None:
        looked.append(asyncio.get_running_loop().time())
        if fault:
            raise fault

    monkeypatch.setattr(Claims, "take", take)
    stage.host.runner.wake()
    await asyncio.sleep(0.3)
    assert len(looked) == 1
    stage.host.runner.wake()
    await asyncio.sleep(0.1)
    assert len(looked) == 2


async def test_f085_a_job_taken_while_the_host_begins_to_end_sends_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending: list[asyncio.Task[None]] = []
    take = Claims.take

    async def take_late(self: Claims, *arguments: Any) -> Any:
        lease = await take(self, *arguments)
        if lease is not None:
            ending.append(asyncio.create_task(stage.host.runner.stop()))
            await asyncio.sleep(0)
        return lease

    monkeypatch.setattr(Claims, "take", take_late)
    job_id = await posted(stage, SELL, [lead(1), lead(2)])
    async with asyncio.timeout(10):
        while not ending:
            await asyncio.sleep(0.01)
        await ending[0]
    job = await job_of(stage, job_id)
    assert (job["status"], job["rows"]) == ("queued", counted(pending=2))
    assert stage.simulators[SELL].count == 0
