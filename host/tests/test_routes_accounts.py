"""``/integrated-account`` over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from host_callers import ACCOUNTS, CANARY, Tenant, TokenEndpoint, hosting
from unilead import Registry
from unilead_host.app import Application
from unilead_host.settings import HostSettings

pytestmark = pytest.mark.anyio


async def test_an_account_has_the_fields_that_clients_expect(ours: Tenant) -> None:
    made = await ours.made(label="Sales")
    expected = "id tenant_id environment_id environment_integration_id status is_sandbox authentication_method region"
    expected += " context last_error last_action_result last_forbidden_error unified_model_override"
    expected += " integration_override integration created_at updated_at"
    assert list(made)[: len(expected.split())] == expected.split()
    assert (made["status"], made["tenant_id"], made["label"]) == ("active", ours.id, "Sales")
    assert made["integration"] == {"id": "acme", "name": "acme", "category": "crm"}
    assert (await ours("GET", f"/{made['id']}")).json() == made
    assert (await ours("GET", f"/{made['id'].upper()}")).json() == made


async def test_credentials_are_in_no_answer(ours: Tenant) -> None:
    made = await ours.made()
    answers = [
        await ours("GET"),
        await ours("GET", f"/{made['id']}"),
        await ours("PATCH", f"/{made['id']}", {"settings": {"token": f"{CANARY}-2"}}),
        await ours("PATCH", f"/{made['id']}", {"settings": {"token": 7, "tokn": CANARY}}),
        await ours("POST", body={"provider": "acme", "settings": {CANARY[:0] + "tokn": CANARY}}),
        await ours("POST", body={"provider": CANARY, "settings": {"token": CANARY}}),
        await ours("POST", body={"provider": "acme", "settings": CANARY}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 400, 400, 400]
    for answer in answers[:-2]:
        assert CANARY not in answer.text
    assert CANARY not in answers[-1].text


async def test_b071_each_setting_at_fault_is_named(ours: Tenant) -> None:
    answer = await ours("POST", body={"provider": "acme", "settings": {"tokn": "x"}})
    assert answer.status_code == 400
    body = answer.json()
    assert list(body)[:3] == ["statusCode", "error", "message"]
    assert {failure["field"]: failure["code"] for failure in body["details"]["failures"]} == {
        "settings.token": "missing",
        "settings.tokn": "extra_forbidden",
    }
    misspelt = await ours("POST", body={"provider": "acme", "settings": {"token": "x"}, "lable": "Sales"})
    assert misspelt.json()["message"] == "lable: is not known here"
    assert (await ours("POST", body={})).json()["message"] == "provider: is required"
    unknown = await ours("POST", body={"provider": "nobody"})
    assert unknown.json()["details"]["failures"][0]["field"] == "provider"


@pytest.mark.parametrize(
    ("content", "media_type", "message"),
    [
        (
            b'{"provider": "acme"}',
            "application/x-www-form-urlencoded",
            "body: must be a JSON object, sent as application/json",
        ),
        (b"[]", "application/json", "body: must be a JSON object, sent as application/json"),
        (b'{"provider":', "application/json", "body: is not valid JSON"),
    ],
)
async def test_a_body_that_is_no_json_object_is_called_so(
    ours: Tenant, content: bytes, media_type: str, message: str
) -> None:
    headers = {"Authorization": f"Bearer {ours.token}", "Content-Type": media_type}
    answer = await ours.http.post("/integrated-account", content=content, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert answer.json()["details"]["failures"][0]["field"] == "body"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"provider": "acme", "id": str(uuid4())},
        {"provider": "../acme"},
        {"provider": "acme", "is_sandbox": "yes"},
        {"provider": "acme", "label": "a\x00b"},
        {"provider": "acme", "label": "x" * 201},
    ],
)
async def test_a_body_that_does_not_fit(ours: Tenant, body: Any) -> None:
    answer = await ours("POST", body=body)
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400


@pytest.mark.parametrize(
    "settings", ['{"token": "\\ud800"}', '{"\\udfff": 1}', '{"token": {"a": ["\\ud800"]}}', '{"token": "a\\u007f"}']
)
async def test_b071_a_secret_that_no_request_can_carry_is_refused_when_it_is_given(ours: Tenant, settings: str) -> None:
    headers = {"Authorization": f"Bearer {ours.token}", "Content-Type": "application/json"}
    body = f'{{"provider": "acme", "settings": {settings}}}'
    answer = await ours.http.post(ACCOUNTS, headers=headers, content=body)
    assert answer.status_code == 400
    assert (await ours("GET")).json()["result"] == []


@pytest.mark.parametrize(
    "content", [b"", b"[" * 100_000, b"\xff", b'{"a":' * 2_000, b"1" * 5_000, b'{"provider": NaN}', b"{}", b'"x"']
)
@pytest.mark.parametrize("path", ["", "/token", "/refresh-credentials"])
async def test_b001_bodies_that_are_no_object_of_ours(ours: Tenant, path: str, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {ours.token}", "Content-Type": "application/json"}
    answer = await ours.http.post(ACCOUNTS + path, headers=headers, content=content)
    assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)


async def test_updating(ours: Tenant) -> None:
    made = await ours.made()
    changed = (await ours("PATCH", f"/{made['id']}", {"label": "Sales", "is_sandbox": True})).json()
    assert (changed["label"], changed["is_sandbox"], changed["status"]) == ("Sales", True, "active")
    refused = await ours("PATCH", f"/{made['id']}", {"settings": {"token": None}})
    assert refused.json()["details"]["failures"][0]["field"] == "settings.token"
    for body in ({"provider": "globex"}, {"is_blocked": False}, {"status": "active"}):
        assert (await ours("PATCH", f"/{made['id']}", body)).status_code == 400


async def test_deleting(ours: Tenant) -> None:
    made = await ours.made()
    bound = await ours.with_token(account_id=made["id"])
    assert (await bound("GET", "/me")).json()["id"] == made["id"]
    assert (await ours("DELETE", f"/{made['id']}")).json() == {"id": made["id"]}
    assert (await ours("DELETE", f"/{made['id']}")).status_code == 404
    assert (await bound("GET", "/me")).status_code == 401


async def test_listing_page_by_page(ours: Tenant) -> None:
    made = [(await ours.made())["id"] for _ in range(3)]
    first = (await ours("GET", params={"limit": 2})).json()
    assert (first["result_count"], first["prev_cursor"]) == (2, None)
    second = (await ours("GET", params={"limit": 2, "next_cursor": first["next_cursor"]})).json()
    assert [account["id"] for page in (first, second) for account in page["result"]] == made
    assert second["next_cursor"] is None
    assert (await ours("GET", params={"provider": "globex"})).json()["result"] == []
    for wrong in ({"limit": 0}, {"limit": 101}, {"next_cursor": "x"}, {"provider": "A b"}):
        assert (await ours("GET", params=wrong)).status_code == 400


async def test_whoever_deletes_page_by_page_sees_every_account(ours: Tenant) -> None:
    made = {(await ours.made())["id"] for _ in range(5)}
    seen, query = set(), {"limit": 2}
    while True:
        page = (await ours("GET", params=query)).json()
        for account in page["result"]:
            seen.add(account["id"])
            await ours("DELETE", f"/{account['id']}")
        if page["next_cursor"] is None:
            break
        query["next_cursor"] = page["next_cursor"]
    assert seen == made


async def test_s012_another_tenants_account_is_as_none_at_all(ours: Tenant, theirs: Tenant) -> None:
    made = await ours.made()
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/{id}", None),
        ("PATCH", "/{id}", {"label": "x"}),
        ("DELETE", "/{id}", None),
        ("POST", "/refresh-credentials", {"id": "{id}"}),
        ("POST", "/token", {"integrated_account_id": "{id}"}),
        ("POST", "/{id}/connect", {}),
    ]
    for method, path, body in calls:
        answers = []
        for account_id in (made["id"], str(uuid4()), "no-uuid"):
            sent = json.loads(json.dumps(body).replace("{id}", account_id))
            answer = await theirs(method, path.replace("{id}", account_id), sent)
            answers.append((answer.status_code, answer.content, answer.headers["content-length"]))
        assert answers[0][0] == 404
        assert answers[0] == answers[1] == answers[2]
    assert (await theirs("GET", params={"next_cursor": f"0.1_{made['id']}"})).json()["result"] == []
    assert (await ours("GET", f"/{made['id']}")).json() == made


async def test_s012_every_route_with_an_account_is_in_the_test_above(app: Application) -> None:
    """A route that is new has to be added there."""
    paths = app.office.openapi()["paths"]
    routes = {
        (method.upper(), path) for path, methods in paths.items() if path.startswith(ACCOUNTS) for method in methods
    }
    assert routes == {
        ("POST", ACCOUNTS),
        ("GET", ACCOUNTS),
        ("GET", f"{ACCOUNTS}/me"),
        ("GET", f"{ACCOUNTS}/{{account_id}}"),
        ("PATCH", f"{ACCOUNTS}/{{account_id}}"),
        ("DELETE", f"{ACCOUNTS}/{{account_id}}"),
        ("POST", f"{ACCOUNTS}/refresh-credentials"),
        ("POST", f"{ACCOUNTS}/token"),
        ("POST", f"{ACCOUNTS}/{{account_id}}/connect"),
    }


async def test_s019_scopes(ours: Tenant) -> None:
    made = await ours.made()
    reader = await ours.with_token(scope="read")
    bound = await ours.with_token(account_id=made["id"])
    assert (await reader("GET")).status_code == 200
    for caller, calls in ((reader, ["POST", "PATCH", "DELETE"]), (bound, ["POST", "GET", "PATCH", "DELETE"])):
        for method in calls:
            path = "" if method == "POST" else f"/{made['id']}"
            answer = await caller(method, path, {"provider": "acme"} if method == "POST" else {})
            assert (answer.status_code, answer.json()["message"]) == (403, "This token may not call this endpoint")
    assert (await bound("GET", "/me")).json()["id"] == made["id"]
    assert (await ours("GET", "/me")).status_code == 403


async def test_without_a_token(http: httpx.AsyncClient, ours: Tenant) -> None:
    made = await ours.made()
    for method, path in (("GET", ""), ("POST", ""), ("GET", f"/{made['id']}"), ("POST", "/token"), ("GET", "/me")):
        assert (await http.request(method, ACCOUNTS + path, json={})).status_code == 401
    assert (await http.get(ACCOUNTS, params={"token": ours.token})).status_code == 401
    assert (await http.get(ACCOUNTS, headers={"Cookie": f"token={ours.token}"})).status_code == 401


async def test_a_token_for_one_account(ours: Tenant) -> None:
    made = await ours.made()
    answer = await ours("POST", "/token", {"integrated_account_id": made["id"]})
    bound = Tenant(ours.host, ours.http, ours.id, answer.json()["integrated_account_token"])
    assert (await bound("GET", "/me")).json()["id"] == made["id"]


async def test_a_simulated_account(ours: Tenant) -> None:
    made = (await ours("POST", body={"provider": "acme", "is_simulated": True})).json()
    assert made["is_simulated"] is True


async def test_s023_without_a_key_nothing_is_stored(sqlite_url: str, registry: Registry) -> None:
    async with hosting(HostSettings(database_url=sqlite_url), registry) as caller:
        answer = await caller("POST", body={"provider": "acme", "settings": {"token": CANARY}})
        assert answer.status_code == 503
        assert (await caller("GET")).json()["result"] == []


# --- refresh-credentials ------------------------------------------------------------------------------------------


async def refreshable(ours: Tenant, endpoint: TokenEndpoint) -> str:
    endpoint.take_the_place_of_the_network(ours.host)
    made = await ours.made(provider="globex", settings={"client_id": "app", "refresh_token": "first"})
    return str(made["id"])


async def test_refreshing_credentials(ours: Tenant) -> None:
    endpoint = TokenEndpoint(200, {"access_token": "new", "expires_in": 3600})
    account_id = await refreshable(ours, endpoint)
    for _ in range(2):
        answer = await ours("POST", "/refresh-credentials", {"id": account_id})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert len(endpoint.forms) == 2


async def test_f056_a_refused_refresh_and_a_second_chance(ours: Tenant) -> None:
    endpoint = TokenEndpoint(400, {"error": "invalid_grant"})
    account_id = await refreshable(ours, endpoint)
    await ours.host.accounts.recall(ours.id, account_id)  # as for a lead a moment ago, when it was active
    refused = await ours("POST", "/refresh-credentials", {"id": account_id})
    assert (refused.status_code, refused.json()["truto_is_remote_error"]) == (401, True)
    account = (await ours("GET", f"/{account_id}")).json()
    assert account["status"] == "needs_reauth"
    assert "invalid_grant" in account["last_error"]["message"]
    endpoint.status, endpoint.body = 200, {"access_token": "new"}
    assert (await ours("POST", "/refresh-credentials", {"id": account_id})).json() == {"success": True}
    account = (await ours("GET", f"/{account_id}")).json()
    assert (account["status"], account["last_error"]) == ("active", None)


async def test_f055_a_token_endpoint_that_fails_changes_nothing(ours: Tenant) -> None:
    account_id = await refreshable(ours, TokenEndpoint(503, {}))
    answer = await ours("POST", "/refresh-credentials", {"id": account_id})
    assert (answer.status_code, answer.json()["details"]["outcome"]) == (502, "not_sent")
    assert (await ours("GET", f"/{account_id}")).json()["status"] == "active"


async def test_what_cannot_be_refreshed(ours: Tenant) -> None:
    made = await ours.made()
    answer = await ours("POST", "/refresh-credentials", {"id": made["id"]})
    assert (answer.status_code, "cannot be renewed" in answer.json()["message"]) == (400, True)
    assert "give the account client_id and refresh_token" in answer.json()["message"]
