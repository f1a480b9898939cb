"""A local Pipeliner space: its lead fields, its checks, its three forms of errors.

Source: https://developers.pipelinersales.com/api-docs/core-api-concepts/bulk-create-update-delete (read 2026-11-23).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from unilead import Call, Response, Simulator, route, wrong_types

SPACE = "sim_HarborDemo"
USERNAME, PASSWORD = "app_7f31c9", "Vq2-9sd!kLm4"
ENTITIES = "/api/v100/rest/spaces/{space}/entities"
TEXTS = (
    "name", "owner_id", "unit_id", "description", "created", "lead_type_id", "step_id", "lead_source_id",
    "currency_exchange_rates_list_id", "reason_of_close_id", "reason_of_close_description", "lost_date",
    "quick_account_name", "quick_account_email", "quick_account_phone", "quick_contact_name", "quick_email",
    "quick_phone", "last_ai_buying_center_applied",
)  # fmt: skip
LISTS = (
    "contact_relations",
    "account_relations",
    "sharing_units",
    "sharing_clients",
    "documents",
    "tags",
    "static_profiles",
)
TYPES: dict[str, type] = {
    **dict.fromkeys(TEXTS, str),
    **dict.fromkeys(LISTS, list),
    **dict.fromkeys(("ranking", "revision", "share_mode"), int),
    "is_archived": bool,
}
READ_ONLY = {"id", "modified", "status", "days_in_step", "formatted_name", "is_deleted"}
IDS = tuple(name for name in TEXTS if name.endswith("_id"))
LINKS = {  # link in an answer to the entity it leads to
    "owner": "Clients",
    "lead_source": "Data",
    "lead_type": "LeadTypes",
    "step": "Steps",
    "unit": "SalesUnits",
}
DEFAULTS = {
    "lead_type_id": "6f2a7c10-91de-4c55-a0b7-0c8e3d6b1122",
    "step_id": "3c0de1f2-55aa-4a10-8c21-99d7c7e40a01",
    "unit_id": "aba4a358-f3f8-4f55-b3ed-dd5cf5800011",
    "is_archived": False,
    "share_mode": 0,
    **dict.fromkeys(("documents", "sharing_clients", "sharing_units", "static_profiles", "tags"), ()),
}
SYSTEM = {  # what the space itself says of a new lead
    **dict.fromkeys(("is_deleted", "is_delete_protected", "is_favorite"), False),
    **dict.fromkeys(("qualify_date", "reason_of_close", "scoring", "currency_exchange_rates_list")),
    "status": 1,
    "table_name": "lead",
    "days_in_step": 0,
}
ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CUSTOM = re.compile(r"cf_[a-z0-9_]+")
HIGHEST_RANKING = 100
INVALID, MISSING, UNIQUE = 117, 119, 40002
NAMES = {INVALID: "ERROR_PARAMETER_INVALID", MISSING: "ERROR_PARAMETER_MISSING", UNIQUE: "ERROR_FIELD_VALIDATION"}
Fault = tuple[str, int, str]


class PipelinerSimulator(Simulator):
    """One space with its leads."""

    slug = "pipeliner"
    sample_settings = {"region": "eu-central", "space_id": SPACE, "username": USERNAME, "password": PASSWORD}

    def __init__(self) -> None:
        super().__init__()
        self.mandatory: set[str] = set()  # fields that the space's administrator made mandatory
        self.taken: set[str] = set()  # values of unique custom fields that exist already
        self.forbidden = False
        self.lenient = False  # ignore unknown properties instead of refusing them

    @route("POST", ENTITIES + "/Leads")
    def create(self, call: Call, space: str) -> Response:
        refusal = self._refused_space(space)
        body = self._object(call)
        if refusal is None and not isinstance(body, dict):
            refusal = short(400, INVALID, "Missing or invalid JSON data.")
        if refusal is not None:
            return refusal
        error = self._error(body)
        if error is not None:
            return Response.of(error["http_status"], error)
        return Response.of(201, {"success": True, "data": self._store(body)})

    @route("POST", ENTITIES + "/Leads/batch-modify")
    def modify(self, call: Call, space: str) -> Response:
        refusal = self._refused_space(space)
        body = self._object(call)
        if refusal is None and not isinstance(body, list):
            refusal = short(400, INVALID, "Missing or invalid JSON data.")
        if refusal is not None:
            return refusal
        errors = [self._error(record) for record in body]
        bad = next((index for index, error in enumerate(errors) if error), None)
        if bad is not None and call.params.get("rollback-method") == "0":
            return Response.of(422, {**(errors[bad] or {}), "entity_index": bad})
        rows = [
            self._modified(record)["id"] if error is None else {**error, "entity_index": index}
            for index, (record, error) in enumerate(zip(body, errors, strict=True))
        ]
        return Response.of(200, {"success": True, "data": rows})

    @route("GET", ENTITIES + "/Leads/{lead_id}")
    def read(self, call: Call, space: str, lead_id: str) -> Response:
        record = self.leads.get(lead_id)
        if record is None:
            return short(404, 2001, f"Entity Lead with id {lead_id} not found.", "ERROR_ENTITY_NOT_FOUND")
        expanded = dict(record)
        for name in call.params.get("expand", "").split(","):
            if isinstance(record.get(name), str):
                label = "option_name" if name == "lead_source" else "formatted_name"
                found = record[name].rsplit("/", 1)[-1]
                expanded[name] = {"id": found, label: "Trade show", "is_deleted": False}
        return Response.of(200, {"success": True, "data": expanded})

    @route("GET", ENTITIES + "/Leads")
    def list_leads(self, call: Call, space: str) -> Response:
        return Response.of(200, {"success": True, "data": list(self.leads.values()), "page_info": {}})

    @route("POST", ENTITIES + "/{entity}")
    def unknown_entity(self, call: Call, space: str, entity: str) -> Response:
        return short(404, 2006, f"cannot determine entity type from {entity}", "ERROR_UNKNOWN_TYPE")

    # --- Pipeliner's checks ---------------------------------------------------------------------------------------

    def _object(self, call: Call) -> Any:
        try:
            return call.json
        except ValueError:
            return None

    def _refused_space(self, space: str) -> Response | None:
        if self.forbidden:
            return short(403, 103, "Access denied.", "ERROR_ACCESS_DENIED")
        return None if space == SPACE else framework(404, "The requested URL was not found on the server.")

    def _error(self, record: Any) -> dict[str, Any] | None:
        """What is wrong with a lead, in the form of a validation error; ``None`` for nothing."""
        if not isinstance(record, dict):
            return short(400, INVALID, "Missing or invalid JSON data.").json  # type: ignore[no-any-return]
        unknown = [name for name in record if not self._knows(name)]
        if unknown and not self.lenient:
            return short(400, INVALID, f"Unknown property '{unknown[0]}'.").json  # type: ignore[no-any-return]
        faults = list(self._faults({name: value for name, value in record.items() if self._knows(name)}))
        return validation(faults) if faults else None

    def _knows(self, name: str) -> bool:
        is_custom = CUSTOM.fullmatch(name) is not None and self.exists(name)
        return name in TYPES or name in READ_ONLY or name == "label_flag" or is_custom

    def _faults(self, record: Mapping[str, Any]) -> Iterator[Fault]:
        wrong = dict(wrong_types(record, TYPES))
        for name in wrong:
            yield name, INVALID, f"Field '{name}' has a value of a wrong type."
        good = {name: value for name, value in record.items() if name not in wrong}
        for name in ("name", *sorted(self.mandatory)):
            if name not in wrong and good.get(name) in (None, ""):
                yield name, MISSING, f"Non-null field 'Lead'.{name}' is null or empty."
        if good.get("share_mode") not in (None, 0, 1, 2, 3):
            yield "share_mode", INVALID, "Field 'share_mode' is out of range."
        if good.get("ranking") is not None and not 1 <= good["ranking"] <= HIGHEST_RANKING:
            yield "ranking", INVALID, "Field 'ranking' is out of range."
        if good.get("label_flag") not in (None, 1, 2, 4, "1", "2", "4"):
            yield "label_flag", INVALID, "Field 'label_flag' is out of range."
        for name in IDS:
            yield from self._id_faults(name, good.get(name))
        yield from self._relation_faults(good)
        if good.get("created") and not is_moment(good["created"]):
            yield "created", INVALID, "Field 'created' is not a date and time."
        for name, value in good.items():
            if name.startswith("cf_") and any(value == known for known in self.taken):
                yield name, UNIQUE, f"Field '{name}' must be unique."

    def _id_faults(self, name: str, value: Any) -> Iterator[Fault]:
        if value is None:
            return
        if not isinstance(value, str) or not ID.fullmatch(value):
            yield name, INVALID, f"Field '{name}' is not an id."
        elif not self.exists(value):
            yield name, INVALID, f"Field '{name}' names a record that does not exist."

    def _relation_faults(self, record: Mapping[str, Any]) -> Iterator[Fault]:
        for kind in ("contact", "account"):
            for row in record.get(f"{kind}_relations") or ():
                parts = row if isinstance(row, dict) else {}
                for part in (f"{kind}_id", "is_primary"):
                    if parts.get(part) is None:
                        yield f"{kind}_relations", MISSING, f"Non-null field '{part}' is null or empty."
                yield from self._id_faults(f"{kind}_id", parts.get(f"{kind}_id"))
                for part, _ in wrong_types(parts, {"is_primary": bool, "comment": str, "relationship": int}):
                    yield f"{kind}_relations", INVALID, f"Field '{part}' has a value of a wrong type."
                if parts.get("relationship") not in (None, 0, 1, 2, 3):
                    yield f"{kind}_relations", INVALID, "Field 'relationship' is out of range."

    def _modified(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one row of a batch: a row with the id of a lead changes that lead."""
        known = self.leads.get(str(record.get("id")))
        if known is None:
            return self._store(record)
        known |= {name: value for name, value in record.items() if name not in READ_ONLY}
        return known

    def _store(self, record: Mapping[str, Any]) -> dict[str, Any]:
        number = self.next_number()
        lead_id = str(UUID(int=(0x019AA0C4 << 96) + number))
        moment = self.now().isoformat(sep=" ")
        empty = dict.fromkeys((*TEXTS, "qualify_date", "label_flag", "ranking"))
        kept = {name: value for name, value in record.items() if name not in READ_ONLY}
        stored = {**empty, **DEFAULTS, **kept}
        stored["created"] = (record.get("created") or moment).replace("T", " ")
        stored |= SYSTEM | {"id": lead_id, "modified": moment, "modified_by_user": moment, "revision": number}
        stored |= {"formatted_name": record["name"]}
        stored |= {name: link(entity, stored[f"{name}_id"]) for name, entity in LINKS.items()}
        for kind in ("contact", "account"):
            rows = record.get(f"{kind}_relations") or ()
            stored[f"primary_{kind}"] = primary(rows, kind)
            stored[f"{kind}_relations"] = [
                link(f"LeadOppty{kind.title()}Relations", made_id(f"{lead_id}-{kind}-{place}"))
                for place in range(len(rows))
            ]
        self.leads[lead_id] = stored
        return stored

    # --- Pipeliner's answers --------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        wanted = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if call.headers.get("authorization") == f"Basic {wanted}":
            return None
        return framework(401, "Unauthorized", {"WWW-Authenticate": 'Basic realm="restapi"'})

    def not_found(self, call: Call) -> Response:
        return framework(404, "The requested URL was not found on the server.")

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        return framework(405, "The method is not allowed for the requested URL.")

    def throttled(self, call: Call) -> Response:
        return short(429, 429, "Too many requests.", "ERROR_TOO_MANY_REQUESTS")

    def failed(self, call: Call, status: int) -> Response:
        if status != 500:
            return Response.of(status, f"<html><h1>{status}</h1></html>", {"Content-Type": "text/html"})
        return short(500, 1, "Internal error.", "ERROR_INTERNAL")


def short(status: int, code: int, message: str, name: str = "ERROR_PARAMETER_INVALID") -> Response:
    """The short form of an error."""
    body = {"code": code, "name": name, "message": message, "http_status": status, "success": False}
    return Response.of(status, body)


def framework(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error of the web framework around the API."""
    return Response.of(status, {"status": status, "message": message, "errorcode": None, "traceback": None}, headers)


def validation(faults: list[Fault]) -> dict[str, Any]:
    """A validation error: one entry for each field, and all messages in one."""
    entries = [
        {
            "field_id": made_id(field),
            "field_name": field,
            "name": "ERROR_FIELD_VALIDATION",
            "code": UNIQUE,
            "errors": [
                {"code": code, "name": NAMES[code], "message": message}
                | {"field_id": made_id(field), "field_name": field}
            ],
        }
        for field, code, message in faults
    ]
    message = "".join(f"\n{text}" for _, _, text in faults)
    head = {"code": 40000, "name": "ERROR_ENTITY_VALIDATION", "message": message, "entity_name": "Lead"}
    rest: dict[str, Any] = {"step_checklist_errors": [], "entity_index": None, "http_status": 422, "success": False}
    return {**head, "entity_errors": [], "field_errors": entries, **rest}


def link(entity: str, record_id: str | None) -> str | None:
    """The address of a linked record."""
    origin = f"https://eu-central.api.pipelinersales.com/api/v100/rest/spaces/{SPACE}/entities"
    return f"{origin}/{entity}/{record_id}" if record_id else None


def primary(rows: Sequence[Mapping[str, Any]], kind: str) -> str | None:
    """The link to the primary contact or account."""
    chosen = [row for row in rows if row.get("is_primary")]
    return link(f"{kind.title()}s", chosen[0][f"{kind}_id"]) if chosen else None


def made_id(name: str) -> str:
    """An id that is always the same for a name."""
    return str(uuid5(NAMESPACE_URL, name))


def is_moment(text: str) -> bool:
    """Whether a text is a date and time."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
