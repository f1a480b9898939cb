"""The org around a local Salesforce's leads: its tokens, its versions, its quota, and how it answers.

Source: https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_refresh_token_flow.htm (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from unilead import Call, Response, route
from unilead_salesforce.simulator_rules import Refusal, SalesforceRules

TOKEN = "00D5e000000AbCd!AQ0AQsim1.7f3Kx9Qm2Lr8Tz4Wv6Yp1Nc5Hb0Gd"
CLIENT = ("3MVG9sim1.Ab12Cd34Ef56Gh78", "sim-consumer-secret-4471")
REFRESH_TOKEN = "5Aep861sim1.Qw12Er34Ty56Ui78Op90"
INSTANCE = "https://northwind-labs.my.salesforce.com"
USER = "0055e000001XyZAAA0"
ORG = "00D5e000000AbCdEAK"
LONGEST_URI = 16_384
NEWEST, SUPPORTED, RETIRED = 68, 31, 30


class SalesforceOrg(SalesforceRules):
    """What surrounds the leads: tokens, rights, versions, quota, and the form of answers.

    Attributes:
        access_tokens: tokens that are valid; taking one out makes it an expired one.
        rest_tokens: the tokens may be used with REST at all.
        scopes: what the tokens may do.
        org_has_api, user_has_api: the edition and the user may use the API.
        rotate: each refresh gives a new refresh token and kills the old one.
        instance_url: the org's address, as token answers name it.
        quota, used: API calls allowed in 24 hours, and made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.access_tokens = {TOKEN}
        self.rest_tokens = True
        self.scopes = {"api", "refresh_token"}
        self.org_has_api = self.user_has_api = True
        self.rotate = False
        self.refresh_token = REFRESH_TOKEN
        self.instance_url = INSTANCE
        self.quota, self.used = 5_000_000, 0

    # --- the org, and its tokens ----------------------------------------------------------------------------------

    @route("GET", "/services/data")
    def versions(self, call: Call) -> Response:
        numbers = range(SUPPORTED, NEWEST + 1)
        return self.answer(
            200, [{"label": f"v{n}.0", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in numbers]
        )

    @route("GET", "/services/data/{version}/limits")
    def limits(self, call: Call, version: str) -> Response:
        daily = {"Max": self.quota, "Remaining": max(0, self.quota - self.used)}
        return self.answer(200, {"DailyApiRequests": daily, "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000}})

    @route("POST", "/services/oauth2/token")
    def token(self, call: Call) -> Response:
        form = call.form
        kind = form.get("grant_type")
        if (form.get("client_id"), form.get("client_secret")) != CLIENT:
            return self.answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
        if kind not in ("refresh_token", "client_credentials"):
            return self.answer(
                400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"}
            )
        if kind == "refresh_token" and form.get("refresh_token") != self.refresh_token:
            return self.answer(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
        token = f"00D5e000000AbCd!AQ0AQsim1.{self.next_number():032d}"
        self.access_tokens.add(token)
        granted: dict[str, Any] = {
            "access_token": token,
            "signature": "p1xsim=",
            "scope": " ".join(sorted(self.scopes)),
        }
        if self.rotate and kind == "refresh_token":
            self.refresh_token = granted["refresh_token"] = f"5Aep861sim1.{self.next_number():020d}"
        issued = str(int(self.now().timestamp() * 1000))
        about = {"instance_url": self.instance_url, "id": f"https://login.salesforce.com/id/{ORG}/{USER}"}
        return self.answer(200, granted | about | {"token_type": "Bearer", "issued_at": issued})

    @route("POST", "/services/oauth2/revoke")
    def revoke(self, call: Call) -> Response:
        self.access_tokens.discard(call.form.get("token", ""))
        return self.answer(200)

    @route("GET", "/services/oauth2/userinfo")
    def userinfo(self, call: Call) -> Response:
        if _token_of(call) not in self.access_tokens:
            return Response.of(403, "Bad_OAuth_Token")
        return self.answer(
            200, {"user_id": USER, "organization_id": ORG, "preferred_username": "sim@northwind.example"}
        )

    # --- what comes before every call ------------------------------------------------------------------------------

    def _dispatch(self, call: Call) -> Response:
        """Answer a call; whatever a check refuses becomes the answer."""
        try:
            self._enter(call)
            return super()._dispatch(call)
        except Refusal as refusal:
            return self.refuse(refusal)

    def _enter(self, call: Call) -> None:
        """Check what comes before everything: the length of the address, and the version in it."""
        if len(call.path) + sum(len(name) + len(value) + 2 for name, value in call.query) > LONGEST_URI:
            raise Refusal(414, "URI_TOO_LONG", "The URI is longer than 16384 bytes")
        found = re.match(r"/services/data/v(\d+)\.\d(?:/|$)", call.path)
        if found and int(found[1]) <= RETIRED:
            raise Refusal(410, "UNSUPPORTED_API_VERSION", "The requested resource no longer exists")
        has_version = call.path.startswith("/services/data/") and call.path != "/services/data/"
        if has_version and (found is None or int(found[1]) > NEWEST):
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")

    # --- answers --------------------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if call.path.startswith("/services/oauth2/") or call.path.rstrip("/") == "/services/data":
            return None
        if _token_of(call) not in self.access_tokens:
            return self.refuse(Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid"))
        if not self.rest_tokens:
            text = "This session is not valid for use with the REST API"
            return self.refuse(Refusal(401, "INVALID_SESSION_ID", text))
        if not self.org_has_api:
            text = "The REST API is not enabled for this Organization."
            return self.refuse(Refusal(403, "API_DISABLED_FOR_ORG", text))
        if not self.user_has_api:
            return self.refuse(Refusal(403, "API_CURRENTLY_DISABLED", "API is not enabled for this user"))
        if "api" not in self.scopes:
            return self.refuse(Refusal(403, "INSUFFICIENT_SCOPE", "The access token lacks the scope api"))
        if self.used >= self.quota:
            return self.refuse(Refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
        self.used += 1
        return None

    def not_found(self, call: Call) -> Response:
        return self.refuse(Refusal(404, "NOT_FOUND", "The requested resource does not exist"))

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        text = f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(sorted(set(allowed)))}"
        return self.refuse(Refusal(405, "METHOD_NOT_ALLOWED", text))

    def throttled(self, call: Call) -> Response:
        return self.refuse(Refusal(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."))

    def failed(self, call: Call, status: int) -> Response:
        codes = {500: "UNKNOWN_EXCEPTION", 503: "SERVER_UNAVAILABLE"}
        if status in codes:
            text = "An unexpected error occurred. Please include this ErrorId if you contact support: 1479 (-1)"
            return self.refuse(Refusal(status, codes[status], text))
        return Response.of(status, f"<html><body><h1>{status}</h1></body></html>", {"Content-Type": "text/html"})

    def refuse(self, refusal: Refusal) -> Response:
        return self.answer(refusal.status, [refusal.body()])

    def answer(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
        known = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.quota}"}
        kind = {} if body is None else {"Content-Type": "application/json;charset=UTF-8"}
        return Response.of(status, body, known | kind | dict(headers or {}))


def _token_of(call: Call) -> str:
    word, _, token = call.headers.get("authorization", "").partition(" ")
    return token if word.lower() in ("bearer", "oauth") else ""
