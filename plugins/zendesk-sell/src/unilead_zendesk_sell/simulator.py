"""A local Zendesk Sell: its lead attributes, its checks, its error envelope.

Source: https://developer.zendesk.com/api-reference/sales-crm/errors/ (read 2026-11-23).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unilead import Call, Response, Simulator, route, wrong_types

MORE_INFO = {"more_info": "https://developers.getbase.com/docs/rest/articles/errors"}
TEXTS = (
    "first_name", "last_name", "organization_name", "title", "description", "industry", "website", "email", "phone",
    "mobile", "fax", "twitter", "facebook", "linkedin", "skype", "status",
)  # fmt: skip
NUMBERS = ("owner_id", "source_id", "unqualified_reason_id")
TYPES: dict[str, type] = {
    **dict.fromkeys(TEXTS, str),
    **dict.fromkeys(NUMBERS, int),
    "address": dict,
    "custom_fields": dict,
    "tags": list,
}
ADDRESS_PARTS = ("line1", "city", "postal_code", "state", "country")
TYPE_WORDS = {str: "string", int: "integer", dict: "object", list: "array"}
STATUSES = ("New", "Working", "Qualified", "Unqualified")
LONGEST = 255
FIRST_ID = 3_105_528_870
TOKEN = "5e11" * 16
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "c11e" * 16, "5ec2" * 16, "4ef2" * 16
REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 422: "Unprocessable Entity"}
READ_PARAMETERS = ("ids", "page", "per_page", "sort_by")


@dataclass(frozen=True)
class Fault:
    """One entry of Sell's error list."""

    code: str
    message: str
    details: str
    field: str = ""


class ZendeskSellSimulator(Simulator):
    """Sell's lead endpoints, on a single account.

    Attributes:
        access_tokens: tokens that are valid; taking one out makes it an expired one.
        refresh_token: the one that is valid.
        rotating: a refresh replaces the refresh token, and using a spent one revokes all of them.
        lifetime: seconds that a new access token claims to live.
    """

    slug = "zendesk-sell"
    sample_settings = {"access_token": TOKEN, "lead_source_map": {"Web": 880214, "Fair": 880215}}

    def __init__(self) -> None:
        super().__init__()
        self.scopes = {"read", "write", "profile"}
        self.forbidden = False  # the user's plan or role does not allow leads
        self.duplicates: set[str] = set()  # e-mail addresses that must be unique and are taken
        self.access_tokens = {TOKEN}
        self.refresh_token: str | None = REFRESH_TOKEN
        self.rotating = True
        self.lifetime = 3600
        self._spent: set[str] = set()

    @route("POST", "/oauth2/token")
    def token(self, call: Call) -> Response:
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {pair}":
            return self._no_token(401, "invalid_client", "Client authentication failed.")
        form = call.form
        if form.get("grant_type") != "refresh_token":
            return self._no_token(400, "unsupported_grant_type", "The grant type is not supported.")
        given = form.get("refresh_token", "")
        if given in self._spent:
            self.refresh_token = None  # somebody else has it: nobody may use it any more
            self.access_tokens.clear()
        if given != self.refresh_token:
            return self._no_token(400, "invalid_grant", "The refresh token is invalid, expired or revoked.")
        return self._granted(given)

    def _granted(self, spent: str) -> Response:
        number = self.next_number()
        if self.rotating:
            self._spent.add(spent)
            self.refresh_token = f"{number:04x}" + REFRESH_TOKEN[4:]
        access = f"{number:04x}" + TOKEN[4:]
        self.access_tokens.add(access)
        granted = {"access_token": access, "token_type": "bearer", "expires_in": self.lifetime}
        return self._uncached(200, granted | {"refresh_token": self.refresh_token, "scope": "read write profile"})

    def _no_token(self, status: int, error: str, description: str) -> Response:
        about = {"error": error, "error_description": description, "error_uri": MORE_INFO["more_info"]}
        return self._uncached(status, about)

    @staticmethod
    def _uncached(status: int, body: Any) -> Response:
        return Response.of(status, body, {"Cache-Control": "no-store", "Pragma": "no-cache"})

    @route("POST", "/v2/leads")
    def create(self, call: Call) -> Response:
        if "write" not in self.scopes:
            return self._refuse(
                403, Fault("insufficient_scope", "insufficient scope", "The token lacks scope 'write'.")
            )
        if self.forbidden:
            return self._refuse(403, Fault("forbidden", "Forbidden", "The user may not use this resource."))
        if call.query:
            return self._unknown_parameter(call.query[0][0])
        try:
            body = call.json
        except ValueError:
            return self._refuse(400, Fault("invalid_payload", "invalid payload", "The payload is not valid JSON."))
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            details = "The payload has no 'data' object."
            return self._refuse(422, Fault("incorrect_payload", "incorrect payload", details))
        faults = list(self._faults(data))
        if faults:
            return self._refuse(422, *faults)
        number = FIRST_ID + self.next_number()
        record = self._stored(number, data)
        self.leads[str(number)] = record
        return self._answer(200, {"data": record, "meta": {"type": "lead"}})

    @route("GET", "/v2/leads/{lead_id}")
    def read(self, call: Call, lead_id: str) -> Response:
        record = self.leads.get(lead_id)
        if record is None:
            return self._refuse(404, Fault("not_found", "Not Found", "Requested resource was not found."))
        return self._answer(200, {"data": record, "meta": {"type": "lead"}})

    @route("GET", "/v2/leads")
    def list_leads(self, call: Call) -> Response:
        wanted = {name: text for name, text in call.query if name not in READ_PARAMETERS}
        found = [record for record in self.leads.values() if all(record.get(k) == v for k, v in wanted.items())]
        items = [{"data": record, "meta": {"type": "lead"}} for record in found]
        return self._answer(200, {"items": items, "meta": {"type": "collection", "count": len(items), "links": {}}})

    @route("GET", "/v2/users/self")
    def myself(self, call: Call) -> Response:
        if call.query:
            return self._unknown_parameter(call.query[0][0])
        user = {"id": 1730540, "name": "Sim User", "email": "sim@sell.example", "status": "active", "role": "admin"}
        return self._answer(200, {"data": user, "meta": {"type": "user"}})

    # --- Sell's checks --------------------------------------------------------------------------------------------

    def _faults(self, data: Mapping[str, Any]) -> Iterator[Fault]:
        for name in data:
            if name not in TYPES:
                details = f"The attribute '/{name}' is not a known attribute for the 'lead' resource."
                yield Fault("unknown", "unknown attribute", details, f"/{name}")
        wrong = dict(wrong_types(data, TYPES))
        for name in wrong:
            yield _invalid_type(f"/{name}", TYPES[name])
        given = {name: value for name, value in data.items() if name in TYPES and name not in wrong}
        yield from self._name_faults(given)
        yield from self._value_faults(given)
        yield from self._address_faults(given.get("address") or {})
        for name in given.get("custom_fields") or {}:
            if not self.exists(name):
                details = f"The attribute '/custom_fields/{name}' is not a known attribute for the 'lead' resource."
                yield Fault("unknown", "unknown attribute", details, f"/custom_fields/{name}")

    def _name_faults(self, data: Mapping[str, Any]) -> Iterator[Fault]:
        last_name, organization = data.get("last_name"), data.get("organization_name")
        if last_name and last_name.strip():
            return
        if organization and organization.strip() and not data.get("first_name"):
            return
        code, word = ("missing", "missing") if last_name is None else ("blank", "blank")
        yield Fault(code, f"attribute is {word}", f"The attribute '/last_name' is {word}.", "/last_name")

    def _value_faults(self, data: Mapping[str, Any]) -> Iterator[Fault]:
        for name in TEXTS:
            if len(data.get(name) or "") > LONGEST and name != "description":
                yield _incorrect(f"/{name}", f"is longer than {LONGEST} characters")
        for name in ("owner_id", "source_id"):
            if data.get(name) is not None and not self.exists(data[name]):
                yield _incorrect(f"/{name}", "is not included in the list")
        if data.get("status") not in (None, *STATUSES):
            yield _incorrect("/status", "is not included in the list")
        if data.get("email") in self.duplicates:
            details = "The attribute '/email' value must be unique."
            yield Fault("already_exists", "attribute value already exists", details, "/email")
        if data.get("tags") == []:
            yield _invalid_type("/tags", list)

    def _address_faults(self, address: Mapping[str, Any]) -> Iterator[Fault]:
        for name in address:
            if name not in ADDRESS_PARTS:
                details = f"The attribute '/address/{name}' is not a known attribute for the 'lead' resource."
                yield Fault("unknown", "unknown attribute", details, f"/address/{name}")
        for name, _ in wrong_types(address, dict.fromkeys(ADDRESS_PARTS, str)):
            yield _invalid_type(f"/address/{name}", str)

    def _stored(self, number: int, data: Mapping[str, Any]) -> dict[str, Any]:
        moment = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        empty = dict.fromkeys((*TEXTS, *NUMBERS, "address"))
        defaults = {"id": number, "creator_id": 1730540, "owner_id": 1730540, "status": "New", "tags": []}
        custom = {name: _custom_value(value) for name, value in (data.get("custom_fields") or {}).items()}
        times = {"created_at": moment, "updated_at": moment}
        return empty | defaults | dict(data) | {"custom_fields": custom} | times

    # --- Sell's answers -------------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if call.path == "/oauth2/token":
            return None
        if not call.headers.get("user-agent"):
            details = "The header 'User-Agent' is missing."
            return self._refuse(400, Fault("invalid_user_agent", "invalid user agent", details))
        if "json" not in call.headers.get("accept", "application/json") and "*/*" not in call.headers.get("accept", ""):
            return self._refuse(406, Fault("not_acceptable", "Not Acceptable", "Only JSON can be answered."))
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and token in self.access_tokens:
            return None
        details = "Required access token is missing, malformed, expired, or invalid."
        return self._refuse(401, Fault("unauthorized", "Unauthorized", details))

    def not_found(self, call: Call) -> Response:
        return self._refuse(404, Fault("not_found", "Not Found", "Requested path was not found."))

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        return self.not_found(call)

    def throttled(self, call: Call) -> Response:
        return Response.of(429, None, {"X-Request-Id": self._logref()})

    def failed(self, call: Call, status: int) -> Response:
        code = "server_error" if status == 500 else "temporarily_unavailable"
        return self._refuse(status, Fault(code, code.replace("_", " "), "Try again later."))

    def _unknown_parameter(self, name: str) -> Response:
        details = f"The parameter '{name}' is not known."
        return self._refuse(400, Fault("invalid_param", "invalid request query parameter", details))

    def _refuse(self, status: int, *faults: Fault) -> Response:
        logref = self._logref()
        entries = [
            {
                "error": ({"resource": "lead", "field": fault.field} if fault.field else {})
                | {"code": fault.code, "message": fault.message, "details": fault.details},
                "meta": {"type": "error", "links": MORE_INFO},
            }
            for fault in faults
        ]
        line = f"{status} {REASONS.get(status, 'Error')}"
        meta = {"type": "errors", "http_status": line, "logref": logref, "links": MORE_INFO}
        return self._answer(status, {"errors": entries, "meta": meta}, logref)

    def _answer(self, status: int, body: Any, logref: str = "") -> Response:
        headers = {"Content-Type": "application/json; charset=utf-8", "Content-Language": "en"}
        return Response.of(status, body, headers | {"X-Request-Id": logref or self._logref()})

    def _logref(self) -> str:
        return f"sim01-{len(self.calls):05d}-00000-00000"


def _invalid_type(field: str, kind: type) -> Fault:
    details = f"The attribute '{field}' value must be a value of type '{TYPE_WORDS[kind]}'"
    return Fault("invalid_type", "attribute value has an invalid type", details, field)


def _incorrect(field: str, reason: str) -> Fault:
    return Fault("incorrect_value", "attribute value is incorrect", f"The attribute '{field}' value {reason}", field)


def _custom_value(value: Any) -> Any:
    """Numbers come back as text."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
