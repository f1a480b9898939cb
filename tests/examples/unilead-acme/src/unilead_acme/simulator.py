"""A local Acme: its own checks and error bodies, written without a look at the provider.

Source: https://api.acme.example/docs/errors
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unilead import Call, Response, Simulator, route

TOKEN = "acme-sample-token"
ORIGINS = ("WEBSITE", "TRADE_SHOW", "PARTNER")
KNOWN = {"pipeline": str, "contact": dict, "phones": list, "origin": str, "owner": int, "extra": dict}


class AcmeSimulator(Simulator):
    """Acme's prospects, on a single account."""

    slug = "acme"
    sample_settings = {"token": TOKEN}

    @route("POST", "/v2/prospects")
    def create(self, call: Call) -> Response:
        try:
            prospect = call.json["prospect"]
        except (ValueError, KeyError, TypeError):
            return _refuse(400, "E_BODY", "The body must be JSON with an object 'prospect'")
        if not isinstance(prospect, dict):
            return _refuse(400, "E_BODY", "'prospect' must be an object")
        fault = next(self._faults(prospect), None)
        if fault is not None:
            return fault
        number = str(4000 + self.next_number())
        self.leads[number] = {"id": int(number), **prospect, "created": self.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
        return Response.of(201, {"prospect": self.leads[number]})

    @route("GET", "/v2/prospects/{number}")
    def read(self, call: Call, number: str) -> Response:
        if number not in self.leads:
            return _refuse(404, "E_UNKNOWN", "No such prospect")
        return Response.of(200, {"prospect": self.leads[number]})

    def _faults(self, prospect: Mapping[str, Any]) -> Iterator[Response]:
        for name, value in prospect.items():
            kind = KNOWN.get(name)
            if kind is not None and not isinstance(value, kind):
                yield _refuse(422, "E_TYPE", f"{name} has the wrong type", name)
        contact = prospect.get("contact")
        if not isinstance(contact, dict) or not str(contact.get("surname") or "").strip():
            yield _refuse(422, "E_BLANK", "Surname is blank", "contact.surname")
            return
        if prospect.get("origin") not in (None, *ORIGINS):
            yield _refuse(422, "E_CHOICE", "Unknown origin", "origin")
        if "owner" in prospect and not self.exists(prospect["owner"]):
            yield _refuse(422, "E_OWNER", "Unknown owner", "owner")
        mail = contact.get("mail")
        if mail and any(lead["contact"].get("mail") == mail for lead in self.leads.values()):
            yield _refuse(409, "E_DUPLICATE", "Mail address is already used", "contact.mail")

    # --- Acme's own answers ---------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if call.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        return _refuse(401, "E_TOKEN", "Unknown token")

    def not_found(self, call: Call) -> Response:
        return _refuse(404, "E_PATH", "No such path")

    def throttled(self, call: Call) -> Response:
        return _refuse(429, "E_SLOW", "Too many requests", headers={"Retry-After": "1"})

    def failed(self, call: Call, status: int) -> Response:
        return _refuse(status, "E_INTERNAL", "Something went wrong")


def _refuse(
    status: int, code: str, text: str, path: str | None = None, *, headers: Mapping[str, str] | None = None
) -> Response:
    return Response.of(status, {"errors": [{"code": code, "text": text, "path": path}]}, headers)
