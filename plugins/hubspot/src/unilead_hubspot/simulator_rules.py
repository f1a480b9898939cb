"""What a local HubSpot refuses: the checks of a lead's body, and the errors they end in.

Source: https://developers.hubspot.com/changelog/crm-api-write-validation-enforcement (read 2026-11-23).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from unilead import Call, Simulator

ENFORCING = "2026-09"  # the version from which on an administrator's rules apply to API writes
PRIMARY_CONTACT = 578
KINDS = {
    PRIMARY_CONTACT: "contacts", 608: "contacts", 580: "companies", 610: "companies", 596: "calls", 598: "emails",
    600: "meetings", 602: "communications", 646: "tasks", 854: "notes",
}  # fmt: skip
LINK_WORDS = {PRIMARY_CONTACT: "lead_to_primary_contact", 608: "lead_to_contact", 610: "lead_to_company"}
CATEGORIES = ("HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK")
PIPELINE = "lead-pipeline-id"
STAGES = ("new-stage-id", "attempting-stage-id", "connected-stage-id", "qualified-stage-id", "unqualified-stage-id")
OWN = {"hs_lead_name", "hs_lead_type", "hs_lead_label", "hubspot_owner_id", "hs_pipeline", "hs_pipeline_stage"}
READ_ONLY = {
    "hs_createdate", "hs_lastmodifieddate", "hs_object_id", "hs_object_source", "hs_lead_source",
    "hs_lead_name_calculated", "hs_primary_contact_id", "hs_primary_company_id", "hs_associated_contact_firstname",
    "hs_associated_contact_lastname", "hs_associated_contact_email", "hs_associated_company_name",
    "hs_last_activity_date", "hs_contact_last_activity_date",
}  # fmt: skip
NAME = re.compile(r"[a-z][a-z0-9_]*")
LONGEST = 65_536
OTHER_LEAD = "482193340001"
PORTAL = 50112233
SCOPES_PAGE = "https://developers.hubspot.com/scopes"
LISTED = 3  # entries of an error's list; the message has them all


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818
    """An answer that is an error."""

    status: int
    text: str
    category: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """One property at fault."""

    name: str
    code: str
    text: str


def invalid(text: str, **more: Any) -> Refusal:
    """Make HubSpot's most common refusal."""
    return Refusal(400, text, "VALIDATION_ERROR", more)


def missing_scope(scope: str) -> Refusal:
    """Refuse a token that lacks a scope."""
    text = "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
    context = {"requiredGranularScopes": [scope]}
    errors = [{"message": "One or more of the following scopes are required.", "context": context}]
    return Refusal(403, f"{text}{SCOPES_PAGE}.", "MISSING_SCOPES", {"errors": errors, "links": {"scopes": SCOPES_PAGE}})


def read_object(call: Call) -> dict[str, Any]:
    """Read a body that must be a JSON object."""
    if not call.body.strip():
        raise invalid("Invalid JSON input: a request body was expected, but none found")
    try:
        body = call.json
    except ValueError as fault:
        raise invalid(f"Invalid input JSON on line 1, column {len(call.body)}: {fault}") from None
    if not isinstance(body, dict):
        raise undeserializable("request", body)
    return body


def undeserializable(key: str, value: Any) -> Refusal:
    """Refuse a value of the wrong JSON type."""
    kind = type(value).__name__
    return invalid(f"Invalid input JSON on line 1, column 12: Cannot deserialize value of type `{key}` from {kind}")


class HubSpotRules(Simulator):
    """The part of the simulator that checks bodies.

    Attributes:
        options: enumerations, by property; an administrator may change them.
        numbers: custom properties that take numbers.
        dates: custom properties that take dates.
        unique: custom properties whose values must be unique.
        taken: values of such properties that leads made elsewhere have.
        required_properties: what an administrator requires of every new lead.
        conditions: property that is required, to the property whose presence requires it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.options = {
            "hs_lead_label": ("HOT", "WARM", "COLD"),
            "hs_lead_type": ("NEW_BUSINESS", "RENEWAL", "UPSELL"),
        }
        self.numbers = {"seat_estimate"}
        self.dates = {"target_go_live"}
        self.unique = {"external_key"}
        self.taken: set[str] = set()
        self.required_properties: set[str] = set()
        self.conditions: dict[str, str] = {}

    def shape(self, body: Mapping[str, Any]) -> tuple[dict[str, str], list[Any]]:
        """Check the two keys that every input must have; other keys are ignored."""
        for name, kind in (("properties", dict), ("associations", list)):
            if name not in body:
                raise invalid(f"Invalid input JSON: {name} is required")
            if not isinstance(body[name], kind):
                raise undeserializable(name, body[name])
        for value in body["properties"].values():
            if not isinstance(value, str):
                raise undeserializable("java.lang.String", value)
        return body["properties"], body["associations"]

    # --- links ----------------------------------------------------------------------------------------------------

    def check_links(self, links: Sequence[Any]) -> None:
        """Check what the lead is linked to; a primary contact must be among it."""
        for link in links:
            number, kinds = self._link(link)
            if not re.fullmatch("[0-9]+", number):
                raise Refusal(
                    400,
                    f"{number} is not a valid ID",
                    "VALIDATION_ERROR",
                    {"subCategory": "crm.associations.INVALID_IDENTIFIER", "context": {"id": [number]}},
                )
            for category, kind in kinds:
                if category == "HUBSPOT_DEFINED" and kind not in KINDS:
                    raise invalid(f"No association type {kind} of category {category} exists between lead and record")
            if not self.exists(number):
                raise invalid(f"No record exists with id {number}", context={"id": [number]})
        if not any(("HUBSPOT_DEFINED", PRIMARY_CONTACT) in self._link(link)[1] for link in links):
            raise invalid("A lead must be associated with a primary contact")

    def linked(self, links: Sequence[Any]) -> dict[str, list[dict[str, str]]]:
        """Sort links by the kind of record they point to, as a read answers them."""
        found: dict[str, list[dict[str, str]]] = {}
        for link in links:
            number, kinds = self._link(link)
            for _, kind in kinds:
                word = LINK_WORDS.get(kind, f"lead_to_{kind}")
                found.setdefault(KINDS.get(kind, "other"), []).append({"id": number, "type": word})
        return found

    def _link(self, link: Any) -> tuple[str, list[tuple[str, int]]]:
        match link:
            case {"to": {"id": str(number)}, "types": [_, *_] as kinds}:
                return number, [self._link_type(kind) for kind in kinds]
        raise undeserializable("PublicAssociationsForObject", link)

    def _link_type(self, kind: Any) -> tuple[str, int]:
        match kind:
            case {"associationCategory": str(category), "associationTypeId": int(number)} if category in CATEGORIES:
                return category, number
        raise undeserializable("AssociationSpec", kind)

    # --- properties -----------------------------------------------------------------------------------------------

    def check_properties(self, properties: Mapping[str, str], version: str) -> None:
        """Check names, values, and what must be there."""
        if not properties.get("hs_lead_name", "").strip():
            text = "Error creating LEAD. Some required properties were not set."
            raise invalid(text, context={"properties": ["[hs_lead_name]"]})
        faults = [fault for name, value in properties.items() for fault in self._value_faults(name, value, properties)]
        if faults:
            raise invalid(f"Property values were not valid: {_frame(faults)}", errors=_entries(faults[:LISTED]))
        for name in self.unique & properties.keys():
            holder = self._holder_of(name, properties[name])
            if holder is not None:
                raise Refusal(409, f"A lead with this {name} already exists. Existing ID: {holder}", "CONFLICT")
        faults = list(self._admin_faults(properties)) if version == ENFORCING else []
        if faults:
            raise invalid("The property values provided are invalid", errors=_entries(faults))

    def _holder_of(self, name: str, value: str) -> str | None:
        """Id of the lead that has this value of a property whose values must be unique."""
        if value in self.taken:
            return OTHER_LEAD
        return next(
            (number for number, lead in self.leads.items() if value and lead["properties"].get(name) == value), None
        )

    def _value_faults(self, name: str, value: str, properties: Mapping[str, str]) -> Iterator[Fault]:
        if name in READ_ONLY:
            yield Fault(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
        elif not self._is_defined(name):
            yield Fault(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        elif len(value) > LONGEST:
            yield Fault(name, "INVALID_LENGTH", f"{name} is longer than {LONGEST} characters")
        elif value:
            yield from self._form_faults(name, value, properties)

    def _form_faults(self, name: str, value: str, properties: Mapping[str, str]) -> Iterator[Fault]:
        options = self.options.get(name)
        if options and value not in options:
            yield Fault(name, "INVALID_OPTION", f"{value} was not one of the allowed options: {list(options)}")
        if name in self.numbers and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            yield Fault(name, "INVALID_INTEGER", f"{name} was not a valid number")
        if name in self.dates and _date(value) is None:
            yield Fault(name, "INVALID_DATE", f"{name} was not a valid date")
        if name == "hubspot_owner_id" and not (value.isdigit() and self.exists(value)):
            yield Fault(name, "INVALID_OPTION", f"{value} was not one of the allowed options: []")
        pipeline = properties.get("hs_pipeline") or PIPELINE
        if name == "hs_pipeline_stage" and pipeline == PIPELINE and value not in STAGES:
            text = (
                f"{value} is not a valid pipeline stage ID. Valid options are: pipelineId={PIPELINE} : {list(STAGES)}"
            )
            yield Fault(name, "INVALID_OPTION", text)

    def _is_defined(self, name: str) -> bool:
        """HubSpot's own properties exist as listed, an account's own ones unless a test says they do not."""
        return name in OWN or (bool(NAME.fullmatch(name)) and not name.startswith("hs_") and self.exists(name))

    def _admin_faults(self, properties: Mapping[str, str]) -> Iterator[Fault]:
        for name in sorted(self.required_properties):
            if not properties.get(name):
                yield Fault(name, "MISSING_REQUIRED_PROPERTY", f"A value for {name} must be provided")
        for name, other in self.conditions.items():
            if properties.get(other) and not properties.get(name):
                text = f"{name} is required because of a conditional property rule based on [{other}]"
                yield Fault(name, "MISSING_CONDITIONAL_REQUIRED_PROPERTY", text)

    def normalized(self, properties: Mapping[str, str], version: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """Write dates in HubSpot's form, with a warning for each that changed in a version that warns."""
        stored, warnings = dict(properties), []
        for name in self.dates & properties.keys():
            raw, plain = properties[name], _date(properties[name]) or ""
            stored[name] = plain
            if plain != raw and version == ENFORCING:
                context = {"propertyName": name, "rawValue": raw, "normalizedValue": plain}
                text = f"{name} was normalized"
                warnings.append({"category": "PROPERTY_VALUE_NORMALIZED", "message": text, "context": context})
        return stored, warnings


def _frame(faults: Sequence[Fault]) -> str:
    """The list of all faults that stands as JSON inside a message."""
    found = [
        {"isValid": False, "message": f.text, "error": f.code, "name": f.name}
        | {"localizedErrorMessage": f.text, "portalId": PORTAL}
        for f in faults
    ]
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def _entries(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{"message": f.text, "code": f.code, "context": {"propertyName": [f.name]}} for f in faults]


def _date(value: str) -> str | None:
    """Write a date as HubSpot does: as it is, or a moment as epoch milliseconds of its midnight."""
    if not value or value.isdigit():
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return str(int(midnight.timestamp() * 1000))
