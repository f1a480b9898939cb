"""One lead's record and what it leaves out, written by hand for each CRM: the yardstick of the field table.

As a careful engineer would write it for this CRM alone: no table, no shared machinery, the same record, the same
report, ids checked. What the tables do beyond that is left out: naming the field behind a refusal, choosing among many
phone numbers by every rule, several problems at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from unilead import EmailAddress, Lead, PhoneNumber, PostalAddress

Made = tuple[dict[str, Any], tuple[str, ...]]


def hubspot(lead: Lead, settings: Any) -> Made:
    properties: dict[str, Any] = {}
    dropped: list[str] = []
    links: dict[str, str] = {}
    if lead.title:
        properties["hs_lead_name"] = lead.title
    if lead.owner and lead.owner.id:
        properties["hubspot_owner_id"] = digits(lead.owner.id)
    if lead.contact and lead.contact.id:
        links["contact"] = digits(lead.contact.id)
    if lead.account:
        if lead.account.id:
            links["account"] = digits(lead.account.id)
        if lead.account.name:
            dropped.append("account.name")
    if lead.lead_type:
        properties["hs_lead_type"] = lead.lead_type
    if lead.status:
        properties[settings.status_property] = lead.status
    for name, value in (lead.custom_fields or {}).items():
        properties[name] = joined(value) if isinstance(value, list) else text(value)
    left_out(lead, HUBSPOT_LACKS, dropped)
    return {"properties": properties, "associations": links}, tuple(dropped)


def insightly(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.title:
        record["TITLE"] = lead.title
    if lead.owner and lead.owner.id:
        record["OWNER_USER_ID"] = number(lead.owner.id)
    company(lead, "ORGANISATION_NAME", record, dropped)
    if lead.first_name:
        record["FIRST_NAME"] = lead.first_name
    if lead.last_name:
        record["LAST_NAME"] = lead.last_name
    if lead.lead_source:
        record["LEAD_SOURCE_ID"] = source_id(lead.lead_source, settings.lead_source_map)
    if lead.email_addresses:
        email(lead.email_addresses, "EMAIL", record, dropped)
    if lead.phone_numbers:
        phones(lead.phone_numbers, INSIGHTLY_PHONES, record, dropped)
    if lead.addresses:
        address(lead.addresses, INSIGHTLY_ADDRESS, record, dropped)
    if lead.custom_fields:
        record["CUSTOMFIELDS"] = [
            {"FIELD_NAME": name, "FIELD_VALUE": joined(value) if isinstance(value, list) else value}
            for name, value in lead.custom_fields.items()
        ]
    left_out(lead, INSIGHTLY_LACKS, dropped)
    return record, tuple(dropped)


def nutshell(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    links: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.title:
        record["description"] = lead.title
    if lead.owner and lead.owner.id:
        links["owner"] = entity(lead.owner.id, "users")
    if lead.contact and lead.contact.id:
        links["contacts"] = [entity(lead.contact.id, "contacts")]
    if lead.account:
        if lead.account.id:
            links["accounts"] = [entity(lead.account.id, "accounts")]
        if lead.account.name:
            dropped.append("account.name")
    if links:
        record["links"] = links
    if lead.custom_fields:
        record["customFields"] = {
            name: str(value) if type(value) is int else value for name, value in lead.custom_fields.items()
        }
    left_out(lead, NUTSHELL_LACKS, dropped)
    return record, tuple(dropped)


def pipedrive(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.title:
        record["title"] = lead.title
    if lead.owner and lead.owner.id:
        record["owner_id"] = number(lead.owner.id)
    if lead.contact and lead.contact.id:
        record["person_id"] = number(lead.contact.id)
    if lead.account:
        if lead.account.id:
            record["organization_id"] = number(lead.account.id)
        if lead.account.name:
            dropped.append("account.name")
    for name, value in (lead.custom_fields or {}).items():
        if len(name) < 40:
            raise ValueError("not a field key")
        record[name] = value
    left_out(lead, NUTSHELL_LACKS, dropped)
    return record, tuple(dropped)


def pipeliner(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.owner and lead.owner.id:
        if len(lead.owner.id) != 36:
            raise ValueError("not a uuid")
        record["owner_id"] = lead.owner.id
    if lead.description is not None:
        record["description"] = text(lead.description)
    if lead.name is not None:
        record["name"] = text(lead.name)
    if lead.created_at:
        record["created"] = datetime.fromisoformat(lead.created_at).astimezone(UTC).isoformat()
    left_out(lead, PIPELINER_LACKS, dropped)
    return record, tuple(dropped)


def salesforce(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.title:
        record["Title"] = lead.title
    if lead.owner and lead.owner.id:
        record["OwnerId"] = lead.owner.id
    if lead.contact:
        dropped.append("contact")
    if lead.account:
        if lead.account.id and settings.account_field:
            record[settings.account_field] = lead.account.id
        if lead.account.name:
            record["Company"] = lead.account.name
    if lead.first_name:
        record["FirstName"] = lead.first_name
    if lead.last_name:
        record["LastName"] = lead.last_name
    if lead.lead_source:
        record["LeadSource"] = lead.lead_source
    if lead.email_addresses:
        email(lead.email_addresses, "Email", record, dropped)
    if lead.phone_numbers:
        phones(lead.phone_numbers, SALESFORCE_PHONES, record, dropped)
        dropped += [f"phone_numbers[{index}].email" for index, item in enumerate(lead.phone_numbers) if item.email]
    if lead.addresses:
        address(lead.addresses, SALESFORCE_ADDRESS, record, dropped, joiner="\n")
    if lead.converted_contact and lead.converted_contact.id:
        record["ConvertedContactId"] = lead.converted_contact.id
    if lead.converted_account and lead.converted_account.id:
        record["ConvertedAccountId"] = lead.converted_account.id
    for name, value in (lead.custom_fields or {}).items():
        record[name] = joined(value) if isinstance(value, list) else value
    left_out(lead, SALESFORCE_LACKS, dropped)
    return record, tuple(dropped)


def zendesk_sell(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.title:
        record["title"] = lead.title
    if lead.owner and lead.owner.id:
        record["owner_id"] = number(lead.owner.id)
    company(lead, "organization_name", record, dropped)
    if lead.first_name:
        record["first_name"] = lead.first_name
    if lead.last_name:
        record["last_name"] = lead.last_name
    if lead.lead_source:
        record["source_id"] = source_id(lead.lead_source, settings.lead_source_map)
    if lead.email_addresses:
        email(lead.email_addresses, "email", record, dropped)
    if lead.phone_numbers:
        phones(lead.phone_numbers, ZENDESK_PHONES, record, dropped)
    if lead.addresses:
        place: dict[str, Any] = {}
        address(lead.addresses, ZENDESK_ADDRESS, place, dropped)
        record["address"] = place
    if lead.custom_fields:
        record["custom_fields"] = dict(lead.custom_fields)
    left_out(lead, INSIGHTLY_LACKS, dropped)
    return record, tuple(dropped)


def zoho_crm(lead: Lead, settings: Any) -> Made:
    record: dict[str, Any] = {}
    dropped: list[str] = []
    if lead.title:
        record["Designation"] = lead.title
    if lead.owner and lead.owner.id:
        record["Owner"] = {"id": digits(lead.owner.id)}
    company(lead, "Company", record, dropped)
    if lead.first_name:
        record["First_Name"] = lead.first_name
    if lead.last_name:
        record["Last_Name"] = lead.last_name
    if lead.lead_source:
        record["Lead_Source"] = lead.lead_source
    if lead.phone_numbers:
        phones(lead.phone_numbers, ZOHO_PHONES, record, dropped)
        addresses = [item.email for item in lead.phone_numbers if item.email]
        record.update(zip(("Email", "Secondary_Email"), addresses, strict=False))
    if lead.addresses:
        address(lead.addresses, ZOHO_ADDRESS, record, dropped)
    if lead.description is not None:
        record["Description"] = text(lead.description)
    if lead.industry is not None:
        record["Industry"] = text(lead.industry)
    if lead.website is not None:
        record["Website"] = text(lead.website)
    if lead.number_of_employees is not None:
        record["No_of_Employees"] = int(lead.number_of_employees)
    left_out(lead, ZOHO_LACKS, dropped)
    return record, tuple(dropped)


# --- what several of them need ----------------------------------------------------------------------------------------


def digits(value: str) -> str:
    if not (value.isascii() and value.isdigit()):
        raise ValueError("must be digits")
    return value


def number(value: str) -> int:
    return int(digits(value))


def text(value: Any) -> str:
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def joined(values: list[Any]) -> str:
    return ";".join(map(text, values))


def entity(value: str, kind: str) -> str:
    return value if "-" in value else f"{digits(value)}-{kind}"


def source_id(name: str, known: dict[str, int]) -> int:
    if name.isdigit():
        return int(name)
    wanted = name.strip().casefold()
    for candidate, found in known.items():
        if candidate.casefold() == wanted:
            return found
    raise ValueError("unknown source")


def company(lead: Lead, target: str, record: dict[str, Any], dropped: list[str]) -> None:
    if lead.account:
        if lead.account.name:
            record[target] = lead.account.name
        if lead.account.id:
            dropped.append("account.id")


def email(items: Sequence[EmailAddress], target: str, record: dict[str, Any], dropped: list[str]) -> None:
    chosen = None
    for index, item in enumerate(items):
        if item.email and (chosen is None or (item.type == "primary" and items[chosen].type != "primary")):
            chosen = index
    if chosen is not None:
        record[target] = items[chosen].email
    dropped += [f"email_addresses[{index}]" for index in range(len(items)) if index != chosen]


def phones(
    items: Sequence[PhoneNumber], slots: dict[str | None, str], record: dict[str, Any], dropped: list[str]
) -> None:
    for index, item in enumerate(items):
        if not item.number:
            continue
        target = slots.get(item.type)
        if target is None or target in record:
            dropped.append(f"phone_numbers[{index}]")
            continue
        record[target] = f"{item.number} x{item.extension}" if item.extension else item.number


def address(
    items: Sequence[PostalAddress],
    targets: tuple[str, str, str, str, str],
    record: dict[str, Any],
    dropped: list[str],
    joiner: str = ", ",
) -> None:
    chosen = next((index for index, item in enumerate(items) if item.type == "primary"), 0)
    item = items[chosen]
    lines = joiner.join(line for line in (item.street_1, item.street_2) if line)
    values = (lines, item.city, item.state, item.postal_code, item.country)
    record |= {target: value for target, value in zip(targets, values, strict=True) if value}
    dropped += [f"addresses[{index}]" for index in range(len(items)) if index != chosen]


def left_out(lead: Lead, names: tuple[str, ...], dropped: list[str]) -> None:
    values = lead.__dict__
    dropped += [name for name in names if values[name]]


BASE = ("converted_contact", "converted_account", "created_at", "lead_type", "status")
SCALARS = ("description", "industry", "website", "number_of_employees", "name")
PERSON = ("first_name", "last_name", "lead_source", "email_addresses", "phone_numbers", "addresses")
HUBSPOT_LACKS = (*PERSON, "converted_contact", "converted_account", *SCALARS, "created_at")
INSIGHTLY_LACKS = ("contact", "converted_contact", "converted_account", *SCALARS, "created_at", "lead_type", "status")
NUTSHELL_LACKS = (*PERSON, "converted_contact", "converted_account", *SCALARS, "created_at", "lead_type", "status")
PIPELINER_LACKS = (
    "title", "contact", "account", "custom_fields", *PERSON, "converted_contact", "converted_account", "industry",
    "website", "number_of_employees", "lead_type", "status",
)  # fmt: skip
SALESFORCE_LACKS = (*SCALARS, "created_at", "lead_type", "status")
ZOHO_LACKS = (
    "contact", "custom_fields", "email_addresses", "converted_contact", "converted_account", "name", "created_at",
    "lead_type", "status",
)  # fmt: skip
INSIGHTLY_PHONES = {"mobile": "MOBILE", "fax": "FAX", "work": "PHONE", "primary": "PHONE", None: "PHONE"}
SALESFORCE_PHONES = {"mobile": "MobilePhone", "fax": "Fax", "work": "Phone", "primary": "Phone", None: "Phone"}
ZENDESK_PHONES = {"mobile": "mobile", "fax": "fax", "work": "phone", "primary": "phone", None: "phone"}
ZOHO_PHONES = {"mobile": "Mobile", "fax": "Fax", "work": "Phone", "primary": "Phone", None: "Phone"}
INSIGHTLY_ADDRESS = ("ADDRESS_STREET", "ADDRESS_CITY", "ADDRESS_STATE", "ADDRESS_POSTCODE", "ADDRESS_COUNTRY")
SALESFORCE_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")
ZENDESK_ADDRESS = ("line1", "city", "state", "postal_code", "country")
ZOHO_ADDRESS = ("Street", "City", "State", "Zip_Code", "Country")

BY_HAND: dict[str, Callable[[Lead, Any], Made]] = {
    "hubspot": hubspot,
    "insightly": insightly,
    "nutshell": nutshell,
    "pipedrive": pipedrive,
    "pipeliner": pipeliner,
    "salesforce": salesforce,
    "zendesk-sell": zendesk_sell,
    "zoho-crm": zoho_crm,
}
