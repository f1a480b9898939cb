"""Zendesk Sell: create a lead with one ``POST /v2/leads``.

Source: https://developer.zendesk.com/api-reference/sales-crm/introduction/ (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import PositiveInt

from unilead import (
    AddressSlots,
    Category,
    CreatedLead,
    EmailSlots,
    Field,
    FieldMap,
    Lead,
    MalformedResponseError,
    OAuth2,
    OAuthSettings,
    PhoneSlots,
    Problem,
    ProviderError,
    ProviderInfo,
    RateLimit,
    Request,
    Response,
    Simulator,
    VendorRule,
    error_for,
    hookimpl,
    id_name,
    named_id,
    one_address,
    path_segment,
    reference,
    to_integer,
    typed_items,
)

LEADS = "/v2/leads"
PHONES = PhoneSlots({"mobile": ["mobile"], "fax": ["fax"], "phone": ["primary", "work", None, "secondary"]})
ADDRESS = AddressSlots(
    street="address.line1",
    city="address.city",
    state="address.state",
    postal_code="address.postal_code",
    country="address.country",
)
CREATED = (200, 201)  # Sell answers 200; other 2xx promise nothing yet
CATEGORIES: dict[str, Category] = {  # other codes are judged by HTTP status
    "already_exists": "conflict",
    "not_found": "not_found",
    "incorrect_path": "unexpected",
}

FIELDS = FieldMap(
    Field("last_name", "last_name", required=True),
    Field("first_name", "first_name"),
    Field("title", "title"),
    Field("owner.id", "owner_id", convert=to_integer),
    Field("lead_source", "source_id", convert=named_id, setting="lead_source_map"),
    Field("account.name", "organization_name"),
    Field("email_addresses", convert=EmailSlots("email")),
    Field("phone_numbers", convert=PHONES),
    Field("addresses", convert=ADDRESS),
    Field("custom_fields", "custom_fields"),
)


class ZendeskSellSettings(OAuthSettings):
    """A Zendesk Sell account: a personal access token, or an OAuth client with a refresh token.

    Attributes:
        lead_source_map: name to id of the account's lead sources, from ``GET /v2/lead_sources``.
    """

    lead_source_map: dict[str, PositiveInt] = {}


INFO = ProviderInfo(
    slug="zendesk-sell",
    title="Zendesk Sell",
    base_url="https://api.getbase.com",
    allowed_hosts=(r"api\.getbase\.com",),
    auth=OAuth2(
        token_url="https://api.getbase.com/oauth2/token",
        client_auth="basic",
        authorize_url="https://api.getbase.com/oauth2/authorize",
        scopes=("read", "write", "profile"),
    ),
    settings=ZendeskSellSettings,
    fields=FIELDS,
    response_fields=(
        "id", "owner", "lead_source", "title", "first_name", "last_name", "addresses", "email_addresses",
        "phone_numbers", "custom_fields", "created_at", "updated_at",
    ),
    rate_limits=(RateLimit(8, 1), RateLimit(36_000, 3_600)),
    credential_names=frozenset({"access_token"}),
    rules=(
        VendorRule("owner.id and lead_source name records by their numeric id", ("owner", "lead_source")),
        VendorRule("a custom field is addressed by its display name, which must exist", ("custom_fields",)),
    ),
    quirks=(
        "Zendesk Sell ends on 2027-08-31.",
        "One e-mail address, one phone, one mobile, one fax and one postal address per lead; the rest is reported.",
        "A phone extension is appended to the number, street line 2 to line 1; reading does not split them again.",
        "title is the person's job title.",
        "An attribute that Sell does not know fails the whole create.",
    ),
    docs={
        "Leads": "https://developer.zendesk.com/api-reference/sales-crm/resources/leads/",
        "Authentication": "https://developer.zendesk.com/api-reference/sales-crm/authentication/introduction/",
        "Errors": "https://developer.zendesk.com/api-reference/sales-crm/errors/",
    },
)  # fmt: skip


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: ZendeskSellSettings) -> Request:
    record, dropped = FIELDS.render(lead, settings)
    return Request(
        "POST",
        LEADS,
        json={"data": record},
        record_path=("data",),
        remote_data=_without_envelope(lead.remote_data or {}),
        dropped=dropped,
    )


@hookimpl
def parse_response(response: Response, request: Request, settings: ZendeskSellSettings) -> CreatedLead:
    if response.status not in CREATED:
        raise _refusal(response, request)
    stored = response.json["data"]
    if response.json.get("errors"):
        raise MalformedResponseError("the answer holds both a lead and errors", response=response)
    return CreatedLead(
        id=stored["id"],
        owner=reference(stored.get("owner_id")),
        lead_source=id_name(stored.get("source_id"), settings.lead_source_map),
        title=stored.get("title"),
        first_name=stored.get("first_name"),
        last_name=stored.get("last_name"),
        addresses=_addresses(stored.get("address")),
        email_addresses=typed_items("email", primary=stored.get("email")),
        phone_numbers=typed_items(
            "number", work=stored.get("phone"), mobile=stored.get("mobile"), fax=stored.get("fax")
        ),
        custom_fields=stored.get("custom_fields"),
        created_at=stored.get("created_at"),
        updated_at=stored.get("updated_at"),
    )


@hookimpl
def build_read_request(lead_id: str) -> Request:
    return Request("GET", f"{LEADS}/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_zendesk_sell.simulator import ZendeskSellSimulator

    return ZendeskSellSimulator()


def _without_envelope(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Accept the whole vendor body too: then the record inside is what counts."""
    inner = extra.get("data")
    return inner if isinstance(inner, Mapping) and set(extra) <= {"data", "meta"} else extra


def _addresses(address: Any) -> list[dict[str, Any]] | None:
    place = address if isinstance(address, Mapping) else {}
    parts = {part: place.get(part) for part in ("city", "state", "postal_code", "country")}
    return one_address(street_1=place.get("line1"), **parts)


def _refusal(response: Response, request: Request) -> ProviderError:
    """Read Sell's list of errors; its body may also be empty or no JSON at all."""
    errors = response.json_object.get("errors")
    faults = [entry["error"] for entry in errors] if isinstance(errors, list) else []
    codes = {fault.get("code") for fault in faults}
    code = faults[0].get("code") if faults else None
    message = "; ".join(filter(None, (fault.get("details") or fault.get("message") for fault in faults)))
    category = CATEGORIES.get(code or "") if len(codes) == 1 else None
    if response.status == 404 and request.method == "POST":
        category = "unexpected"  # a create names no record: the address itself is wrong
    elif response.status == 409 and request.method == "GET":
        category = "rate_limited"  # a read conflicts with nothing: Sell throttles so too
    return error_for(
        response,
        message or response.plain_text,
        category=category,
        vendor_code=code,
        field=next((path for fault in faults if (path := _path(fault.get("field"), request))), None),
    )


def _path(pointer: str | None, request: Request) -> str | None:
    """Find the unified path behind Sell's pointer, which may begin at the envelope; a custom field may hold a slash."""
    path = (pointer or "").removeprefix("/data").strip("/").replace("/", ".", 1).replace("~1", "/").replace("~0", "~")
    lead = request.lead
    extra = (lead.remote_data if lead is not None else None) or {}
    inner = _without_envelope(extra)
    if lead is None or inner is extra:
        return FIELDS.source_of(path, lead)
    found = FIELDS.source_of(path, lead.model_copy(update={"remote_data": inner}))
    return found and re.sub(r"^remote_data\.", "remote_data.data.", found)
