"""A local Zoho CRM: its Leads module, its codes, one verdict for each record.

Source: https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any

from unilead import Call, Response, route
from unilead_zoho_crm.simulator_rules import ID, KINDS, LENGTHS, ZohoCrmRules, row_error, user_id

TOKEN = "1000.4f1c2a7be0d94c5a8b6e3f2d1c0b9a87.0a1b2c3d4e5f60718293a4b5c6d7e8f9"
REFRESH = "1000.9e8d7c6b5a493827161504f3e2d1c0ba.ffeeddccbbaa99887766554433221100"
CLIENT = ("1000.CLIENT", "secret")
USER = {"name": "Integration User", "id": "652871000000412003"}
FIELD_TYPES = {  # api name to the two types that the field list tells
    **{name: (KINDS.get(name, "text"), "string") for name in LENGTHS},
    **dict.fromkeys(("Street", "Description"), ("textarea", "string")),
    **dict.fromkeys(("Lead_Source", "Industry", "Lead_Status", "Salutation", "Rating"), ("picklist", "string")),
    **dict.fromkeys(("Created_Time", "Modified_Time", "Last_Activity_Time"), ("datetime", "string")),
    **dict.fromkeys(("Owner", "Created_By", "Modified_By"), ("ownerlookup", "jsonobject")),
    "No_of_Employees": ("integer", "integer"),
    "Full_Name": ("text", "string"),
    "id": ("bigint", "long"),
}
READ_ONLY = ("Created_Time", "Modified_Time", "Last_Activity_Time", "Created_By", "Modified_By", "Full_Name", "id")
TRIGGERS = ("workflow", "approval", "blueprint", "pathfinder", "orchestration")
FEATURES = {  # what a caller may turn on or off for one call
    "apply_feature_execution": (
        "layout_rules", "range_validation", "assignment_rules", "function_validation_rule", "criteria_validation_rule",
        "global_map_dependency", "territory_subordinates",
    ),
    "skip_feature_execution": ("cadences", "assignment_rules", "connected_workflows"),
}  # fmt: skip
MOST = 100
FIRST_ID = 652_871_000_003_318_046
FIRST_FIELD = 652_871_000_000_002_589


class ZohoCrmSimulator(ZohoCrmRules):
    """One organisation's Leads module, on the US data centre."""

    slug = "zoho-crm"
    sample_settings = {"data_center": "us", "access_token": TOKEN}
    auth_first = False

    def __init__(self) -> None:
        super().__init__()
        self.access_tokens = {TOKEN}
        self.scoped = True  # the token may create leads
        self.permitted = True  # the user's profile may
        self.privileged = True  # and may do so in this part of the organisation
        self.plan_is_full = False
        self.frozen: dict[str, str] = {}  # leads that cannot be changed now, to the code that says why

    @route("POST", "/crm/v8/Leads")
    def create(self, call: Call) -> Response:
        refusal = self._refused_call()
        if refusal is not None:
            return refusal
        try:
            body = call.json
        except ValueError:
            return root(400, "INVALID_DATA", "body", {"expected_data_type": "jsonobject"})
        records = body.get("data") if isinstance(body, dict) else None
        if not isinstance(records, list):
            details = {"expected_data_type": "jsonarray", "api_name": "data", "json_path": "$.data"}
            return root(400, "INVALID_DATA", "invalid data", details)
        if not records:
            return root(
                400, "MANDATORY_NOT_FOUND", "required field not found", {"api_name": "data", "json_path": "$.data"}
            )
        if len(records) > MOST:
            too_many = {"maximum_length": MOST, "api_name": "data", "json_path": "$.data"}
            return root(400, "INVALID_DATA", "invalid data", too_many)
        odd = _odd_beside(body)
        if odd is not None:
            return root(400, "INVALID_DATA", "invalid data", odd)
        with_layout = any(entry.get("name") == "layout_rules" for entry in body.get("apply_feature_execution") or ())
        rows = [self._verdict(record, f"$.data[{index}]", with_layout) for index, record in enumerate(records)]
        good = sum(row["status"] == "success" for row in rows)
        return Response.of(201 if good == len(rows) else 207 if good else 400, {"data": rows})

    @route("GET", "/crm/v8/Leads/{lead_id}")
    def read(self, call: Call, lead_id: str) -> Response:
        if not ID.fullmatch(lead_id):
            return root(400, "INVALID_DATA", "the id given seems to be invalid", {"resource_path_index": 1})
        record = self.leads.get(lead_id)
        return Response.of(200, {"data": [record]}) if record else Response.of(204)

    @route("PUT", "/crm/v8/Leads/{lead_id}")
    def update(self, call: Call, lead_id: str) -> Response:
        if lead_id in self.frozen:
            return Response.of(400, {"data": [row_error(self.frozen[lead_id], "record cannot be changed", {})]})
        record = self.leads.get(lead_id)
        if record is None:
            return Response.of(400, {"data": [row_error("INVALID_DATA", "the id given seems to be invalid", {})]})
        if "if-unmodified-since" in call.headers and call.headers["if-unmodified-since"] < record["Modified_Time"]:
            return Response.of(412, {"data": [row_error("ALREADY_MODIFIED", "record already modified", {})]})
        record |= call.json["data"][0]
        details = {name: record[name] for name in ("Modified_Time", "Modified_By", "Created_Time", "Created_By", "id")}
        row = {"code": "SUCCESS", "details": details, "message": "record updated", "status": "success"}
        return Response.of(200, {"data": [row]})

    @route("GET", "/crm/v8/Leads")
    def list_leads(self, call: Call) -> Response:
        return Response.of(200, {"data": list(self.leads.values()), "info": {"more_records": False}})

    @route("GET", "/crm/v8/settings/fields")
    def fields(self, call: Call) -> Response:
        module = call.params.get("module")
        if module != "Leads":
            return root(400, "INVALID_MODULE", "the module name given seems to be invalid", {"param_name": "module"})
        return Response.of(200, {"fields": [self._field(*field) for field in enumerate(FIELD_TYPES.items())]})

    @route("POST", "/crm/v8/{module}")
    def unknown_module(self, call: Call, module: str) -> Response:
        return root(400, "INVALID_MODULE", "the module name given seems to be invalid", {"resource_path_index": 0})

    @route("PATCH", "/crm/v8/Leads")
    def wrong_method(self, call: Call) -> Response:
        details = {"resource_path_index": 0}
        return root(400, "INVALID_REQUEST_METHOD", "The http request method type is not a valid one", details)

    @route("POST", "/oauth/v2/token")
    def token(self, call: Call) -> Response:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            return Response.of(200, {"error": "invalid_client"})
        if form.get("refresh_token") != REFRESH:
            return Response.of(200, {"error": "invalid_code"})
        token = f"1000.{self.next_number():032x}.{0:032x}"
        self.access_tokens.add(token)
        answer = {"access_token": token, "api_domain": "https://www.zohoapis.com", "token_type": "Bearer"}
        return Response.of(200, answer | {"expires_in": 3600})

    def _field(self, place: int, field: tuple[str, tuple[str, str]]) -> dict[str, Any]:
        """One field as the list of a module's fields describes it."""
        name, (data_type, json_type) = field
        picklist = data_type == "picklist"
        return {
            "id": str(FIRST_FIELD + place),
            "api_name": name,
            "field_label": name.replace("_", " "),
            "data_type": data_type,
            "json_type": json_type,
            "length": LENGTHS.get(name, 120),
            "read_only": name in READ_ONLY,
            "custom_field": False,
            "visible": True,
            "system_mandatory": name == "Last_Name",
            "pick_list_values": [{"actual_value": "-None-", "display_value": "-None-"}] if picklist else [],
        }

    # --- carrying out ---------------------------------------------------------------------------------------------

    def _refused_call(self) -> Response | None:
        if not self.permitted:
            details = {"permissions": ["Crm_Implied_Create_Leads"]}
            return root(403, "NO_PERMISSION", "Permission denied", details)
        if not self.privileged:
            place = {"resource_path_index": 0}
            return root(400, "AUTHORIZATION_FAILED", "User does not have sufficient privilege", place)
        if self.plan_is_full:
            return root(403, "LIMIT_EXCEEDED", "record limit exceeded", {})
        return None

    def _verdict(self, record: Any, path: str, with_layout: bool) -> dict[str, Any]:
        fault = self.fault_of(record, path, with_layout=with_layout)
        return fault if fault is not None else self._stored(record)

    def _stored(self, record: Mapping[str, Any]) -> dict[str, Any]:
        lead_id = str(FIRST_ID + self.next_number())
        moment = self.now().astimezone(timezone(timedelta(hours=1))).isoformat(timespec="seconds")
        times = {"Modified_Time": moment, "Modified_By": USER, "Created_Time": moment, "Created_By": USER}
        owner = {**USER, "id": user_id(record.get("Owner")) or USER["id"]}
        names = " ".join(text for text in (record.get("First_Name"), record.get("Last_Name")) if text)
        kept = {name: value for name, value in record.items() if self.exists(name)}
        system: dict[str, Any] = {"$converted": False, "$approved": True, "Last_Activity_Time": None, "Tag": []}
        self.leads[lead_id] = {**kept, **times, **system, "id": lead_id, "Owner": owner, "Full_Name": names}
        details = {**times, "id": lead_id, "$approval_state": "approved"}
        return {"code": "SUCCESS", "details": details, "message": "record added", "status": "success"}

    # --- Zoho's answers -------------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if call.path.startswith("/oauth/"):
            return None
        word, _, token = call.headers.get("authorization", "").partition(" ")
        if word != "Zoho-oauthtoken" or not token:
            return root(401, "AUTHENTICATION_FAILURE", "Authentication failed", {})
        if token not in self.access_tokens:
            return root(401, "INVALID_TOKEN", "invalid oauth token", {})
        return None if self.scoped else root(401, "OAUTH_SCOPE_MISMATCH", "Unauthorized", {})

    def not_found(self, call: Call) -> Response:
        return root(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one", {})

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        return self.wrong_method(call)

    def throttled(self, call: Call) -> Response:
        if call.path.startswith("/oauth/"):  # ten tokens in ten minutes, and it looks like a refusal
            text = "You have made too many requests continuously. Please try again after some time."
            return Response.of(400, {"error": "Access Denied", "error_description": text, "status": "failure"})
        return root(429, "TOO_MANY_REQUESTS", "too many requests", {})

    def failed(self, call: Call, status: int) -> Response:
        if status == 500:
            return root(500, "INTERNAL_ERROR", "Internal Server Error", {})
        return Response.of(status, "<html>unavailable</html>", {"Content-Type": "text/html"})


def _odd_beside(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is wrong with the keys beside the records; ``None`` for nothing."""
    for name in ("trigger", *FEATURES):
        if not isinstance(body.get(name), (list, type(None))):
            return {"expected_data_type": "jsonarray", "api_name": name, "json_path": f"$.{name}"}
    for name, known in FEATURES.items():
        for index, entry in enumerate(body.get(name) or ()):
            place = f"$.{name}[{index}]"
            if not isinstance(entry, dict):
                return {"expected_data_type": "jsonobject", "api_name": name, "json_path": place}
            if entry.get("name") not in known:
                return {"api_name": "name", "json_path": f"{place}.name", "supported_values": list(known)}
    if any(word not in TRIGGERS for word in body.get("trigger") or ()):
        return {"api_name": "trigger", "json_path": "$.trigger", "supported_values": list(TRIGGERS)}
    return None


def root(status: int, code: str, message: str, details: Mapping[str, Any]) -> Response:
    """A refusal of the whole call."""
    return Response.of(status, row_error(code, message, details), {"Content-Type": "application/json;charset=UTF-8"})
