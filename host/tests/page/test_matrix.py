"""The pages for reading: the matrix is true and can be filtered, a broken provider is named, a sheet is complete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import acme
from unilead import Registry, VendorRule, hookimpl
from unilead.installed import Plugin
from unilead.matrix import capability_matrix

pytestmark = pytest.mark.anyio
WORDS = {"r": "required", "s": "supported", "n": "no"}


def cells(page: Any, side: str) -> Iterator[tuple[str, str, str]]:
    """Yield field path, provider's title and the word in the cell of one table."""
    tables = page.dom.one("div", role="region", **{"aria-labelledby": f"{side}-title"}).all("table")
    titles = [head.text for head in tables[0].one("thead").all("th")][1:]
    for row in tables[0].all("tr")[1:]:
        path = row.one("th").one("code").text.replace(" ", "")
        marks = row.all("td")
        assert len(marks) == len(titles)
        for title, mark in zip(titles, marks, strict=True):
            assert WORDS[mark.attributes["class"]] == mark.text  # the colour and the word say the same
            yield path, title, mark.text


async def test_the_matrix_is_what_the_providers_say(visitor: Any) -> None:
    page = await visitor.get("/")
    known = capability_matrix(visitor.host.registry.all())
    slugs = {provider.info.title: provider.slug for provider in visitor.host.registry.all()}
    assert len(slugs) == 8
    for side in ("request", "response"):
        shown = {(path, slugs[title]): word for path, title, word in cells(page, side)}
        for path, lists in known[side].items():
            for slug in slugs.values():
                wanted = next((w for w in ("required", "supported") if slug in lists.get(f"{w}_in", ())), "no")
                assert shown[path, slug] == wanted, (side, path, slug)


async def test_parts_stand_below_their_field_and_follow_it(visitor: Any) -> None:
    shown = list(cells(await visitor.get("/?side=request"), "request"))
    paths = list(dict.fromkeys(path for path, _, _ in shown))
    place = paths.index("phone_numbers")
    assert paths[place + 1 : place + 3] == ["phone_numbers[].number", "phone_numbers[].extension"]
    words = {(path, title): word for path, title, word in shown}
    assert words["contact.id", "HubSpot"] == words["contact", "HubSpot"] == "required"
    assert words["phone_numbers[].number", "Nutshell"] == "no"


async def test_a_part_that_only_some_providers_take_says_so(visitor: Any) -> None:
    words = {(path, title): word for path, title, word in cells(await visitor.get("/"), "request")}
    assert (words["account", "Zoho CRM"], words["account.name", "Zoho CRM"]) == ("no", "supported")
    assert (words["account", "HubSpot"], words["account.name", "HubSpot"]) == ("required", "no")


async def test_the_answer_has_no_parts_that_only_a_request_has(visitor: Any) -> None:
    paths = {path for path, _, _ in cells(await visitor.get("/"), "response")}
    assert {"phone_numbers[].extension", "urls[].url", "remote_data"} <= paths
    assert not {"phone_numbers[].email", "email_addresses[].is_primary"} & paths


async def test_filters_are_plain_query_parameters(visitor: Any) -> None:
    page = await visitor.get("/?provider=hubspot&provider=zoho-crm&field=Phone&side=request")
    shown = list(cells(page, "request"))
    assert {title for _, title, _ in shown} == {"HubSpot", "Zoho CRM"}
    assert {path.split("[")[0].split(".")[0] for path, _, _ in shown} == {"phone_numbers"}
    assert not page.dom.all("div", **{"aria-labelledby": "response-title"})
    checked = [box.attributes["value"] for box in page.dom.all("input", name="provider") if "checked" in box.attributes]
    assert checked == ["hubspot", "zoho-crm"]
    assert page.dom.one("input", id="field").attributes["value"] == "Phone"


@pytest.mark.parametrize("query", ["provider=nobody", "side=sideways", "field=", "field=%00", "provider=&provider="])
async def test_a_filter_that_means_nothing_is_harmless(visitor: Any, query: str) -> None:
    page = await visitor.get(f"/?{query}")
    assert page.status == 200
    assert len({title for _, title, _ in cells(page, "request")} if "%00" not in query else set("12345678")) == 8


async def test_a_filter_without_a_match_says_so(visitor: Any) -> None:
    page = await visitor.get("/?field=zzz")
    assert [note.text for note in page.dom.all("p", class_="empty")] == ["No field matches “zzz”."] * 2


async def test_htmx_gets_the_tables_alone(visitor: Any) -> None:
    part = await visitor.get("/?field=title", **{"HX-Request": "true"})
    assert part.text.lstrip().startswith('<div id="matrix">')
    assert "<html" not in part.text


async def test_a_broken_provider_is_named_and_hurts_nobody_else(visiting: Any) -> None:
    registry = acme.EmptyRegistry()
    registry.register("acme", acme.make_plugin())
    broken = Plugin("globex", "unilead-globex", "1.0", "x", _Broken())
    registry._scan = lambda: ({"globex": [broken]}, {})  # type: ignore[method-assign]
    async with visiting(registry) as visitor:
        page = await visitor.get("/")
        assert "unilead-globex 1.0 cannot be imported: ImportError" in page.dom.one("div", class_="bad").text
        assert {title for _, title, _ in cells(page, "request")} == {"Acme CRM"}
        assert (await visitor.get("/providers/globex")).status == 500


class _Broken:
    def load(self) -> Any:
        raise ImportError("no module globex")


async def test_without_providers_the_page_says_how_to_get_one(visiting: Any) -> None:
    async with visiting(acme.EmptyRegistry()) as visitor:
        assert "pip install unilead-" in (await visitor.get("/")).dom.one("main").text


# --- a provider's sheet -----------------------------------------------------------------------------------------------


async def test_every_provider_has_a_sheet_with_all_it_says(visitor: Any) -> None:
    for provider in visitor.host.registry.all():
        page = await visitor.get(f"/providers/{provider.slug}")
        text, info = page.dom.one("main").text, provider.info
        assert page.dom.one("h1").text == info.title
        assert set(info.settings.model_fields) <= {head.text for head in page.dom.all("th", scope="row")}
        for words in [*(rule.text for rule in info.rules), *info.quirks]:
            assert "".join(words.replace("`", "").replace("*", "").split()) in "".join(text.split()), words
        links = {
            link.attributes["href"]: link.text for link in page.dom.one("main").all("a", rel="noopener noreferrer")
        }
        assert links == {url: title for title, url in info.docs.items()}
        assert f"unilead-{provider.slug}" in text


async def test_a_sheet_tells_secrets_required_settings_and_limits(visitor: Any) -> None:
    page = await visitor.get("/providers/insightly")
    table = page.dom.one("div", **{"aria-labelledby": "settings"}).one("table")
    rows = {row.all("th")[0].text: [cell.text for cell in row.all("td")] for row in table.all("tr")[1:]}
    assert rows["api_key"][:2] == ["string secret", "required"]
    assert rows["pod"][:2] == ["string", "required"]
    hubspot = (await visitor.get("/providers/hubspot")).dom.one("main").text
    assert "110 requests in 10 seconds" in hubspot
    assert "625,000 requests in a day" in hubspot
    assert "up to 100" in hubspot
    assert "crm.objects.leads.write" in hubspot


async def test_no_sheet_shows_a_sample_credential(visitor: Any) -> None:
    for provider in visitor.host.registry.all():
        text = (await visitor.get(f"/providers/{provider.slug}")).text
        settings = provider.settings(provider.simulator().sample_settings)
        assert not [secret for secret in settings.secrets() if secret in text]


async def test_the_override_chain_is_shown_from_the_provider_outwards(visiting: Any) -> None:
    class Override:
        @staticmethod
        def build_request(lead: Any) -> None:
            return None

    Override.build_request = staticmethod(hookimpl(Override.build_request))  # type: ignore[assignment]
    found = (
        {"acme": [Plugin("acme", "unilead-acme", "1.0", "unilead_acme", _Loads(acme.make_plugin()))]},
        {"acme": [Plugin("acme", "unilead-acme-eu", "2.1", "unilead_acme_eu", _Loads(Override))]},
    )

    class Fixed(Registry):
        def _scan(self) -> Any:
            return found

    async with visiting(Fixed()) as visitor:
        page = await visitor.get("/providers/acme")
        table = page.dom.one("div", **{"aria-labelledby": "installed"}).one("table")
        rows = [[cell.text for cell in row.all("th") + row.all("td")] for row in table.all("tr")[1:]]
    assert [row[:3] for row in rows] == [["unilead-acme", "1.0", "provider"], ["unilead-acme-eu", "2.1", "override"]]
    assert rows[1][3] == "build_request"


class _Loads:
    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin

    def load(self) -> Any:
        return self.plugin


async def test_an_unknown_provider_is_not_found_with_a_suggestion(visitor: Any) -> None:
    page = await visitor.get("/providers/hubspott")
    assert page.status == 404
    assert "Did you mean hubspot?" in page.dom.one("main").text


async def test_s049_what_a_plugin_says_is_text(visiting: Any) -> None:
    canary = "<script>alert(1)</script>"
    info = acme.make_info(
        title=canary,
        rules=(VendorRule(f"``{canary}`` and *{canary}*", (canary,)),),
        quirks=(canary,),
        docs={canary: "https://a.example/?<b>", "bad": "javascript:alert(1)"},
        base_url="https://api.acme.example",
    )
    registry = acme.EmptyRegistry()
    registry.register("acme", acme.make_plugin(describe=lambda: info))
    async with visiting(registry) as visitor:
        await visitor.sign_in()
        for path in ("/", "/providers/acme", "/console"):
            page = await visitor.get(path)
            assert canary not in page.text
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
            assert not [link for link in page.dom.all("a") if link.attributes["href"].startswith("javascript")]


async def test_l014_the_matrix_is_small(visitor: Any) -> None:
    page = await visitor.get("/")
    links = [link.attributes["href"] for link in page.dom.all("link")]
    links += [script.attributes["src"] for script in page.dom.all("script")]
    sizes = [len(page.text.encode()), *[len((await visitor.get(link)).text.encode()) for link in links]]
    assert sum(sizes) < 100_000, sizes
