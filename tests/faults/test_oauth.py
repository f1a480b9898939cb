"""F050 and F055 to F060: tokens that expire, and token endpoints that fail, through both clients."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import time_machine

from acme import EmptyRegistry, make_info, make_plugin
from unilead import (
    Account,
    AsyncClient,
    AuthError,
    Call,
    Client,
    ConfigurationError,
    ConnectError,
    CredentialKey,
    Credentials,
    MemoryCredentialStore,
    OAuth2,
    OAuthSettings,
    OutcomeUnknownError,
    Registry,
    Request,
    Response,
    Result,
    SettingsError,
    Simulator,
    SqliteCredentialStore,
    route,
)
from unilead_hubspot import simulator as hubspot
from unilead_pipedrive import simulator as pipedrive
from unilead_salesforce import simulator_org as salesforce
from unilead_zendesk_sell.simulator import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, TOKEN, ZendeskSellSimulator
from unilead_zoho_crm import simulator as zoho

LEAD = {"last_name": "Okafor"}
SETTINGS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
TOKEN_PATH = "/oauth2/token"
Outcome = Result | Exception


def account(**changes: Any) -> Account:
    return Account("zendesk-sell", {**SETTINGS, **changes}, id="62f44730-dd91-461e-bd6a-aedd9e0ad79d")


class Sell(ZendeskSellSimulator):
    """Zendesk Sell, whose token endpoint can be told what to answer."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__()
        self.answer: Any = answer
        self.changes: Mapping[str, Any] = {}

    @route("POST", TOKEN_PATH)
    def token(self, call: Call) -> Response:
        answer = self.answer(self, call) if callable(self.answer) else self.answer
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        granted = super().token(call)
        body = {name: value for name, value in {**granted.json, **self.changes}.items() if value != "absent"}
        return Response.of(granted.status, body)

    @property
    def asked(self) -> int:
        return sum(call.path == TOKEN_PATH for call in self.calls)

    @property
    def sent(self) -> int:
        return sum(call.path == "/v2/leads" for call in self.calls)


class Way:
    """Creates leads through one client: one after the other, or at once."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.options: dict[str, Any] = {"registry": Registry(overrides=False)}

    def create(self, crm: Any, times: int = 1, *, lead: Mapping[str, Any] = LEAD, **changes: Any) -> list[Outcome]:
        used = changes.pop("account", None) or account(**changes)
        if self.kind == "sync":
            with Client(transport=crm, **self.options) as client, ThreadPoolExecutor(times) as pool:
                return list(pool.map(lambda _: _outcome(lambda: client.create(lead, used)), range(times)))
        return asyncio.run(self._create(crm, times, lead, used))

    def in_turn(self, crm: Any, times: int, between: Callable[[int], None] = lambda number: None) -> list[Outcome]:
        """Create leads one after the other with one client."""
        outcomes: list[Outcome] = []
        if self.kind == "sync":
            with Client(transport=crm, **self.options) as client:
                for number in range(times):
                    between(number)
                    outcomes.append(_outcome(lambda: client.create(LEAD, account())))
            return outcomes

        async def run() -> None:
            async with AsyncClient(transport=crm, **self.options) as client:
                for number in range(times):
                    await asyncio.to_thread(between, number)
                    outcomes.extend(await asyncio.gather(client.create(LEAD, account()), return_exceptions=True))

        asyncio.run(run())
        return outcomes

    async def _create(self, crm: Any, times: int, lead: Mapping[str, Any], used: Account) -> list[Outcome]:
        async with AsyncClient(transport=crm, **self.options) as client:
            return await asyncio.gather(*(client.create(lead, used) for _ in range(times)), return_exceptions=True)


def _outcome(call: Callable[[], Result]) -> Outcome:
    try:
        return call()
    except Exception as error:
        return error


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture
def shared(way: Way) -> MemoryCredentialStore:
    """One store for all clients of a test."""
    way.options["credential_store"] = MemoryCredentialStore()
    return way.options["credential_store"]


def stored(store: MemoryCredentialStore, **changes: Any) -> Credentials:
    used = account(**changes)
    key = CredentialKey.of(used.id, Registry(overrides=False).get(used.provider).settings_of(used))
    return store.load(key) or Credentials()


# --- F050: one refresh for all ----------------------------------------------------------------------------------------


def test_f050_twenty_calls_with_a_dead_token_refresh_once(way: Way) -> None:
    crm = Sell()
    outcomes = way.create(crm, 20, access_token="expired")
    assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
    assert (crm.asked, crm.count) == (1, 20)


def test_l015_two_hundred_calls_and_one_refresh() -> None:
    crm = Sell()
    crm.faults.latency = 0.05
    outcomes = Way("async").create(crm, 200, access_token="expired")
    assert all(isinstance(outcome, Result) for outcome in outcomes)
    assert (crm.asked, crm.sent, crm.count) == (1, 400, 200)


def test_f050_those_who_wait_leave_the_store_alone(way: Way) -> None:
    class Counting(MemoryCredentialStore):
        loads = 0

        def load(self, key: CredentialKey) -> Credentials | None:
            self.loads += 1
            return super().load(key)

    store = way.options["credential_store"] = Counting()
    crm = Sell(lambda crm, call: time.sleep(0.3))
    assert all(isinstance(outcome, Result) for outcome in way.create(crm, 20))
    assert store.loads <= 2 * 20 + 1


def test_f050_a_token_is_renewed_before_it_expires(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        way.create(crm)
        clock.shift(3600 - 61)
        way.create(crm)
        assert (crm.asked, crm.sent) == (1, 2)
        clock.shift(2)
        way.create(crm)
    assert (crm.asked, crm.sent, crm.count) == (2, 3, 3)


def test_a_failed_renewal_ahead_of_time_does_not_stop_a_good_token(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        way.create(crm)
        clock.shift(3600 - 30)
        crm.answer = Response.of(500, "down")
        assert isinstance(way.create(crm)[0], Result)
        clock.shift(45)
        assert isinstance(way.create(crm)[0], ConnectError)
    assert (crm.asked, crm.count) == (2, 2)


# --- F053, F056: only a person can help -------------------------------------------------------------------------------


def test_f056_a_dead_refresh_token_needs_a_person(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    for _ in range(3):
        (error,) = way.create(crm, refresh_token="revoked-canary")
        assert isinstance(error, AuthError), error
        assert (error.outcome, error.category, error.provider) == ("not_sent", "authentication", "zendesk-sell")
        assert "invalid_grant" in error.message and "canary" not in f"{error}{error!r}"
    assert (crm.asked, crm.sent) == (1, 0)
    found = stored(shared, refresh_token="revoked-canary")
    assert (found.state, "invalid_grant" in found.reason) == ("needs_reauth", True)


def test_f056_one_client_asks_and_sends_nothing_more(way: Way) -> None:
    crm = Sell()

    def revoke(number: int) -> None:
        if number == 2:
            crm.access_tokens.clear()
            crm.refresh_token = None

    outcomes = way.in_turn(crm, 5, between=revoke)
    assert [isinstance(outcome, AuthError) for outcome in outcomes] == [False, False, True, True, True]
    assert (crm.asked, crm.sent, crm.count) == (2, 3, 2)


def test_f056_what_a_person_did_counts_for_a_client_that_was_refused_before(
    way: Way, shared: MemoryCredentialStore
) -> None:
    crm = Sell()

    def revoke_and_connect_anew(number: int) -> None:
        if number == 1:
            crm.access_tokens.clear()
            crm.refresh_token = None
        if number == 2:
            key = CredentialKey.of(account().id, way.options["registry"].get("zendesk-sell").settings_of(account()))
            crm.access_tokens.add("fresh")
            assert shared.save(key, Credentials({"access_token": "fresh"}, version=stored(shared).version))

    outcomes = way.in_turn(crm, 4, between=revoke_and_connect_anew)
    assert [isinstance(outcome, AuthError) for outcome in outcomes] == [False, True, False, False]


def test_f056_a_refused_client_is_not_asked_again(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    for _ in range(2):
        (error,) = way.create(crm, client_secret="wrong")
        assert isinstance(error, AuthError), error
        assert "refuses the client" in error.message
    assert (crm.asked, crm.sent) == (1, 0)


def test_f053_another_account_and_new_settings_go_on(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    assert isinstance(way.create(crm, refresh_token="revoked")[0], AuthError)
    assert isinstance(way.create(crm, account=Account("zendesk-sell", SETTINGS))[0], Result)
    crm.refresh_token = REFRESH_TOKEN
    crm._spent.clear()
    assert isinstance(way.create(crm)[0], Result)


# --- F055: the token endpoint fails -----------------------------------------------------------------------------------

FAILURES = {
    "timeout": OutcomeUnknownError("the CRM did not answer in time"),
    "refused": ConnectError("could not connect"),
    "500": Response.of(500, {"error": "server_error"}),
    "429": Response.of(429, None, {"Retry-After": "7"}),
    "html": Response.of(200, "<html>please sign in</html>"),
    "html 403": Response.of(403, "<html>blocked</html>"),
    "no token": Response.of(200, {"token_type": "bearer"}),
    "a number as token": Response.of(200, {"access_token": 5}),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_f055_a_failing_token_endpoint_is_asked_once_a_minute(
    failure: str, way: Way, shared: MemoryCredentialStore
) -> None:
    crm = Sell(FAILURES[failure])
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for error in [*way.create(crm), *way.create(crm, 5)]:
            assert isinstance(error, ConnectError), error
            assert (error.outcome, error.retryable) == ("not_sent", True)
            assert error.retry_after is not None and 0 < error.retry_after <= 60
        assert (crm.asked, crm.sent) == (1, 0)
        assert stored(shared).state == "active"
        clock.shift(61)
        crm.answer = None
        assert isinstance(way.create(crm)[0], Result)
    assert (crm.asked, crm.count) == (2, 1)


def test_f055_one_client_asks_once_a_minute_too(way: Way) -> None:
    crm = Sell(FAILURES["500"])
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert all(isinstance(outcome, ConnectError) for outcome in way.in_turn(crm, 4))
        assert (crm.asked, crm.sent) == (1, 0)

        def wait(number: int) -> None:
            clock.shift(61)

        assert all(isinstance(outcome, ConnectError) for outcome in way.in_turn(crm, 3, between=wait))
        assert (crm.asked, crm.sent) == (4, 0)


@pytest.mark.parametrize("status", [429, 503])
def test_f055_an_endpoint_says_when_to_come_back(status: int, way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell(Response.of(status, None, {"Retry-After": "600"}))
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        (error,) = way.create(crm)
        assert isinstance(error, ConnectError) and error.retry_after == 600
        clock.shift(599)
        way.create(crm)
        assert crm.asked == 1


# --- F057: odd answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifetime", ["absent", "soon", "", 0, -5, 1e9, None, True, [], "1e3", "²", 3600.5, "3600"])
def test_f057_an_odd_lifetime_means_renew_after_a_401(lifetime: Any, way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    crm.changes = {"expires_in": lifetime, "refresh_token": "absent"}
    crm.rotating = False
    assert isinstance(way.create(crm)[0], Result)
    found = stored(shared)
    assert "refresh_token" not in found.values or found.values["refresh_token"] == REFRESH_TOKEN
    assert (found.renew_at is None) == (lifetime not in (3600.5, "3600"))
    crm.access_tokens.clear()
    assert isinstance(way.create(crm)[0], Result)
    assert (crm.asked, crm.count) == (2, 2)


def test_f057_a_short_life_is_used_for_its_first_half(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    crm.lifetime = 40
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        way.create(crm)
        clock.shift(19)
        way.create(crm)
        assert crm.asked == 1
        clock.shift(2)
        way.create(crm)
    assert crm.asked == 2


def test_f057_the_newest_refresh_token_is_used(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    for number in (1, 2, 3):
        assert isinstance(way.create(crm)[0], Result)
        assert stored(shared).values["refresh_token"] == crm.refresh_token
        assert crm.asked == number
        crm.access_tokens.clear()


def test_f057_a_rotated_refresh_token_is_kept_when_the_next_answer_has_none(
    way: Way, shared: MemoryCredentialStore
) -> None:
    crm = Sell()
    way.create(crm)
    rotated = crm.refresh_token
    crm.rotating, crm.changes = False, {"refresh_token": "absent"}
    crm.access_tokens.clear()
    way.create(crm)
    assert stored(shared).values["refresh_token"] == rotated != REFRESH_TOKEN
    crm.access_tokens.clear()
    assert isinstance(way.create(crm)[0], Result)
    assert (crm.asked, crm.count) == (3, 3)


# --- F058, F059: a 401 that no refresh cures --------------------------------------------------------------------------


class Stubborn(Sell):
    """Gives tokens and then refuses them."""

    def unauthorized(self, call: Call) -> Response | None:
        self.access_tokens.clear()
        return super().unauthorized(call)


def test_f058_a_401_right_after_a_refresh_needs_a_person(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Stubborn()
    (error,) = way.create(crm, access_token="expired")
    assert isinstance(error, AuthError) and error.status == 401
    assert (crm.asked, crm.sent, crm.count) == (1, 2, 0)
    assert stored(shared, access_token="expired").state == "needs_reauth"
    (error,) = way.create(crm, access_token="expired")
    assert isinstance(error, AuthError) and error.outcome == "not_sent"
    assert "just renewed" in error.message
    assert (crm.asked, crm.sent) == (1, 2)


def test_f058_one_client_sends_nothing_more(way: Way) -> None:
    crm = Stubborn()
    assert all(isinstance(outcome, AuthError) for outcome in way.in_turn(crm, 4))
    assert (crm.asked, crm.sent) == (1, 1)


def test_f059_a_static_token_is_not_refreshed(way: Way) -> None:
    crm = Sell()
    (error,) = way.create(crm, account=Account("zendesk-sell", {"access_token": "wrong"}))
    assert isinstance(error, AuthError) and error.status == 401
    assert (crm.asked, crm.sent) == (0, 1)


def test_a_permission_that_is_missing_is_no_reason_to_refresh(way: Way) -> None:
    crm = Sell()
    crm.scopes.discard("write")
    (error,) = way.create(crm, access_token=TOKEN)
    assert isinstance(error, AuthError) and error.category == "permission"
    assert (crm.asked, crm.sent) == (0, 1)


# --- F060: somebody else is faster ------------------------------------------------------------------------------------


def test_f060_credentials_changed_during_a_refresh_win(way: Way, shared: MemoryCredentialStore) -> None:
    def operator(crm: Sell, call: Call) -> None:
        used = account(access_token="expired")
        key = CredentialKey.of(used.id, Registry(overrides=False).get(used.provider).settings_of(used))
        assert shared.save(key, Credentials({"access_token": TOKEN, "refresh_token": "the operator's"}))

    crm = Sell(operator)
    (outcome,) = way.create(crm, access_token="expired")
    assert isinstance(outcome, Result)
    assert stored(shared, access_token="expired").values == {
        "access_token": TOKEN,
        "refresh_token": "the operator's",
    }


def test_f060_a_success_beats_a_failure_that_was_noted_meanwhile(way: Way, shared: MemoryCredentialStore) -> None:
    def rival(crm: Sell, call: Call) -> None:
        used = account()
        key = CredentialKey.of(used.id, Registry(overrides=False).get(used.provider).settings_of(used))
        assert shared.save(key, Credentials(state="needs_reauth", reason="invalid_grant"))

    crm = Sell(rival)
    assert isinstance(way.create(crm)[0], Result)
    assert (stored(shared).state, stored(shared).version) == ("active", 2)


def test_f060_a_failure_does_not_undo_a_refusal_that_was_noted_meanwhile(
    way: Way, shared: MemoryCredentialStore
) -> None:
    def rival(crm: Sell, call: Call) -> Response:
        key = CredentialKey.of(account().id, way.options["registry"].get("zendesk-sell").settings_of(account()))
        shared.save(key, Credentials(state="needs_reauth", reason="invalid_grant"))
        return Response.of(500, "down")

    crm = Sell(rival)
    for _ in range(2):
        (error,) = way.create(crm)
        assert isinstance(error, AuthError) and error.outcome == "not_sent", error
    assert (stored(shared).state, crm.asked, crm.sent) == ("needs_reauth", 1, 0)


def test_f060_a_token_that_somebody_else_stored_meanwhile_may_be_renewed_when_it_is_refused(
    way: Way, shared: MemoryCredentialStore
) -> None:
    def operator(crm: Sell, call: Call) -> None:
        if crm.asked == 1:
            key = CredentialKey.of(account().id, way.options["registry"].get("zendesk-sell").settings_of(account()))
            assert shared.save(key, Credentials({"access_token": "outdated"}))

    crm = Sell(operator)
    crm.rotating = False
    (outcome,) = way.create(crm)
    assert isinstance(outcome, Result), outcome
    assert (crm.asked, crm.sent, stored(shared).state) == (2, 2, "active")


# --- where tokens go, and where they must not -------------------------------------------------------------------------


class Spy:
    """Stands before a CRM and keeps where each request went, and with what."""

    def __init__(self, crm: Any) -> None:
        self.crm = crm
        self.urls: list[str] = []

    def send(self, request: Request, **more: Any) -> Response:
        self.urls.append(request.url)
        return self.crm.send(request, **more)

    async def send_async(self, request: Request, **more: Any) -> Response:
        self.urls.append(request.url)
        return await self.crm.send_async(request, **more)

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


def test_s005_an_address_in_a_token_answer_must_be_the_providers(way: Way, shared: MemoryCredentialStore) -> None:
    class Elsewhere(zoho.ZohoCrmSimulator):
        @route("POST", "/oauth/v2/token")
        def token(self, call: Call) -> Response:
            return Response.of(200, {**super().token(call).json, "api_domain": "https://www.zohoapis.com.evil.example"})

    crm, used = Elsewhere(), Account("zoho-crm", WAYS_IN["zoho-crm"])
    (error,) = way.create(crm, lead=WHOLE_LEAD, account=used)
    assert isinstance(error, AuthError), error
    kept = shared.load(CredentialKey.of(used.id, way.options["registry"].get("zoho-crm").settings_of(used)))
    assert kept is not None and "access_token" in kept.values and "evil" not in str(dict(kept.values))
    assert "address" in error.message and "evil" not in str(error)
    assert [call.path for call in crm.calls] == ["/oauth/v2/token"]


def test_s005_an_address_is_checked_even_where_the_settings_take_any(way: Way) -> None:
    class Settings(OAuthSettings):
        origin: str = "https://api.acme.example"

    scheme = OAuth2("https://api.acme.example/token", origin_field="api", origin_setting="origin")
    info = make_info(settings=Settings, auth=scheme, base_url="{origin}")
    registry = EmptyRegistry()
    registry.register("acme", make_plugin(describe=lambda: info))
    way.options["registry"] = registry

    class Acme(Simulator):
        slug = "acme"
        sample_settings = {}

        @route("POST", "/token")
        def token(self, call: Call) -> Response:
            return Response.of(200, {"access_token": "fresh", "api": "https://api.acme.example.evil.example"})

    spy = Spy(Acme())
    used = Account("acme", {"client_id": "c", "client_secret": "s", "refresh_token": "r"})
    (error,) = way.create(spy, account=used)
    assert isinstance(error, AuthError) and "address" in error.message
    assert spy.urls == ["https://api.acme.example/token"]


def test_an_address_in_a_token_answer_is_used(way: Way) -> None:
    crm = pipedrive.PipedriveSimulator()
    used = Account("pipedrive", {**WAYS_IN["pipedrive"], "company_domain": "renamed"})
    (result,) = way.create(crm, lead={"title": "T", "contact": {"id": "7"}}, account=used)
    assert isinstance(result, Result), result
    assert result.request.url == f"https://{pipedrive.COMPANY}.pipedrive.com/api/v1/leads"


def test_s010_refresh_tokens_go_to_the_token_endpoint_alone(way: Way) -> None:
    spy = Spy(Sell())
    (result,) = way.create(spy)
    assert isinstance(result, Result)
    assert spy.urls == ["https://api.getbase.com/oauth2/token", "https://api.getbase.com/v2/leads"]
    shown = f"{result!r}{result.request!r}{result.request.headers}{result.request.body!r}{result.response.headers}"
    for secret in (*SETTINGS.values(), spy.crm.refresh_token):
        assert secret not in shown


def test_s032_a_renewed_token_is_masked_in_answers(way: Way) -> None:
    class Echo(Sell):
        @route("POST", "/v2/leads")
        def create(self, call: Call) -> Response:
            return Response.of(422, {"errors": [{"error": {"message": call.headers["authorization"]}}]})

    crm = Echo()
    (error,) = way.create(crm)
    token = next(iter(crm.access_tokens - {TOKEN}))
    assert isinstance(error, Exception)
    assert token not in f"{error}{error.response.text}"
    assert "***" in error.response.text


def test_a_token_endpoint_that_repeats_secrets_does_not_show_them(way: Way) -> None:
    crm = Sell(lambda crm, call: Response.of(400, {"error": f"invalid_grant: {REFRESH_TOKEN} of {CLIENT_SECRET}"}))
    (error,) = way.create(crm)
    assert isinstance(error, AuthError)
    assert REFRESH_TOKEN not in str(error) and CLIENT_SECRET not in str(error)


# --- every provider with OAuth ----------------------------------------------------------------------------------------

SALESFORCE = {"client_id": salesforce.CLIENT[0], "client_secret": salesforce.CLIENT[1]}
HUBSPOT = {"client_id": hubspot.CLIENT[0], "client_secret": hubspot.CLIENT[1], "refresh_token": hubspot.REFRESH_TOKEN}
PIPEDRIVE = {"client_id": pipedrive.CLIENT_ID, "client_secret": pipedrive.CLIENT_SECRET}
WAYS_IN = {
    "hubspot": HUBSPOT,
    "pipedrive": {**PIPEDRIVE, "refresh_token": pipedrive.REFRESH_TOKEN, "company_domain": pipedrive.COMPANY},
    "salesforce": {**SALESFORCE, "refresh_token": salesforce.REFRESH_TOKEN, "instance_url": salesforce.INSTANCE},
    "zendesk-sell": SETTINGS,
    "zoho-crm": {"client_id": zoho.CLIENT[0], "client_secret": zoho.CLIENT[1], "refresh_token": zoho.REFRESH},
}
WHOLE_LEAD = {
    "title": "T",
    "first_name": "Ngozi",
    "last_name": "Okafor",
    "contact": {"id": "7"},
    "account": {"name": "Fjord"},
}


@pytest.mark.parametrize("slug", WAYS_IN)
def test_a_refresh_token_is_all_an_account_needs(slug: str, way: Way) -> None:
    crm: Any = Registry(overrides=False).get(slug).simulator()
    way.options["credential_store"] = MemoryCredentialStore()
    lead = WHOLE_LEAD if slug != "hubspot" else {**WHOLE_LEAD, "account": {"id": "8"}}
    used = Account(slug, WAYS_IN[slug])
    for number in (1, 2):
        outcomes = way.create(crm, 5, lead=lead, account=used)
        assert all(isinstance(outcome, Result) for outcome in outcomes), outcomes
        assert sum(call.path.endswith("/token") for call in crm.calls) == number
        crm.access_tokens.clear()
    assert crm.count == 10
    for wrong in ("refresh_token", "client_secret"):
        (error,) = way.create(crm, lead=lead, account=Account(slug, {**WAYS_IN[slug], wrong: "wrong"}))
        assert isinstance(error, AuthError) and error.outcome == "not_sent", error
    assert crm.count == 10


def test_zohos_token_throttle_is_no_refusal(way: Way, shared: MemoryCredentialStore) -> None:
    crm = zoho.ZohoCrmSimulator()
    crm.faults.throttle = 1
    (error,) = way.create(crm, lead=WHOLE_LEAD, account=Account("zoho-crm", WAYS_IN["zoho-crm"]))
    assert isinstance(error, ConnectError) and error.retryable and "throttled" in error.message
    assert error.retry_after is not None
    assert 590 < error.retry_after <= 600  # it does not say so, and ten tokens in ten minutes is its limit
    assert crm.count == 0


# --- stores that fail, and callers that leave -------------------------------------------------------------------------


class Broken(MemoryCredentialStore):
    """Fails the first ``faults`` calls of one method."""

    def __init__(self, method: str, faults: int = 99, fault: Exception | None = None) -> None:
        super().__init__()
        self.method, self.faults = method, faults
        self.fault = fault or OSError("disk full at /secret/path")

    def __getattribute__(self, name: str) -> Any:
        if name in ("load", "lease", "save") and name == self.method and self.faults > 0:
            self.faults -= 1
            return self._fail
        return super().__getattribute__(name)

    def _fail(self, *arguments: Any) -> Any:
        raise self.fault


@pytest.mark.parametrize("method", ["load", "lease", "save"])
def test_f072_a_store_that_fails_sends_no_lead(method: str, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    crm = Sell()
    way.options["credential_store"] = Broken(method)
    (error,) = way.create(crm)
    assert isinstance(error, ConfigurationError), error
    assert (error.outcome, crm.sent) == ("not_sent", 0)
    assert "OSError" in error.message and "/secret/path" not in str(error)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ConfigurationError("the vault is sealed"), "the vault is sealed"),
        (OutcomeUnknownError("the vault did not answer"), "the credential store failed: OutcomeUnknownError"),
    ],
)
@pytest.mark.parametrize("method", ["load", "lease", "save"])
def test_f072_whatever_a_store_raises_nothing_was_sent(
    method: str, fault: Exception, said: str, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    crm = Sell()
    way.options["credential_store"] = Broken(method, fault=fault)
    (error,) = way.create(crm)
    assert isinstance(error, ConfigurationError), error
    assert (error.message, error.outcome, crm.sent) == (said, "not_sent", 0)


def test_nothing_counts_as_about_to_be_sent_before_there_is_a_token() -> None:
    crm = Sell(FAILURES["500"])
    seen: list[Request] = []
    client = Client(transport=crm, registry=Registry(overrides=False))
    with pytest.raises(ConnectError):
        client.create(LEAD, account(), on_send=seen.append)
    assert (seen, crm.asked, crm.sent) == ([], 1, 0)


@pytest.mark.parametrize("faults", [1, 2])
def test_f073_what_the_endpoint_gave_is_stored_at_the_second_or_third_try(faults: int, way: Way) -> None:
    crm = Sell()
    way.options["credential_store"] = Broken("save", faults)
    assert isinstance(way.create(crm)[0], Result)
    assert crm.asked == 1


def test_an_asynchronous_store_needs_the_asynchronous_client(way: Way) -> None:
    class Asynchronous(MemoryCredentialStore):
        async def load(self, key: CredentialKey) -> Credentials | None:
            await asyncio.sleep(0)
            return super().load(key)

    way.options["credential_store"] = Asynchronous()
    (outcome,) = way.create(Sell())
    if way.kind == "async":
        assert isinstance(outcome, Result)
    else:
        assert isinstance(outcome, ConfigurationError) and "AsyncClient" in outcome.message


def test_a_blocking_store_runs_beside_the_event_loop(tmp_path: Path) -> None:
    seen: set[int] = set()

    class Threaded(SqliteCredentialStore):
        def load(self, key: CredentialKey) -> Credentials | None:
            seen.add(threading.get_ident())
            return super().load(key)

    way = Way("async")
    way.options["credential_store"] = store = Threaded(tmp_path / "store")
    assert isinstance(way.create(Sell())[0], Result)
    assert threading.get_ident() not in seen
    store.close()


def test_a_cancelled_create_does_not_lose_the_rotated_token() -> None:
    crm = Sell()
    crm.faults.latency = 0.2
    store = MemoryCredentialStore()

    async def run() -> None:
        async with AsyncClient(transport=crm, credential_store=store, registry=Registry(overrides=False)) as client:
            create = asyncio.ensure_future(client.create(LEAD, account()))
            await asyncio.sleep(0.05)
            create.cancel()
            with pytest.raises(asyncio.CancelledError):
                await create

    asyncio.run(run())
    assert (crm.asked, crm.sent) == (1, 0)
    assert stored(store).values["refresh_token"] == crm.refresh_token


def test_one_who_cannot_wait_for_the_refresh_sends_nothing(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    crm.faults.latency = 1.0
    way.options["timeout"] = 0.2
    started = time.monotonic()
    (error,) = way.create(crm)
    assert isinstance(error, ConnectError) and "not renewed in time" in error.message, error
    assert (error.outcome, crm.sent) == ("not_sent", 0)
    assert time.monotonic() - started < 5
    assert stored(shared).values["refresh_token"] == crm.refresh_token, "the refresh went on to its end"


def test_one_who_waits_in_vain_for_anothers_refresh_sends_nothing(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()
    key = CredentialKey.of(account().id, way.options["registry"].get("zendesk-sell").settings_of(account()))
    assert shared.lease(key, 0, "another process", 30.0)
    way.options["timeout"] = 0.3
    for error in way.create(crm, 2):
        assert isinstance(error, ConnectError) and "not renewed in time" in error.message, error
        assert (error.outcome, error.provider) == ("not_sent", "zendesk-sell")
    assert (crm.asked, crm.sent) == (0, 0)


def test_a_client_asks_the_store_once_while_its_token_is_good(way: Way) -> None:
    class Counting(MemoryCredentialStore):
        loads = 0

        def load(self, key: CredentialKey) -> Credentials | None:
            self.loads += 1
            return super().load(key)

    store = way.options["credential_store"] = Counting()
    crm = Sell()
    way.create(crm)
    store.loads = 0
    assert all(isinstance(outcome, Result) for outcome in way.in_turn(crm, 5))
    assert store.loads == 1
    crm.access_tokens.clear()


def test_f050_a_token_that_another_client_renewed_is_taken_up(way: Way, shared: MemoryCredentialStore) -> None:
    crm = Sell()

    def meddle(number: int) -> None:
        if number == 2:  # another client renews, and the CRM forgets the old token
            crm.access_tokens.clear()
            way.create(crm)

    assert all(isinstance(outcome, Result) for outcome in way.in_turn(crm, 4, between=meddle))
    assert (crm.asked, crm.count) == (2, 5)


def test_f050_a_token_expires_in_the_middle_of_many_leads(way: Way) -> None:
    class Short(Sell):
        def unauthorized(self, call: Call) -> Response | None:
            if call.path == "/v2/leads" and self.sent == 60:
                self.access_tokens.clear()
            return super().unauthorized(call)

    crm = Short()
    leads = [{"last_name": f"Okafor {number}"} for number in range(200)]
    options = {"transport": crm, **way.options}
    if way.kind == "sync":
        with Client(**options) as client:
            verdicts = dict(client.create_many(leads, account(), concurrency=8))
    else:

        async def run() -> dict[int, Any]:
            async with AsyncClient(**options) as client:
                return {index: verdict async for index, verdict in client.create_many(leads, account(), concurrency=20)}

        verdicts = asyncio.run(run())
    assert all(isinstance(verdict, Result) for verdict in verdicts.values())
    assert (len(verdicts), crm.asked, crm.count) == (200, 2, 200)


@pytest.mark.parametrize(("slug", "switch"), [("salesforce", "rest_tokens"), ("zoho-crm", "scoped")])
def test_a_401_that_no_token_cures_renews_nothing(slug: str, switch: str, way: Way) -> None:
    crm: Any = Registry(overrides=False).get(slug).simulator()
    setattr(crm, switch, False)
    (error,) = way.create(
        crm,
        lead=WHOLE_LEAD,
        account=Account(slug, {**WAYS_IN[slug], "access_token": crm.sample_settings["access_token"]}),
    )
    assert isinstance(error, AuthError) and error.status == 401
    assert not [call for call in crm.calls if call.path.endswith("/token")], error.category


def test_settings_without_any_token_name_what_is_missing(way: Way) -> None:
    (error,) = way.create(Sell(), account=Account("zendesk-sell", {"client_id": "x"}))
    assert isinstance(error, SettingsError)
    assert "refresh_token" in error.message
