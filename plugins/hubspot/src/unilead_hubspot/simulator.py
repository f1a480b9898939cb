"""A local HubSpot: the lead object of one account, its checks, its errors, in three API versions.

Source: https://developers.hubspot.com/docs/api-reference/error-handling (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from unilead import Call, Response, route
from unilead_hubspot.simulator_rules import (
    ENFORCING,
    PORTAL,
    HubSpotRules,
    Refusal,
    invalid,
    missing_scope,
    read_object,
    undeserializable,
)

TOKEN = "pat-sim1-5f0c2f6e-0b1d-4d0c-9a53-3b8f6f7d1c22"
CLIENT = ("6f1d0c9e-sim1-4b7a-9f35-0c1e2d3a4b5c", "sim-client-secret-8b1f")
REFRESH_TOKEN = "sim1-9b2d6c1e-7f0a-4d52-8c1b-2f3e4d5c6b7a"
OWNER = "81490377"
FIRST_ID = 482193345500
LARGEST_BATCH = 100
VERSIONS = ("2026-09", "2026-03", "v3")
CORRELATION = "x-hubspot-correlation-id"
NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details "
    "at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
CONTACT = {  # every contact is this one
    "hs_lead_source": "ORGANIC_SEARCH",
    "hs_associated_contact_firstname": "Ingrid",
    "hs_associated_contact_lastname": "Solberg",
    "hs_associated_contact_email": "ingrid.solberg@fjord-analytics.example",
    "hs_associated_company_name": "Fjord Analytics AS",
    "hs_last_activity_date": None,
    "hs_contact_last_activity_date": "2026-11-20T08:05:00.000Z",
}
DEFAULT_PROPERTIES = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")  # of a read that names none


class HubSpotSimulator(HubSpotRules):
    """HubSpot's lead endpoints, on a single account.

    Attributes:
        scopes: what the token may do.
        access_tokens: tokens that are valid; taking one out makes it an expired one.
        forbidden: the user may not see leads.
        edit_associations: the user may link records; asked from 2026-09 on.
        echo_trace_ids: a batch's results carry the trace ids of their inputs.
    """

    slug = "hubspot"
    sample_settings = {"access_token": TOKEN}

    def __init__(self) -> None:
        super().__init__()
        self.scopes = {"crm.objects.leads.write", "crm.objects.leads.read", "crm.objects.owners.read"}
        self.access_tokens = {TOKEN}
        self.forbidden = False
        self.edit_associations = True
        self.echo_trace_ids = False
        self._issued = {TOKEN}

    # --- leads ----------------------------------------------------------------------------------------------------

    @route("POST", "/crm/objects/{version}/{kind}")
    @route("POST", "/crm/v3/objects/{kind}")
    def create(self, call: Call, kind: str, version: str = "v3") -> Response:
        try:
            self._enter(kind, version, "write")
            properties, links, warnings = self._checked(read_object(call), version)
        except Refusal as refusal:
            return self._refuse(refusal)
        return self._answer(201, self._created(self._store(properties, links), warnings))

    @route("POST", "/crm/objects/{version}/{kind}/batch/create")
    @route("POST", "/crm/v3/objects/{kind}/batch/create")
    def create_batch(self, call: Call, kind: str, version: str = "v3") -> Response:
        try:
            self._enter(kind, version, "write")
            inputs = self._inputs(read_object(call))
            traced = all(entry.get("objectWriteTraceId") for entry in inputs)
            started = self._moment()
            good, bad = self._sorted(inputs, version, keep_going=traced)
        except Refusal as refusal:
            return self._refuse(refusal)
        results = []
        for entry, (properties, links, warnings) in good:
            record = self._created(self._store(properties, links), warnings)
            trace = {"objectWriteTraceId": entry["objectWriteTraceId"]} if traced and self.echo_trace_ids else {}
            results.append(record | trace)
        body = {"status": "COMPLETE", "startedAt": started, "completedAt": self._moment(), "results": results}
        if bad:
            return self._answer(207, body | {"numErrors": len(bad), "errors": bad})
        return self._answer(201, body)

    @route("GET", "/crm/objects/{version}/{kind}/{lead_id}")
    @route("GET", "/crm/v3/objects/{kind}/{lead_id}")
    def read(self, call: Call, kind: str, lead_id: str, version: str = "v3") -> Response:
        try:
            self._enter(kind, version, "read")
        except Refusal as refusal:
            return self._refuse(refusal)
        if lead_id not in self.leads:
            return self._refuse(
                Refusal(404, "Object not found. objectId are usually numeric.", category="OBJECT_NOT_FOUND")
            )
        return self._answer(200, self._shown(self.leads[lead_id], call))

    @route("GET", "/crm/objects/{version}/{kind}")
    @route("GET", "/crm/v3/objects/{kind}")
    def list_leads(self, call: Call, kind: str, version: str = "v3") -> Response:
        try:
            self._enter(kind, version, "read")
        except Refusal as refusal:
            return self._refuse(refusal)
        return self._answer(200, {"results": [self._shown(record, call) for record in self.leads.values()]})

    # --- tokens and people ----------------------------------------------------------------------------------------

    @route("POST", "/oauth/{version}/token")
    def token(self, call: Call, version: str) -> Response:
        form = call.form
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            return self._token_refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client credentials")
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != REFRESH_TOKEN:
            return self._token_refused("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token")
        token = f"CPsim1-{self.next_number():08d}"
        self.access_tokens.add(token)
        self._issued.add(token)
        about = {"hub_id": PORTAL, "user_id": 77120011, "scopes": sorted(self.scopes)}
        granted = {"access_token": token, "refresh_token": REFRESH_TOKEN, "expires_in": 1800}
        return self._answer(200, {"token_type": "bearer", "token_use": "access_token"} | granted | about)

    @route("POST", "/oauth/{version}/token/introspect")
    def introspect(self, call: Call, version: str) -> Response:
        token = call.form.get("token")
        about = {"hub_id": PORTAL, "user_id": 77120011, "scopes": sorted(self.scopes)}
        return self._answer(200, {"active": True} | about if token in self.access_tokens else {"active": False})

    @route("GET", "/crm/owners/{version}")
    @route("GET", "/crm/v3/owners")
    def owners(self, call: Call, version: str = "v3") -> Response:
        owner = {"id": OWNER, "email": "sim@fjord.example", "firstName": "Sim", "lastName": "Owner", "archived": False}
        return self._answer(200, {"results": [owner]})

    # --- checks ---------------------------------------------------------------------------------------------------

    def _enter(self, kind: str, version: str, right: str) -> None:
        """Check what comes before the body: version, object type, scope, and the user's view."""
        if version not in VERSIONS:
            raise Refusal(404, "resource not found")
        if kind not in ("leads", "0-136"):
            raise Refusal(400, f"Unable to infer object type from: {kind}")
        scope = f"crm.objects.leads.{right}"
        if scope not in self.scopes:
            raise missing_scope(scope)
        if self.forbidden:
            raise Refusal(403, "You do not have permissions to view object type LEAD.", category="FORBIDDEN")

    def _checked(self, body: Mapping[str, Any], version: str) -> tuple[dict[str, str], list[Any], list[Any]]:
        """Check one input. Returns: its properties as they are stored, its links, and what was normalized."""
        properties, links = self.shape(body)
        if not self.edit_associations and version == ENFORCING:
            raise invalid("Missing 'Edit Associations' permission.")
        self.check_links(links)
        self.check_properties(properties, version)
        stored, warnings = self.normalized(properties, version)
        return stored, links, warnings

    def _inputs(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        inputs = body.get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
            raise undeserializable("inputs", inputs)
        if len(inputs) > LARGEST_BATCH:
            text = f"The maximum number of inputs supported in a batch request for leads is {LARGEST_BATCH}."
            raise invalid(f"{text} Please reduce the number of items and try again")
        return inputs

    def _sorted(self, inputs: list[dict[str, Any]], version: str, *, keep_going: bool) -> tuple[list[Any], list[Any]]:
        """Sort a batch's inputs into good and bad ones; without trace ids the first bad one refuses all."""
        good: list[Any] = []
        bad: list[Any] = []
        for entry in inputs:
            try:
                good.append((entry, self._checked(entry, version)))
            except Refusal as refusal:
                if not keep_going:
                    raise
                trace = {"objectWriteTraceId": [entry["objectWriteTraceId"]]}
                body = {name: value for name, value in self._error(refusal).items() if name != "correlationId"}
                bad.append(body | {"context": body.get("context", {}) | trace})
        return good, bad

    # --- records --------------------------------------------------------------------------------------------------

    def _store(self, properties: Mapping[str, str], links: list[Any]) -> dict[str, Any]:
        number, moment = str(FIRST_ID + self.next_number()), self._moment()
        linked = self.linked(links)
        system = {
            "hs_createdate": moment,
            "hs_lastmodifieddate": moment,
            "hs_object_id": number,
            "hs_object_source": "INTEGRATION",
            "hs_pipeline": "lead-pipeline-id",
            "hs_pipeline_stage": "new-stage-id",
        }
        mirrors = CONTACT | {
            "hs_primary_contact_id": linked["contacts"][0]["id"],
            "hs_primary_company_id": None,
        }
        self.leads[number] = {
            "id": number,
            "properties": mirrors | system | dict(properties),
            "createdAt": moment,
            "updatedAt": moment,
            "archived": False,
            "associations": {kind: {"results": found} for kind, found in linked.items() if found},
        }
        return self.leads[number]

    def _created(self, record: Mapping[str, Any], warnings: list[Any]) -> dict[str, Any]:
        """What a create answers: no links, no mirrors."""
        hidden = {*CONTACT, "hs_primary_contact_id", "hs_primary_company_id"}
        shown = {name: value for name, value in record["properties"].items() if name not in hidden}
        url = f"https://app.hubspot.com/contacts/{PORTAL}/record/0-136/{record['id']}"
        answer = {name: value for name, value in record.items() if name != "associations"}
        return answer | {"properties": shown, "url": url} | ({"warnings": warnings} if warnings else {})

    def _shown(self, record: dict[str, Any], call: Call) -> dict[str, Any]:
        """What a read answers: the properties and links it asks for."""
        wanted = [*DEFAULT_PROPERTIES, *self._listed(call, "properties")]
        known = record["properties"]
        links = {kind: record["associations"].get(kind) for kind in self._listed(call, "associations")}
        answer = record | {"properties": {name: known[name] for name in wanted if name in known}}
        found = {kind: link for kind, link in links.items() if link}
        return {name: value for name, value in answer.items() if name != "associations"} | (
            {"associations": found} if found else {}
        )

    def _listed(self, call: Call, name: str) -> list[str]:
        return [part for key, text in call.query if key == name for part in text.split(",")]

    # --- answers --------------------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if call.path.startswith("/oauth/"):
            return None
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return self._refuse(Refusal(401, NO_CREDENTIALS, category="INVALID_AUTHENTICATION"))
        if token in self.access_tokens:
            return None
        if token in self._issued:
            return self._expired("5 minute(s)", self._moment())
        days = (self.now() - datetime(1970, 1, 1, tzinfo=UTC)).days  # what HubSpot says of a token it cannot read
        return self._expired(f"{days} day(s)", "1970-01-01T00:00:00Z")

    def _expired(self, ago: str, moment: str) -> Response:
        text = f"The OAuth token used to make this call expired {ago} ago."
        more = {"context": {"expire time": [moment]}}
        return self._refuse(Refusal(401, text, category="EXPIRED_AUTHENTICATION", more=more))

    def _token_refused(self, code: str, error: str, text: str) -> Response:
        return self._answer(400, {"status": code, "message": text, "error": error, "error_description": text})

    def not_found(self, call: Call) -> Response:
        return self._refuse(Refusal(404, "resource not found"))

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        return self._refuse(Refusal(405, "method not allowed"))

    def throttled(self, call: Call) -> Response:
        text = "You have reached your ten_secondly_rolling limit."
        more = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
        return self._answer(429, self._error(Refusal(429, text, more=more)), {"X-HubSpot-RateLimit-Remaining": "0"})

    def failed(self, call: Call, status: int) -> Response:
        if status == 477:
            return self._answer(477, None, {"Retry-After": "3600"})
        if status == 423:
            return self._refuse(Refusal(423, "The record is locked by another write."))
        if status == 500:
            return self._refuse(Refusal(500, "internal error"))
        return Response.of(status, f"<html><body><h1>{status}</h1></body></html>", {"Content-Type": "text/html"})

    def _refuse(self, refusal: Refusal) -> Response:
        return self._answer(refusal.status, self._error(refusal))

    def _error(self, refusal: Refusal) -> dict[str, Any]:
        body = {"status": "error", "message": refusal.text, "correlationId": self._correlation()}
        return body | ({"category": refusal.category} if refusal.category else {}) | dict(refusal.more)

    def _answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
        known = {
            "Content-Type": "application/json;charset=utf-8",
            CORRELATION: self._correlation(),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        }
        return Response.of(status, body, known | self._limits() | dict(headers or {}))

    def _limits(self) -> dict[str, str]:
        """Tell what is left: an OAuth app has another window than a static token, and is told no daily limit."""
        if self.calls and self.calls[-1].headers.get("authorization") != f"Bearer {TOKEN}":
            return {"X-HubSpot-RateLimit-Max": "110", "X-HubSpot-RateLimit-Remaining": "109"}
        burst = {"X-HubSpot-RateLimit-Max": "190", "X-HubSpot-RateLimit-Remaining": "189"}
        return burst | {"X-HubSpot-RateLimit-Daily": "625000", "X-HubSpot-RateLimit-Daily-Remaining": "624118"}

    def _correlation(self) -> str:
        return f"c033cdaa-2c40-4a64-ae48-{len(self.calls):012d}"

    def _moment(self) -> str:
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
