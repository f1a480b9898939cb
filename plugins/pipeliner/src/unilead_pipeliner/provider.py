"""Pipeliner: create a lead with one ``POST …/entities/Leads``.

Source: https://developers.pipelinersales.com/api-docs/overview/about-the-api (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field as Setting
from pydantic import field_validator, model_validator

from unilead import (
    BasicAuth,
    CreatedLead,
    Field,
    FieldMap,
    Lead,
    MalformedResponseError,
    Problem,
    ProviderError,
    ProviderInfo,
    RateLimit,
    Request,
    Response,
    RowVerdict,
    SecretStr,
    Settings,
    Simulator,
    VendorRule,
    hookimpl,
    parse_timestamp,
    path_segment,
    row_verdict,
    scalar_text,
    utc_text,
)
from unilead_pipeliner.answers import created_lead, refusal

HOST = r"[a-z]{2}-[a-z]{3,12}(-[0-9])?(\.api)?\.pipelinersales\.com"
REGIONS = ("us-east", "eu-central", "ca-central", "ap-southeast")
BATCH = 100  # the vendor publishes no limit
KEEP_GOOD_ROWS = {"rollback-method": "1"}  # one bad row of a batch does not undo the others
EXPAND = "primary_contact,primary_account,lead_source"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SPACE = re.compile(r"[A-Za-z0-9_-]{1,100}")


def to_uuid(value: str) -> str:
    """Check the 8-4-4-4-12 shape of an id; versions and variants do not matter to Pipeliner."""
    if not _UUID.fullmatch(value):
        raise ValueError("must be an id such as 00000000-0000-0000-0000-000000008e97")
    return value


def to_created(value: str) -> str:
    """Write a moment as Pipeliner wants it: in UTC, with ``+00:00``."""
    return utc_text(parse_timestamp(value)).removesuffix("Z") + "+00:00"


FIELDS = FieldMap(
    Field("name", "name", required=True, convert=scalar_text),
    Field("owner.id", "owner_id", convert=to_uuid),
    Field("description", "description", convert=scalar_text),
    Field("created_at", "created", convert=to_created),
)


class PipelinerSettings(Settings):
    """A Pipeliner space, entered with the credentials of an API application.

    Attributes:
        region: region of the space, such as ``eu-central``; give this or ``service_url``.
        service_url: the Service URL shown with the credentials.
        space_id: the Space ID shown there.
        username, password: the application's credentials.
    """

    space_id: str
    username: str
    password: SecretStr = Setting(min_length=1)
    region: str | None = None
    service_url: str | None = None

    @field_validator("space_id")
    @classmethod
    def _is_space(cls, value: str) -> str:
        if not _SPACE.fullmatch(value):
            raise ValueError("must consist of letters, digits, _ and -")
        return value

    @field_validator("username")
    @classmethod
    def _fits_basic(cls, value: str) -> str:
        if not value.strip() or ":" in value or not value.isprintable():
            raise ValueError("must not be blank or hold a colon or line break")
        return value

    @field_validator("service_url")
    @classmethod
    def _is_service(cls, value: str | None) -> str | None:
        """Reduce what people paste (with or without scheme and path) to the origin."""
        if value is None:
            return None
        text = value if "//" in value else f"https://{value}"
        try:
            parts = urlsplit(text)
            odd = parts.scheme != "https" or parts.port not in (None, 443) or "@" in parts.netloc
        except ValueError:
            odd = True
        if odd or not value.isascii() or not value.isprintable() or " " in value or "\\" in value:
            raise ValueError("must be the https address of a Pipeliner service")
        host = (parts.hostname or "").lower()
        if not re.fullmatch(HOST, host):
            raise ValueError("must be a host of Pipeliner, such as eu-central.api.pipelinersales.com")
        return f"https://{host}"

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        if (self.region is None) == (self.service_url is None):
            raise ValueError("give either region or service_url")
        if self.region is not None and self.region not in REGIONS:
            raise ValueError(f"region must be one of {', '.join(REGIONS)}; use service_url for others")
        return self

    @property
    def origin(self) -> str:
        """Where the account's requests go."""
        return self.service_url or f"https://{self.region}.api.pipelinersales.com"

    @property
    def leads_path(self) -> str:
        """The path of the space's leads."""
        return f"/api/v100/rest/spaces/{self.space_id}/entities/Leads"


INFO = ProviderInfo(
    slug="pipeliner",
    title="Pipeliner",
    base_url="{origin}",
    allowed_hosts=(HOST,),
    auth=BasicAuth("{username}", "{password}"),
    settings=PipelinerSettings,
    fields=FIELDS,
    response_fields=(
        "id", "owner", "lead_source", "contact", "account", "created_at", "updated_at", "converted_at",
    ),
    batch_size=BATCH,
    rate_limits=(RateLimit(5, 1),),
    rules=(
        VendorRule("owner.id is the uuid of a Pipeliner user (Clients)", ("owner",)),
        VendorRule("a space may demand more for a lead type, often an owner and a sales unit (unit_id)", ("owner",)),
    ),
    quirks=(
        "The vendor now calls the product Coevera; the API is the same.",
        "A lead is a potential deal; people and companies are linked through remote_data.contact_relations.",
        "Custom fields are top-level keys beginning with cf_, passed in remote_data.",
        "The request rate is not published; five a second is this provider's own pace.",
    ),
    docs={
        "API": "https://developers.pipelinersales.com/api-docs/overview/about-the-api",
        "Authentication": "https://developers.pipelinersales.com/api-docs/overview/authentication",
        "Bulk": "https://developers.pipelinersales.com/api-docs/core-api-concepts/bulk-create-update-delete",
    },
)  # fmt: skip


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: PipelinerSettings) -> Request:
    record, dropped = FIELDS.render(lead)
    return Request("POST", settings.leads_path, json=record, dropped=dropped)


@hookimpl
def parse_response(response: Response, request: Request) -> CreatedLead:
    if not (response.is_success and response.json["success"] is True):
        raise _refusal(response, request)
    return created_lead(response.json["data"])


@hookimpl
def build_batch_request(requests: Sequence[Request], settings: PipelinerSettings) -> tuple[Request, list[int]]:
    # A record with an id goes singly: here it would change the lead that has it, there Pipeliner ignores it.
    taken = [index for index, request in enumerate(requests) if "id" not in request.json]
    records = [requests[index].json for index in taken]
    return Request("POST", f"{settings.leads_path}/batch-modify", json=records, query=KEEP_GOOD_ROWS), taken


@hookimpl
def parse_batch_response(response: Response, request: Request, count: int) -> list[RowVerdict]:
    body = response.json_object
    rows = body.get("data")
    if not (response.is_success and body.get("success") is True and isinstance(rows, list)):
        raise _refusal(response, request)
    if len(rows) != count:
        raise MalformedResponseError("the answer has another number of rows than leads were sent", response=response)
    return [_verdict(row, response.part(row), request.for_row(index)) for index, row in enumerate(rows)]


@hookimpl
def build_read_request(lead_id: str, settings: PipelinerSettings) -> Request:
    return Request("GET", f"{settings.leads_path}/{path_segment(lead_id)}", query={"expand": EXPAND})


@hookimpl
def simulator() -> Simulator:
    from unilead_pipeliner.simulator import PipelinerSimulator

    return PipelinerSimulator()


def field_path(name: str, lead: Lead | None) -> str | None:
    """Find the unified path behind a field; a link such as ``owner`` is reported beside ``owner_id``."""
    return FIELDS.source_of(name, lead) or FIELDS.source_of(f"{name}_id", lead)


def _refusal(response: Response, request: Request) -> ProviderError:
    return refusal(response, request, lambda name: field_path(name, request.lead))


def _verdict(row: Any, part: Response, request: Request) -> RowVerdict:
    def judge() -> RowVerdict:
        if isinstance(row, str):
            return CreatedLead(id=row)
        if isinstance(row, dict) and row.get("success") is False:
            return _refusal(part, request)
        return MalformedResponseError("the batch answer has no verdict for this lead", response=part)

    return row_verdict(part, judge)
