"""Acme: create a prospect with one ``POST /v2/prospects``.

Source: https://api.acme.example/docs/prospects
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unilead import (
    Category,
    CreatedLead,
    Field,
    FieldMap,
    HeaderAuth,
    Lead,
    Part,
    PhoneNumber,
    Problem,
    ProviderError,
    ProviderInfo,
    RateLimit,
    Request,
    Response,
    SecretStr,
    Settings,
    Simulator,
    VendorRule,
    error_for,
    first,
    hookimpl,
    path_segment,
    phone_text,
    to_integer,
)

ORIGINS = {"web": "WEBSITE", "event": "TRADE_SHOW", "referral": "PARTNER"}
CATEGORIES: dict[str, Category] = {"E_DUPLICATE": "conflict"}  # other codes are judged by HTTP status


def phones(numbers: Sequence[PhoneNumber]) -> Part:
    """Acme keeps any number of phones, each one line of text; a number's e-mail address has no place."""
    lines: list[str] = []
    dropped: list[str] = []
    for index, item in enumerate(numbers):
        if item.number:
            text, lost = phone_text(item)
            lines.append(text)
            dropped += [f"[{index}].{part}" for part in lost]
        elif item.extension:
            dropped.append(f"[{index}].extension")
        if item.email:
            dropped.append(f"[{index}].email")
    return Part(lines or None, dropped)


FIELDS = FieldMap(
    Field("last_name", "contact.surname", required=True),
    Field("first_name", "contact.given_name"),
    Field("email_addresses", "contact.mail", convert=first("email")),
    Field("phone_numbers", "phones", convert=phones),
    Field("lead_source", "origin", convert=ORIGINS.get),
    Field("owner.id", "owner", convert=to_integer),
    Field("custom_fields", "extra"),
)


class AcmeSettings(Settings):
    """An account at Acme.

    Attributes:
        token: API token of a user.
        pipeline: pipeline that new prospects enter.
    """

    token: SecretStr
    pipeline: str = "inbound"


INFO = ProviderInfo(
    slug="acme",
    title="Acme",
    base_url="https://api.acme.example",
    allowed_hosts=(r"api\.acme\.example",),
    auth=HeaderAuth("Authorization", "Bearer {token}"),
    settings=AcmeSettings,
    fields=FIELDS,
    response_fields=("id", "first_name", "last_name", "created_at"),
    rate_limits=(RateLimit(10, 1),),
    credential_names=frozenset({"token"}),
    rules=(VendorRule("lead_source is one of web, event, referral", ("lead_source",)),),
    docs={"Prospects": "https://api.acme.example/docs/prospects"},
)


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: AcmeSettings) -> Request:
    record, dropped = FIELDS.render(lead, settings)
    prospect = {"pipeline": settings.pipeline} | record
    return Request("POST", "/v2/prospects", json={"prospect": prospect}, record_path=("prospect",), dropped=dropped)


@hookimpl
def parse_response(response: Response, request: Request) -> CreatedLead:
    if response.status not in (200, 201):
        raise _refusal(response, request)
    prospect = response.json["prospect"]
    contact = prospect["contact"]
    return CreatedLead(
        id=prospect["id"],
        first_name=contact.get("given_name"),
        last_name=contact.get("surname"),
        created_at=prospect.get("created"),
    )


@hookimpl
def build_read_request(lead_id: str) -> Request:
    return Request("GET", f"/v2/prospects/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_acme.simulator import AcmeSimulator

    return AcmeSimulator()


def _refusal(response: Response, request: Request) -> ProviderError:
    fault: dict[str, Any] = response.json["errors"][0]
    code = fault["code"]
    field = FIELDS.source_of(fault.get("path"), request.lead)
    return error_for(response, fault["text"], category=CATEGORIES.get(code), vendor_code=code, field=field)
