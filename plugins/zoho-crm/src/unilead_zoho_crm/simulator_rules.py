"""What a local Zoho CRM checks in a record, and the verdicts it gives.

Source: https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unilead import Simulator

LENGTHS = {
    "First_Name": 40, "Last_Name": 80, "Designation": 100, "Company": 200, "Phone": 30, "Mobile": 30, "Fax": 30,
    "Email": 100, "Secondary_Email": 100, "Website": 450, "Street": 250, "City": 100, "State": 100, "Zip_Code": 30,
    "Country": 100, "Description": 32_000, "Lead_Source": 120, "Industry": 120, "Lead_Status": 120, "Salutation": 20,
    "Rating": 120, "Skype_ID": 50, "Twitter": 50,
}  # fmt: skip
KINDS = {
    "Email": "email",
    "Secondary_Email": "email",
    "Phone": "phone",
    "Mobile": "phone",
    "Fax": "phone",
    "Website": "website",
}
ID = re.compile(r"[0-9]{1,19}")


class ZohoCrmRules(Simulator):
    """The part of the simulator that checks records.

    Attributes:
        mandatory: fields that the organisation made mandatory.
        layout_mandatory: fields that a layout makes mandatory, where the caller names it or applies its rules.
        dependent: field to the value of it that needs another field, and that field.
        closed: fields that take no value from the caller.
        unique: values of unique fields that exist already, to the record that has them.
        strict_picklists: picklists that take no new values, to their values.
        service_fault: why another service that a create needs refuses; empty for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mandatory: set[str] = set()
        self.layout_mandatory: set[str] = set()
        self.dependent: dict[str, tuple[str, str]] = {}
        self.closed: set[str] = set()
        self.unique: dict[str, str] = {}
        self.strict_picklists: dict[str, list[str]] = {}
        self.service_fault = ""

    def fault_of(self, record: Any, path: str, *, with_layout: bool) -> dict[str, Any] | None:
        """Find what is wrong with a record; ``None`` for nothing.

        Args:
            path: where in the body it is.
            with_layout: the layout's rules are applied too.
        """
        if not isinstance(record, dict):
            return row_error("INVALID_DATA", "invalid data", {"expected_data_type": "jsonobject", "json_path": path})
        faults = [*self._faults(record, path), *self._dependents(record, path)]
        if with_layout:
            faults += self._layout_faults(record, path)
        if self.service_fault and not faults:
            return row_error("DEPENDENT_SERVICE_ERROR", "a service refused", {"dependency_error": self.service_fault})
        duplicates = [fault for fault in faults if fault["code"] == "DUPLICATE_DATA"]
        if len(duplicates) > 1 and len(duplicates) == len(faults):
            return row_error("MULTIPLE_OR_MULTI_ERRORS", "Multiple errors in the request", {"errors": duplicates})
        return faults[0] if faults else None

    def _faults(self, record: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
        mandatory = self.mandatory | self.layout_mandatory if record.get("Layout") else self.mandatory
        missing = [name for name in ("Last_Name", *sorted(mandatory)) if is_blank(record.get(name))]
        faults = [row_error("MANDATORY_NOT_FOUND", "required field not found", place(name, path)) for name in missing]
        found = (self._value_fault(name, value, path) for name, value in record.items())
        return faults + [fault for fault in found if fault is not None]

    def _dependents(self, record: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
        for name, (value, dependee) in self.dependent.items():
            if record.get(name) == value and is_blank(record.get(dependee)):
                details = {**place(name, path), "dependee": place(dependee, path)}
                yield row_error("DEPENDENT_FIELD_MISSING", "a field that this one depends on is missing", details)

    def _layout_faults(self, record: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
        for name in sorted(self.layout_mandatory):
            if is_blank(record.get(name)):
                details = {**place(name, path), "layout_rule": {"name": "Intake", "id": "652871000000091077"}}
                yield row_error("MANDATORY_NOT_FOUND", "required field not found", details)

    def _value_fault(self, name: str, value: Any, path: str) -> dict[str, Any] | None:
        if value is None:
            return None
        where = place(name, path)
        wrong = self._form_fault(name, value)
        if wrong is not None:
            return row_error("INVALID_DATA", "invalid data", {**wrong, **where})
        if name in self.closed:
            return row_error("NOT_ALLOWED", "value not allowed", where)
        if name == "Owner" and not self._is_user(value):
            return row_error("INVALID_DATA", "the id given seems to be invalid", where)
        if isinstance(value, str) and value in self.unique:
            existing = self.unique[value]
            details = {**where, "id": existing, "duplicate_record": {"id": existing, "module": {"api_name": "Leads"}}}
            return row_error("DUPLICATE_DATA", "duplicate data", details)
        return None

    def _form_fault(self, name: str, value: Any) -> dict[str, Any] | None:
        """What Zoho says of a value of a wrong type, length or choice."""
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if name in LENGTHS and not isinstance(value, str):
            return {"expected_data_type": KINDS.get(name, "text")}
        if name == "No_of_Employees" and not is_integer:
            return {"expected_data_type": "integer"}
        if name in LENGTHS and len(value) > LENGTHS[name]:
            return {"maximum_length": LENGTHS[name]}
        if name == "No_of_Employees" and abs(value) >= 10**9:
            return {"maximum_length": 9}
        if name in ("Email", "Secondary_Email") and "@" not in value:
            return {"expected_data_type": "email"}
        if name in self.strict_picklists and value not in self.strict_picklists[name]:
            return {"supported_values": self.strict_picklists[name]}
        return None

    def _is_user(self, value: Any) -> bool:
        found = user_id(value)
        return found is not None and ID.fullmatch(found) is not None and self.exists(found)


def is_blank(value: Any) -> bool:
    """Whether a mandatory field counts as missing."""
    return value is None or not str(value).strip()


def user_id(value: Any) -> str | None:
    """The id in a reference to a user: bare or in an object, as text or, as Zoho's own clients send it, as a number."""
    found = value.get("id") if isinstance(value, dict) else value
    return str(found) if isinstance(found, (int, str)) and not isinstance(found, bool) else None


def place(name: str, path: str) -> dict[str, Any]:
    """Where a fault is."""
    return {"api_name": name, "json_path": f"{path}.{name}"}


def row_error(code: str, message: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on a refused record."""
    return {"code": code, "details": dict(details), "message": message, "status": "error"}
