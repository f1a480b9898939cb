"""Zoho CRM: create a lead with one ``POST /crm/v8/Leads``.

Source: https://zoho.com/crm/developer/docs/api/v8/insert-records.html (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from unilead import (
    AddressSlots,
    CreatedLead,
    Field,
    FieldMap,
    Lead,
    OAuth2,
    OAuthSettings,
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
    hookimpl,
    path_segment,
    row_verdict,
    scalar_text,
)
from unilead_zoho_crm.answers import created_lead, record_verdict, refusal
from unilead_zoho_crm.phones import ContactSlots

LEADS = "/crm/v8/Leads"
ACCOUNTS = {  # data centre to accounts server; the API host has the same ending but for Canada
    "us": "accounts.zoho.com",
    "eu": "accounts.zoho.eu",
    "in": "accounts.zoho.in",
    "au": "accounts.zoho.com.au",
    "jp": "accounts.zoho.jp",
    "ca": "accounts.zohocloud.ca",
    "sa": "accounts.zoho.sa",
    "cn": "accounts.zoho.com.cn",
}
ENDINGS = {"us": "com", "eu": "eu", "in": "in", "au": "com.au", "jp": "jp", "ca": "ca", "sa": "sa", "cn": "com.cn"}
API_HOST = r"(?:www|sandbox|developer)\.zohoapis\.(?:com|eu|in|com\.au|jp|ca|sa|com\.cn)"
BESIDE_RECORD = (
    "trigger", "apply_feature_execution", "skip_feature_execution", "lar_id", "wf_trigger", "process",
    "duplicate_check_fields",
)  # fmt: skip
_RECORD_ID = re.compile(r"[0-9]{1,19}")
_COUNT = re.compile(r"-?[0-9]{1,18}")


def to_record(value: str) -> dict[str, str]:
    """Write an id as Zoho's reference to a record."""
    if not _RECORD_ID.fullmatch(value):
        raise ValueError("must be an id of 1 to 19 digits")
    return {"id": value}


def to_count(value: str | float) -> int:
    """Write a number of employees as the integer that Zoho wants."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**18:
        return int(value)
    if not _COUNT.fullmatch(str(value)):
        raise ValueError("must be a whole number: Zoho CRM keeps an integer here")
    return int(value)


FIELDS = FieldMap(
    Field("first_name", "First_Name", required=True),
    Field("last_name", "Last_Name", required=True),
    Field("title", "Designation"),
    Field("owner.id", "Owner", convert=to_record),
    Field("account.name", "Company"),
    Field("lead_source", "Lead_Source"),
    Field("phone_numbers", convert=ContactSlots()),
    Field(
        "addresses",
        convert=AddressSlots(street="Street", city="City", state="State", postal_code="Zip_Code", country="Country"),
    ),
    Field("description", "Description", convert=scalar_text),
    Field("industry", "Industry", convert=scalar_text),
    Field("website", "Website", convert=scalar_text),
    Field("number_of_employees", "No_of_Employees", convert=to_count),
)


class ZohoCrmSettings(OAuthSettings):
    """A Zoho CRM organisation, by its data centre.

    Attributes:
        data_center: ``us``, ``eu``, ``in``, ``au``, ``jp``, ``ca``, ``sa`` or ``cn``.
        api_domain: the API host from the token answer, where it is not the data centre's usual one (a sandbox).
    """

    seed_settings: ClassVar[tuple[str, ...]] = (*OAuthSettings.seed_settings, "data_center", "api_domain")

    data_center: str = "us"
    api_domain: str | None = None

    @field_validator("data_center")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in ACCOUNTS:
            raise ValueError(f"must be one of {', '.join(ACCOUNTS)}")
        return value

    @field_validator("api_domain")
    @classmethod
    def _is_api_host(cls, value: str | None) -> str | None:
        if value is None:
            return None
        host = urlsplit(value).hostname or "" if value.isascii() else ""
        if value.rstrip("/") != f"https://{host}" or not re.fullmatch(API_HOST, host):
            raise ValueError("must be an API host of Zoho, such as https://www.zohoapis.eu")
        return f"https://{host}"

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.api_domain and not self.api_domain.endswith(f".zohoapis.{ENDINGS[self.data_center]}"):
            raise ValueError("api_domain and data_center name different data centres")
        return self

    @property
    def origin(self) -> str:
        """Where the account's requests go."""
        return self.api_domain or f"https://www.zohoapis.{ENDINGS[self.data_center]}"

    @property
    def accounts_server(self) -> str:
        """Where the account's tokens come from."""
        return f"https://{ACCOUNTS[self.data_center]}"


INFO = ProviderInfo(
    slug="zoho-crm",
    title="Zoho CRM",
    base_url="{origin}",
    allowed_hosts=(API_HOST,),
    auth=OAuth2(
        token_url="{accounts_server}/oauth/v2/token",
        prefix="Zoho-oauthtoken",
        authorize_url="{accounts_server}/oauth/v2/auth",
        scopes=("ZohoCRM.modules.leads.CREATE", "ZohoCRM.modules.leads.READ"),
        scope_joiner=",",
        authorize_params={"access_type": "offline", "prompt": "consent"},
        origin_field="api_domain",
        origin_setting="api_domain",
        token_hosts=tuple(re.escape(host) for host in ACCOUNTS.values()),
        dead_grant_errors=("invalid_grant", "invalid_code"),
        throttle_errors=("access_denied",),  # ten tokens in ten minutes; has status 400
        throttle_seconds=600,
    ),
    settings=ZohoCrmSettings,
    fields=FIELDS,
    batch_size=100,
    rate_limits=(RateLimit(10, 1),),  # Zoho counts calls at one time, 10 at least, and none by the second
    quotas=(QuotaHeaders(remaining="x-api-credits-remaining", seconds=86_400),),  # sent once half of it is used
    credential_names=frozenset({"access_token", "authtoken", "oauthtoken"}),
    reserved_keys=frozenset({"data"}),
    rules=(
        VendorRule("many organisations make Company mandatory; pass it in account.name", ("account",)),
        VendorRule("owner.id is the id of an active user", ("owner",)),
        VendorRule("number_of_employees is an integer", ("number_of_employees",)),
    ),
    quirks=(
        "Three number fields: Phone, Mobile, Fax; an extension is appended; what is left over is reported.",
        "phone_numbers[].email goes to Email and Secondary_Email; email_addresses is not taken here.",
        "title is Designation, the job title.",
        "remote_data keys such as trigger go beside the record; data is refused.",
        "A property that the layout does not have is ignored by Zoho without a word.",
        "The status of an answer proves nothing: each record's own status is read.",
    ),
    docs={
        "Insert records": "https://zoho.com/crm/developer/docs/api/v8/insert-records.html",
        "Data centres": "https://www.zoho.com/crm/developer/docs/api/v8/multi-dc.html",
        "Limits": "https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html",
        "Errors": "https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html",
    },
)


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead) -> Request:
    record, dropped = FIELDS.render(lead)
    extra: Mapping[str, Any] = lead.remote_data or {}
    beside = {name: extra[name] for name in BESIDE_RECORD if name in extra}
    return Request(
        "POST",
        LEADS,
        json={"data": [record], **beside},
        record_path=("data", 0),
        remote_data={name: value for name, value in extra.items() if name not in BESIDE_RECORD},
        dropped=dropped,
    )


@hookimpl
def parse_response(response: Response, request: Request) -> CreatedLead:
    rows = response.json_object.get("data")
    if not response.is_success or not isinstance(rows, list) or len(rows) != 1:
        raise refusal(response, request, FIELDS)
    row = rows[0]
    if request.method == "GET":
        return created_lead(row)
    verdict = record_verdict(row, response, request, FIELDS)
    if isinstance(verdict, ProviderError):
        raise verdict
    return verdict


@hookimpl
def build_batch_request(requests: Sequence[Request]) -> tuple[Request, list[int]]:
    # Keys beside the record hold for a whole call, so only leads with the same ones can travel together.
    beside = _beside(requests[0])
    taken = [index for index, request in enumerate(requests) if _beside(request) == beside]
    records = [requests[index].json["data"][0] for index in taken]
    return Request("POST", LEADS, json={"data": records, **beside}), taken


@hookimpl
def parse_batch_response(response: Response, request: Request, count: int) -> list[RowVerdict]:
    rows = response.json_object.get("data")
    if not isinstance(rows, list) or len(rows) != count or response.status >= 500:
        refused = refusal(response, request, FIELDS)
        if response.status < 400:  # one error for several leads says nothing of the others
            refused.doubt()
        raise refused
    return [_verdict(row, response.part({"data": [row]}), request.for_row(index)) for index, row in enumerate(rows)]


@hookimpl
def build_read_request(lead_id: str) -> Request:
    return Request("GET", f"{LEADS}/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_zoho_crm.simulator import ZohoCrmSimulator

    return ZohoCrmSimulator()


def _verdict(row: Any, part: Response, request: Request) -> RowVerdict:
    return row_verdict(part, lambda: record_verdict(row, part, request, FIELDS))


def _beside(request: Request) -> dict[str, Any]:
    return {name: value for name, value in request.json.items() if name != "data"}
