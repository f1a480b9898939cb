"""HubSpot: create a lead with one ``POST /crm/objects/2026-09/leads``.

Source: https://developers.hubspot.com/docs/api-reference/latest/crm/objects/leads/guide (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from unilead import (
    CreatedLead,
    Field,
    FieldMap,
    Lead,
    OAuth2,
    Part,
    Problem,
    ProviderError,
    ProviderInfo,
    QuotaHeaders,
    RateLimit,
    Request,
    Response,
    RowVerdict,
    Simulator,
    VendorRule,
    custom_field_values,
    hookimpl,
    list_as_text,
    path_segment,
    scalar_text,
    to_digits,
    utc_text,
)
from unilead_hubspot.answers import INTERVAL, MIRRORS, created_lead, refusal
from unilead_hubspot.batch import batch_body, told_apart, verdicts
from unilead_hubspot.settings import OWN_PROPERTIES, HubSpotSettings


def property_text(value: Any) -> str:
    """Write a value as HubSpot wants them all: as text, lists joined with ``;``, moments in UTC, null as ``""``."""
    if isinstance(value, str):
        return value
    if not isinstance(value, date):
        return scalar_text(list_as_text(value) if isinstance(value, list) else value)
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.tzinfo is None:
        raise ValueError("must be a date and time with its time zone")
    return utc_text(value)


def status(value: str, name: str) -> Part:
    """Write the status to the property that this account uses for it."""
    return Part({f"properties.{name}": value})


FIELDS = FieldMap(
    Field("contact.id", "associations.contact", required=True, convert=to_digits),
    Field("account.id", "associations.account", required=True, convert=to_digits),
    Field("title", "properties.hs_lead_name"),
    Field("owner.id", "properties.hubspot_owner_id", convert=to_digits),
    Field("lead_type", "properties.hs_lead_type"),
    Field("status", convert=status, setting="status_property"),
    Field("custom_fields", "properties", convert=custom_field_values(property_text)),
)

INFO = ProviderInfo(
    slug="hubspot",
    title="HubSpot",
    base_url="https://api.hubapi.com",
    allowed_hosts=(r"api\.hubapi\.com",),
    auth=OAuth2(
        token_url="https://api.hubapi.com/oauth/2026-09/token",
        authorize_url="https://app.hubspot.com/oauth/authorize",
        scopes=(
            "oauth", "crm.objects.leads.write", "crm.objects.leads.read", "crm.objects.contacts.read",
            "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write",
        ),
        dead_grant_errors=("invalid_grant", "missing_or_invalid_refresh_token"),
    ),
    settings=HubSpotSettings,
    fields=FIELDS,
    response_fields=(
        "id", "owner", "lead_source", "lead_type", "status", "title", "contact", "account", "first_name",
        "last_name", "email_addresses", "custom_fields", "last_activity_at", "created_at", "updated_at",
    ),
    batch_size=100,
    rate_limits=(RateLimit(110, 10), RateLimit(625_000, 86_400)),
    quotas=(
        QuotaHeaders(
            "x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining", seconds=10,
            window=INTERVAL,
        ),
        QuotaHeaders("x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining", seconds=86_400),
    ),
    query_style="comma",
    credential_names=frozenset({"access_token", "hapikey"}),
    reserved_keys=frozenset({"objectWriteTraceId"}),  # names a batch's inputs
    rules=(
        VendorRule("a lead needs a name", ("title",), must_have=True),
        VendorRule("the contact, the company and the owner must exist", ("contact", "account", "owner")),
        VendorRule("lead_type and status must be options of the account's property", ("lead_type", "status")),
        VendorRule("a custom field is addressed by its property's internal name, which must exist", ("custom_fields",)),
        VendorRule("from 2026-09 on, properties that an admin made required must be given", ("custom_fields",)),
    ),
    quirks=(
        "Leads need Sales Hub Professional or higher, switched on in the account.",
        "Name and e-mail address of a person live on the contact; the lead only mirrors them when it is read.",
        "A create answers without contact, company and mirrors; read_back fills them.",
        "remote_data is merged into the body: properties go under properties; associations replace both links.",
        "A value that HubSpot normalized is named under warnings in the raw answer.",
        "HubSpot finds no duplicate leads.",
    ),
    docs={
        "Leads": "https://developers.hubspot.com/docs/api-reference/latest/crm/objects/leads/guide",
        "Authentication": "https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens",
        "Errors": "https://developers.hubspot.com/docs/api-reference/error-handling",
        "Limits": "https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines",
    },
)  # fmt: skip


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: HubSpotSettings) -> Request:
    record, dropped = FIELDS.render(lead, settings)
    properties = record.get("properties", {})
    if lead.lead_source and settings.lead_source_property:
        properties.setdefault(settings.lead_source_property, lead.lead_source)
        dropped = tuple(path for path in dropped if path != "lead_source")
    body = {"properties": properties, "associations": _links(record["associations"], settings)}
    return Request("POST", settings.leads_path, json=body, dropped=dropped)


@hookimpl
def parse_response(response: Response, request: Request, settings: HubSpotSettings) -> CreatedLead:
    sent = request.json or {}
    if not response.is_success or response.json_object.get("status") == "error":
        raise _refusal(response, sent, settings, request)
    return created_lead(response, response.json, sent, settings)


@hookimpl
def build_batch_request(requests: Sequence[Request], settings: HubSpotSettings) -> tuple[Request, Sequence[int]]:
    taken = told_apart(requests)
    body = batch_body([requests[index] for index in taken])
    return Request("POST", f"{settings.leads_path}/batch/create", json=body), taken


@hookimpl
def parse_batch_response(response: Response, request: Request, settings: HubSpotSettings) -> list[RowVerdict]:
    body = response.json_object
    is_refused = not response.is_success or body.get("status") == "error"
    if is_refused and not body.get("results"):
        refused = _refusal(response, {}, settings, request)
        if response.status < 400:  # an error inside a success may be about one lead of several
            refused.doubt()
        raise refused
    return verdicts(
        response,
        request.json["inputs"],
        read=lambda row, stored, sent: created_lead(row, stored, sent, settings),
        refuse=lambda row, sent, index: _refusal(row, sent, settings, request.for_row(index)),
    )


@hookimpl
def build_read_request(lead_id: str, settings: HubSpotSettings) -> Request:
    wanted = dict.fromkeys([*sorted(OWN_PROPERTIES), settings.status_property, *MIRRORS])
    if settings.lead_source_property:
        wanted[settings.lead_source_property] = None
    query: dict[str, str | list[str]] = {"properties": ",".join(wanted), "associations": "contacts,companies"}
    return Request("GET", f"{settings.leads_path}/{path_segment(lead_id)}", query=query)


@hookimpl
def simulator() -> Simulator:
    from unilead_hubspot.simulator import HubSpotSimulator

    return HubSpotSimulator()


def _links(ids: Mapping[str, str], settings: HubSpotSettings) -> list[dict[str, Any]]:
    """Write the links to the contact and the company; a lead cannot be linked later."""
    types = {"contact": settings.contact_association_type_id, "account": settings.account_association_type_id}
    return [
        {"to": {"id": ids[name]}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}]}
        for name, number in types.items()
    ]


def _refusal(response: Response, sent: Mapping[str, Any], settings: HubSpotSettings, request: Request) -> ProviderError:
    """Read an error, with the unified path of what it names: properties by name, links by the id they point to."""
    return refusal(
        response,
        property_path=lambda name: _property_path(name, settings, request.lead),
        link_path=lambda number: _link_path(number, settings, sent),
        creating=request.method == "POST",
    )


def _link_path(number: str, settings: HubSpotSettings, sent: Mapping[str, Any]) -> str | None:
    """Find the unified path behind a linked record's id; ``None`` where contact and company have the same."""
    types = {settings.contact_association_type_id: "contact.id", settings.account_association_type_id: "account.id"}
    links = sent.get("associations")
    found = set()
    for link in links if isinstance(links, list) else ():  # remote_data may hold anything here
        match link:
            case {"to": {"id": str(to)}, "types": [{"associationTypeId": int(kind)}, *_]} if to == number:
                found.add(types.get(kind))
    return found.pop() if len(found) == 1 else None


def _property_path(name: str, settings: HubSpotSettings, lead: Lead | None) -> str | None:
    """Find the unified path behind a property, in the order in which one replaces the other."""
    found = FIELDS.source_of(f"properties.{name}", lead)
    if lead is not None and (found or "").startswith("remote_data."):
        return found
    if lead is not None and name in (lead.custom_fields or ()):
        return f"custom_fields.{name}"
    if name == settings.status_property:
        return "status"
    if name == settings.lead_source_property:
        return "lead_source"
    return found
