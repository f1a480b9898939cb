"""A local Nutshell: one lead in a list of one, ids with their kind, and refusals in five shapes.

Source: https://developers.nutshell.com/reference (read 2026-11-23).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from unilead import Call, Response, Simulator, route
from unilead_nutshell.simulator_rules import KINDS, Fault, apply_step, type_faults, whole_id

USERNAME = "mira@harbor.example"
API_KEY = "5e7a" * 10
ORIGIN = "https://app.nutshell.com"
SOURCES = {"1-sources": "Website", "2-sources": "Trade show"}
META = {"instanceId": "204417", "siteId": "k3Qz9LmT"}
HREFS = {name: {"href": f"{ORIGIN}/rest/{name}/{{leads.{name}}}", "type": name} for name in ("contacts", "accounts")}
CALLER = "35-users"
PATCH_TYPE = "application/json-patch+json"
LARGEST_PAGE = 10_000
REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
_WHOLE = re.compile(r"-?[0-9]{1,9}")


class NutshellSimulator(Simulator):
    """Nutshell's lead endpoints, on a single company.

    Attributes:
        users: e-mail addresses that the key may be used with.
        web_only: the key is one for form submissions, which no API takes.
        forbidden: the key's user may not create leads.
        duplicates: titles that are refused as a conflict.
        strict: an unknown custom field refuses the lead instead of being ignored.
        breaks_on_bad_json: a body that is not JSON is a server error.
        bare: answers hold the lead itself, without the envelope.
        retry_after: header of a throttled answer; none when empty.
    """

    slug = "nutshell"
    sample_settings = {"username": USERNAME, "api_key": API_KEY}

    def __init__(self) -> None:
        super().__init__()
        self.users = {USERNAME}
        self.web_only = False
        self.forbidden = False
        self.duplicates: set[str] = set()
        self.strict = False
        self.breaks_on_bad_json = False
        self.bare = False
        self.retry_after = ""

    @route("POST", "/rest/leads")
    def create(self, call: Call) -> Response:
        if self.forbidden:
            return self._page(403)
        body = _json_body(call, "application/json")
        if body is None:
            return self._short(500) if self.breaks_on_bad_json else self._refuse(400, Fault("Invalid JSON"))
        leads = body.get("leads") if isinstance(body, dict) else None
        if not isinstance(leads, list) or len(leads) != 1 or not isinstance(leads[0], dict):
            return self._refuse(400, Fault("You may only create one leads resource per request."))
        data = leads[0]
        faults = list(type_faults(data)) or list(self._link_faults(data)) or list(self._field_faults(data))
        if faults:
            return self._refuse(400, *faults)
        if data["description"] in self.duplicates:
            return self._refuse(409, Fault("A lead with this description already exists", "description"))
        record = self._stored(1041 + self.next_number(), data)
        self.leads[record["id"]] = record
        return self._answer(201, _shown(record))

    @route("GET", "/rest/leads/{ids}")
    def read(self, call: Call, ids: str) -> Response:
        found = [self.leads.get(name if "-" in name else f"{name}-leads") for name in ids.split(",")]
        records = [_shown(record) for record in found if record is not None]
        return self._answer(200, *records, companions=True) if len(records) == len(found) else self._page(404)

    @route("GET", "/rest/leads")
    def list_leads(self, call: Call) -> Response:
        number, limit = call.params.get("page[page]", "0"), call.params.get("page[limit]", "50")
        if not _WHOLE.fullmatch(number) or int(number) < 0:
            return self._refuse(400, Fault("Invalid filter", detail=f"Invalid page number: {number}"))
        if not _WHOLE.fullmatch(limit) or not 1 <= int(limit) <= LARGEST_PAGE:
            return self._refuse(400, Fault("Invalid filter", detail=f"Invalid page limit: {limit}"))
        wanted = call.params.get("q", "").lower()
        found = [record for record in self.leads.values() if wanted in record["name"].lower()]
        start = int(number) * int(limit)
        return self._answer(200, *map(_shown, found[start : start + int(limit)]), companions=True)

    @route("PATCH", "/rest/leads/{lead_id}")
    def patch(self, call: Call, lead_id: str) -> Response:
        steps = _json_body(call, PATCH_TYPE)
        if steps is None:
            return Response.of(400, f'"{PATCH_TYPE} is required, see http://jsonapi.org"', self._traced())
        record = self.leads.get(lead_id)
        if record is None:
            return self._page(404)
        for step in steps if isinstance(steps, list) else [None]:
            if not isinstance(step, dict) or not apply_step(record, step):
                return self._refuse(400, Fault("Invalid patch"))
        return Response.of(204, None, self._traced())

    @route("GET", "/rest/leads/{lead_id}/customfields")
    def custom_fields(self, call: Call, lead_id: str) -> Response:
        record = self.leads.get(lead_id)
        if record is None:
            return self._page(404)
        values = [{"name": name, "value": value} for name, value in record["customFields"].items()]
        return Response.of(200, {"meta": META, "customFields": values}, self._traced())

    @route("GET", "/rest/users")
    def list_users(self, call: Call) -> Response:
        users = [
            {"id": f"{35 + index}-users", "type": "users", "name": email.split("@")[0].title(), "emails": [email]}
            for index, email in enumerate(sorted(self.users))
        ]
        return Response.of(200, {"meta": META, "links": {}, "users": users}, self._traced())

    @route("GET", "/rest/sources")
    def list_sources(self, call: Call) -> Response:
        return Response.of(200, {"meta": META, "links": {}, "sources": list(map(_source, SOURCES))}, self._traced())

    # --- Nutshell's checks ----------------------------------------------------------------------------------------

    def _link_faults(self, data: Mapping[str, Any]) -> Iterator[Fault]:
        for name, value in (data.get("links") or {}).items():
            for link in value if isinstance(value, list) else [value]:
                if name not in KINDS or link is None or isinstance(link, dict):
                    continue
                known = whole_id(name, link)
                if known is None:
                    yield Fault("Invalid link", f"links.{name}")
                elif not (self.exists(known) and self.exists(known.split("-")[0])):
                    yield Fault("Invalid link", f"links.{name}", f"{known} does not exist")

    def _field_faults(self, data: Mapping[str, Any]) -> Iterator[Fault]:
        if not data.get("description"):
            yield Fault("Description is required", "description")
        for name in data.get("customFields") or {}:
            if self.strict and not self.exists(name):
                yield Fault("Unknown custom field", "customFields", name)

    def _stored(self, number: int, data: Mapping[str, Any]) -> dict[str, Any]:
        title, links = data["description"], data.get("links") or {}
        owner = whole_id("owner", links.get("owner") or CALLER)
        custom = {name: value for name, value in (data.get("customFields") or {}).items() if self.exists(name)}
        return {
            "id": f"{number}-leads",
            "type": "leads",
            "number": number + 145,
            "name": title,
            "description": title,
            "status": "open",
            "ownerType": (owner or CALLER).split("-")[1],
            "value": {"amount": data.get("manualValue") or "0.00", "currency": "USD"},
            "confidence": 25,
            "createdTime": self._moment(self.now().timestamp()),
            "closedTime": None,
            "dueTime": data.get("dueTime"),
            "lastContactedTime": None,
            "href": f"{ORIGIN}/rest/leads/{number}-leads",
            "htmlUrl": f"{ORIGIN}/lead/{number}",
            "customFields": custom,
            "links": {"creator": CALLER, "owner": owner}
            | {name: [self._linked(name, link) for link in links.get(name) or ()] for name in KINDS if name != "owner"}
            | {"stage": "7-stages", "stageset": "1-stagesets", "market": "1-markets", "files": []},
        }

    def _linked(self, name: str, link: Any) -> str | None:
        """The id of a linked record; one that came inline is made, with a number that no other has."""
        return f"{900_000 + self.next_number()}-{name}" if isinstance(link, dict) else whole_id(name, link)

    def _moment(self, seconds: float) -> dict[str, Any]:
        day = self.now()
        return {"timestamp": int(seconds), "value": f"{day:%B %d, %Y}", "absoluteLocalizedString": f"{day:%b %d, %Y}"}

    # --- Nutshell's answers ---------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        if not call.path.startswith("/rest"):
            return None
        scheme, _, pair = call.headers.get("authorization", "").partition(" ")
        accepted = {base64.b64encode(f"{user}:{API_KEY}".encode()).decode() for user in self.users}
        if scheme.lower() == "basic" and pair in accepted and not self.web_only:
            return None
        return self._page(401)

    def not_found(self, call: Call) -> Response:
        if not call.path.startswith("/rest"):
            return Response.of(404, {"message": "We couldn’t find that page"})  # noqa: RUF001
        return self._page(404)

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        return Response.of(405, '"Internal Error"', self._traced() | {"Allow": ", ".join(allowed)})

    def throttled(self, call: Call) -> Response:
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return Response.of(429, {"code": 429, "message": "Too Many Requests"}, self._traced() | headers)

    def failed(self, call: Call, status: int) -> Response:
        return self._page(status) if status in REASONS else self._short(status)

    def _short(self, status: int) -> Response:
        message = "Internal Server Error" if status == 500 else f"Error {status}"
        return Response.of(status, {"code": status, "message": message}, self._traced())

    def _page(self, status: int) -> Response:
        reason = REASONS.get(status, "Error")
        page = (
            '<!DOCTYPE html>\n<html><head><meta charset="UTF-8" />'
            f"<title>An Error Occurred: {reason}</title></head>\n<body><h1>Oops! An Error Occurred</h1>"
            f'<h2>The server returned a "{status} {reason}".</h2></body></html>'
        )
        headers = {"Content-Type": "text/html; charset=UTF-8"}
        return Response.of(
            status, page, self._traced() | headers | ({"WWW-Authenticate": "Basic"} if status == 401 else {})
        )

    def _refuse(self, status: int, *faults: Fault) -> Response:
        empty = dict.fromkeys(("id", "code", "href"))
        errors = [
            empty
            | {"type": "errors", "status": str(status)}
            | {"title": fault.title, "detail": fault.detail, "field": fault.field}
            for fault in faults
        ]
        return Response.of(status, {"meta": META, "links": {}, "leads": [], "errors": errors}, self._traced())

    def _answer(self, status: int, *records: dict[str, Any], companions: bool = False) -> Response:
        if self.bare and len(records) == 1:
            return Response.of(status, records[0], self._traced())
        body: dict[str, Any] = {"meta": META, "links": HREFS, "leads": list(records)}
        named = dict.fromkeys(source for record in records for source in record["links"]["sources"])
        if companions and named:
            body["sources"] = list(map(_source, named))
        return Response.of(status, body, self._traced())

    def _traced(self) -> dict[str, str]:
        return {"x-nutshell-request-id": f"{len(self.calls):032x}"}


def _json_body(call: Call, kind: str) -> Any:
    """The body, where it is JSON and says that it is of this kind; else ``None``."""
    if call.headers.get("content-type", "").split(";")[0].strip().lower() != kind:
        return None
    try:
        return call.json
    except ValueError:
        return None


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """A lead as answers show it: custom fields have an endpoint of their own."""
    return {name: value for name, value in record.items() if name != "customFields"}


def _source(known: str) -> dict[str, str]:
    return {"id": known, "type": "sources", "name": SOURCES.get(known, f"Source {known.split('-', maxsplit=1)[0]}")}
