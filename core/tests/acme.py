"""A small CRM of our own for the core's tests: no real provider is needed to test the core."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from unilead import (
    Call,
    CreatedLead,
    Field,
    FieldMap,
    HeaderAuth,
    Lead,
    Problem,
    ProviderInfo,
    Registry,
    Request,
    Response,
    SecretStr,
    Settings,
    Simulator,
    error_for,
    hookimpl,
    path_segment,
    route,
)

TOKEN = "acme-secret-token"


class AcmeSettings(Settings):
    token: SecretStr


FIELDS = FieldMap(
    Field("last_name", "surname", required=True),
    Field("first_name", "given_name"),
    Field("custom_fields", "extra"),
)


class AcmeSimulator(Simulator):
    slug = "acme"
    sample_settings = {"token": TOKEN}

    @route("POST", "/v1/prospects")
    def create(self, call: Call) -> Response:
        prospect = call.json["prospect"]
        if not prospect.get("surname"):
            return Response.of(422, {"code": "blank", "path": "surname", "text": "Surname is blank"})
        number = str(self.next_number())
        self.leads[number] = {"id": number, **prospect}
        return Response.of(201, {"prospect": self.leads[number]})

    @route("GET", "/v1/prospects/{number}")
    def read(self, call: Call, number: str) -> Response:
        if number not in self.leads:
            return self.not_found(call)
        return Response.of(200, {"prospect": {**self.leads[number], "given_name": "Read"}})

    def unauthorized(self, call: Call) -> Response | None:
        if call.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        return Response.of(401, {"text": "no"})


def make_info(**changes: Any) -> ProviderInfo:
    values: dict[str, Any] = {
        "slug": "acme",
        "title": "Acme CRM",
        "base_url": "https://api.acme.example",
        "allowed_hosts": (r"api\.acme\.example",),
        "auth": HeaderAuth("Authorization", "Bearer {token}"),
        "settings": AcmeSettings,
        "fields": FIELDS,
        "credential_names": frozenset({"api_token"}),
        "reserved_keys": frozenset({"prospect"}),
        "docs": {"API": "https://api.acme.example/docs"},
    }
    return ProviderInfo(**{**values, **changes})


def make_plugin(**replaced: Callable[..., Any]) -> types.ModuleType:
    """The acme provider as a module; hooks can be replaced or added by name."""

    @hookimpl
    def describe() -> ProviderInfo:
        return make_info()

    @hookimpl
    def validate_required(lead: Lead) -> list[Problem]:
        return FIELDS.missing(lead)

    @hookimpl
    def build_request(lead: Lead) -> Request:
        record, dropped = FIELDS.render(lead)
        return Request("POST", "/v1/prospects", json={"prospect": record}, record_path=("prospect",), dropped=dropped)

    @hookimpl
    def parse_response(response: Response) -> CreatedLead:
        if response.status in (200, 201):
            stored = response.json["prospect"]
            return CreatedLead(id=stored["id"], last_name=stored["surname"], first_name=stored.get("given_name"))
        fault = response.json
        raise error_for(
            response, fault["text"], vendor_code=fault.get("code"), field=FIELDS.source_of(fault.get("path"))
        )

    @hookimpl
    def build_read_request(lead_id: str) -> Request:
        return Request("GET", f"/v1/prospects/{path_segment(lead_id)}")

    @hookimpl
    def simulator() -> Simulator:
        return AcmeSimulator()

    hooks = [describe, validate_required, build_request, parse_response, build_read_request, simulator]
    module = types.ModuleType("acme")
    for hook in hooks:
        setattr(module, hook.__name__, hook)
    for name, function in replaced.items():
        setattr(module, name, hookimpl(function))
    return module


class EmptyRegistry(Registry):
    """A registry that sees nothing of what is installed."""

    def _scan(self) -> Any:
        return {}, {}
