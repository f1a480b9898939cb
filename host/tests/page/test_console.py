"""The console: verdicts side by side, the exact request, and creates on simulators and in accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest

import acme
from unilead import Lead
from unilead.simulator import Faults

pytestmark = pytest.mark.anyio
WHOLE = {
    "title": "Forty seats",
    "name": "Forty seats",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works Ltd"},
}
LEAD = json.dumps(WHOLE)


def badge(element: Any) -> str:
    return str(element.all("span", class_="badge")[0].text)


def notes(outcome: Any) -> dict[str, str]:
    return {pair.one("dt").text: pair.one("dd").text for pair in outcome.one("dl").all("div")}


def documents(outcome: Any) -> dict[str, str]:
    names = [summary.content[0] for summary in outcome.all("summary")]
    return dict(zip(names, [pre.text for pre in outcome.all("pre")], strict=True))


# --- checking ---------------------------------------------------------------------------------------------------------


async def test_the_console_opens_with_a_sample_that_every_crm_takes(console: Any) -> None:
    page = await console.get("/console")
    assert page.dom.one("p", class_="tally").text == "8 of 8 providers ready"
    assert json.loads(page.dom.one("textarea", id="lead").text)["last_name"] == "Lovelace"


async def test_each_provider_says_what_is_missing_and_what_would_be_dropped(console: Any) -> None:
    lead = {"last_name": "L", "status": "New", "phone_numbers": [{"number": "1"}, {"number": "2"}]}
    page = await console.check(json.dumps(lead))
    for provider in console.host.registry.all():
        card, settings = page.card(provider.slug), provider.settings(provider.simulator().sample_settings)
        missing = [problem.field for problem in provider.missing(Lead.parse(lead), settings)]
        assert badge(card) == ("missing" if missing else "ready")
        if missing:
            assert f"Required and missing: {' , '.join(missing)}" in card.text
        else:
            request = provider.build_request(Lead.parse(lead), settings)
            dropped = [code.text for code in card.one("p", class_="dropped").all("code")]
            assert dropped == list(request.dropped)


async def test_what_a_ready_lead_lacks_for_the_crm_is_named(console: Any) -> None:
    page = await console.check('{"title": "T"}')
    assert (
        "The CRM will refuse it: a lead belongs to a person, an organization, or both." in page.card("pipedrive").text
    )


async def test_unknown_keys_are_named_with_the_field_that_may_be_meant(console: Any) -> None:
    page = await console.check('{"lastName": "L", "zzz": 1}')
    assert page.dom.one("div", class_="warn").text == (
        "Not fields of a lead, so never sent: lastName (did you mean last_name ?), zzz"
    )


async def test_the_request_is_exact_and_its_secrets_are_masked(console: Any) -> None:
    page = await console.check(LEAD)
    for provider in console.host.registry.all():
        settings = provider.settings(provider.simulator().sample_settings)
        request = provider.build_request(Lead.parse(WHOLE), settings)
        shown = "".join(str(page.card(provider.slug).one("pre").text).split())
        assert f"{request.method}{request.url}" in shown
        assert "".join(json.dumps(json.loads(request.body), ensure_ascii=False).split()) in shown
        assert "***" in shown
        assert not [secret for secret in settings.secrets() if secret in page.text]


async def test_values_that_a_crm_cannot_take_are_named(console: Any) -> None:
    page = await console.check(json.dumps({**WHOLE, "contact": {"id": "not a number"}}))
    assert badge(page.card("hubspot")) == "invalid"
    assert page.card("hubspot").one("ul", class_="problems").one("code").text == "contact.id"


async def test_doubtful_values_are_named_and_change_no_verdict(console: Any) -> None:
    page = await console.check(json.dumps({**WHOLE, "email_addresses": [{"email": "not an address"}]}))
    assert page.dom.one("p", class_="tally").text == "8 of 8 providers ready"
    (notice,) = page.dom.all("div", class_="notice")
    assert notice.text.startswith("Sent as it is, but doubtful: email_addresses[0].email")


async def test_broken_json_is_shown_with_line_and_column(console: Any) -> None:
    page = await console.check('{"last_name": "L",\n "é": 1,, "x": 2}')
    notice = page.dom.one("div", id="mistake")
    assert "breaks at line 2, column 9" in notice.text
    line, pointer = page.text.split('aria-label="Line 2">')[1].split("</pre>")[0].split("\n")
    assert line.replace("&#34;", '"')[pointer.index("^") - len('<span aria-hidden="true">')] == ","
    assert page.dom.one("textarea", id="lead").attributes["aria-describedby"] == "mistake"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no lead yet"),
        (" \n ", "There is no lead yet"),
        ("[]", "must be a JSON object"),
        ("5", "must be a JSON object"),
        ('{"a": NaN}', "NaN and Infinity are not JSON numbers"),
        ('{"custom_fields": {"x": 1e999}}', "too large"),
        ('{"a": "\\ud800"}', "lone surrogate"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested deeper"),
        (json.dumps({"title": "x" * 140_000}), "longer than 128 kB"),
        ('{"owner": "7", "title": ["x"]}', "owner"),
    ],
)
async def test_a_text_that_is_no_lead_is_explained(console: Any, text: str, said: str) -> None:
    page = await console.check(text)
    assert page.status == 200
    assert said in page.dom.one("div", id="mistake").text
    assert not page.dom.all("li", class_="card")


async def test_what_was_typed_stays(console: Any) -> None:
    text = '{"last_name":   "L</textarea><b>", }'
    page = await console.check(text)
    assert page.dom.one("textarea", id="lead").text == " ".join(text.split())


async def test_htmx_gets_the_results_alone(console: Any) -> None:
    form = {"mode": "json", "lead": LEAD}
    part = await console.post("/console/check", form, **{"HX-Request": "true"})
    assert "<html" not in part.text
    assert len(part.dom.all("li", class_="card")) == 8


async def test_a_broken_provider_leaves_the_others_usable(visiting: Any) -> None:
    registry = acme.EmptyRegistry()
    registry.register("acme", acme.make_plugin())
    no_simulator = acme.make_plugin(describe=lambda: acme.make_info(slug="globex"))
    del no_simulator.simulator
    registry.register("globex", no_simulator)
    async with visiting(registry) as visitor:
        await visitor.sign_in()
        page = await visitor.check('{"last_name": "L"}')
        assert (badge(page.card("acme")), badge(page.card("globex"))) == ("ready", "broken")
        assert page.dom.one("p", class_="tally").text == "1 of 2 providers ready, 1 broken"


# --- creating on a simulator ------------------------------------------------------------------------------------------


async def test_a_lead_is_created_on_each_simulator_and_shown_in_three_formats(console: Any) -> None:
    for provider in console.host.registry.all():
        page = await console.create(provider.slug, "simulator", LEAD)
        outcome = page.card(provider.slug).one("div", class_="outcome")
        assert badge(outcome) == "created", outcome.text
        shown = documents(outcome)
        assert list(shown) == ["unified", "raw", "normalized"]
        assert json.loads(shown["unified"])["id"] in outcome.one("p", class_="headline").text
        assert json.loads(shown["unified"])["remote_data"] == json.loads(shown["raw"])
        assert "urls" in json.loads(shown["normalized"])
    assert all(simulator.count == 0 for simulator in console.host.simulators.values())  # it was one of its own


@pytest.mark.parametrize(
    ("target", "state", "truth"),
    [
        ("simulator-busy", "not sent", "the simulator stored nothing"),
        ("simulator-down", "not sent", "the simulator stored nothing"),
        ("simulator-silent", "unknown", "the simulator stored the lead"),
    ],
)
async def test_the_simulator_shows_every_outcome(console: Any, target: str, state: str, truth: str) -> None:
    page = await console.create("zendesk-sell", target, LEAD)
    outcome = page.card("zendesk-sell").one("div", class_="outcome")
    assert badge(outcome) == state
    assert notes(outcome)["In truth"] == truth
    assert outcome.one("p", class_="way-out").text.startswith("Way out:")


async def test_a_refusal_is_told_in_unified_words(console: Any) -> None:
    lead = json.dumps({**WHOLE, "lead_type": "NOT_AN_OPTION"})
    outcome = (await console.create("hubspot", "simulator", lead)).card("hubspot").one("div", class_="outcome")
    assert badge(outcome) == "rejected"
    told = notes(outcome)
    assert (told["Field"], told["Kind"], told["HTTP status"]) == ("lead_type", "validation", "400")
    assert "NOT_AN_OPTION" in documents(outcome)["the CRM's answer"]


async def test_htmx_gets_the_outcome_alone(console: Any) -> None:
    form = {"mode": "json", "lead": LEAD, "provider": "hubspot", "target-hubspot": "simulator"}
    part = await console.post("/console/create", form, **{"HX-Request": "true"})
    assert part.text.startswith('<div class="outcome created">')


@pytest.mark.parametrize("form", [{"provider": "nobody"}, {"provider": "hubspot", "lead": "[]"}, {}])
async def test_a_create_that_no_page_of_ours_asks_for_is_refused(console: Any, form: dict[str, str]) -> None:
    assert (await console.post("/console/create", {"lead": LEAD, **form})).status == 403


# --- creating in an account -------------------------------------------------------------------------------------------


async def test_a_lead_is_created_in_an_account_as_the_api_creates_it(console: Any) -> None:
    account = console.accounts["zendesk-sell"]
    page = await console.create("zendesk-sell", account, LEAD)
    outcome = page.card("zendesk-sell").one("div", class_="outcome")
    assert badge(outcome) == "created"
    assert console.host.simulators["zendesk-sell"].count == 1
    read = await console.http.get(
        f"/unified/crm/leads/{json.loads(documents(outcome)['unified'])['id']}?integrated_account_id={account}",
        headers={"Authorization": f"Bearer {console.token}"},
    )
    assert read.json()["last_name"] == "Lovelace"
    assert set(documents(outcome)) == {"unified", "raw", "normalized"}
    assert notes(outcome)["Dropped"] == "contact, account.id, name"


async def test_a_long_lead_goes_over_whole(console: Any) -> None:
    text = json.dumps({"last_name": "L", "custom_fields": {"note": "é" * 50_000}}, ensure_ascii=False)
    page = await console.create("zendesk-sell", console.accounts["zendesk-sell"], text)
    assert badge(page.card("zendesk-sell").one("div", class_="outcome")) == "created"
    (stored,) = console.host.simulators["zendesk-sell"].leads.values()
    assert stored["custom_fields"]["note"] == "é" * 50_000


async def test_however_often_it_is_clicked_a_lead_is_created_once(console: Any) -> None:
    account, simulator = console.accounts["zendesk-sell"], console.host.simulators["zendesk-sell"]
    first = await console.create("zendesk-sell", account, LEAD)
    again = await console.create("zendesk-sell", account, json.dumps(WHOLE, indent=3))  # checked anew, same lead
    assert simulator.count == 1
    outcome = again.card("zendesk-sell").one("div", class_="outcome")
    assert "had created this lead before" in outcome.text
    assert (
        documents(outcome)["unified"] == documents(first.card("zendesk-sell").one("div", class_="outcome"))["unified"]
    )
    button = outcome.one("p", class_="again").one("button")
    word = button.attributes["formaction"].split("again=")[1].split("#")[0]
    for _ in range(2):
        await console.create("zendesk-sell", account, LEAD, again=word)
    assert simulator.count == 2


async def test_an_unknown_outcome_is_never_sent_again_unless_somebody_says_so(console: Any) -> None:
    account, simulator = console.accounts["zendesk-sell"], console.host.simulators["zendesk-sell"]
    simulator.faults = Faults(drop_after_commit=1)
    page = await console.create("zendesk-sell", account, LEAD)
    assert badge(page.card("zendesk-sell").one("div", class_="outcome")) == "unknown"
    assert simulator.count == 1
    again = (await console.create("zendesk-sell", account, LEAD)).card("zendesk-sell").one("div", class_="outcome")
    assert badge(again) == "unknown"
    assert simulator.count == 1
    button = again.one("p", class_="again").one("button")
    assert button.text == "I have looked it up: send it again"
    word = button.attributes["formaction"].split("again=")[1].split("#")[0]
    page = await console.create("zendesk-sell", account, LEAD, again=word)
    assert badge(page.card("zendesk-sell").one("div", class_="outcome")) == "created"
    assert simulator.count == 2


async def test_a_refusal_of_an_account_is_told_in_unified_words(console: Any) -> None:
    lead = json.dumps({**WHOLE, "lead_type": "NOT_AN_OPTION"})
    page = await console.create("hubspot", console.accounts["hubspot"], lead)
    outcome = page.card("hubspot").one("div", class_="outcome")
    assert badge(outcome) == "rejected"
    assert (notes(outcome)["Field"], notes(outcome)["Kind"]) == ("lead_type", "validation")


@pytest.mark.parametrize(
    ("faults", "state"),
    [
        (Faults(throttle=9), "not sent"),
        (Faults(refuse=9), "not sent"),
        (Faults(status=503, status_count=9), "unknown"),
        (Faults(status=401, status_count=9), "rejected"),
    ],
)
async def test_every_fault_of_an_account_has_its_state(console: Any, faults: Faults, state: str) -> None:
    console.host.simulators["zendesk-sell"].faults = faults
    page = await console.create("zendesk-sell", console.accounts["zendesk-sell"], LEAD)
    outcome = page.card("zendesk-sell").one("div", class_="outcome")
    assert badge(outcome) == state, outcome.text
    assert outcome.one("p", class_="way-out").text
    assert console.host.simulators["zendesk-sell"].count == 0


async def test_accounts_that_take_no_lead_are_shown_and_cannot_be_chosen(console: Any) -> None:
    accounts, tenant = console.host.accounts, console.tenant_id
    await accounts.set_blocked(tenant, console.accounts["hubspot"], True)
    await accounts.update(tenant, console.accounts["insightly"], is_sandbox=True)
    page = await console.get("/console")
    for slug, text in (("hubspot", "Demo (simulated, blocked)"), ("insightly", "Demo (simulated, sandbox, read-only)")):
        option = page.card(slug).one("option", value=console.accounts[slug])
        assert option.text == text
        assert "disabled" in option.attributes
        outcome = (await console.create(slug, console.accounts[slug], LEAD)).card(slug).one("div", class_="outcome")
        assert badge(outcome) == "not sent"
        assert console.host.simulators[slug].count == 0


async def test_of_very_many_accounts_the_console_shows_the_first(console: Any) -> None:
    for _ in range(51):
        await console.host.accounts.create(console.tenant_id, "hubspot", is_simulated=True)
    options = (await console.get("/console")).card("hubspot").all("optgroup")[1].all("option")
    assert len(options) == 51
    assert options[-1].text == "more accounts: by the API"


async def test_another_tenants_account_does_not_exist(console: Any) -> None:
    other = await console.host.tenants.create("other")
    account = await console.host.accounts.create(other.id, "hubspot", is_simulated=True, label="Not yours")
    assert "Not yours" not in (await console.get("/console")).text
    for target in (account.id, "0" * 8, console.accounts["insightly"], ""):
        page = await console.create("hubspot", target, LEAD)
        assert "There is no such account." in page.card("hubspot").one("div", class_="outcome").text
        form = {"lead": LEAD, "provider": "hubspot", "target-hubspot": target}
        assert "There is no such account." in (await console.post("/console/preview", form)).card("hubspot").text
    assert console.host.simulators["hubspot"].count == 0


async def test_a_token_for_reading_checks_and_creates_nothing(console: Any) -> None:
    token, _ = await console.host.tokens.create(console.tenant_id, scope="read")
    await console.sign_in(token)
    page = await console.create("hubspot", console.accounts["hubspot"], LEAD)
    assert "may only read" in page.card("hubspot").one("div", class_="outcome").text
    assert console.host.simulators["hubspot"].count == 0


async def test_a_token_of_one_account_sees_that_account_alone(console: Any) -> None:
    token, _ = await console.host.tokens.create(console.tenant_id, account_id=console.accounts["hubspot"])
    page = await console.sign_in(token)
    assert console.accounts["hubspot"] in page.text
    assert console.accounts["insightly"] not in page.text
    page = await console.create("insightly", console.accounts["insightly"], LEAD)
    assert "There is no such account." in page.card("insightly").text


async def test_a_preview_is_of_the_chosen_account(console: Any) -> None:
    account = await console.host.accounts.create(
        console.tenant_id, "pipedrive", {"company_domain": "harbor", "api_token": "0" * 40}, label="Harbor"
    )
    form = {"mode": "json", "lead": LEAD, "provider": "pipedrive", "target-pipedrive": account.id}
    page = await console.post("/console/preview", form)
    assert "https://harbor.pipedrive.com/" in page.card("pipedrive").one("pre").text
    assert "selected" in page.card("pipedrive").one("option", value=account.id).attributes
    part = await console.post("/console/preview", form, **{"HX-Request": "true"})
    assert "https://harbor.pipedrive.com/" in part.text
    assert "<html" not in part.text
    assert "0" * 40 not in page.text


async def test_an_ended_session_says_so_where_htmx_asked(console: Any) -> None:
    console.http.cookies.clear()
    part = await console.post("/console/check", {"lead": LEAD}, **{"HX-Request": "true"})
    assert part.status == 401
    assert "Sign in again" in part.dom.one("div", role="alert").text
    part = await console.post("/console/check", {"lead": LEAD}, **{"HX-Request": "true", "Origin": "null"})
    assert part.status == 403
    assert "<html" not in part.text


# --- S049 -------------------------------------------------------------------------------------------------------------

CANARY = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


async def test_s049_a_leads_text_is_text_in_every_place(console: Any) -> None:
    lead = {**WHOLE, "title": CANARY, "last_name": CANARY, "first_name": CANARY, CANARY: 1, "owner": {"id": CANARY}}
    lead |= {"custom_fields": {CANARY: CANARY}, "remote_data": {CANARY: CANARY}, "phone_numbers": [{CANARY: CANARY}]}
    text = json.dumps(lead)
    for page in (
        await console.check(text),
        await console.check(text[:-1]),
        await console.post("/console", {"mode": "json", "lead": text}),
        await console.create("zendesk-sell", "simulator", json.dumps({**WHOLE, "last_name": CANARY, "x": CANARY})),
        await console.create("hubspot", "simulator", json.dumps({**WHOLE, "lead_type": CANARY})),
    ):
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert not page.dom.all("img", src="x")


async def test_s049_a_vendors_words_are_text(visiting: Any) -> None:
    registry = acme.EmptyRegistry()
    registry.register("acme", acme.make_plugin(simulator=lambda: Rude()))
    async with visiting(registry) as visitor:
        await visitor.sign_in()
        for target in ("simulator", visitor.accounts["acme"]):
            page = await visitor.create("acme", target, '{"last_name": "L"}')
            assert badge(page.card("acme").one("div", class_="outcome")) == "rejected"
            assert "<script>alert" not in page.text
            assert "&lt;script&gt;alert(1)" in page.text


class Rude(acme.AcmeSimulator):
    def _dispatch(self, call: Any) -> Any:
        from unilead import Response

        return Response.of(422, {"code": CANARY, "path": CANARY, "text": CANARY})


@pytest.mark.parametrize("path", ["/?field=", "/login?next=", "/providers/", "/console?x="])
async def test_s049_what_stands_in_an_address_is_text(visitor: Any, path: str) -> None:
    page = await visitor.get(path + "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert "<script>alert" not in page.text
