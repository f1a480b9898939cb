"""Values that a provider has to turn into something else, for every provider: B035 to B050.

Whatever comes in, one of three things happens: it is in the request exactly as given, it is named in `dropped`, or the
lead is refused by the name of the field. Nothing is cut, folded or guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest

from tests.members import SLUGS
from unilead import InvalidLeadError, Lead, Provider, Registry, Request

BASE = {
    "title": "T",
    "name": "N",
    "first_name": "F",
    "last_name": "L",
    "contact": {"id": "17"},
    "account": {"id": "42"},
}
ODD_TEXTS = [
    "\u05e9\u05dc\u05d5\u05dd", "Zoe\u0308", "Zo\u00eb", "\U0001f469\u200d\U0001f680", "\ufeffx", "a\u2028b",
    "  padded ", "<script>alert(1)</script>", "Robert'); DROP TABLE leads;--", "{{7*7}}", "=cmd()", "%s%n",
    "${x}", "a\tb\nc", "\\u0041", "x" * 70_000,
]  # fmt: skip


@cache
def provider_of(slug: str) -> Provider:
    return Registry(overrides=False).get(slug)


def build(slug: str, **fields: Any) -> Request:
    """Build the request for a lead that lacks nothing the contract requires."""
    provider = provider_of(slug)
    settings = provider.settings(provider.simulator().sample_settings)
    return provider.build_request(Lead.parse(json.dumps({**BASE, **fields})), settings)


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of members left out."""
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def sent(request: Request) -> list[str]:
    return list(texts(json.loads(request.body)))


def is_dropped(request: Request, path: str) -> bool:
    """Whether the path or what it is a part of is named."""
    heads = {path, path.partition(".")[0], path.partition("[")[0]}
    return bool(heads & set(request.dropped))


def takes(slug: str, field: str) -> bool:
    return field in provider_of(slug).supported


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("given", [-1, 12, "12", "10-50", 1e30])
def test_b035_number_of_employees_is_sent_or_refused_by_name(slug: str, given: Any) -> None:
    try:
        request = build(slug, number_of_employees=given)
    except InvalidLeadError as error:
        assert error.fields == ("number_of_employees",)
        assert given != 12 and given != "12"
        return
    assert is_dropped(request, "number_of_employees") != takes(slug, "number_of_employees")


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("field", ["status", "lead_type", "lead_source"])
@pytest.mark.parametrize("given", ["no such word", "x" * 10_000, ""])
def test_b036_unknown_words_are_sent_or_named(slug: str, field: str, given: str) -> None:
    try:
        request = build(slug, **{field: given})
    except InvalidLeadError as error:
        assert error.fields == (field,)
        return
    assert not given or given in sent(request) or is_dropped(request, field)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("kind", ["home", "", 5, "WORK", "primary", "fax", None])
def test_b037_a_phone_type_is_never_refused(slug: str, kind: Any) -> None:
    request = build(slug, phone_numbers=[{"number": "+44 20 7946 0000", "type": kind}])
    arrived = any("+44 20 7946 0000" in text for text in sent(request))
    assert arrived or is_dropped(request, "phone_numbers[0]")


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if takes(slug, "email_addresses")])
@pytest.mark.parametrize(
    "address",
    [
        "no-at-sign", "a@b@c", "a@b.co.", "Bob <a@b.co>", "a@localhost", "a@\u00fc.de", "x" * 65 + "@b.co",
        "a\u202e@b.co", "a@b.co\r\nBcc: x@y",
    ],
)  # fmt: skip
def test_b038_addresses_are_sent_as_given(slug: str, address: str) -> None:
    assert address in sent(build(slug, email_addresses=[{"email": address}]))


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if takes(slug, "phone_numbers")])
@pytest.mark.parametrize(
    ("number", "extension", "dropped"),
    [
        ("+1 650-253-0000", "45", ()), ("+1 650-253-0000 ext. 45", "45", ()), ("+1 650-253-0000 x45", "45", ()),
        ("+1 650-253-0000;ext=45", "45", ()), ("+1 650-253-0000 x99", "45", ("phone_numbers[0].number",)),
    ],
)  # fmt: skip
def test_b039_b041_an_extension_goes_over_once(
    slug: str, number: str, extension: str, dropped: tuple[str, ...]
) -> None:
    """The explicit extension wins; one in the number that differs is reported."""
    request = build(slug, phone_numbers=[{"number": number, "extension": extension}])
    (written,) = [text for text in sent(request) if "650-253" in text]
    assert written.count("45") == 1
    assert "99" not in written
    assert set(dropped) == {path for path in request.dropped if path.startswith("phone_numbers")}


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if takes(slug, "phone_numbers")])
@pytest.mark.parametrize("number", ["12345", "1-800-FLOWERS", "\uff11\uff12\uff13", "call me", "9" * 300, "+"])
def test_b040_numbers_are_sent_as_given(slug: str, number: str) -> None:
    assert number in sent(build(slug, phone_numbers=[{"number": number}]))


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if takes(slug, "addresses")])
@pytest.mark.parametrize(
    ("country", "state"),
    [
        ("UK", None), ("USA", "CA"), ("Canada", "CA"), ("Deutschland", "Bayern"), ("Korea", None), ("XK", None),
        ("Niger", None), ("T\u00fcrkiye", None), ("us", None), (None, "Bayern"),
    ],
)  # fmt: skip
def test_b042_b043_places_are_never_guessed(slug: str, country: str | None, state: str | None) -> None:
    """A name goes over as it was given; a code in its place must be the one of exactly that name."""
    request = build(slug, addresses=[{"city": "Town", "country": country, "state": state}])
    written = sent(request)
    for path, given in (("country", country), ("state", state)):
        if given is not None:
            assert given in written or is_dropped(request, f"addresses[0].{path}")
    assert not any("Nigeria" in text for text in written)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("field", ["owner", "contact", "account"])
@pytest.mark.parametrize("given", ["7", " 7", "7.0", "0x7", "\u0667", "1e3", "9" * 30, "-1"])
def test_b045_ids_are_exact_or_refused(slug: str, field: str, given: str) -> None:
    """No id is turned into another one."""
    try:
        request = build(slug, **{field: {"id": given}})
    except InvalidLeadError as error:
        assert error.fields == (f"{field}.id",)
        return
    # As text, as a number, as text that a kind is joined to, as a segment of a path inside the body.
    forms = (f'"{given}"', f":{given},", f":{given}}}", f'"{given}-', f"/{quote(given, safe='')}?")
    assert any(form in request.body.decode() for form in forms) or is_dropped(request, f"{field}.id")


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("field", ["owner", "contact", "account"])
@pytest.mark.parametrize(
    "given", ["../x", "..", ".", "a/b", "a%2Fb", "a?b", "a#b", "a\r\nX: 1", "\x00", "x" * 5_000, "\U0001f680"]
)
def test_b046_ids_cannot_leave_their_place(slug: str, field: str, given: str) -> None:
    """Whatever an id holds, method, host, path and headers stay what they are for a plain one."""
    plain = build(slug)
    try:
        request = build(slug, **{field: {"id": given}})
    except InvalidLeadError as error:
        assert error.fields == (f"{field}.id",)
        return
    assert request.method == plain.method
    assert request.url.split("?")[0].count("/") == plain.url.split("?")[0].count("/")
    assert request.url.startswith(plain.url.split("/", 3)[0] + "//" + plain.url.split("/")[2] + "/")
    assert request.url.isascii() and not any(char in request.url for char in "\r\n\0 ")
    assert request.headers.keys() == plain.headers.keys()


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if takes(slug, "addresses")])
@pytest.mark.parametrize(("given", "text"), [("01067", "01067"), (1067, "1067")])
def test_b047_postal_codes_are_text(slug: str, given: Any, text: str) -> None:
    assert text in sent(build(slug, addresses=[{"city": "Dresden", "postal_code": given}]))


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_b048_b049_b050_text_passes_unchanged(slug: str, text: str) -> None:
    """Scripts, joiners, markup, templates, long text: data stays data, whole and in its own code points."""
    for field in ("title", "first_name", "last_name", "description", "name"):
        if takes(slug, field):
            assert text in sent(build(slug, **{field: text})), field


@pytest.mark.parametrize("slug", SLUGS)
def test_b049_long_text_is_left_to_the_crm(slug: str) -> None:
    """Every text of a long lead is either in the request or named; the CRM judges its length."""
    fields = {
        name: f"{name} " + "y" * 5_000 for name in ("title", "first_name", "last_name", "description", "industry")
    }
    request = build(slug, **fields)
    for name, value in fields.items():
        assert (value in sent(request)) != is_dropped(request, name), name
