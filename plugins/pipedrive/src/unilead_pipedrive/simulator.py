"""A local Pipedrive: its lead properties, its checks, its error envelopes, its token endpoint.

Source: https://developers.pipedrive.com/docs/api/v1/Leads (read 2026-11-23).
The texts of 400 answers are not published; the ones here are made up.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from unilead import Call, Response, route
from unilead_pipedrive.simulator_rules import TYPES, PipedriveRules, is_uuid

TOKEN = "0c1d2e3f4a5b6c7d8e9f0011223344556677889a"
CLIENT_ID, CLIENT_SECRET = "5be07c19aa04d3f1", "9a41b6c20f7d4e58a3b1c2d4e5f60718"
REFRESH_TOKEN = "5551234:9876543:0c1d2e3f4a5b6c7d8e9f00112233445566778899"
COMPANY = "brightloom"
HOSTS = (f"{COMPANY}.pipedrive.com", "api.pipedrive.com")
USER, APP = 14502217, "Leadbridge"
HINT = "Please check developers.pipedrive.com"
LABELS = {
    "Hot": "7f1c0a50-2b6e-11ef-8d3a-2f9be1c4a7d0",
    "Warm": "7f1c0a51-2b6e-11ef-8d3a-2f9be1c4a7d0",
    "Cold": "7f1c0a52-2b6e-11ef-8d3a-2f9be1c4a7d0",
}
SOURCES = ("API", "Deal", "Import", "Live chat", "Manually created", "Marketplace", "Web forms")
COSTS = {"create": 10, "read": 2, "list": 20, "labels": 10, "sources": 2, "fields": 20, "myself": 2}  # in tokens
BLOCKED = "<!DOCTYPE html><html><head><title>Access denied | Cloudflare</title></head><body>Sorry</body></html>"


class PipedriveSimulator(PipedriveRules):
    """Pipedrive's lead endpoints and its token endpoint, for a single company.

    Attributes:
        access_tokens: OAuth tokens that are valid now; remove one to let it expire.
        scopes: what the OAuth app was granted; a personal API token has no scopes.
        token_in_query: also take the API token as the query parameter ``api_token``, as old clients send it.
        forbidden, suspended, removed, blocked: the user may not, the company did not pay, the endpoint is gone, the
            client is blocked for sending on after a 429.
        lead_limit: most leads of the company's plan.
        daily_tokens: what is left of the daily budget; ``None`` for no end.
    """

    slug = "pipedrive"
    sample_settings = {"company_domain": COMPANY, "api_token": TOKEN}

    def __init__(self) -> None:
        super().__init__()
        self.access_tokens = {"v1u:AQIBAHj-sample"}
        self.scopes = {"base", "leads:full"}
        self.token_in_query = False
        self.forbidden = self.suspended = self.removed = self.blocked = False
        self.lead_limit: int | None = None
        self.daily_tokens: int | None = None

    @route("POST", "/api/v1/leads")
    @route("POST", "/v1/leads")
    def create(self, call: Call) -> Response:
        refusal = self._gate(call, "create", "leads:full")
        if refusal is not None:
            return refusal
        if "application/json" not in call.headers.get("content-type", ""):
            return self._refuse(400, "The content type must be application/json")
        try:
            body = call.json
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return self._refuse(400, "The body must be a JSON object")
        fault = next(self.faults_of(body), None)
        if fault is not None:
            return self._refuse(400, *fault)
        if self.lead_limit is not None and self.count >= self.lead_limit:
            return self._refuse(403, "The limit of your plan is reached", "feature_capping_deals_limit")
        record = self._stored(body, by_app="authorization" in call.headers)
        self.leads[record["id"]] = record
        return self._answer(201, record)

    @route("GET", "/api/v1/leads/{lead_id}")
    @route("GET", "/v1/leads/{lead_id}")
    def read(self, call: Call, lead_id: str) -> Response:
        refusal = self._gate(call, "read", "leads:full", "leads:read")
        if refusal is not None:
            return refusal
        if not is_uuid(lead_id):
            return self._refuse(400, "The id must be a UUID")
        if lead_id not in self.leads:
            return self._refuse(404, "requested lead not found", info="Object was not found.")
        return self._answer(200, self.leads[lead_id])

    @route("GET", "/api/v1/leads")
    @route("GET", "/v1/leads")
    def list_leads(self, call: Call) -> Response:
        refusal = self._gate(call, "list", "leads:full", "leads:read")
        if refusal is not None:
            return refusal
        wanted = {
            name: call.params[name] for name in ("owner_id", "person_id", "organization_id") if name in call.params
        }
        found = [lead for lead in self.leads.values() if all(str(lead[name]) == text for name, text in wanted.items())]
        page = {"start": 0, "limit": 100, "more_items_in_collection": False}
        return self._answer(200, found, {"pagination": page})

    @route("GET", "/api/v1/leadLabels")
    @route("GET", "/v1/leadLabels")
    def labels(self, call: Call) -> Response:
        data = [{"id": number, "name": name, "color": "blue"} for name, number in LABELS.items()]
        return self._gate(call, "labels", "leads:full", "leads:read") or self._answer(200, data)

    @route("GET", "/api/v1/leadSources")
    @route("GET", "/v1/leadSources")
    def sources(self, call: Call) -> Response:
        data = [{"name": name} for name in SOURCES]
        return self._gate(call, "sources", "leads:full", "leads:read") or self._answer(200, data)

    @route("GET", "/api/v1/leadFields")
    @route("GET", "/v1/leadFields")
    def fields(self, call: Call) -> Response:
        data = [{"key": name, "name": name.replace("_", " ").capitalize()} for name in TYPES]
        return self._gate(call, "fields", "leads:full", "leads:read") or self._answer(200, data)

    @route("GET", "/api/v1/users/me")
    @route("GET", "/v1/users/me")
    def myself(self, call: Call) -> Response:
        user = {"id": USER, "name": "Sim User", "email": "sim@brightloom.example", "company_domain": COMPANY}
        return self._gate(call, "myself", "base") or self._answer(200, user)

    @route("POST", "/oauth/token")
    def token(self, call: Call) -> Response:
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {pair}":
            return self._no_token("invalid_client", "Invalid client: client is invalid")
        if "application/x-www-form-urlencoded" not in call.headers.get("content-type", ""):
            return self._no_token(
                "invalid_request", "Invalid request: content must be application/x-www-form-urlencoded"
            )
        form = call.form
        grant = form.get("grant_type")
        if grant not in ("refresh_token", "authorization_code"):
            reason = "Unsupported grant type: grant_type is invalid" if grant else "Missing parameter: grant_type"
            return self._no_token("invalid_request", reason)
        if grant == "refresh_token" and form.get("refresh_token") != REFRESH_TOKEN:
            return self._no_token("invalid_grant", "Invalid grant: refresh_token is invalid")
        if grant == "authorization_code" and not form.get("code"):
            return self._no_token("invalid_grant", "Invalid grant: authorization_code is invalid")
        fresh = f"v1u:AQIBAHj-{self.next_number()}"
        self.access_tokens.add(fresh)
        answer = {"access_token": fresh, "token_type": "Bearer", "refresh_token": REFRESH_TOKEN, "expires_in": 3599}
        return Response.of(
            200, answer | {"scope": ",".join(sorted(self.scopes)), "api_domain": f"https://{COMPANY}.pipedrive.com"}
        )

    # --- what comes before the body -------------------------------------------------------------------------------

    def _gate(self, call: Call, action: str, *scopes: str) -> Response | None:
        """Refuse a call whatever its body: blocked, unpaid, out of scope, over the budget."""
        if self.blocked:
            return Response.of(403, BLOCKED.encode(), {"Content-Type": "text/html; charset=UTF-8"})
        if self.removed:
            return self._refuse(410, "The endpoint is gone")
        if "authorization" in call.headers and not self.scopes & set(scopes):
            return self._refuse_at_gateway(403, "Scope and URL mismatch")
        if self.suspended:
            return self._refuse(402, "Company account is not open")
        if self.forbidden:
            return self._refuse(403, "You do not have permissions to do this.")
        if self.daily_tokens is not None:
            enough = self.daily_tokens >= COSTS[action]
            self.daily_tokens = self.daily_tokens - COSTS[action] if enough else 0
            return None if enough else self.throttled(call)
        return None

    def _stored(self, body: Mapping[str, Any], *, by_app: bool) -> dict[str, Any]:
        number = self.next_number()
        moment = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        origin = {"origin": "Marketplace", "origin_id": CLIENT_ID, "channel": 8, "channel_id": APP} if by_app else {}
        custom = {name: _as_answered(value) for name, value in body.items() if name not in TYPES and value is not None}
        given = {name: value for name, value in body.items() if name in TYPES and value is not None}
        return {
            "id": str(uuid5(NAMESPACE_URL, f"https://{COMPANY}.pipedrive.com/leads/{number}")),
            **dict.fromkeys(TYPES),
            "owner_id": USER,
            "creator_id": USER,
            "label_ids": [],
            "is_archived": False,
            "archive_time": None,
            "source_name": "API",
            "source_deal_id": None,
            "origin": "API",
            **origin,
            "was_seen": False,
            "next_activity_id": None,
            "add_time": moment,
            "update_time": moment,
            "visible_to": "3",
            "cc_email": f"{COMPANY}+{USER}+lead{number}@pipedrivemail.com",
            **given,
            **custom,
        }

    # --- Pipedrive's answers --------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if call.path.startswith("/oauth/"):
            return None
        host = call.headers.get("host", "").partition(":")[0].lower()
        if host.endswith(".pipedrive.com") and host not in HOSTS:
            return self._refuse_at_gateway(401, "unauthorized access")
        token = call.headers.get("x-api-token", call.params.get("api_token") if self.token_in_query else None)
        bearer = call.headers.get("authorization")
        if bearer is None or token is not None:
            return None if token == TOKEN else self._refuse_at_gateway(401, "unauthorized access")
        kind, _, text = bearer.partition(" ")
        if kind.lower() != "bearer" or not text:
            return self._refuse_at_gateway(400, "Invalid request: malformed authorization header")
        if text not in self.access_tokens:
            return self._refuse_at_gateway(401, "Invalid token: access token is invalid")
        return None

    def not_found(self, call: Call) -> Response:
        return self._refuse(404, "Unknown method .")

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        return self._refuse(405, "Method not allowed")

    def throttled(self, call: Call) -> Response:
        body = {"success": False, "error": "Rate limit exceeded", "errorCode": 429}
        burst = {} if self.daily_tokens == 0 else {"x-ratelimit-remaining": "0"}
        return Response.of(429, body, self._headers() | burst)

    def failed(self, call: Call, status: int) -> Response:
        return self._refuse(status, "Internal error" if status == 500 else "Service unavailable")

    def _no_token(self, error: str, message: str) -> Response:
        return Response.of(400, {"success": False, "error": error, "message": message})

    def _refuse(self, status: int, error: str, code: str | None = None, info: str = HINT) -> Response:
        body = {"success": False, "error": error, "error_info": info, "data": None, "additional_data": None}
        return Response.of(status, body | ({"code": code} if code else {}), self._headers())

    def _refuse_at_gateway(self, status: int, error: str) -> Response:
        body = {"success": False, "error": error, "errorCode": status, "error_info": HINT}
        return Response.of(status, body, self._headers() | {f"x-{status}-by-gw": "true"})

    def _answer(self, status: int, data: Any, additional: Any = None) -> Response:
        body = {"success": True, "data": data} | ({"additional_data": additional} if additional else {})
        return Response.of(status, body, self._headers())

    def _headers(self) -> dict[str, str]:
        correlation = str(uuid5(NAMESPACE_URL, f"call-{len(self.calls)}"))
        burst = {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "19", "x-ratelimit-reset": "2"}
        if self.daily_tokens is None:
            return burst | {"x-correlation-id": correlation}
        daily = {
            "x-daily-ratelimit-token-limit": "30000",
            "x-daily-ratelimit-token-remaining": str(self.daily_tokens),
        }
        return burst | daily | {"x-correlation-id": correlation}


def _as_answered(value: Any) -> Any:
    """Whole numbers come back as text, as v1 answers option ids."""
    return str(value) if isinstance(value, int) else value
