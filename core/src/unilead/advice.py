"""Advice about the values of a lead: what a CRM will probably stumble over (extra ``check``).

Advice never blocks and never changes a value: text passes to the CRM as it was given, and the CRM judges it. A note
names the path and what is doubtful, never the value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, is_valid_number, parse
from pycountry import countries

from unilead.errors import Problem
from unilead.schema import Lead, PhoneNumber, PostalAddress

# Names that people write and the list of countries lacks. Nothing is matched by likeness: Niger is not Nigeria.
ALIASES = {
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "russia": "RU",
    "turkey": "TR",
    "türkiye": "TR",
    "ivory coast": "CI",
    "kosovo": "XK",
    "xk": "XK",
}


def advise(lead: Lead, given: Mapping[str, Any] | None = None) -> list[Problem]:
    """List what is doubtful about a lead's values, in the order of the schema.

    Args:
        lead: the lead.
        given: the JSON object it was read from; tells numbers from text.
    """
    region = _region(lead)
    return [
        *_invisible(lead),
        *_emails(lead),
        *(note for index, item in enumerate(lead.phone_numbers or ()) for note in _phone(index, item, region)),
        *(note for index, item in enumerate(lead.addresses or ()) for note in _address(index, item)),
        *_numeric_postal_codes(given or {}),
    ]


def country_code(text: str) -> str | None:
    """The ISO 3166 code behind a country's exact name, code or known alias; ``None`` for anything else."""
    name = text.strip()
    if name.casefold() in ALIASES:
        return ALIASES[name.casefold()]
    try:
        return str(countries.lookup(name).alpha_2) if name else None
    except LookupError:
        return None


def _region(lead: Lead) -> str | None:
    """The one country that the lead's addresses agree on."""
    found = {country_code(address.country) for address in lead.addresses or () if address.country}
    return found.pop() if len(found) == 1 else None


def _invisible(lead: Lead) -> Iterator[Problem]:
    for name, value in lead.__dict__.items():
        if isinstance(value, str) and value.strip() and all(unicodedata.category(char) == "Cf" for char in value):
            yield Problem(name, "invisible", "holds only characters that nobody can see")


def _emails(lead: Lead) -> Iterator[Problem]:
    for index, item in enumerate(lead.email_addresses or ()):
        if item.email:
            try:
                validate_email(item.email, check_deliverability=False, strict=True)
            except EmailNotValidError:
                yield Problem(f"email_addresses[{index}].email", "doubtful", "does not look like an e-mail address")


def _phone(index: int, item: PhoneNumber, region: str | None) -> Iterator[Problem]:
    path = f"phone_numbers[{index}].number"
    if not item.number:
        return
    if region is None and not item.number.strip().startswith("+"):
        yield Problem(path, "doubtful", "cannot be checked without a country; write it as +<country code> <number>")
        return
    try:
        valid = is_valid_number(parse(item.number, region))
    except NumberParseException:
        valid = False
    if not valid:
        yield Problem(path, "doubtful", "does not look like a phone number of its country")


def _address(index: int, item: PostalAddress) -> Iterator[Problem]:
    if item.country and country_code(item.country) is None:
        yield Problem(f"addresses[{index}].country", "doubtful", "is no country name or ISO code that is known")


def _numeric_postal_codes(given: Mapping[str, Any]) -> Iterator[Problem]:
    addresses = given.get("addresses")
    for index, item in enumerate(addresses if isinstance(addresses, list) else ()):
        if isinstance(item, Mapping) and isinstance(item.get("postal_code"), (int, float)):
            message = "is a number, which loses leading zeros; write it as text"
            yield Problem(f"addresses[{index}].postal_code", "doubtful", message)
