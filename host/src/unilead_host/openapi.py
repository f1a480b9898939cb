"""The OpenAPI 3.1 document, made from the models that read and write the leads."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from unilead import CreatedLead, Lead, Provider
from unilead_host.openapi_words import in_words
from unilead_host.parameters import FORMATS
from unilead_host.wire import JSON, phrase

REF = "#/components/schemas/{model}"
_ACCOUNT = "integrated_account_id"
_UUID = {"type": "string", "format": "uuid"}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_FLAG = {"type": "string", "enum": ["true", "false", "1", "0", ""]}
_HEADERS = {
    "Unified-Request-Id": (_TEXT, "Id of this call in the host's logs"),
    "Unified-Dropped-Fields": (_TEXT, "Fields of the request that did not reach the CRM"),
    "Unified-Unknown-Fields": (_TEXT, "Keys of the request that are not in the schema"),
    "Idempotent-Replayed": (_TEXT, "`true` for the stored answer to an earlier request with the same key"),
    "ratelimit-limit": (_TEXT, "The CRM's quota, with its window in seconds: `110;w=10`"),
    "ratelimit-remaining": (_COUNT, "What is left of it"),
    "ratelimit-reset": (_COUNT, "Seconds until it starts anew"),
}
_CREATE_FAILURES = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 501, 502, 503)
_READ_FAILURES = (400, 401, 403, 404, 405, 422, 429, 500, 501, 502, 503, 504)


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document of an application: its FastAPI routes, and the lead endpoints, which are none."""
    document = get_openapi(
        title="unilead", version=app.version, routes=app.routes, summary="One lead, any CRM", openapi_version="3.1.0"
    )
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= lead_schemas() | {"Error": _error_schema(), "Meta": _meta_schema()}
    document["components"].setdefault("securitySchemes", {})["token"] = {"type": "http", "scheme": "bearer"}
    document["security"] = [{"token": []}]
    for path in document["paths"].values():
        _with_our_errors(path.values())
        in_words(path.values())
    document["paths"] = _lead_paths() | document["paths"] | _operation_paths()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return document


# --- schemas ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def lead_schemas() -> dict[str, Any]:
    """JSON Schemas of the lead, in and out, with their parts."""
    _, taken = models_json_schema([(Lead, "validation")], ref_template=REF.replace("{model}", "{model}In"))
    _, given = models_json_schema([(CreatedLead, "serialization")], ref_template=REF)
    schemas = {f"{name}In": _taking_numbers(schema) for name, schema in taken["$defs"].items()}
    return {"Lead": schemas.pop("LeadIn"), **schemas, **_without_enums(given["$defs"])}


def _without_enums(schema: Any) -> Any:
    """A CRM answers what it likes: the enumerations are for requests."""
    if isinstance(schema, list):
        return [_without_enums(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_enums(value) for key, value in schema.items() if key != "enum"}


def _taking_numbers(schema: Any, name: str = "") -> Any:
    """Say what is really taken: a number, or for ``is_primary`` a boolean, where text is wanted; any kind of phone."""
    if isinstance(schema, list):
        return [_taking_numbers(item, name) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and "format" not in schema:
        kinds = ["string", "number", "boolean"] if name == "is_primary" else ["string", "number"]
        return schema | {"type": kinds}
    taken = {
        key: {field: _taking_numbers(part, field) for field, part in value.items()}
        if key == "properties"
        else _taking_numbers(value, name)
        for key, value in schema.items()
    }
    if "enum" in taken:
        taken["examples"] = taken.pop("enum")
    return taken


def request_schema(provider: Provider) -> dict[str, Any]:
    """What a create takes for one CRM: only the fields that it takes, with the required ones marked."""
    known = _inlined("Lead")
    names = [*(name for name in known["properties"] if name in provider.supported), "remote_data"]
    rules = [rule.text for rule in provider.info.rules]
    return {
        "type": "object",
        "title": f"{provider.info.title} lead",
        "description": "\n".join(rules),
        "properties": {name: known["properties"][name] for name in names},
        "required": list(provider.required),
    }


def response_schema(provider: Provider) -> dict[str, Any]:
    """What a create answers for one CRM."""
    known = _inlined("CreatedLead")
    names = [name for name in known["properties"] if name in provider.info.response_fields or name == "id"]
    properties = {name: known["properties"][name] for name in names}
    return {"type": "object", "properties": properties | {"remote_data": {}}, "required": ["id"]}


def query_schema() -> dict[str, Any]:
    """The query parameters of a create."""
    parameters = _query_parameters()
    return {
        "type": "object",
        "properties": {one["name"]: one["schema"] | {"description": one["description"]} for one in parameters},
        "required": [one["name"] for one in parameters if one.get("required")],
    }


def _inlined(name: str) -> dict[str, Any]:
    """A schema that stands alone: its references are replaced by what they name."""
    schemas = lead_schemas()

    def inline(value: Any) -> Any:
        if isinstance(value, list):
            return [inline(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inline(schemas[value["$ref"].rsplit("/", 1)[1]])
        return {key: inline(item) for key, item in value.items()}

    whole: dict[str, Any] = inline(schemas[name])
    return whole


def _error_schema() -> dict[str, Any]:
    failure = {
        "type": "object",
        "properties": {"field": _TEXT, "code": _TEXT, "message": _TEXT},
        "required": ["field", "code", "message"],
    }
    outcome = {"type": "string", "enum": ["not_sent", "unknown"], "description": "Whether the lead may exist"}
    details = {
        "failures": {"type": "array", "items": failure},
        "outcome": outcome,
        "safe_to_retry": {"type": "boolean"},
    }
    return {
        "type": "object",
        "properties": {
            "statusCode": {"type": "integer", "description": "The HTTP status"},
            "error": {"type": "string", "description": "Its name, the same as the reason phrase"},
            "message": {"type": "string", "description": "For people; may be empty"},
            "details": {"type": "object", "properties": details},
            "truto_is_remote_error": {"type": "boolean", "description": "The CRM answered with an error"},
            "raw_response": {"description": "What the CRM answered"},
            "truto_error_insight": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "properties": {"description": _TEXT, "value": {}},
                    "required": ["description"],
                },
            },
        },
        "required": ["statusCode", "error", "message"],
    }


def _meta_schema() -> dict[str, Any]:
    schema = {"type": "object"}
    return {
        "type": "object",
        "properties": {
            "method": {"const": "create"},
            "schema": schema,
            "documentation_link": {"type": ["string", "null"]},
            "response_mapping": {},
            "query_schema": schema,
            "request_body_schema": schema,
            "default_query": schema,
            "default_body": schema,
            "response_schema": schema,
        },
        "required": ["method", "schema", "query_schema", "request_body_schema"],
    }


# --- paths ------------------------------------------------------------------------------------------------------------


def _lead_paths() -> dict[str, Any]:
    path = "/unified/crm/leads"
    named = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    lead_id = {"name": "lead_id", "description": "The lead's id at the CRM", **named}
    slug = {"name": "slug", "description": "The provider", **named}
    return {
        path: {
            "post": {
                "operationId": "createLead",
                "summary": "Create a lead in an account's CRM",
                "parameters": [*_query_parameters(), *_request_headers()],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Lead")}}},
                "responses": _responses(_answered_lead(), _CREATE_FAILURES),
            }
        },
        f"{path}/{{lead_id}}": {
            "get": {
                "operationId": "readLead",
                "summary": "Read a lead of an account's CRM",
                "parameters": [lead_id, *_query_parameters()],
                "responses": _responses(_answered_lead(), _READ_FAILURES),
            }
        },
        f"{path}/meta/create": {
            "get": {
                "operationId": "describeCreate",
                "summary": "What a create takes and answers, for an account",
                "parameters": [account_parameter()],
                "responses": _responses(_ref("Meta"), (400, 401, 403, 404, 405, 501, 503)),
            }
        },
        f"{path}/{{slug}}/meta/create": {
            "get": {
                "operationId": "describeCreateOfProvider",
                "summary": "What a create takes and answers, for a provider",
                "parameters": [slug],
                "responses": _responses(_ref("Meta"), (400, 401, 404, 405, 503)),
            }
        },
    }


def _operation_paths() -> dict[str, Any]:
    text = {"description": "OK", "content": {"text/plain": {"schema": _TEXT}}}
    anything = _json_answer("OK", {"type": "object"})
    errors = {str(status): _failure(status) for status in (401, 403, 405)}
    open_to_all: dict[str, Any] = {"security": []}
    return {
        "/ping": {"get": {"summary": "Say hello", "responses": {"200": anything} | errors, **open_to_all}},
        "/healthz": {"get": {"summary": "Does it live", "responses": {"200": anything} | errors, **open_to_all}},
        "/readyz": {
            "get": {
                "summary": "Can it take leads",
                "responses": {"200": anything, "503": _failure(503)} | errors,
                **open_to_all,
            }
        },
        "/metrics": {"get": {"summary": "Figures for Prometheus", "responses": {"200": text} | errors, **open_to_all}},
    }


def account_parameter() -> dict[str, Any]:
    """The parameter of the query that names the account."""
    return {
        "name": _ACCOUNT,
        "in": "query",
        "required": True,
        "description": "The account; may be left out with a token that is bound to one",
        "schema": dict(_UUID),
    }


def key_header(description: str) -> dict[str, Any]:
    """The header that makes a repetition harmless."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": description,
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    }


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Failures of a route beyond those that every route may answer."""
    return {status: {"description": phrase(status)} for status in statuses}


def _query_parameters() -> list[dict[str, Any]]:
    return [
        account_parameter(),
        {
            "name": "truto_response_format",
            "in": "query",
            "description": "Form of the answer",
            "schema": {"type": "string", "enum": [*FORMATS, ""], "default": FORMATS[0]},
        },
        {
            "name": "truto_ignore_remote_data",
            "in": "query",
            "description": "Leave remote_data out of the answer",
            "schema": _FLAG | {"default": "false"},
        },
        {
            "name": "truto_exclude_fields",
            "in": "query",
            "description": "Fields to leave out of the answer; a dotted path reaches into objects and lists",
            "schema": {"type": "array", "items": _TEXT},
            "style": "form",
            "explode": True,
        },
        {
            "name": "remote_query",
            "in": "query",
            "description": "Added to the CRM's query string as it is: remote_query[name]=value",
            "schema": {
                "type": "object",
                "additionalProperties": _TEXT,
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$"},
            },
            "style": "deepObject",
            "explode": True,
        },
    ]


def _request_headers() -> list[dict[str, Any]]:
    return [
        key_header("Makes a repetition answer what the first request answered"),
        {
            "name": "Unified-Send-Again",
            "in": "header",
            "description": "`true`: send although an earlier request like this one has no known outcome",
            "schema": {"type": "string", "enum": ["true", "false"]},
        },
    ]


def _answered_lead() -> dict[str, Any]:
    raw = {"description": "With truto_response_format=raw: what the CRM answered"}
    return {"anyOf": [_ref("CreatedLead"), raw]}


def _responses(schema: dict[str, Any], failures: Iterable[int]) -> dict[str, Any]:
    headers = {name: {"schema": kind, "description": text} for name, (kind, text) in _HEADERS.items()}
    created = _json_answer("The lead", schema) | {"headers": headers}
    answers = {"200": created} | {str(status): _failure(status) for status in failures}
    return answers | {"4XX": _failure(0, "The CRM's refusal"), "5XX": _failure(0, "The CRM's failure")}


def _failure(status: int, description: str = "") -> dict[str, Any]:
    return _json_answer(description or phrase(status), _ref("Error"))


def _json_answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {JSON.partition(";")[0]: {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.replace("{model}", name)}


def _with_our_errors(operations: Iterable[dict[str, Any]]) -> None:
    """FastAPI describes an error of its own making; ours is a 400 in the API's shape."""
    for operation in operations:
        responses = operation.get("responses", {})
        if "422" in responses:
            del responses["422"]
            responses.setdefault("400", _failure(400))
        for status in (401, 403, 404, 405, 413, 429, 503):
            responses.setdefault(str(status), _failure(status))
