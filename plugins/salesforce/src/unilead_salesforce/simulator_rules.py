"""What a local Salesforce checks in a lead, and the faults it answers.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm (read 2026-11-23);
lengths and flags from a describe of the standard Lead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from unilead import Simulator

LENGTHS = {
    "LastName": 80, "Company": 255, "FirstName": 40, "Salutation": 40, "Title": 128, "Street": 255, "City": 40,
    "State": 80, "PostalCode": 20, "Country": 80, "StateCode": 10, "CountryCode": 10, "Phone": 40, "MobilePhone": 40,
    "Fax": 40, "Email": 80, "Website": 255, "Description": 32_000, "LeadSource": 255, "Status": 255, "Industry": 255,
    "Rating": 255,
}  # fmt: skip
REFERENCES = {"OwnerId": ("005", "00G"), "RecordTypeId": ("012",), "CampaignId": ("701",)}
NUMBERS = {"NumberOfEmployees": 99_999_999, "AnnualRevenue": 10**18 - 1}
FLAGS = ("IsConverted", "HasOptedOutOfEmail", "DoNotCall", "IsUnreadByOwner")
READ_ONLY = {
    "Id", "Name", "Address", "IsDeleted", "ConvertedDate", "ConvertedAccountId", "ConvertedContactId",
    "ConvertedOpportunityId", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp",
    "LastActivityDate",
}  # fmt: skip
LABELS = {"OwnerId": "Owner ID", "RecordTypeId": "Record Type ID", "MobilePhone": "Mobile Phone", "State": "State"}
CUSTOM = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c")
ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+")
DUPLICATE = "You're creating a duplicate record. We recommend you use an existing record instead."
WRONG_ID = "id value of incorrect type"


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818
    """An answer that is an error.

    Attributes:
        status: HTTP status; a row of several has none.
        code, text: Salesforce's own.
        fields: the fields at fault; ``None`` where Salesforce leaves the key out.
        more: further keys of the fault.
    """

    status: int
    code: str
    text: str
    fields: tuple[str, ...] | None = None
    more: Mapping[str, Any] | None = None

    def body(self, code_key: str = "errorCode") -> dict[str, Any]:
        """The fault as it is answered; rows call the code by another name."""
        fault: dict[str, Any] = {**(self.more or {}), "message": self.text, code_key: self.code}
        return fault if self.fields is None else {**fault, "fields": list(self.fields)}


def invalid(code: str, text: str, *fields: str) -> Refusal:
    """Make the most common refusal."""
    return Refusal(400, code, text, fields)


def long_id(short: str) -> str:
    """Make the form of 18 characters, whose last three say which letters of each five are capitals."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return short[:15] + "".join(
        alphabet[sum(1 << place for place, char in enumerate(group) if char.isupper())] for group in groups
    )


def label(name: str) -> str:
    """Write a field's name for people, as messages do."""
    return LABELS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("__c")).replace("_", " ")


class SalesforceRules(Simulator):
    """The part of the simulator that checks leads.

    Attributes:
        kinds: custom fields that are not text, to ``int``, ``bool``, ``date`` or ``datetime``.
        picklists: restricted picklists, to their values; others take any text.
        unique: custom fields whose values must be unique.
        known: values of such fields, and e-mail addresses, of leads that are not in this store, to those leads' ids.
        places: fields of the address, to the org's list; others take any text.
        invisible: ids of records that the user may not see.
        inactive: ids of users that were switched off.
        validation: custom validation rules: field that must not be empty, to the administrator's text.
        trigger: text with which a trigger refuses every lead.
        duplicates: what the duplicate rule does with a second lead of one e-mail address: ``alert``, ``block``, none.
        locked: number of writes that meet a locked row.
        storage_full: the org takes no more records.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kinds = {
            "Seat_Estimate__c": "int",
            "Wants_Demo__c": "bool",
            "Target_Go_Live__c": "date",
            "Last_Call__c": "datetime",
        }
        self.picklists: dict[str, tuple[str, ...]] = {}
        self.unique = {"External_Key__c"}
        self.known: dict[str, str] = {}
        self.places: dict[str, tuple[str, ...]] = {}
        self.invisible: set[str] = set()
        self.inactive: set[str] = set()
        self.validation: dict[str, str] = {}
        self.trigger = ""
        self.duplicates = ""
        self.locked = 0
        self.storage_full = False

    def check(self, record: Mapping[str, Any], *, allow_save: bool = False, updated: str = "") -> None:
        """Check a lead as Salesforce would. Raises: Refusal.

        Args:
            record: the fields, without ``attributes``.
            allow_save: the caller pushes past rules that only alert.
            updated: id of the lead that is changed; empty for a new one.
        """
        for name in record:
            if not self._is_defined(name):
                raise Refusal(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type Lead")
        for name, value in record.items():
            self._check_type(name, value)
        closed = [name for name in record if name in READ_ONLY]
        if closed:
            text = f"Unable to create/update fields: {', '.join(closed)}. Please check the security settings of this "
            text += "field and verify that it is read/write for your profile or permission set."
            raise invalid("INVALID_FIELD_FOR_INSERT_UPDATE", text, *closed)
        if not updated:
            self._check_required(record)
        for name, value in record.items():
            if value not in (None, ""):
                self._check_value(name, value)
        self._check_org(record, allow_save=allow_save, updated=updated)

    def _is_defined(self, name: str) -> bool:
        """Standard fields exist as listed, custom ones that are well-formed unless a test says they do not."""
        standard = name in LENGTHS or name in REFERENCES or name in NUMBERS or name in FLAGS or name in READ_ONLY
        return standard or (bool(CUSTOM.fullmatch(name)) and self.exists(name))

    def _kind(self, name: str) -> str:
        if name in NUMBERS:
            return "int"
        return "bool" if name in FLAGS else self.kinds.get(name, "string")

    def _check_type(self, name: str, value: Any) -> None:
        """A value must be of the field's JSON type; custom fields of no stated kind take any scalar."""
        kind = self._kind(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        right = {"int": is_number, "bool": isinstance(value, bool)}.get(kind, isinstance(value, str))
        loose = name.endswith("__c") and name not in self.kinds and not isinstance(value, (dict, list))
        if value is None or right or loose or name in READ_ONLY:
            return
        token = {str: "VALUE_STRING", bool: f"VALUE_{str(value).upper()}", dict: "START_OBJECT", list: "START_ARRAY"}
        seen = token.get(type(value), "VALUE_NUMBER_INT" if isinstance(value, int) else "VALUE_NUMBER_FLOAT")
        shown = "" if isinstance(value, (dict, list)) else f" value {value}"
        text = f"Cannot deserialize instance of {kind} from {seen}{shown} or request may be missing a required field"
        raise Refusal(400, "JSON_PARSER_ERROR", f"{text} at [line:1, column:{len(name) + 4}]")

    def _check_required(self, record: Mapping[str, Any]) -> None:
        missing = [name for name in ("LastName", "Company") if not str(record.get(name) or "").strip()]
        if missing:
            raise invalid("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)

    # --- single values --------------------------------------------------------------------------------------------

    def _check_value(self, name: str, value: Any) -> None:
        if isinstance(value, str) and len(value) > LENGTHS.get(name, 255):
            text = f"{label(name)}: data value too large: {value} (max length={LENGTHS.get(name, 255)})"
            raise invalid("STRING_TOO_LONG", text, name)
        if name in NUMBERS and abs(value) > NUMBERS[name]:
            raise invalid("NUMBER_OUTSIDE_VALID_RANGE", f"{label(name)}: value outside of valid range", name)
        if name == "Email" and not EMAIL.fullmatch(value):
            raise invalid("INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {value}", name)
        if name in self.picklists and any(part not in self.picklists[name] for part in str(value).split(";")):
            text = f"{label(name)}: bad value for restricted picklist field: {value}"
            raise invalid("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, name)
        if name in self.places and value not in self.places[name]:
            text = f"There's a problem with this {name.lower()}, even though it may appear correct. Please select a "
            text += f"{name.lower()} from the list of valid {name.lower()}s.: {name}/Province"
            raise invalid("FIELD_INTEGRITY_EXCEPTION", text, name)
        if self._kind(name) in ("date", "datetime"):
            self._check_moment(name, value)
        if name in REFERENCES:
            self._check_reference(name, value)

    def _check_moment(self, name: str, value: str) -> None:
        read = date.fromisoformat if self._kind(name) == "date" else datetime.fromisoformat
        try:
            read(value)
        except ValueError:
            text = f"Cannot deserialize instance of {self._kind(name)} from VALUE_STRING value {value} "
            raise Refusal(400, "JSON_PARSER_ERROR", f"{text}or request may be missing a required field") from None

    def _check_reference(self, name: str, value: str) -> None:
        if not ID.fullmatch(value):
            raise invalid("MALFORMED_ID", f"{label(name)}: {WRONG_ID}: {value}", name)
        if value[:3] not in REFERENCES[name]:
            raise invalid("FIELD_INTEGRITY_EXCEPTION", f"{label(name)}: {WRONG_ID}: {value}", name)
        if value in self.invisible:
            code = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
            raise Refusal(400, code, f"insufficient access rights on cross-reference id: {value[:15]}", ())
        if value in self.inactive:
            raise invalid("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", name)
        if not self.exists(value):
            if name == "RecordTypeId":
                text = f"Record Type ID: this ID value isn't valid for the user: {value}"
                raise invalid("INVALID_CROSS_REFERENCE_KEY", text, name)
            raise invalid("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")

    # --- what the org's administrator made ------------------------------------------------------------------------

    def _check_org(self, record: Mapping[str, Any], *, allow_save: bool, updated: str) -> None:
        if self.storage_full:
            raise Refusal(400, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", ())
        if self.locked:
            self.locked -= 1
            raise Refusal(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", ())
        for name, text in self.validation.items():
            if record.get(name) in (None, ""):
                raise invalid("FIELD_CUSTOM_VALIDATION_EXCEPTION", text, name)
        if self.trigger:
            raise Refusal(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", self.trigger, ())
        for name in self.unique & record.keys():
            taken = self._holder(name, record[name], updated)
            if taken:
                text = f"duplicate value found: {name} duplicates value on record with id: {taken[:15]}"
                raise Refusal(400, "DUPLICATE_VALUE", text, ())
        twin = self._holder("Email", record.get("Email"), updated) if self.duplicates else None
        if twin and not (allow_save and self.duplicates == "alert"):
            raise self._duplicate(twin)

    def _holder(self, name: str, value: Any, updated: str) -> str | None:
        """Find another lead with the value."""
        if value in (None, ""):
            return None
        found = (lead["Id"] for lead in self.leads.values() if lead.get(name) == value and lead["Id"] != updated)
        return self.known.get(str(value)) or next(found, None)

    def _duplicate(self, twin: str) -> Refusal:
        url = f"/services/data/v68.0/sobjects/Lead/{twin}"
        found = {"attributes": {"type": "Lead", "url": url}, "Id": twin}
        match = {
            "entityType": "Lead", "errors": [], "matchEngine": "FuzzyMatchEngine", "size": 1, "success": True,
            "rule": "Standard_Lead_Match_Rule_v1_0",
            "matchRecords": [
                {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": found}
            ],
        }  # fmt: skip
        result = {
            "allowSave": self.duplicates == "alert", "duplicateRule": "Standard_Lead_Duplicate_Rule",
            "duplicateRuleEntityType": "Lead", "errorMessage": DUPLICATE, "matchResults": [match],
        }  # fmt: skip
        return Refusal(400, "DUPLICATES_DETECTED", DUPLICATE, None, {"duplicateResult": result})
