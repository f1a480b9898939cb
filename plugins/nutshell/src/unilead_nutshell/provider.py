"""Nutshell: create a lead with one ``POST /rest/leads``.

Source: https://developers.nutshell.com/docs/getting-started (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import field_validator

from unilead import (
    BasicAuth,
    Category,
    CreatedLead,
    Field,
    FieldMap,
    InvalidLeadError,
    Lead,
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
    custom_field_values,
    error_for,
    hookimpl,
    path_segment,
    scalar_text,
    thaw,
)
from unilead_nutshell.answers import created_lead, read_fault, single_record

LEADS = "/rest/leads"
NUMBER = re.compile(r"[1-9][0-9]{0,18}")
CATEGORIES: dict[str, Category] = {  # by the status that an error inside a 2xx answer has of its own
    "401": "authentication",
    "403": "permission",
    "404": "not_found",
    "409": "conflict",
    "429": "rate_limited",
}


def entity_id(*kinds: str) -> Callable[[str], str]:
    """Write an id in Nutshell's long form, ``35-users``; the first kind is what bare digits are taken for."""

    def convert(value: str) -> str:
        number, dash, kind = value.partition("-")
        if not NUMBER.fullmatch(number) or (dash and kind not in kinds):
            forms = ", ".join(f"35-{kind}" for kind in kinds)
            raise ValueError(f"must be an id in one of these forms: 35, {forms}")
        return value if dash else f"{number}-{kinds[0]}"

    return convert


def entity_ids(kind: str) -> Callable[[str], list[str]]:
    """Write one id as the list that Nutshell wants."""
    convert = entity_id(kind)
    return lambda value: [convert(value)]


def number_as_text(value: Any) -> Any:
    """Write a number in plain decimals, as Nutshell types every custom field; other values pass unchanged."""
    return scalar_text(value) if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else value


FIELDS = FieldMap(
    Field("title", "description", required=True),
    Field("owner.id", "links.owner", convert=entity_id("users", "teams")),
    Field("contact.id", "links.contacts", convert=entity_ids("contacts")),
    Field("account.id", "links.accounts", convert=entity_ids("accounts")),
    Field("custom_fields", "customFields", convert=custom_field_values(number_as_text)),
)


class NutshellSettings(Settings):
    """A Nutshell account.

    Attributes:
        username: e-mail address of a user of the company; with an impersonating key the change is logged as theirs.
        api_key: a key with the permission *API*.
    """

    username: str
    api_key: SecretStr

    @field_validator("username")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not re.fullmatch(r"[^@:\s\x00-\x1f\x7f]+@[^@:\s\x00-\x1f\x7f]+", value):
            raise ValueError("must be a user's e-mail address: one @, no colon, no blanks or line breaks")
        return value

    @field_validator("api_key")
    @classmethod
    def _is_plain(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
            raise ValueError("must be the key alone: not empty, no blanks or line breaks")
        return value


INFO = ProviderInfo(
    slug="nutshell",
    title="Nutshell",
    base_url="https://app.nutshell.com",
    allowed_hosts=(r"app\.nutshell\.com",),
    auth=BasicAuth("{username}", "{api_key}"),
    settings=NutshellSettings,
    fields=FIELDS,
    response_fields=(
        "id", "owner", "lead_source", "status", "title", "contact", "account", "last_activity_at", "created_at",
    ),
    rate_limits=(RateLimit(5, 1),),  # Nutshell publishes no limit; this is a polite pace
    rules=(
        VendorRule("owner, contact and account name existing records: 35 or 35-users", ("owner", "contact", "account")),
        VendorRule("a custom field is addressed by its display name", ("custom_fields",)),
        VendorRule("a request creates exactly one lead", ()),
    ),
    quirks=(
        "title becomes the lead's description, and Nutshell shows it as the name.",
        "People and companies are records of their own: link them with contact.id and account.id.",
        'Sources and tags go by id, in remote_data: {"links": {"sources": ["2-sources"]}}.',
        "Numbers in custom fields are sent as text; renaming a field in Nutshell breaks integrations.",
        "lead_source in an answer is the source's id unless Nutshell names it beside the lead.",
        "last_activity_at is when the lead was last contacted.",
    ),
    docs={
        "Getting started": "https://developers.nutshell.com/docs/getting-started",
        "Authentication": "https://developers.nutshell.com/docs/api-authentication",
        "Ids": "https://developers.nutshell.com/docs/api-ids",
        "Reference": "https://developers.nutshell.com/reference",
    },
)  # fmt: skip


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead) -> Request:
    record, dropped = FIELDS.render(lead)
    extra, beside = _split(lead.remote_data or {})
    return Request(
        "POST",
        LEADS,
        json={"leads": [record], **beside},
        record_path=("leads", 0),
        remote_data=extra,
        dropped=dropped,
    )


@hookimpl
def parse_response(response: Response, request: Request) -> CreatedLead:
    if not response.is_success:
        raise _refusal(response, request)
    if response.json_object.get("errors"):
        raise _refusal_inside(response, request)
    stored = single_record(response.json)
    if stored is None:
        words = read_fault(response).message
        raise error_for(response, f"no single lead in the answer{words and ': '}{words}", category="unexpected")
    return created_lead(stored, response.json)


@hookimpl
def build_read_request(lead_id: str) -> Request:
    if "," in lead_id:  # Nutshell would read a list of ids
        raise ValueError("must be one id")
    return Request("GET", f"{LEADS}/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_nutshell.simulator import NutshellSimulator

    return NutshellSimulator()


def _split(extra: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Tell the lead's own extra data from what belongs beside it, where the caller gives Nutshell's whole body."""
    records = extra.get("leads")
    if not isinstance(records, list):
        return extra, {}
    if len(records) != 1 or not isinstance(records[0], Mapping):
        raise InvalidLeadError([Problem("remote_data.leads", "invalid", "must be a list of one object")])
    return records[0], {name: thaw(value) for name, value in extra.items() if name != "leads"}


def _refusal(response: Response, request: Request) -> ProviderError:
    category: Category | None = None
    if response.status in (405, 415):
        category = "validation"
    elif response.status == 404 and request.method == "POST":
        category = "unexpected"
    return _error(response, request, category)


def _refusal_inside(response: Response, request: Request) -> ProviderError:
    """Judge a 2xx that lists errors: refused, unless a lead stands beside them, for that may have been created."""
    body = response.json
    if body.get("leads") or body.get("id"):
        return _error(response, request, "unexpected")
    status = str(body["errors"][0].get("status"))
    category = "provider_unavailable" if status.startswith("5") else CATEGORIES.get(status, "validation")
    return _error(response, request, category)


def _error(response: Response, request: Request, category: Category | None) -> ProviderError:
    fault = read_fault(response)
    field = _source_of(fault.path, request.lead)
    return error_for(response, fault.message, category=category, vendor_code=fault.code, field=field)


def _source_of(path: str | None, lead: Lead | None) -> str | None:
    """Find the unified path behind Nutshell's, also where the caller gave Nutshell's whole body."""
    records = (lead.remote_data or {}).get("leads") if lead is not None else None
    if lead is None or not isinstance(records, list):
        return FIELDS.source_of(path, lead)
    found = FIELDS.source_of(path, lead.model_copy(update={"remote_data": records[0]}))
    return found and re.sub(r"^remote_data\.", "remote_data.leads[0].", found)
