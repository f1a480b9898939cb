"""Pipedrive: create a lead with one ``POST /api/v1/leads``.

Source: https://developers.pipedrive.com/docs/api/v1/Leads (read 2026-11-23). Leads stay in v1: v2 only searches and
converts them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from unilead import (
    CreatedLead,
    Field,
    FieldMap,
    HeaderAuth,
    InvalidLeadError,
    Lead,
    OAuth2,
    OAuthSettings,
    Problem,
    ProviderInfo,
    QuotaHeaders,
    RateLimit,
    Request,
    Response,
    SecretStr,
    Simulator,
    VendorRule,
    hookimpl,
    path_segment,
    reference,
    to_integer,
)
from unilead_pipedrive.answers import BURST_WINDOW, refusal, refusal_inside

LEADS = "/api/v1/leads"
COMPANY = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
NO_COMPANIES = ("oauth", "app", "www", "developers", "support", "marketplace")  # hosts that serve no company's API
SHARED_HOST = "api"  # serves every company; says nothing about which one
HOST = rf"(?!(?:{'|'.join(NO_COMPANIES)})\.)({COMPANY})\.pipedrive\.com"
CUSTOM_FIELD = re.compile(r"[0-9a-f]{40}(?:_[a-z0-9_]+)?")
_PLAIN_ID = re.compile(r"[0-9A-Za-z-]+")


def custom_fields(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let through what has the form of a custom field's key, so that no standard property is overwritten."""
    problems = [
        Problem(f"custom_fields.{name}", "invalid", "must be a field key: 40 hexadecimal digits, perhaps with a suffix")
        for name in values
        if not CUSTOM_FIELD.fullmatch(name)
    ]
    if problems:
        raise InvalidLeadError(problems)
    return values


FIELDS = FieldMap(
    Field("title", "title", required=True),
    Field("owner.id", "owner_id", convert=to_integer),
    Field("contact.id", "person_id", convert=to_integer),
    Field("account.id", "organization_id", convert=to_integer),
    Field("custom_fields", convert=custom_fields),
)


class PipedriveSettings(OAuthSettings):
    """A Pipedrive company: where it lives, and a personal API token or an OAuth app's tokens.

    Attributes:
        company_domain: the company's subdomain, such as ``brightloom`` for ``brightloom.pipedrive.com``.
        api_domain: the same as an address, from the token answer; wins over ``company_domain``, which may be outdated.
        api_token: a user's personal API token; used instead of OAuth where it is given.
    """

    seed_settings: ClassVar[tuple[str, ...]] = (*OAuthSettings.seed_settings, "company_domain", "api_domain")
    ways_in: ClassVar[str] = "api_token, access_token, or client_id, client_secret and refresh_token"

    company_domain: str | None = None
    api_domain: str | None = None
    api_token: SecretStr | None = None

    @field_validator("company_domain")
    @classmethod
    def _is_a_company(cls, value: str | None) -> str | None:
        if value is None or (re.fullmatch(COMPANY, value) and value not in (*NO_COMPANIES, SHARED_HOST)):
            return value
        raise ValueError("must be the company's subdomain alone, in lower case, such as brightloom")

    @field_validator("api_domain")
    @classmethod
    def _is_an_api_domain(cls, value: str | None) -> str | None:
        if value is None or re.fullmatch(rf"https://{HOST}/?", value.lower() if value.isascii() else ""):
            return value
        raise ValueError("must be the address of a company, such as https://brightloom.pipedrive.com")

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if not self.company_domain and not self.api_domain:
            raise ValueError("give company_domain or api_domain")
        return self

    def _has_static_credentials(self) -> bool:
        return bool(self.api_token) or super()._has_static_credentials()

    @property
    def subdomain(self) -> str:
        """First label of the host that requests go to."""
        if self.api_domain is None:
            return self.company_domain or ""
        return self.api_domain.lower().removeprefix("https://").split(".", maxsplit=1)[0]

    @property
    def company(self) -> str:
        """The company's subdomain; empty where only the host that serves every company is known."""
        return (self.company_domain or "") if self.subdomain == SHARED_HOST else self.subdomain


INFO = ProviderInfo(
    slug="pipedrive",
    title="Pipedrive",
    base_url="https://{subdomain}.pipedrive.com",
    allowed_hosts=(HOST,),
    auth=(
        HeaderAuth("x-api-token", "{api_token}"),
        OAuth2(
            token_url="https://oauth.pipedrive.com/oauth/token",
            client_auth="basic",
            authorize_url="https://oauth.pipedrive.com/oauth/authorize",  # takes no scopes: the app has them
            origin_field="api_domain",
            origin_setting="api_domain",
        ),
    ),
    settings=PipedriveSettings,
    fields=FIELDS,
    response_fields=(
        "id", "owner", "lead_source", "title", "contact", "account", "custom_fields", "created_at", "updated_at",
        "urls",
    ),
    rate_limits=(RateLimit(20, BURST_WINDOW),),
    quotas=(
        QuotaHeaders("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", seconds=BURST_WINDOW),
        QuotaHeaders("x-daily-ratelimit-token-limit", "x-daily-ratelimit-token-remaining", seconds=86_400),
    ),
    credential_names=frozenset({"api_token", "access_token"}),
    rules=(
        VendorRule("a lead belongs to a person, an organization, or both", ("contact", "account"), must_have=True),
        VendorRule(
            "owner.id, contact.id and account.id name existing records by their number", ("owner", "contact", "account")
        ),
        VendorRule("custom fields are those of deals, named by their 40-digit key", ("custom_fields",)),
    ),
    quirks=(
        "Names, e-mail addresses, phones and addresses belong to the person or organization, which must exist first.",
        "lead_source cannot be set; Pipedrive answers API.",
        "Pipedrive checks no duplicates: the same lead can be created any number of times.",
        "A create costs 10 tokens of the company's daily budget of 30,000 times plan factor times seats.",
        "The rate limit given here is the smallest plan's for an API token; an OAuth app has four times that.",
        "A client that sends on after a 429 is blocked with a 403 page in HTML.",
        "Pipedrive answers no link; urls is made of subdomain and lead id, in a form that Pipedrive does not document.",
    ),
    docs={
        "Leads": "https://developers.pipedrive.com/docs/api/v1/Leads",
        "Authentication": "https://pipedrive.readme.io/docs/core-api-concepts-authentication",
        "Rate limits": "https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting",
        "Status codes": "https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes",
    },
)  # fmt: skip


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: PipedriveSettings) -> Request:
    record, dropped = FIELDS.render(lead, settings)
    return Request("POST", LEADS, json=record, dropped=dropped)


@hookimpl
def parse_response(response: Response, settings: PipedriveSettings) -> CreatedLead:
    if not response.is_success:
        raise refusal(response)
    if response.json["success"] is not True:
        raise refusal_inside(response)
    stored = response.json["data"]
    return CreatedLead(
        id=stored["id"],
        owner=reference(stored.get("owner_id")),
        lead_source=stored.get("source_name"),
        title=stored.get("title"),
        contact=reference(stored.get("person_id")),
        account=reference(stored.get("organization_id")),
        custom_fields={name: value for name, value in stored.items() if CUSTOM_FIELD.fullmatch(name)} or None,
        created_at=stored.get("add_time"),
        updated_at=stored.get("update_time"),
        urls=_urls(stored["id"], settings.company),
    )


@hookimpl
def build_read_request(lead_id: str) -> Request:
    return Request("GET", f"{LEADS}/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_pipedrive.simulator import PipedriveSimulator

    return PipedriveSimulator()


def _urls(lead_id: Any, company: str) -> list[dict[str, str]] | None:
    """Make the lead's address in the web application; the API answers none."""
    if not company or not _PLAIN_ID.fullmatch(str(lead_id)):
        return None
    return [{"url": f"https://{company}.pipedrive.com/leads/inbox/{lead_id}", "type": "web"}]
