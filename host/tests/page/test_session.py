"""Signing in and out, and what other sites cannot do: S049 to S053, S056."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import time_machine
from starlette.routing import Route

from unilead_host.headers import HEADERS

pytestmark = pytest.mark.anyio
LEAD = '{"last_name": "Lovelace"}'


async def test_the_console_asks_for_a_token(visitor: Any) -> None:
    page = await visitor.get("/console")
    assert (page.status, page.url.path) == (200, "/login")
    assert page.dom.one("input", id="token").attributes["type"] == "password"


async def test_a_token_opens_the_console_and_signing_out_closes_it(visitor: Any) -> None:
    page = await visitor.sign_in()
    assert page.url.path == "/console"
    await visitor.post("/logout")
    assert (await visitor.get("/console")).url.path == "/login"


async def test_the_cookie_is_for_this_host_and_no_script(visitor: Any) -> None:
    response = await visitor.http.post(
        "/login", data={"token": visitor.token}, headers={"Origin": "http://127.0.0.1"}, follow_redirects=False
    )
    cookie = response.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert "secure" not in cookie
    assert "domain" not in cookie


async def test_away_from_loopback_the_cookie_is_secure_and_tied_to_the_host(visiting: Any) -> None:
    async with visiting(address="203.0.113.7", base_url="https://leads.example") as visitor:
        response = await visitor.http.post(
            "/login", data={"token": visitor.token}, headers={"Origin": "https://leads.example"}, follow_redirects=False
        )
        assert response.headers["set-cookie"].startswith("__Host-unilead-session=")
        assert "; secure" in response.headers["set-cookie"].lower()


async def test_s051_a_token_does_not_travel_in_clear_text(visiting: Any) -> None:
    async with visiting(address="203.0.113.7", base_url="http://leads.example") as visitor:
        page = await visitor.post("/login", {"token": visitor.token}, Origin="http://leads.example")
        assert page.status == 403
        assert "https" in page.dom.one("p", id="token-error").text
        assert "set-cookie" not in page.headers


async def test_behind_a_proxy_the_public_address_is_ours(visiting: Any) -> None:
    async with visiting(public_url="https://leads.example") as visitor:
        page = await visitor.post("/login", {"token": visitor.token}, Origin="https://leads.example")
        assert page.url.path == "/console"


@pytest.mark.parametrize("token", ["", "wrong", "ul_0123456789abcdef_" + "x" * 43, "x" * 5000, "\x00", "é"])
async def test_a_wrong_token_is_refused_without_being_shown(visitor: Any, token: str) -> None:
    page = await visitor.sign_in(token)
    assert page.status == 401
    assert "not valid" in page.dom.one("p", id="token-error").text
    assert not token or token not in page.text
    assert "set-cookie" not in page.headers


async def test_guessing_slows_the_address_down(visitor: Any) -> None:
    for _ in range(31):
        page = await visitor.sign_in("wrong")
    assert page.status == 429
    assert (await visitor.sign_in()).status == 429


async def test_a_revoked_token_ends_its_sessions(console: Any) -> None:
    (token,) = await console.host.tokens.list(console.tenant_id)
    await console.host.tokens.revoke(console.tenant_id, token.id)
    assert (await console.get("/console")).url.path == "/login"
    assert (await console.check(LEAD)).url.path == "/login"


async def test_a_session_ends_after_a_day_of_work(visitor: Any) -> None:
    with time_machine.travel("2026-11-24T08:00:00Z", tick=False) as clock:
        await visitor.sign_in()
        sealed = dict(visitor.http.cookies)
        clock.shift(8 * 3600 + 1)
        visitor.http.cookies.clear()
        visitor.http.cookies.update(sealed)  # a browser would have dropped it; somebody may have kept it
        assert (await visitor.get("/console")).url.path == "/login"


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA==", "\x7f"])
async def test_a_forged_cookie_is_no_session(visitor: Any, cookie: str) -> None:
    page = await visitor.get("/console", Cookie=f"unilead-session={cookie}")
    assert page.url.path == "/login"


async def test_credentials_of_an_account_are_no_session(visitor: Any) -> None:
    sealed = visitor.host.vault.seal(
        visitor.tenant_id, "x", {"token": visitor.token, "word": "w", "expires": 9_999_999_999}
    )
    assert (await visitor.get("/console", Cookie=f"unilead-session={sealed}")).url.path == "/login"


async def test_without_keys_nobody_can_sign_in_and_the_page_says_why(visiting: Any) -> None:
    async with visiting(encryption_keys=(), simulated=False) as visitor:
        page = await visitor.sign_in()
        assert page.status == 503
        assert "UNILEAD_HOST_ENCRYPTION_KEYS" in page.text


async def test_the_token_is_in_no_url_no_page_and_no_log(visitor: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    page = await visitor.sign_in()
    for answer in (page, await visitor.check(LEAD), await visitor.get("/console")):
        assert visitor.token not in str(answer.url)
        assert visitor.token not in answer.text
        assert visitor.token not in str(answer.headers)
    assert visitor.token not in caplog.text
    assert all(visitor.token not in value for value in visitor.http.cookies.values())


@pytest.mark.parametrize(
    ("wanted", "opened"),
    [
        ("/", "/"),
        ("/providers/zoho-crm", "/providers/zoho-crm"),
        ("//evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("/\\evil.example", "/console"),
        ("/providers/../../x", "/console"),
        ("/providers/é", "/console"),
        ("", "/console"),
    ],
)
async def test_after_the_login_one_of_our_own_pages_opens(visitor: Any, wanted: str, opened: str) -> None:
    page = await visitor.post("/login", {"token": visitor.token, "next": wanted})
    assert (page.url.host, page.url.path) == ("127.0.0.1", opened)


# --- pages that are not public ----------------------------------------------------------------------------------------


async def test_unless_the_operator_says_so_no_page_is_public(visiting: Any) -> None:
    async with visiting(public_matrix=False) as visitor:
        for path in ("/", "/providers/hubspot"):
            page = await visitor.get(path)
            assert (page.url.path, page.url.params["next"]) == ("/login", path)
            assert "HubSpot" not in page.text
        await visitor.sign_in()
        assert (await visitor.get("/")).url.path == "/"


# --- the demo ---------------------------------------------------------------------------------------------------------


async def test_the_demo_lets_this_machine_in(visitor: Any) -> None:
    visitor.app.state.sessions.let_in(visitor.token)
    assert (await visitor.get("/console")).url.path == "/console"


@pytest.mark.parametrize("place", [("203.0.113.7", "http://127.0.0.1"), ("127.0.0.1", "http://rebound.example")])
async def test_s051_the_demo_lets_nobody_else_in(visiting: Any, place: tuple[str, str]) -> None:
    """Neither another machine, nor a page of another site whose name was pointed at this machine."""
    async with visiting(address=place[0], base_url=place[1]) as visitor:
        visitor.app.state.sessions.let_in(visitor.token)
        assert (await visitor.get("/console")).url.path == "/login"


async def test_the_demo_lets_no_form_in_without_a_session(visitor: Any) -> None:
    visitor.app.state.sessions.let_in(visitor.token)
    assert (await visitor.check(LEAD)).url.path == "/login"


# --- other sites ------------------------------------------------------------------------------------------------------

FORMS = ["/console", "/console/check", "/console/preview", "/console/create", "/logout"]


@pytest.mark.parametrize("path", [*FORMS, "/login"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:81", ""])
async def test_s050_a_form_from_elsewhere_is_refused(console: Any, path: str, origin: str) -> None:
    page = await console.post(path, {"token": console.token, "lead": LEAD}, Origin=origin)
    assert page.status == 403
    assert "did not come from this page" in page.text


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("word", ["", "guessed", "é"])
async def test_s050_a_form_without_the_sessions_word_is_refused(console: Any, path: str, word: str) -> None:
    assert (await console.post(path, {"lead": LEAD, "word": word})).status == 403


async def test_s050_without_an_origin_the_browser_must_say_where_the_form_comes_from(console: Any) -> None:
    form = {"mode": "json", "lead": LEAD}
    assert (await console.post("/console/check", form, **{"Origin": "", "Sec-Fetch-Site": "same-origin"})).status == 200
    assert (await console.post("/console/check", form, **{"Origin": "", "Sec-Fetch-Site": "cross-site"})).status == 403


async def test_s050_a_form_cannot_be_sent_as_a_link(console: Any) -> None:
    for path in FORMS[1:]:
        assert (await console.get(path)).status == 405


async def test_the_session_is_of_no_use_to_the_api(console: Any) -> None:
    url = f"/unified/crm/leads?integrated_account_id={console.accounts['hubspot']}"
    response = await console.http.post(url, json={"last_name": "L"}, headers={"Origin": "http://127.0.0.1"})
    assert response.status_code == 401


async def test_s053_no_other_site_may_read(visitor: Any) -> None:
    page = await visitor.get("/", Origin="https://evil.example")
    assert not [name for name in page.headers if name.startswith("access-control")]


async def test_s052_every_answer_has_the_security_headers(console: Any) -> None:
    found = [route for route in [*console.app.routes, *console.app.office.routes] if isinstance(route, Route)]
    paths = {route.path.replace("{slug}", "hubspot").replace("{name}", "unilead.css") for route in found}
    assert {"/", "/console", "/login", "/static/unilead.css", "/providers/hubspot", "/metrics"} <= paths
    paths = {path.replace("{lead_id}", "1").replace("{account_id}", "1") for path in paths}
    for path in [*sorted(paths), "/nowhere", "/static/../app.py", "/static/nothing.js", "/providers/nobody"]:
        for method in ("GET", "POST", "PUT"):
            response = await console.http.request(method, path, follow_redirects=False)
            for name, value in HEADERS.items():
                assert response.headers[name] == value, (method, path, name)
            kept = response.headers["cache-control"]
            assert kept == ("no-cache" if path == "/static/unilead.css" and method == "GET" else "no-store")
            assert "server" not in response.headers


async def test_s052_a_crash_tells_nothing_and_has_the_headers_too(
    console: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead_host.page.routes.matrix", lambda *_: 1 / 0)
    response = await console.http.get("/")
    assert response.status_code == 500
    assert "ZeroDivisionError" not in response.text
    assert "content-security-policy" in response.headers


def test_the_policy_allows_nothing_unsafe() -> None:
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_static_files_are_kept_for_good_under_the_address_that_pages_give(visitor: Any) -> None:
    page = await visitor.get("/")
    links = [link.attributes["href"] for link in page.dom.all("link")] + [page.dom.one("script").attributes["src"]]
    for link in links:
        answer = await visitor.get(link)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "Zero-Clause BSD" in (await visitor.get("/static/htmx-4.0.1.LICENSE.txt")).text


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fapp.py", "..%2f..%2fapp.py", "unilead.css%00", "", "x" * 3000])
async def test_s052_no_other_file_and_no_listing_is_served(visitor: Any, name: str) -> None:
    page = await visitor.get(f"/static/{name}")
    assert page.status in (200, 404)
    assert "create_app" not in page.text
    assert page.status == 404 or page.url.path == "/"


async def test_s056_uploads_are_not_taken(console: Any) -> None:
    files = {"lead": ("../../x", LEAD)}
    form = {"word": console.word, "mode": "json"}
    headers = {"Origin": "http://127.0.0.1"}
    response = await console.http.post("/console/check", data=form, files=files, headers=headers)
    assert response.status_code == 400
