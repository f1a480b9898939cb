"""Connecting accounts: by OAuth with state and PKCE, and by a form for keys."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import sqlalchemy as sa

import acme
from host_callers import CANARY, Tenant, TokenEndpoint, hosting
from unilead import CredentialKey, Registry
from unilead_host.crypto import Vault
from unilead_host.settings import HostSettings
from unilead_host.storage.tables import accounts, connections

pytestmark = pytest.mark.anyio
GRANTED = {"access_token": f"{CANARY}-access", "refresh_token": f"{CANARY}-refresh", "expires_in": 3600}
OWN = {"Origin": "http://host"}
BACK = "https://app.example/done?x=1"


def endpoint(ours: Tenant, status: int = 200, body: Any = None) -> TokenEndpoint:
    made = TokenEndpoint(status, GRANTED if body is None else body)
    made.take_the_place_of_the_network(ours.host)
    return made


async def connecting(ours: Tenant, **body: Any) -> str:
    values = {"provider": "globex", "settings": {"client_id": "app", "client_secret": "s"}, "connect": True, **body}
    made = await ours.made(**values)
    assert made["status"] == "connecting"
    return str(made["id"])


async def link(ours: Tenant, account_id: str, **body: Any) -> str:
    answer = await ours("POST", f"/{account_id}/connect", body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


async def called_back(ours: Tenant, **query: str) -> httpx.Response:
    return await ours.http.get("/connect/callback", params=query)


async def account(ours: Tenant, account_id: str) -> dict[str, Any]:
    return dict((await ours("GET", f"/{account_id}")).json())


async def test_an_authorize_url_has_state_scopes_and_a_challenge(ours: Tenant) -> None:
    url = await link(ours, await connecting(ours))
    assert url.startswith("https://login.acme.example/oauth/authorize?")
    query = query_of(url)
    assert len(query.pop("state")) == 43
    assert len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": "http://host/connect/callback",
        "scope": "leads.write leads.read",
        "code_challenge_method": "S256",
        "access_type": "offline",
    }


async def test_a_granted_access_makes_the_account_active(ours: Tenant) -> None:
    vendor = endpoint(ours)
    account_id = await connecting(ours)
    query = query_of(await link(ours, account_id, return_to=BACK))
    answer = await called_back(ours, state=query["state"], code="c0de")
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    (form,) = vendor.forms
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form.pop("code_verifier").encode()).digest())
    assert challenge.decode().rstrip("=") == query["code_challenge"]
    assert form == {
        "grant_type": "authorization_code",
        "code": "c0de",
        "redirect_uri": query["redirect_uri"],
        "client_id": "app",
        "client_secret": "s",
    }
    connected = await account(ours, account_id)
    assert (connected["status"], connected["authentication_method"]) == ("active", "oauth2")
    assert CANARY not in str(connected)


async def test_the_first_token_is_renewed_before_it_ends(ours: Tenant) -> None:
    endpoint(ours)
    account_id = await connecting(ours)
    await called_back(ours, state=query_of(await link(ours, account_id))["state"], code="c0de")
    host = ours.host
    stored = await host.accounts.get(ours.id, account_id)
    assert stored is not None
    settings = (await host.accounts.account_of(stored)).settings
    found = await host.credentials.load(CredentialKey.of(account_id, settings))  # type: ignore[arg-type]
    assert found is not None
    assert found.values["access_token"] == GRANTED["access_token"]
    assert found.renew_at == pytest.approx(time.time() + 3540, abs=30)


async def test_a_state_works_once_and_for_an_hour(ours: Tenant) -> None:
    vendor = endpoint(ours)
    state = query_of(await link(ours, await connecting(ours)))["state"]
    late = query_of(await link(ours, await connecting(ours)))["state"]
    assert (await called_back(ours, state=state, code="c0de")).status_code == 200
    async with ours.host.database.transaction() as connection:
        await connection.execute(connections.update().values(expires_at=connections.c.expires_at - 3601))
    for spent in (state, late, state[:-1], "", "x" * 43, "\0"):
        answer = await called_back(ours, state=spent, code="c0de")
        assert answer.status_code == 400
        assert "not valid any more" in answer.text
    assert len(vendor.forms) == 1


async def test_a_state_is_stored_as_a_digest_and_its_verifier_sealed(ours: Tenant) -> None:
    state = query_of(await link(ours, await connecting(ours), return_to=BACK))["state"]
    async with ours.host.database.reading() as connection:
        row = (await connection.execute(sa.select(connections))).one()
    assert row.state_digest == hashlib.sha256(state.encode()).hexdigest()
    assert state not in str(row)
    assert "app.example" not in str(row)


async def test_access_that_is_not_granted_is_noted(ours: Tenant) -> None:
    vendor = endpoint(ours)
    account_id = await connecting(ours)
    state = query_of(await link(ours, account_id))["state"]
    answer = await called_back(ours, state=state, error="<b>access_denied</b>")
    assert answer.status_code == 400
    assert "<b>" not in answer.text
    noted = await account(ours, account_id)
    assert noted["status"] == "connecting"
    assert "access_denied" in noted["last_error"]["message"]
    assert not vendor.forms


@pytest.mark.parametrize(("status", "body"), [(400, {"error": "invalid_grant"}), (503, {}), (200, {})])
async def test_a_code_that_the_vendor_refuses(ours: Tenant, status: int, body: Any) -> None:
    endpoint(ours, status, body)
    account_id = await connecting(ours)
    answer = await called_back(ours, state=query_of(await link(ours, account_id))["state"], code="c0de")
    assert answer.status_code == 502
    noted = await account(ours, account_id)
    assert noted["status"] == "connecting"
    assert noted["last_error"]["message"]


async def test_an_account_that_needs_it_is_connected_anew(ours: Tenant) -> None:
    endpoint(ours)
    made = await ours.made(provider="globex", settings={"client_id": "app", "refresh_token": "old"})
    stored = await ours.host.accounts.get(ours.id, made["id"])
    assert stored is not None
    await ours.host.accounts.note_auth_error(stored, {"message": "no"})
    await called_back(ours, state=query_of(await link(ours, made["id"]))["state"], code="c0de")
    connected = await account(ours, made["id"])
    assert (connected["status"], connected["last_error"]) == ("active", None)


async def test_the_hosts_own_registration_and_address_stand_in(sqlite_url: str, registry: Registry) -> None:
    settings = HostSettings(
        database_url=sqlite_url,
        encryption_keys=Vault.new_key(),
        public_url="https://leads.example.com",
        oauth_apps={"globex": {"client_id": "ours", "client_secret": CANARY}},
    )
    async with hosting(settings, registry, base_url="http://evil.example") as ours:
        vendor = endpoint(ours)
        account_id = await connecting(ours, settings={})
        query = query_of(await link(ours, account_id))
        assert (query["client_id"], query["redirect_uri"]) == ("ours", "https://leads.example.com/connect/callback")
        await called_back(ours, state=query["state"], code="c0de")
        assert vendor.forms[0]["client_secret"] == CANARY
        assert (await account(ours, account_id))["status"] == "active"


@pytest.mark.parametrize("is_lost", [False, True])
async def test_connecting_anew_brings_the_hosts_newest_secret(
    sqlite_url: str, registry: Registry, is_lost: bool
) -> None:
    """Also where no key opens what the account had."""
    apps = {"globex": {"client_id": "ours", "client_secret": "new"}}
    settings = HostSettings(database_url=sqlite_url, encryption_keys=Vault.new_key(), oauth_apps=apps)
    async with hosting(settings, registry) as ours:
        vendor = endpoint(ours)
        connected = {"client_id": "ours", "client_secret": "old", "refresh_token": "r", "region": "us"}
        account_id = (await ours.made(provider="globex", settings=connected))["id"]
        if is_lost:
            async with ours.host.database.transaction() as connection:
                await connection.execute(accounts.update().values(sealed=Vault([Vault.new_key()]).seal("", "", {})))
        await called_back(ours, state=query_of(await link(ours, account_id))["state"], code="c0de")
        assert (vendor.forms[0]["client_id"], vendor.forms[0]["client_secret"]) == ("ours", "new")
        mended = await account(ours, account_id)
        assert (mended["status"], mended["context"]) == ("active", {"client_id": "ours", "region": "us"})


@pytest.mark.parametrize(("named", "status"), [("https://evil.example", 502), ("https://api.acme.example", 200)])
async def test_s005_a_vendor_that_names_a_foreign_address_connects_nothing(
    registry: Registry, sqlite_url: str, named: str, status: int
) -> None:
    globex = registry.get("globex").info
    scheme = dataclasses.replace(globex.auth, origin_field="api_domain", origin_setting="api_domain")  # type: ignore[type-var]
    info = dataclasses.replace(globex, auth=scheme, base_url="{api_domain}")
    renamed = acme.EmptyRegistry()
    renamed.register("globex", acme.make_plugin(describe=lambda: info))
    async with hosting(HostSettings(database_url=sqlite_url, encryption_keys=Vault.new_key()), renamed) as ours:
        endpoint(ours, 200, {**GRANTED, "api_domain": named})
        account_id = await connecting(ours)
        answer = await called_back(ours, state=query_of(await link(ours, account_id))["state"], code="c0de")
        assert answer.status_code == status
        assert (await account(ours, account_id))["status"] == ("active" if status == 200 else "connecting")


@pytest.mark.parametrize(
    ("values", "body", "words"),
    [
        ({"settings": {}}, {"method": "oauth2"}, "client_id is missing"),
        ({"provider": "acme", "settings": {}}, {"method": "oauth2"}, "not connected by OAuth"),
        ({}, {"method": "sms"}, "method"),
        ({}, {"return_to": "javascript:alert(1)"}, "return_to"),
        ({}, {"return_to": "https://x@evil.example/"}, "return_to"),
    ],
)
async def test_a_connect_that_cannot_begin(ours: Tenant, values: Any, body: Any, words: str) -> None:
    answer = await ours("POST", f"/{await connecting(ours, **values)}/connect", body)
    assert answer.status_code == 400
    assert words in answer.json()["message"]


async def test_a_simulated_account_needs_no_connect(ours: Tenant) -> None:
    made = await ours.made(is_simulated=True, settings=None)
    assert (await ours("POST", f"/{made['id']}/connect", {})).status_code == 400


# --- the form -------------------------------------------------------------------------------------------------------


async def form_of(ours: Tenant) -> tuple[str, str]:
    """An account that waits for its key. Returns: its id, and the path of its form."""
    account_id = await connecting(ours, provider="acme", settings={}, label="<i>Sales</i>")
    url = await link(ours, account_id, return_to=BACK)
    assert re.fullmatch(r"http://host/connect/form/[\w-]{43}", url)
    return account_id, urlsplit(url).path


async def test_the_form_shows_the_providers_settings(ours: Tenant) -> None:
    _, path = await form_of(ours)
    answer = await ours.http.get(path)
    assert answer.status_code == 200
    assert re.search(r'<input id="token" name="token" type="password"', answer.text)
    assert "<i>Sales" not in answer.text
    assert "Acme CRM" in answer.text


async def test_the_form_takes_credentials_once(ours: Tenant) -> None:
    account_id, path = await form_of(ours)
    answer = await ours.http.post(path, data={"token": CANARY}, headers=OWN)
    assert answer.status_code == 200
    assert BACK.replace("&", "&amp;") in answer.text
    assert (await account(ours, account_id))["status"] == "active"
    for again in (await ours.http.get(path), await ours.http.post(path, data={"token": "x"}, headers=OWN)):
        assert again.status_code == 400


async def test_b071_the_form_names_what_does_not_fit_and_shows_no_secret(ours: Tenant) -> None:
    account_id, path = await form_of(ours)
    answer = await ours.http.post(path, data={"token": " ", "tokn": CANARY}, headers=OWN)
    assert answer.status_code == 400
    assert 'id="token-error"' in answer.text
    assert CANARY not in answer.text
    assert (await account(ours, account_id))["status"] == "connecting"
    assert (await ours.http.post(path, data={"token": CANARY}, headers=OWN)).status_code == 200


async def test_s050_the_form_is_taken_from_our_own_page_alone(ours: Tenant) -> None:
    account_id, path = await form_of(ours)
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert (await ours.http.post(path, data={"token": CANARY}, headers=headers)).status_code == 403
    assert (await account(ours, account_id))["status"] == "connecting"


async def test_every_installed_provider_can_be_connected(sqlite_url: str) -> None:
    """By OAuth where it takes a client id, and by a form in any case."""
    async with hosting(HostSettings(database_url=sqlite_url, encryption_keys=Vault.new_key())) as ours:
        registry = ours.host.registry
        for slug in registry.slugs:
            takes_client = "client_id" in registry.get(slug).info.settings.model_fields
            settings = {"client_id": "app", "client_secret": "s"} if takes_client else {}
            account_id = await connecting(ours, provider=slug, settings=settings)
            if takes_client:
                assert (await link(ours, account_id)).startswith("https://")
            form = await ours.http.get(urlsplit(await link(ours, account_id, method="form")).path)
            assert form.status_code == 200, form.text
