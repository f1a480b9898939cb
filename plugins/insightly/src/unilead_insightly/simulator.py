"""A local Insightly: its lead properties, its checks, its errors in plain text.

Source: https://api.na1.insightly.com/v3.1/ and its Swagger description (read 2026-11-23). Where neither gives the
wording of an error, the text here is this simulator's own.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from unilead import Call, Response, Simulator, route, wrong_types

API_KEY = "7f3c9a10-5b2e-4d86-9c41-2e8a6d0b7f15"
LONGEST = {
    **dict.fromkeys(("FIRST_NAME", "LAST_NAME", "TITLE", "EMAIL", "PHONE", "MOBILE", "FAX", "WEBSITE"), 255),
    **dict.fromkeys(("ORGANISATION_NAME", "ADDRESS_STREET", "ADDRESS_CITY", "ADDRESS_STATE", "ADDRESS_COUNTRY"), 255),
    "SALUTATION": 50,
    "INDUSTRY": 128,
    "ADDRESS_POSTCODE": 128,
    "LEAD_DESCRIPTION": 4000,
}
NUMBERS = {  # to their size in bits
    "LEAD_SOURCE_ID": 64, "LEAD_STATUS_ID": 64, "EMPLOYEE_COUNT": 32, "LEAD_RATING": 32,
    "OWNER_USER_ID": 64, "RESPONSIBLE_USER_ID": 64,
}  # fmt: skip
TYPES: dict[str, type] = {
    **dict.fromkeys(LONGEST, str),
    **dict.fromkeys(NUMBERS, int),
    "EMAIL_OPTED_OUT": bool,
    "CUSTOMFIELDS": list,
    "TAGS": list,
}
TYPE_WORDS = {str: "a string", int: "an integer", bool: "a boolean", list: "an array"}
READ_ONLY = (
    "LEAD_ID", "CONVERTED", "CONVERTED_CONTACT_ID", "CONVERTED_DATE_UTC", "CONVERTED_OPPORTUNITY_ID",
    "CONVERTED_ORGANISATION_ID", "DATE_CREATED_UTC", "DATE_UPDATED_UTC", "LAST_ACTIVITY_DATE_UTC",
    "NEXT_ACTIVITY_DATE_UTC", "CREATED_USER_ID", "IMAGE_URL", "LINKED_EMAIL_ADDRESS",
)  # fmt: skip
REFERENCES = ("LEAD_SOURCE_ID", "LEAD_STATUS_ID", "OWNER_USER_ID", "RESPONSIBLE_USER_ID")
FIRST_ID = 91_240_376
USER = 2_917_655
SOURCES = {4410230: "Website", 4410233: "Web", 4410234: "Fair"}
STATUSES = {4410101: "OPEN - Not Contacted", 4410102: "CLOSED - Disqualified"}
DEFAULTS = {
    "LEAD_SOURCE_ID": 4410230,
    "LEAD_STATUS_ID": 4410101,
    "OWNER_USER_ID": USER,
    "EMAIL_OPTED_OUT": False,
    "CONVERTED": False,
    "VISIBLE_TO": "EVERYONE",
    "VISIBLE_TEAM_ID": None,
    "LINKS": [],
}
DEFAULT_COUNTRY = "United States"
CUSTOM_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {  # every other well-formed name exists and takes any value
    "Lead_Tier__c": ("DROPDOWN", ("Gold", "Silver", "Bronze")),
    "Interests__c": ("MULTISELECT", ("Hosting", "Support", "Training")),
    "Seats__c": ("NUMERIC", ()),
    "Newsletter__c": ("BIT", ()),
    "First_Call__c": ("DATETIME", ()),
    "Serial__c": ("AUTONUMBER", ()),
}
CUSTOM_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
CUSTOM_DATE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", re.ASCII)
SERVER_ERROR_PAGE = "<!DOCTYPE html><html><head><title>Runtime Error</title></head><body>Server Error</body></html>"


class InsightlySimulator(Simulator):
    """Insightly's lead endpoints, on a single instance."""

    slug = "insightly"
    sample_settings = {"api_key": API_KEY, "pod": "na1", "lead_source_map": {"Web": 4410233, "Fair": 4410234}}
    case_sensitive = False

    def __init__(self) -> None:
        super().__init__()
        self.ignored: list[str] = []  # properties that Insightly does not know: their values are lost in silence
        self.forbidden = False  # the key's user has no access to leads
        self.record_limit: int | None = None  # of the plan
        self.daily_limit = 60_000
        self.remaining = self.daily_limit  # 0 refuses every request; counting down stops short of it
        self.json_errors = False  # the other form in which errors may come

    @route("POST", "/v3.1/Leads")
    def create(self, call: Call) -> Response:
        if self.forbidden:
            return self._refuse(403, "API User does not have access to Leads.")
        if call.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return self._refuse(415, "The content type must be application/json.")
        try:
            body = call.json
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return self._refuse(400, "The request body is not a JSON object.")
        given = _coerced({name: value for name, value in body.items() if name in TYPES})
        self.ignored += [name for name in body if name not in TYPES and name not in READ_ONLY]
        fault = next(self._faults(given), None)
        if fault is not None:
            return self._refuse(400, fault)
        if self.record_limit is not None and self.count >= self.record_limit:
            return self._refuse(402, "The record limit of the plan is reached.")
        number = FIRST_ID + self.next_number()
        self.leads[str(number)] = self._stored(number, given)
        return self._answer(201, self.leads[str(number)])

    @route("GET", "/v3.1/Leads/Search")
    def find(self, call: Call) -> Response:
        name, wanted = call.params.get("field_name"), call.params.get("field_value")
        if not name or wanted is None:
            return self._refuse(400, "field_name and field_value are both required.")
        return self._page(call, [lead for lead in self.leads.values() if _value_of(lead, name) == wanted])

    @route("GET", "/v3.1/Leads/{lead_id}")
    def read(self, call: Call, lead_id: str) -> Response:
        lead = self.leads.get(lead_id)
        return self._no_lead(lead_id) if lead is None else self._answer(200, lead)

    @route("DELETE", "/v3.1/Leads/{lead_id}")
    def delete(self, call: Call, lead_id: str) -> Response:
        return self._no_lead(lead_id) if self.leads.pop(lead_id, None) is None else self._answer(202)

    @route("GET", "/v3.1/Leads")
    def list_leads(self, call: Call) -> Response:
        return self._page(call, list(self.leads.values()))

    @route("GET", "/v3.1/Users")
    def users(self, call: Call) -> Response:
        return self._answer(200, [_user()])

    @route("GET", "/v3.1/Users/Me")
    def myself(self, call: Call) -> Response:
        return self._answer(200, _user())

    @route("GET", "/v3.1/LeadSources")
    def lead_sources(self, call: Call) -> Response:
        return self._answer(200, _choices("LEAD_SOURCE", "DEFAULT_VALUE", SOURCES))

    @route("GET", "/v3.1/LeadStatuses")
    def lead_statuses(self, call: Call) -> Response:
        return self._answer(200, _choices("LEAD_STATUS", "DEFAULT_STATUS", STATUSES))

    @route("GET", "/v3.1/CustomFields/Leads")
    def custom_fields(self, call: Call) -> Response:
        return self._answer(200, [_definition(name) for name in CUSTOM_FIELDS])

    @route("GET", "/v3.1/Instance")
    def instance(self, call: Call) -> Response:
        return self._answer(
            200, {"INSTANCE_NAME": "Simulated", "INSTANCE_SUBDOMAIN": "simulated", "PLAN_NAME": "Professional"}
        )

    # --- Insightly's checks ---------------------------------------------------------------------------------------

    def _faults(self, given: Mapping[str, Any]) -> Iterator[str]:
        for name, _ in wrong_types(given, TYPES):
            yield f"{name} must be {TYPE_WORDS[TYPES[name]]}."
        if not (given.get("LAST_NAME") or "").strip():
            yield "LAST_NAME is required."
        for name, limit in LONGEST.items():
            if len(given.get(name) or "") > limit:
                yield f"{name} must be at most {limit} characters long."
        for name, bits in NUMBERS.items():
            if not -(2 ** (bits - 1)) <= (given.get(name) or 0) < 2 ** (bits - 1):
                yield f"{name} is out of range."
        for name in REFERENCES:
            if given.get(name) is not None and not self.exists(given[name]):
                yield f"{name} does not exist in this instance."
        for entry in given.get("CUSTOMFIELDS") or ():
            yield from self._custom_faults(entry)
        if not all(map(_is_tag, given.get("TAGS") or ())):
            yield "TAGS must be a list of objects with a TAG_NAME of at most 255 characters."

    def _custom_faults(self, entry: Any) -> Iterator[str]:
        name = entry.get("FIELD_NAME") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not CUSTOM_NAME.fullmatch(name) or not self.exists(name):
            yield f"Invalid FIELD_NAME: {name}."
        elif not _fits(entry.get("FIELD_VALUE"), *CUSTOM_FIELDS.get(name, ("", ()))):
            yield f"Invalid FIELD_VALUE for {name}."

    def _stored(self, number: int, given: Mapping[str, Any]) -> dict[str, Any]:
        moment = self.now().strftime("%Y-%m-%d %H:%M:%S")
        empty = dict.fromkeys((*TYPES, *READ_ONLY))
        sent = {name: value for name, value in given.items() if value is not None}
        stored = empty | DEFAULTS | sent | {"LEAD_ID": number, "CREATED_USER_ID": USER}
        stored |= {"DATE_CREATED_UTC": moment, "DATE_UPDATED_UTC": moment}
        stored["RESPONSIBLE_USER_ID"] = sent.get("RESPONSIBLE_USER_ID", stored["OWNER_USER_ID"])
        if not any(sent.get(name) for name in sent if name.startswith("ADDRESS_")):
            stored["ADDRESS_COUNTRY"] = DEFAULT_COUNTRY
        stored["CUSTOMFIELDS"] = [
            entry | {"CUSTOM_FIELD_ID": entry["FIELD_NAME"]} for entry in stored["CUSTOMFIELDS"] or ()
        ]
        stored["TAGS"] = [{"TAG_NAME": tag["TAG_NAME"]} for tag in stored["TAGS"] or ()]
        stored["LINKED_EMAIL_ADDRESS"] = f"simulated-L{number}@mailbox.insight.ly"
        return stored

    # --- Insightly's answers --------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        """Ask for the key, then whether the day's quota has anything left: both come before the route."""
        if _key(call.headers.get("authorization", "")) != API_KEY:
            return self._refuse(401, "Authentication failed.")
        if self.remaining == 0:
            return self._refuse(429, "The daily request quota is used up.")
        self.remaining = max(1, self.remaining - 1)
        return None

    def not_found(self, call: Call) -> Response:
        return self._refuse(404, "No such resource.")

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        answer = self._refuse(405, "The resource does not support this method.")
        return replace(answer, headers={**answer.headers, "allow": ", ".join(allowed)})

    def throttled(self, call: Call) -> Response:
        answer = self._refuse(429, "Too many requests in one second.")
        return replace(answer, headers={**answer.headers, "retry-after": "1"})

    def failed(self, call: Call, status: int) -> Response:
        if status == 400:
            return self._refuse(400, "Object reference not set to an instance.", "A server exception was thrown.")
        if status == 417:
            return self._answer(417)
        answer = self._answer(status)
        return replace(answer, headers={**answer.headers, "content-type": "text/html"}, body=SERVER_ERROR_PAGE.encode())

    def _no_lead(self, lead_id: str) -> Response:
        return self._refuse(404, f"No Lead with ID = {lead_id}", "Lead Not Found")

    def _refuse(self, status: int, text: str, reason: str = "") -> Response:
        return self._answer(status, {"Message": text} if self.json_errors else text, reason)

    def _page(self, call: Call, found: list[dict[str, Any]]) -> Response:
        try:
            skip, top = int(call.params.get("skip", 0)), min(int(call.params.get("top", 100)), 500)
        except ValueError:
            return self._refuse(400, "top and skip must be integers.")
        if skip < 0 or top < 0:
            return self._refuse(400, "top and skip must not be negative.")
        answer = self._answer(200, found[skip : skip + top])
        if call.params.get("count_total", "").lower() != "true":
            return answer
        return replace(answer, headers={**answer.headers, "x-total-count": str(len(found))})

    def _answer(self, status: int, body: Any = None, reason: str = "") -> Response:
        headers = {"X-RateLimit-Limit": str(self.daily_limit), "X-RateLimit-Remaining": str(self.remaining)}
        if isinstance(body, (dict, list)):
            headers["Content-Type"] = "application/json; charset=utf-8"
        return Response.of(status, body, headers, reason)


def _key(authorization: str) -> str | None:
    """Read the key from Base64 of ``KEY:``, and of ``KEY`` alone, which some clients send."""
    word, _, code = authorization.partition(" ")
    if word.lower() != "basic":
        return None
    try:
        return base64.b64decode(code, validate=True).decode().removesuffix(":")
    except (binascii.Error, ValueError):
        return None


def _coerced(given: Mapping[str, Any]) -> dict[str, Any]:
    """Take digits for integers, as the service seems to do."""
    return {
        name: int(value) if name in NUMBERS and isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value) else value
        for name, value in given.items()
    }


def _is_tag(tag: Any) -> bool:
    name = tag.get("TAG_NAME") if isinstance(tag, dict) else None
    return isinstance(name, str) and 0 < len(name) <= 255


def _fits(value: Any, kind: str, options: tuple[str, ...]) -> bool:
    """Whether a custom field of the kind takes the value; ``null`` clears any."""
    if isinstance(value, (dict, list)) or kind == "AUTONUMBER":
        return False
    if value is None or not kind:
        return True
    if kind == "BIT" or isinstance(value, bool):
        return kind == "BIT" and isinstance(value, bool)
    if kind == "NUMERIC":
        return isinstance(value, (int, float))
    if not isinstance(value, str):
        return False
    if kind == "DATETIME":
        return CUSTOM_DATE.fullmatch(value) is not None
    return all(option in options for option in (value.split(";") if kind == "MULTISELECT" else [value]))


def _value_of(lead: Mapping[str, Any], name: str) -> str:
    custom = {entry["FIELD_NAME"]: entry.get("FIELD_VALUE") for entry in lead["CUSTOMFIELDS"]}
    return str(lead.get(name, custom.get(name)))


def _choices(kind: str, flag: str, names: Mapping[int, str]) -> list[dict[str, Any]]:
    key = f"{kind}_ID"
    return [
        {key: number, kind: name, flag: number == DEFAULTS[key], "FIELD_ORDER": place}
        for place, (number, name) in enumerate(names.items(), 1)
    ]


def _definition(name: str) -> dict[str, Any]:
    kind, options = CUSTOM_FIELDS[name]
    label = name.removesuffix("__c").replace("_", " ")
    return {
        "FIELD_NAME": name, "FIELD_LABEL": label, "FIELD_FOR": "LEAD", "FIELD_TYPE": kind,
        "EDITABLE": kind != "AUTONUMBER", "CUSTOM_FIELD_OPTIONS": [{"OPTION_VALUE": option} for option in options],
    }  # fmt: skip


def _user() -> dict[str, Any]:
    return {"USER_ID": USER, "FIRST_NAME": "Sim", "LAST_NAME": "User", "EMAIL_ADDRESS": "sim@insightly.example"}
