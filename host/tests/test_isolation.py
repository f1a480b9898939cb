"""S012, S013: a tenant can neither see nor probe what belongs to another. A new route needs a case."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from host_callers import ACCOUNTS, Tenant
from unilead_host.app import Application, create_app
from unilead_host.settings import HostSettings

pytestmark = pytest.mark.anyio

LEADS = "/unified/crm/leads"
BULK = f"{LEADS}/bulk"
LEAD = {"last_name": "L"}
PAGE = "http://127.0.0.1"  # the console takes a token in clear text from this machine alone
# Routes that show nothing of any tenant, or go by a secret of their own instead of a token.
NOBODYS = {
    "/", "/ping", "/healthz", "/readyz", "/metrics", "/openapi.json", "/login", "/logout", "/console", "/console/check",
    "/providers/{slug}", "/static/{name}", "/connect/callback", "/connect/form/{state}",
    f"{LEADS}/{{slug}}/meta/create",
}  # fmt: skip
# Routes that name an account: method, path, query, body. Called with another tenant's id and with one of nobody.
NAMING: list[tuple[str, str, str, Any]] = [
    ("POST", LEADS, "integrated_account_id={id}", LEAD),
    ("POST", BULK, "integrated_account_id={id}", {"leads": [LEAD]}),
    ("GET", f"{LEADS}/{{lead_id}}", "integrated_account_id={id}", None),
    ("GET", f"{LEADS}/meta/create", "integrated_account_id={id}", None),
    ("GET", f"{ACCOUNTS}/{{account_id}}", "", None),
    ("PATCH", f"{ACCOUNTS}/{{account_id}}", "", {"label": "x", "settings": {"token": "x"}}),
    ("DELETE", f"{ACCOUNTS}/{{account_id}}", "", None),
    ("POST", f"{ACCOUNTS}/{{account_id}}/connect", "", {}),
    ("POST", f"{ACCOUNTS}/refresh-credentials", "", {"id": "{id}"}),
    ("POST", f"{ACCOUNTS}/token", "", {"integrated_account_id": "{id}"}),
]
# Routes that name a bulk job, likewise.
OF_JOBS: list[tuple[str, str, str, Any]] = [
    ("GET", f"{BULK}/{{job_id}}", "", None),
    ("GET", f"{BULK}/{{job_id}}/rows", "", None),
    ("POST", f"{BULK}/{{job_id}}/cancel", "", None),
    ("POST", f"{BULK}/{{job_id}}/resume", "", None),
    ("POST", f"{BULK}/{{job_id}}/send-again", "", {"rows": [1]}),
]
# Routes that show what is the caller's own, and the pages that do so for a signed-in user; each has a test below.
OWN = {ACCOUNTS, BULK, f"{ACCOUNTS}/me", "/console/preview", "/console/create"}


def paths_of(app: Application) -> set[str]:
    plain = {path for route in [*app.routes, *app.office.routes] if (path := getattr(route, "path", None))}
    return plain | {*app.office.openapi()["paths"]}


def test_s012_every_route_is_known_here(app: Application) -> None:
    assert paths_of(app) == NOBODYS | OWN | {path for _, path, _, _ in [*NAMING, *OF_JOBS]}


async def asked(caller: Tenant, method: str, path: str, query: str, body: Any, named: str) -> httpx.Response:
    path = path.replace("{account_id}", named).replace("{job_id}", named).replace("{lead_id}", "1")
    content = None if body is None else json.dumps(body).replace("{id}", named)
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "application/json"}
    url = f"{path}?{query.replace('{id}', named)}"
    return await caller.http.request(method, url, headers=headers, content=content)


def seen(answer: httpx.Response) -> Any:
    headers = {name: value for name, value in answer.headers.items() if name != "unified-request-id"}
    return answer.status_code, answer.content, headers


@pytest.mark.parametrize(("method", "path", "query", "body"), NAMING, ids=lambda value: str(value)[:60])
async def test_s012_anothers_is_as_nobodys(
    ours: Tenant, theirs: Tenant, method: str, path: str, query: str, body: Any
) -> None:
    made = await ours.made()
    before = (await ours("GET", f"/{made['id']}")).json()
    foreign = await asked(theirs, method, path, query, body, made["id"])
    nobodys = await asked(theirs, method, path, query, body, str(uuid4()))
    assert foreign.status_code == 404
    assert seen(foreign) == seen(nobodys)
    assert (await ours("GET", f"/{made['id']}")).json() == before
    own = await asked(ours, method, path, query, body, made["id"])
    assert own.status_code != 404 or b"account" not in own.content  # the case asks for something real


@contextmanager
def statements(caller: Tenant) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = caller.host.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield asked
    sa.event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("method", "path", "query", "body"), NAMING, ids=lambda value: str(value)[:60])
async def test_s013_anothers_takes_the_same_work_as_nobodys(
    ours: Tenant, theirs: Tenant, method: str, path: str, query: str, body: Any
) -> None:
    """What the host does tells an id of somebody else's from one of nobody's no more than what it answers."""
    made = await ours.made()
    await asked(theirs, method, path, query, body, str(uuid4()))  # from now on the token is known
    works = []
    for account_id in (made["id"], str(uuid4()), made["id"], str(uuid4())):
        with statements(theirs) as done:
            assert (await asked(theirs, method, path, query, body, account_id)).status_code == 404
        works.append(done)
    assert works[0], "an account is looked for in the database"
    assert works == [works[0]] * 4


@pytest.mark.parametrize(("method", "path", "query", "body"), OF_JOBS, ids=lambda value: str(value)[:60])
async def test_s012_s013_anothers_job_is_as_nobodys(
    ours: Tenant, theirs: Tenant, method: str, path: str, query: str, body: Any
) -> None:
    own = await theirs.made(is_simulated=True, settings=None)
    earlier = (await asked(theirs, "POST", BULK, "integrated_account_id={id}", {"leads": [LEAD]}, own["id"])).json()
    account = await ours.made(is_simulated=True, settings=None)
    posted = await asked(ours, "POST", BULK, "integrated_account_id={id}", {"leads": [LEAD]}, account["id"])
    job_id = posted.json()["id"]
    await ours.host.runner.stop()
    before = (await asked(ours, "GET", f"{BULK}/{{job_id}}", "", None, job_id)).json()
    for cursor in ("", f"next_cursor=9999999999.9_{job_id}"):
        listed = (await asked(theirs, "GET", BULK, cursor, None, "")).json()["result"]
        assert [job["id"] for job in listed] == [earlier["id"]]
    answers, works = [], []
    for named in (str(uuid4()), job_id, str(uuid4())):
        with statements(theirs) as done:
            answers.append(seen(await asked(theirs, method, path, query, body, named)))
        works.append(done)
    assert answers[0][0] == 404
    assert answers == [answers[0]] * 3
    assert works == [works[0]] * 3
    assert (await asked(ours, "GET", f"{BULK}/{{job_id}}", "", None, job_id)).json() == before
    assert (await asked(ours, method, path, query, body, job_id)).status_code != 404


async def test_s012_lists_show_what_is_ones_own(ours: Tenant, theirs: Tenant) -> None:
    made = await ours.made()
    later = await theirs.made()
    for cursor in ({}, {"next_cursor": f"0.1_{made['id']}"}):
        listed = (await theirs("GET", params=cursor)).json()["result"]
        assert [account["id"] for account in listed] == [later["id"]]
    bound = await ours.with_token(account_id=made["id"])
    assert (await bound("GET", "/me")).json()["id"] == made["id"]


async def test_s012_what_was_asked_a_moment_ago_is_no_answer_to_somebody_else(ours: Tenant, theirs: Tenant) -> None:
    """Accounts are remembered for a second: each for its tenant, and by its own id."""
    made, blocked = [(await ours.made(is_simulated=True, settings=None))["id"] for _ in range(2)]
    await ours.host.accounts.set_blocked(ours.id, blocked, True)
    for caller, account_id, status in ((ours, made, 200), (theirs, made, 404), (ours, blocked, 503), (ours, made, 200)):
        answer = await asked(caller, "POST", LEADS, "integrated_account_id={id}", LEAD, account_id)
        assert answer.status_code == status
    assert ours.host.simulators["acme"].count == 2


async def test_s012_the_console_knows_the_accounts_of_its_session_alone(ours: Tenant, theirs: Tenant) -> None:
    made = await ours.made(is_simulated=True, settings=None, label="our-own-label")
    word = await signed_in(theirs)
    assert "our-own-label" not in (await theirs.http.get(f"{PAGE}/console")).text
    for action in ("preview", "create"):
        answers = []
        for target in (made["id"], str(uuid4())):
            form = {"word": word, "provider": "acme", "lead": json.dumps(LEAD), "mode": "json", "target-acme": target}
            answer = await theirs.http.post(f"{PAGE}/console/{action}", data=form, headers={"Origin": PAGE})
            answers.append(re.sub(r'target}|[0-9a-f-]{36}|again=[\w-]+|value="[\w-]{12}"', "", answer.text))
        assert answers[0] == answers[1]
    assert ours.host.simulators["acme"].count == 0
    form = {"word": await signed_in(ours), "provider": "acme", "lead": json.dumps(LEAD), "target-acme": made["id"]}
    await ours.http.post(f"{PAGE}/console/create", data=form, headers={"Origin": PAGE})
    assert ours.host.simulators["acme"].count == 1  # so the forms above would have worked with an id of one's own


async def signed_in(caller: Tenant) -> str:
    """Sign in at the console. Returns: the word that forms carry."""
    form = {"token": caller.token, "next": "/console"}
    answer = await caller.http.post(f"{PAGE}/login", data=form, headers={"Origin": PAGE})
    assert answer.status_code == 303
    found = re.search(r'name="word" value="([^"]+)"', (await caller.http.get(f"{PAGE}/console")).text)
    assert found
    return found[1]


async def test_s052_every_answer_has_the_security_headers(app: Application, ours: Tenant) -> None:
    for path in sorted(paths_of(app)):
        for method in ("GET", "POST"):
            answer = await ours.http.request(method, path.replace("{", "").replace("}", ""))
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert "default-src 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["cache-control"], path
            assert "server" not in answer.headers, path


def test_the_walk_sees_a_new_route() -> None:
    app = create_app(HostSettings(database_url="sqlite:///unused.sqlite"))
    before = paths_of(app)
    app.office.add_api_route("/integrated-account/{account_id}/leads", lambda: None)
    assert paths_of(app) - before == {"/integrated-account/{account_id}/leads"}
