"""Asking a token endpoint on demand: to renew a token, and to redeem an authorization code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from acme import EmptyRegistry, make_info, make_plugin
from unilead import (
    Account,
    AuthError,
    Client,
    ConfigurationError,
    ConnectError,
    CredentialKey,
    FileCredentialStore,
    MemoryCredentialStore,
    OAuth2,
    OAuthSettings,
    Registry,
    Request,
    Response,
    SqliteCredentialStore,
)


class TokenEndpoint:
    """A transport that answers refreshes."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.forms: list[dict[str, list[str]]] = []

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        self.forms.append(parse_qs(request.body.decode()))
        return Response.of(*self.answers.pop(0))

    def close(self) -> None: ...


@pytest.fixture
def oauth_registry() -> Registry:
    scheme = OAuth2(token_url="https://api.acme.example/token")
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(describe=lambda: make_info(auth=scheme, settings=OAuthSettings)))
    return registry


ACCOUNT = Account("acme", {"client_id": "app", "refresh_token": "first", "access_token": "good yet"})


def renewed(registry: Registry, *answers: tuple[int, Any], account: Account = ACCOUNT) -> MemoryCredentialStore:
    store = MemoryCredentialStore()
    Client(registry=registry, transport=TokenEndpoint(*answers), credential_store=store).renew(account)
    return store


def test_a_new_token_is_fetched_although_the_old_one_is_good(oauth_registry: Registry) -> None:
    store = renewed(oauth_registry, (200, {"access_token": "new", "refresh_token": "second", "expires_in": 3600}))
    settings = oauth_registry.get("acme").settings_of(ACCOUNT)
    found = store.load(CredentialKey.of(ACCOUNT.id, settings))
    assert found is not None
    assert (found.values, found.version) == ({"access_token": "new", "refresh_token": "second"}, 1)


def test_what_is_stored_is_renewed_in_its_turn(oauth_registry: Registry) -> None:
    endpoint = TokenEndpoint(*[(200, {"access_token": f"a{n}", "refresh_token": f"r{n}"}) for n in range(3)])
    store = MemoryCredentialStore()
    for _ in range(3):
        Client(registry=oauth_registry, transport=endpoint, credential_store=store).renew(ACCOUNT)
    assert [form["refresh_token"] for form in endpoint.forms] == [["first"], ["r0"], ["r1"]]


def test_renewing_and_redeeming_go_where_the_client_sends(oauth_registry: Registry) -> None:
    urls: list[str] = []

    class Noting(TokenEndpoint):
        def send(self, request: Request, **rest: Any) -> Response:
            urls.append(request.url)
            return super().send(request, **rest)

    endpoint = Noting(*[(200, {"access_token": "new"})] * 2)
    options: dict[str, Any] = {"transport": endpoint, "base_url": "http://127.0.0.1:1", "allow_private": True}
    with Client(registry=oauth_registry, **options) as client:
        client.renew(ACCOUNT)
        client.redeem(ACCOUNT, "c0de", redirect_uri="https://host.example/connect/callback")
    assert urls == ["http://127.0.0.1:1/token"] * 2
    assert "code_verifier" not in endpoint.forms[1]


def test_a_refusal_and_a_failure_are_told_apart(oauth_registry: Registry) -> None:
    with pytest.raises(AuthError):
        renewed(oauth_registry, (400, {"error": "invalid_grant"}))
    with pytest.raises(ConnectError) as caught:
        renewed(oauth_registry, (503, {}))
    assert caught.value.retry_after


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"error": "invalid_grant"}),
        (500, {"error": "invalid_grant"}),
        (400, {"access_token": "new"}),
        (300, {"access_token": "new"}),
        (200, {"access_token": ""}),
    ],
)
def test_what_is_neither_a_grant_nor_a_refusal_is_a_failure(answer: tuple[int, Any], oauth_registry: Registry) -> None:
    with pytest.raises(ConnectError):
        renewed(oauth_registry, answer)


@pytest.mark.parametrize("said", ["Invalid grant: refresh_token is invalid", b'"Invalid grant: refresh_token expired"'])
def test_a_refusal_in_plain_text_needs_a_person_too(said: str | bytes, oauth_registry: Registry) -> None:
    with pytest.raises(AuthError, match="refuses the refresh token: Invalid grant: refresh_token"):
        renewed(oauth_registry, (400, said))


def test_a_page_about_a_refusal_is_none(oauth_registry: Registry) -> None:
    with pytest.raises(ConnectError):
        renewed(oauth_registry, (400, "<html>invalid_grant</html>"))


def test_a_key_cannot_be_renewed(oauth_registry: Registry) -> None:
    with pytest.raises(ConfigurationError, match="cannot be renewed"):
        renewed(oauth_registry, account=Account("acme", {"access_token": "by hand"}))


@pytest.mark.parametrize("kind", [SqliteCredentialStore, FileCredentialStore])
def test_a_store_on_disk_that_cannot_be_used_is_named(kind: Any, oauth_registry: Registry, tmp_path: Path) -> None:
    client = Client(registry=oauth_registry, transport=TokenEndpoint(), credential_store=kind(tmp_path))
    with pytest.raises(ConfigurationError) as caught:
        client.renew(ACCOUNT)
    assert caught.value.message == f"the credential store failed: {tmp_path}: Is a directory"


def test_an_authorization_code_is_exchanged_for_tokens(oauth_registry: Registry) -> None:
    endpoint = TokenEndpoint((200, {"access_token": "new", "refresh_token": "first", "expires_in": 60}))
    account = Account("acme", {"client_id": "app", "client_secret": "s", "access_token": "to come"})
    with Client(registry=oauth_registry, transport=endpoint) as client:
        grant = client.redeem(account, "c0de", redirect_uri="https://host.example/connect/callback", verifier="v")
    assert (grant.values, grant.lifetime) == ({"access_token": "new", "refresh_token": "first"}, 60)
    assert endpoint.forms == [
        {
            "grant_type": ["authorization_code"],
            "code": ["c0de"],
            "redirect_uri": ["https://host.example/connect/callback"],
            "code_verifier": ["v"],
            "client_id": ["app"],
            "client_secret": ["s"],
        }
    ]


def test_a_refused_code_shows_neither_code_nor_verifier(oauth_registry: Registry) -> None:
    endpoint = TokenEndpoint((400, {"error": "invalid_grant", "error_description": "no c0de-canary v-canary"}))
    with Client(registry=oauth_registry, transport=endpoint) as client, pytest.raises(AuthError) as caught:
        client.redeem(ACCOUNT, "c0de-canary", redirect_uri="https://host.example", verifier="v-canary")
    assert "canary" not in str(caught.value)
    assert caught.value.outcome == "not_sent"


def test_a_provider_with_keys_takes_no_code() -> None:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin())
    with pytest.raises(ConfigurationError, match="not connected by OAuth"):
        Client(registry=registry).redeem(Account("acme", {"token": "t"}), "c", redirect_uri="https://host.example")


class Refusing(TokenEndpoint):
    """The CRM too: it takes no token but the new one."""

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        if request.path == "/token":
            return super().send(request, credentials=credentials, timeout=timeout)
        if credentials["Authorization"] != "Bearer new":
            return Response.of(401, {"text": "no"})
        return Response.of(201, {"prospect": {"id": 7, "surname": "Okafor"}})


def test_f055_a_token_endpoint_that_fails_once_is_asked_again_by_the_same_create(
    oauth_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead.refresh.PAUSE_AFTER_FAILURE", 0.05)
    endpoint = Refusing((503, {}), (200, {"access_token": "new"}))
    with Client(registry=oauth_registry, transport=endpoint) as client:
        result = client.create({"last_name": "Okafor"}, ACCOUNT)
    assert (result.id, len(endpoint.forms)) == ("7", 2)
