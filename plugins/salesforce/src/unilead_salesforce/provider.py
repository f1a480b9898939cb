"""Salesforce: create a lead with one ``POST /services/data/v68.0/sobjects/Lead``.

Source: https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-basic-info-post.html
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unilead import (
    AddressSlots,
    CreatedLead,
    EmailSlots,
    Field,
    FieldMap,
    InvalidLeadError,
    Lead,
    MalformedResponseError,
    OAuth2,
    Part,
    PhoneSlots,
    PostalAddress,
    Problem,
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
)
from unilead_salesforce import batch, composite
from unilead_salesforce.answers import created_lead, read_lead, refusal
from unilead_salesforce.settings import HOSTS, TOKEN_HOSTS, SalesforceSettings

NAMED = AddressSlots(
    street="Street", city="City", state="State", postal_code="PostalCode", country="Country", joiner="\n"
)
CODED = AddressSlots(
    street="Street", city="City", state="StateCode", postal_code="PostalCode", country="CountryCode", joiner="\n"
)


def postal_address(items: Sequence[PostalAddress], use_codes: bool) -> Part:
    """Write the lead's one address, state and country by name or by code."""
    return (CODED if use_codes else NAMED)(items)


postal_address.targets = tuple(dict.fromkeys((*NAMED.targets, *CODED.targets)))  # type: ignore[attr-defined]


def account_link(value: str, account_field: str | None) -> Part:
    """Write the company's id to the org's own look-up field; without one its name is looked up instead."""
    return Part({account_field: value} if account_field else {})


def as_number(value: str | float) -> str | float:
    """Turn digits into the number that they write; anything else is Salesforce's to judge."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


FIELDS = FieldMap(
    Field("title", "Title"),
    Field("owner.id", "OwnerId"),
    Field("account.id", convert=account_link, setting="account_field"),
    Field("account.name", "Company"),
    Field("first_name", "FirstName"),
    Field("last_name", "LastName"),
    Field("lead_source", "LeadSource"),
    Field("email_addresses", convert=EmailSlots("Email")),
    Field(
        "phone_numbers",
        convert=PhoneSlots({"Phone": ("primary", "work", None), "MobilePhone": ("mobile",), "Fax": ("fax",)}),
    ),
    Field("addresses", convert=postal_address, setting="use_state_country_codes"),
    Field("converted_contact.id", "ConvertedContactId"),
    Field("converted_account.id", "ConvertedAccountId"),
    Field("custom_fields", convert=custom_field_values(list_as_text)),
)

EXTENDED = FieldMap(  # what the contract does not list for Salesforce: only with the setting extended_fields
    Field("description", "Description", convert=scalar_text),
    Field("industry", "Industry", convert=scalar_text),
    Field("website", "Website", convert=scalar_text),
    Field("number_of_employees", "NumberOfEmployees", convert=as_number),
    Field("status", "Status"),
)

INFO = ProviderInfo(
    slug="salesforce",
    title="Salesforce",
    base_url="{instance_url}",
    allowed_hosts=tuple(HOSTS.values()),
    auth=OAuth2(
        token_url="https://{login_host}/services/oauth2/token",
        authorize_url="https://{login_host}/services/oauth2/authorize",
        scopes=("api", "refresh_token"),
        pkce=True,
        origin_field="instance_url",
        origin_setting="instance_url",
        token_hosts=TOKEN_HOSTS,
        dead_grant_errors=("invalid_grant", "inactive_user"),
    ),
    settings=SalesforceSettings,
    fields=FIELDS,
    batch_size=batch.MOST,
    rate_limits=(RateLimit(100_000, 86_400),),
    quotas=(QuotaHeaders(usage="sforce-limit-info", seconds=86_400),),
    credential_names=frozenset({"access_token", "oauth_token", "sid"}),
    rules=(
        VendorRule("a lead needs a last name", ("last_name",), must_have=True),
        VendorRule(
            "a lead needs a company: account.name, or account.id to look its name up", ("account",), must_have=True
        ),
        VendorRule("ids have 15 or 18 characters; owner.id is a user or a queue", ("owner", "account")),
        VendorRule(
            "converted_contact and converted_account cannot be set on a create in ordinary orgs",
            ("converted_contact", "converted_account"),
        ),
        VendorRule("a custom field is addressed by its API name, which ends in __c", ("custom_fields",)),
    ),
    quirks=(
        "A create answers with the id alone; read_back fills the rest.",
        "title is the person's job title.",
        "One e-mail address, three numbers (Phone, MobilePhone, Fax) and one address; what is left over is reported.",
        "account.id without a company name makes one Composite call that reads the name and creates the lead.",
        "A lead with an owner is kept away from assignment rules, unless auto_assign says otherwise.",
        "A picklist that is not restricted stores any text: a misspelt lead_source is no error.",
        "The daily quota is refused with 403, not 429; a full quota is asked again after ten minutes at the earliest.",
    ),
    docs={
        "Create a record": "https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-basic-info-post.html",
        "Several records": "https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-create.html",
        "Composite": "https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-composite-post.html",
        "Errors": "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm",
        "Limits": "https://developer.salesforce.com/docs/platform/salesforce-app-limits-cheatsheet/guide/salesforce-app-limits-platform-api.html",
    },
)


@hookimpl
def describe() -> ProviderInfo:
    return INFO


@hookimpl
def validate_required(lead: Lead) -> list[Problem]:
    return FIELDS.missing(lead)


@hookimpl
def build_request(lead: Lead, settings: SalesforceSettings) -> Request:
    record, dropped = FIELDS.render(lead, settings)
    if settings.extended_fields:
        record = EXTENDED.render(lead)[0] | record
        dropped = tuple(path for path in dropped if path not in EXTENDED.supported)
    extra = dict(lead.remote_data or {})
    key = _external_id(record, extra, settings)
    names = {name.lower() for given in (record, extra) for name in given}  # Salesforce does not tell cases apart
    request = Request(
        "PATCH" if key else "POST",
        f"{settings.leads_path}/{settings.external_id_field}/{key}" if key else settings.leads_path,
        json=record,
        headers=_headers(names, settings),
        remote_data=extra,
        dropped=dropped,
        idempotent=bool(key),
    )
    account_id = lead.account.id if lead.account else None
    if not account_id:
        return request
    if "company" not in names:
        _refuse_references(record, lead, settings)
        look_up = f"{settings.data_path}/sobjects/Account/{_segment(account_id, 'account.id')}?fields=Name"
        return composite.with_company_of(look_up, request, settings.data_path)
    return request if settings.account_field else request.changed(dropped=(*dropped, "account.id"))


@hookimpl
def parse_response(response: Response, request: Request, settings: SalesforceSettings) -> CreatedLead:
    answer = composite.lead_answer(response, request)
    if answer.status == 204:
        raise MalformedResponseError("a lead was updated that the answer does not name", response=response)
    if request.method == "GET" and answer.is_success:
        return read_lead(answer.json)
    if answer.is_success and answer.json["success"] is True:
        return created_lead(answer)
    raise refusal(
        answer, record=composite.record_of(request), path_of=lambda name: field_path(name, request.lead, settings)
    )


@hookimpl
def build_batch_request(requests: Sequence[Request], settings: SalesforceSettings) -> tuple[Request, list[int]]:
    return batch.join(requests, settings)


@hookimpl
def parse_batch_response(
    response: Response, request: Request, count: int, settings: SalesforceSettings
) -> list[RowVerdict]:
    return batch.verdicts(response, request, count, paths_of=lambda lead: lambda name: field_path(name, lead, settings))


@hookimpl
def build_read_request(lead_id: str, settings: SalesforceSettings) -> Request:
    return Request("GET", f"{settings.leads_path}/{path_segment(lead_id)}")


@hookimpl
def simulator() -> Simulator:
    from unilead_salesforce.simulator import SalesforceSimulator

    return SalesforceSimulator()


def field_path(name: str, lead: Lead | None, settings: SalesforceSettings) -> str | None:
    """Find the unified path behind a field of Salesforce's, in the order in which one replaces the other."""
    if lead is not None and name in (lead.remote_data or ()):
        return f"remote_data.{name}"
    if lead is not None and name in (lead.custom_fields or ()):
        return f"custom_fields.{name}"
    if name == settings.account_field:
        return "account.id"
    found = FIELDS.source_of(name, lead, settings) or (EXTENDED.source_of(name) if settings.extended_fields else None)
    return found or (f"custom_fields.{name}" if name.endswith("__c") else None)


def _external_id(record: dict[str, Any], extra: dict[str, Any], settings: SalesforceSettings) -> str | None:
    """Take the external id out of the record, which must not hold it: it goes into the path."""
    wanted = (settings.external_id_field or "").lower()
    spelled = [
        (source, given, name)
        for source, given in (("remote_data", extra), ("custom_fields", record))
        for name in given
        if name.lower() == wanted
    ]
    if not spelled:
        return None
    source, given, name = spelled[0]
    value = given[name]
    if not isinstance(value, (str, int)) or isinstance(value, bool) or value == "":
        return None
    for _, other, spelling in spelled:
        del other[spelling]
    return _segment(str(value), f"{source}.{name}")


def _segment(value: str, source: str) -> str:
    """Encode a value as one segment of a path, or refuse it under its unified path."""
    try:
        return path_segment(value)
    except ValueError as fault:
        raise InvalidLeadError([Problem(source, "invalid", str(fault))]) from None


def _headers(names: set[str], settings: SalesforceSettings) -> dict[str, str]:
    """Say which of the org's own rules apply."""
    headers = {}
    assign = settings.auto_assign or ("FALSE" if "ownerid" in names else None)
    if assign:
        headers["Sforce-Auto-Assign"] = assign
    if settings.duplicate_rule is not None:
        headers["Sforce-Duplicate-Rule-Header"] = f"allowSave={str(settings.duplicate_rule).lower()}"
    return headers


def _refuse_references(record: Mapping[str, Any], lead: Lead, settings: SalesforceSettings) -> None:
    """Refuse text that a Composite call would take for a reference to another answer; there is no way to quote it."""
    names = [name for name, value in {**record, **(lead.remote_data or {})}.items() if composite.has_reference(value)]
    text = "must not hold @{ while the company is looked up by account.id; give account.name instead"
    problems = [Problem(field_path(name, lead, settings) or "body", "invalid", text) for name in names]
    if problems:
        raise InvalidLeadError(problems)
