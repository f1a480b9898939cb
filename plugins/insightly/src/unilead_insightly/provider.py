"""Insightly: create a lead with one ``POST /v3.1/Leads``.

Source: https://api.na1.insightly.com/v3.1/ and its Swagger description (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field as Setting
from pydantic import PositiveInt, field_validator

from unilead import (
    AddressSlots,
    BasicAuth,
    Category,
    CreatedLead,
    EmailSlots,
    Field,
    FieldMap,
    Lead,
    PhoneSlots,
    Problem,
    ProviderError,
    ProviderInfo,
    QuotaHeaders,
    RateLimit,
    Request,
    Response,
    SecretStr,
    Settings,
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
from unilead_insightly.values import custom_fields, named_values, timestamp

LEADS = "/v3.1/Leads"
EMAILS = EmailSlots("EMAIL")
PHONES = PhoneSlots({"MOBILE": ["mobile"], "FAX": ["fax"], "PHONE": ["primary", "work", None, "secondary"]})
ADDRESS = AddressSlots(
    street="ADDRESS_STREET",
    city="ADDRESS_CITY",
    state="ADDRESS_STATE",
    postal_code="ADDRESS_POSTCODE",
    country="ADDRESS_COUNTRY",
)
POD = re.compile(r"[A-Za-z]{2}[0-9]{1,2}")
SERVER_EXCEPTION = "a server exception was thrown"
LONGEST_MESSAGE = 500
HINTS = {
    401: "check the API key and the pod; a key of another pod is refused in the same way",
    402: "the plan's record limit is reached: upgrade the plan or delete records",
}
WRONG_PLACE = "check the pod, and that the plan and the key's user have leads"
QUOTA_SPENT = (
    "the requests that the whole Insightly instance may make in a day are used up; "
    "Insightly does not say when the next day begins, so no time to wait is known"
)


FIELDS = FieldMap(
    Field("last_name", "LAST_NAME", required=True),
    Field("first_name", "FIRST_NAME"),
    Field("title", "TITLE"),
    Field("owner.id", "OWNER_USER_ID", convert=to_integer),
    Field("lead_source", "LEAD_SOURCE_ID", convert=named_id, setting="lead_source_map"),
    Field("account.name", "ORGANISATION_NAME"),
    Field("email_addresses", convert=EMAILS),
    Field("phone_numbers", convert=PHONES),
    Field("addresses", convert=ADDRESS),
    Field("custom_fields", "CUSTOMFIELDS", convert=custom_fields),
)


class InsightlySettings(Settings):
    """An Insightly account: a user's API key, and the region its instance lives in.

    Attributes:
        api_key: from *User Settings > API*.
        pod: region of the instance, such as ``na1``: the word after ``https://api.`` in the URL shown under the key.
        lead_source_map: name to id of the instance's lead sources, from ``GET /v3.1/LeadSources``.
    """

    api_key: SecretStr = Setting(min_length=1)
    pod: str
    lead_source_map: dict[str, PositiveInt] = {}

    @field_validator("pod")
    @classmethod
    def _is_a_pod(cls, pod: str) -> str:
        """The pod becomes part of the host: nothing but two letters and one or two digits may pass."""
        if not POD.fullmatch(pod):
            raise ValueError("must be two letters and one or two digits, such as na1")
        return pod.lower()


INFO = ProviderInfo(
    slug="insightly",
    title="Insightly",
    base_url="https://api.{pod}.insightly.com",
    allowed_hosts=(r"api\.[a-z]{2}[0-9]{1,2}\.insightly\.com",),
    auth=BasicAuth("{api_key}"),
    settings=InsightlySettings,
    fields=FIELDS,
    response_fields=(
        "id", "owner", "lead_source", "title", "first_name", "last_name", "addresses", "email_addresses",
        "phone_numbers", "custom_fields", "last_activity_at", "created_at", "updated_at", "converted_at",
        "converted_contact", "converted_account",
    ),
    rate_limits=(RateLimit(8, 1),),
    quotas=(QuotaHeaders("x-ratelimit-limit", "x-ratelimit-remaining", seconds=86_400),),  # tells the day's alone
    rules=(
        VendorRule("owner.id is the numeric id of a user", ("owner",)),
        VendorRule("lead_source is the numeric id of a lead source, or a name in lead_source_map", ("lead_source",)),
        VendorRule("a custom field is addressed by its API name, such as Lead_Tier__c", ("custom_fields",)),
        VendorRule("a dropdown's value must be one of its options", ("custom_fields",)),
        VendorRule(
            "texts have at most 255 characters, the postal code 128",
            ("last_name", "first_name", "title", "email_addresses", "phone_numbers", "addresses"),
        ),
    ),
    quirks=(
        "One e-mail address, one phone, one mobile, one fax and one postal address per lead; the rest is reported.",
        "A phone extension is appended to the number, street line 2 to line 1; reading does not split them again.",
        "title is the person's job title; a country is an English name, not a code.",
        "Insightly fills in its own defaults for source, status, owner and country when the lead has none.",
        "Insightly seems to ignore properties it does not know: check the spelling of names in remote_data.",
        "A daily quota is shared by all integrations of the instance; Insightly does not say when it starts anew.",
        "A wrong pod looks like a wrong API key.",
    ),
    docs={
        "API reference": "https://api.na1.insightly.com/v3.1/",
        "Machine-readable description": "https://api.na1.insightly.com/v3.1/swagger/docs/v3.1",
        "Working with the web API": (
            "https://op5rauiz.insightlyservice.com/en-US/Knowledge/article/1447/Working_with_the_Insightly_Web_API"
        ),
    },
)  # fmt: skip


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: InsightlySettings) -> Request:
    record, dropped = FIELDS.render(lead, settings)
    return Request("POST", LEADS, json=record, dropped=dropped)


@hookimpl
def parse_response(response: Response, request: Request, settings: InsightlySettings) -> CreatedLead:
    if not response.is_success:
        raise _refusal(response, request)
    stored = response.json
    return CreatedLead(
        id=stored["LEAD_ID"],
        owner=reference(stored.get("OWNER_USER_ID")),
        lead_source=id_name(stored.get("LEAD_SOURCE_ID"), settings.lead_source_map),
        title=stored.get("TITLE") or None,
        first_name=stored.get("FIRST_NAME") or None,
        last_name=stored.get("LAST_NAME") or None,
        addresses=_addresses(stored),
        email_addresses=typed_items("email", primary=stored.get("EMAIL")),
        phone_numbers=typed_items(
            "number", work=stored.get("PHONE"), mobile=stored.get("MOBILE"), fax=stored.get("FAX")
        ),
        custom_fields=named_values(stored.get("CUSTOMFIELDS")),
        last_activity_at=timestamp(stored.get("LAST_ACTIVITY_DATE_UTC")),
        created_at=timestamp(stored.get("DATE_CREATED_UTC")),
        updated_at=timestamp(stored.get("DATE_UPDATED_UTC")),
        converted_at=timestamp(stored.get("CONVERTED_DATE_UTC")),
        converted_contact=stored.get("CONVERTED_CONTACT_ID") or None,
        converted_account=stored.get("CONVERTED_ORGANISATION_ID") or None,
    )


@hookimpl
def build_read_request(lead_id: str) -> Request:
    return Request("GET", f"{LEADS}/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_insightly.simulator import InsightlySimulator

    return InsightlySimulator()


def _addresses(stored: Mapping[str, str | None]) -> list[dict[str, str | None]] | None:
    names = {"street_1": "STREET", "city": "CITY", "state": "STATE", "postal_code": "POSTCODE", "country": "COUNTRY"}
    return one_address(**{part: stored.get(f"ADDRESS_{name}") or None for part, name in names.items()})


def _refusal(response: Response, request: Request) -> ProviderError:
    """Judge by status alone: Insightly has no error codes, and its bodies are text, HTML or empty."""
    message = _message(response)
    is_quota_spent = response.status == 429 and response.headers.get("x-ratelimit-remaining", "").strip() == "0"
    hint = QUOTA_SPENT if is_quota_spent else HINTS.get(response.status)
    error = error_for(
        response,
        message,
        category=_category(response, request),
        field=_field_in(message, response, request),
        hint=WRONG_PLACE if response.status == 404 and request.method == "POST" else hint,
    )
    if is_quota_spent:
        error.retryable = False  # repeating is harmless, but every further request of this day is refused too
    return error


def _category(response: Response, request: Request) -> Category | None:
    if response.status == 400 and response.reason.strip().lower().startswith(SERVER_EXCEPTION):
        return "provider_unavailable"  # older versions report their own faults so; the lead may exist
    if response.status == 415 or (response.status == 404 and request.method == "POST"):
        return "unexpected"
    return None


def _message(response: Response) -> str:
    """Take the CRM's words from plain text, a JSON string or a JSON object; none from HTML."""
    body = response.json
    if isinstance(body, dict):
        body = next((body[key] for key in ("Message", "message", "error") if isinstance(body.get(key), str)), "")
    text = body.strip() if isinstance(body, str) else response.plain_text
    return text[:LONGEST_MESSAGE]


def _field_in(message: str, response: Response, request: Request) -> str | None:
    """Find the unified path behind the first property or custom field that a refusal's text names."""
    if response.status not in (400, 422) or request.lead is None:
        return None
    custom_fields = request.lead.custom_fields or {}
    for word in re.findall(r"\w+", message):
        if "_" in word and word in custom_fields:
            return f"custom_fields.{word}"
        if (source := FIELDS.source_of(word, request.lead)) is not None:
            return source
    return None
