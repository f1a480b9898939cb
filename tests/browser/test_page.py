"""What a person meets: verdicts and outcomes, with a keyboard, without scripts, on a phone, in the dark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW, WIDE

READY = {"title": "Forty seats", "name": "Forty seats", "first_name": "Ada", "last_name": "Lovelace"}
READY |= {"contact": {"id": "8841"}, "account": {"id": "2307"}}
PLAIN = {"last_name": "Lovelace", "status": "New", "lastName": "x"}


def check(page: Page, lead: dict[str, Any]) -> None:
    fill_in(page, json.dumps(lead))
    expect(page.locator("#checked input[name=lead]")).to_have_value(json.dumps(lead))


def fill_in(page: Page, text: str) -> None:
    page.get_by_label("Lead as JSON").fill(text)
    page.get_by_role("button", name="Check for every provider").click()


def create(page: Page, slug: str, target: str | None = None) -> Any:
    """Create the lead that was checked. Returns: the place of the outcome."""
    card = page.locator(f"#card-{slug}")
    if target is not None:
        card.get_by_role("combobox").select_option(label=target)
    card.get_by_role("button", name="Create in").click()
    return page.locator(f"#outcome-{slug} .outcome")


def badge(place: Any) -> Any:
    return place.locator(".badge").first


# --- the four states, each by a real create ---------------------------------------------------------------------------


def test_ready_a_lead_is_created_in_an_account_and_shown_in_three_formats(opening: Any, stand: Any) -> None:
    page = opening("/console")
    check(page, READY | {"title": "ready"})
    expect(badge(page.locator("#card-zendesk-sell"))).to_have_text("ready")
    before = stand.simulator("zendesk-sell").count
    outcome = create(page, "zendesk-sell", f"account {stand.accounts['zendesk-sell'][:8]} (simulated)")
    expect(badge(outcome)).to_have_text("created")
    assert stand.simulator("zendesk-sell").count == before + 1
    number = json.loads(outcome.locator("pre").first.inner_text())["id"]
    assert number in outcome.locator(".headline").inner_text()
    for name, key in (("raw", "data"), ("normalized", "urls")):
        outcome.locator("summary", has_text=name).click()
        assert key in json.loads(outcome.get_by_role("region", name=f"{name} of").inner_text())


def test_missing_fields_are_named_and_filling_them_makes_it_ready(opening: Any) -> None:
    page = opening("/console")
    check(page, PLAIN)
    card = page.locator("#card-hubspot")
    expect(badge(card)).to_have_text("missing")
    expect(card).to_contain_text("Required and missing: contact, account")
    expect(card.get_by_role("button", name="Create in")).to_have_count(0)
    check(page, PLAIN | {"contact": {"id": "8841"}, "account": {"id": "2307"}, "title": "x", "status": "WARM"})
    expect(badge(card)).to_have_text("ready")
    expect(badge(create(page, "hubspot"))).to_have_text("created")


def test_dropped_fields_are_announced_and_then_reported(opening: Any) -> None:
    page = opening("/console")
    check(page, PLAIN)
    card = page.locator("#card-insightly")
    expect(card).to_contain_text("Would be dropped: status")
    outcome = create(page, "insightly")
    expect(badge(outcome)).to_have_text("created")
    expect(outcome.locator(".notes")).to_contain_text("status")
    assert "New" not in outcome.get_by_role("region", name="unified").inner_text()


def test_unknown_keys_are_announced_and_then_reported(opening: Any) -> None:
    page = opening("/console")
    check(page, PLAIN)
    expect(page.locator(".notice.warn")).to_contain_text("lastName (did you mean last_name?)")
    outcome = create(page, "insightly")
    expect(outcome.locator(".notes")).to_contain_text("lastName")


def test_an_unknown_outcome_is_never_sent_again_by_clicking(opening: Any, stand: Any) -> None:
    page, simulator = opening("/console"), stand.simulator("zendesk-sell")
    check(page, READY | {"title": "unknown"})
    simulator.faults.drop_after_commit = 1
    before = simulator.count
    account = f"account {stand.accounts['zendesk-sell'][:8]} (simulated)"
    outcome = create(page, "zendesk-sell", account)
    expect(badge(outcome)).to_have_text("unknown")
    expect(outcome.locator(".way-out")).to_contain_text("ook the lead up in the CRM")
    create(page, "zendesk-sell", account)
    expect(outcome).to_contain_text("It was not sent again.")
    assert simulator.count == before + 1
    outcome.get_by_role("button", name="send it again").click()
    expect(badge(outcome)).to_have_text("created")
    assert simulator.count == before + 2


@pytest.mark.parametrize(
    ("target", "state"),
    [
        ("Simulator, answer gets lost", "unknown"),
        ("Simulator, too busy", "not sent"),
        ("Simulator, out of reach", "not sent"),
    ],
)
def test_the_simulators_show_how_it_can_end(opening: Any, target: str, state: str) -> None:
    page = opening("/console")
    expect(badge(create(page, "salesforce", target))).to_have_text(state)


# --- without JavaScript -----------------------------------------------------------------------------------------------


def test_without_scripts_a_lead_is_checked_and_created(opening: Any, stand: Any) -> None:
    page = opening("/console", script=False)
    check(page, PLAIN)
    assert page.url.endswith("/console/check#results")
    expect(badge(page.locator("#card-hubspot"))).to_have_text("missing")
    before = stand.simulator("insightly").count
    outcome = create(page, "insightly", f"account {stand.accounts['insightly'][:8]} (simulated)")
    expect(badge(outcome)).to_have_text("created")
    assert page.url.endswith("/console/create#card-insightly")
    assert stand.simulator("insightly").count == before + 1
    assert json.loads(page.get_by_label("Lead as JSON").input_value()) == PLAIN


def test_without_scripts_the_form_makes_a_lead(opening: Any) -> None:
    page = opening("/console", script=False)
    page.get_by_role("button", name="Edit as a form").click()
    page.get_by_label("last name").fill("Byron")
    page.get_by_label("last name").press("Enter")
    assert page.url.endswith("/console/check#results")
    outcome = create(page, "zendesk-sell")
    assert json.loads(outcome.locator("pre").first.inner_text())["last_name"] == "Byron"


def test_without_scripts_the_matrix_is_filtered(opening: Any) -> None:
    page = opening("/", script=False)
    page.get_by_label("HubSpot").check()
    page.get_by_label("Field").fill("title")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("status")).to_have_text(
        "1 of 8 providers, 1 field sent, 1 field answered, matching “title”"
    )


def test_without_scripts_one_signs_in_and_out(opening: Any, stand: Any) -> None:
    page = opening("/console", script=False)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("API token").fill(stand.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Console")).to_be_visible()


# --- with scripts, parts of the page are swapped ----------------------------------------------------------------------


def test_the_filter_follows_each_choice_and_the_way_back(opening: Any) -> None:
    page = opening("/")
    status = page.locator(".count")
    page.get_by_label("HubSpot").check()
    expect(status).to_have_text("1 of 8 providers, 22 fields sent, 22 fields answered")
    page.get_by_label("Field").fill("phone")
    page.get_by_label("Field").press("Enter")
    expect(status).to_contain_text("matching “phone”")
    assert "provider=hubspot" in page.url
    page.go_back()
    expect(status).to_have_text("1 of 8 providers, 22 fields sent, 22 fields answered")


def test_the_request_follows_the_chosen_account(opening: Any, stand: Any) -> None:
    page = opening("/console")
    card = page.locator("#card-pipedrive")
    card.get_by_role("combobox").select_option(value=stand.accounts["pipedrive"])
    card.get_by_text("Exact request").click()
    expect(card.get_by_role("region", name="Request to Pipedrive")).to_contain_text("x-api-token: ***")


def test_broken_json_is_pointed_at(opening: Any) -> None:
    page = opening("/console")
    fill_in(page, '{"last_name": "L",,}')
    expect(page.get_by_role("alert")).to_contain_text("it breaks at line 1, column 19")


def test_s049_nothing_in_a_lead_becomes_markup(opening: Any) -> None:
    page = opening("/console")
    canary = "\"'><script>document.title='gone'</script><img src=x onerror=\"document.title='gone'\">"
    check(page, READY | {"last_name": canary, "title": canary, canary: canary})
    expect(badge(create(page, "zendesk-sell"))).to_have_text("created")
    expect(page.locator(".notice.warn")).to_contain_text("onerror")
    assert "gone" not in page.title()
    assert page.locator("img[src=x]").count() == 0


# --- keyboard ---------------------------------------------------------------------------------------------------------


def focused(page: Page) -> str:
    """What has the focus; it must be seen."""
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none" or page.evaluate("document.activeElement.id") == "main"
    text: str = page.evaluate("document.activeElement.innerText || document.activeElement.id")
    return " ".join(text.split())


def tab_to(page: Page, wanted: str, limit: int = 80) -> None:
    for _ in range(limit):
        page.keyboard.press("Tab")
        if wanted in focused(page):
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def test_everything_can_be_done_with_the_keyboard(opening: Any) -> None:
    page = opening("/console")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "lead"
    page.keyboard.press("Control+a")
    page.keyboard.type(json.dumps(PLAIN))
    tab_to(page, "Check for every provider", 1)
    page.keyboard.press("Enter")
    expect(badge(page.locator("#card-hubspot"))).to_have_text("missing")
    tab_to(page, "Exact request to Insightly")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Request to Insightly")).to_be_visible()
    tab_to(page, "Create in Insightly")
    page.keyboard.press("Enter")
    expect(badge(page.locator("#outcome-insightly"))).to_have_text("created")
    assert focused(page) == "Create in Insightly"
    tab_to(page, "unified of", 1)


def test_the_matrix_is_scrolled_with_the_keyboard(opening: Any) -> None:
    page = opening("/", width=NARROW)
    region = page.get_by_role("region", name="What is sent")
    for _ in range(50):  # a busy browser may miss a key before the first paint
        region.press("ArrowRight")
        if region.evaluate("one => one.scrollLeft") > 0:
            return
    raise AssertionError("the arrow keys do not scroll the matrix")


# --- eyes and screen readers ------------------------------------------------------------------------------------------


def visit_outcomes(page: Page) -> None:
    """Show every kind of verdict and outcome on one page."""
    check(page, PLAIN | {"contact": {"id": "no number"}, "account": {"id": "1"}, "title": "x", "first_name": "Ada"})
    for slug, target, state in (
        ("insightly", "Simulator", "created"),
        ("zendesk-sell", "Simulator, answer gets lost", "unknown"),
        ("zoho-crm", "Simulator, too busy", "not sent"),
        ("salesforce", "Simulator", "rejected"),
    ):
        expect(badge(create(page, slug, target))).to_have_text(state)
    assert {one.inner_text() for one in page.locator(".card-head .badge").all()} == {"ready", "missing", "invalid"}
    for summary in page.locator("summary").all():
        summary.click()


def visit_mistake(page: Page) -> None:
    fill_in(page, "{")
    expect(page.get_by_role("alert")).to_be_visible()


def visit_form(page: Page) -> None:
    page.get_by_role("button", name="Edit as a form").click()
    expect(page.get_by_label("last name")).to_be_visible()


def visit_login(page: Page) -> None:
    page.get_by_label("API token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


PAGES = {
    "matrix": ("/", None),
    "filtered": ("/?provider=hubspot&field=phone", None),
    "nothing": ("/?field=zzz", None),
    "hubspot": ("/providers/hubspot", None),
    "salesforce": ("/providers/salesforce", None),
    "console": ("/console", None),
    "outcomes": ("/console", visit_outcomes),
    "mistake": ("/console", visit_mistake),
    "form": ("/console", visit_form),
    "login": ("/login", None),
}


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_l014_axe_finds_nothing(opening: Any, name: str, scheme: str, width: int) -> None:
    path, act = PAGES[name]
    page = opening(path, scheme=scheme, width=width)
    if act is not None:
        act(page)
    page.evaluate("document.querySelectorAll('*').forEach(one => one.getAnimations().forEach(it => it.finish()))")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_credentials_are_given_in_a_form_that_axe_likes(opening: Any, stand: Any, scheme: str, width: int) -> None:
    page = opening("/login", scheme=scheme, width=width)
    headers = {"Authorization": f"Bearer {stand.token}"}
    account = {"provider": "zoho-crm", "connect": True, "label": "Harbor & Sons"}
    made = page.request.post("/integrated-account", headers=headers, data=account).json()
    link = page.request.post(f"/integrated-account/{made['id']}/connect", headers=headers, data={"method": "form"})
    page.goto(link.json()["url"])
    assert Axe().run(page).violations_count == 0
    page.get_by_label("access_token").fill("1000." + "a" * 32 + "." + "b" * 32)
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", name="The account is connected")).to_be_visible()
    status = page.request.get(f"/integrated-account/{made['id']}", headers=headers).json()["status"]
    assert status == "active"


def test_l014_everything_that_the_matrix_loads_is_small(opening: Any, stand: Any) -> None:
    page = opening("/login")
    sizes: dict[str, int] = {}
    page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
    page.goto("/", wait_until="networkidle")
    assert all(url.startswith(stand.url) for url in sizes)
    assert sum(sizes.values()) < 100_000, sizes


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_demo_opens_in_a_browser(browser: Any) -> None:
    command = [sys.executable, "-m", "unilead_host.cli", "demo", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        page = browser.new_page()
        try:
            page.goto(json.loads(process.stdout.readline())["url"] + "/console")
            expect(page.locator(".tally")).to_have_text("8 of 8 providers ready")
        finally:
            page.close()
            process.send_signal(signal.SIGTERM)
