"""The OpenAPI 3.1 document of the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from unilead.render import FORMATS
from unilead_host.lead_call import PATH
from unilead_host.openapi_words import in_words
from unilead_host.schemas import REF, lead_schemas
from unilead_host.wire import JSON, phrase

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


def _lead_paths() -> dict[str, Any]:
    named = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    lead_id = {"name": "lead_id", "description": "The lead's id at the CRM", **named}
    slug = {"name": "slug", "description": "The provider", **named}
    return {
        PATH: {
            "post": {
                "operationId": "createLead",
                "summary": "Create a lead in an account's CRM",
                "parameters": [*_query_parameters(), *_request_headers()],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Lead")}}},
                "responses": _responses(_answered_lead(), _CREATE_FAILURES),
            }
        },
        f"{PATH}/{{lead_id}}": {
            "get": {
                "operationId": "readLead",
                "summary": "Read a lead of an account's CRM",
                "parameters": [lead_id, *_query_parameters()],
                "responses": _responses(_answered_lead(), _READ_FAILURES),
            }
        },
        f"{PATH}/meta/create": {
            "get": {
                "operationId": "describeCreate",
                "summary": "What a create takes and answers, for an account",
                "parameters": [account_parameter()],
                "responses": _responses(_ref("Meta"), (400, 401, 403, 404, 405, 501, 503)),
            }
        },
        f"{PATH}/{{slug}}/meta/create": {
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
        "name": "integrated_account_id",
        "in": "query",
        "required": True,
        "description": "The account; may be left out with a token that is bound to one",
        "schema": {"type": "string", "format": "uuid"},
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


def query_schema() -> dict[str, Any]:
    """The query parameters of a create."""
    parameters = _query_parameters()
    return {
        "type": "object",
        "properties": {one["name"]: one["schema"] | {"description": one["description"]} for one in parameters},
        "required": [one["name"] for one in parameters if one.get("required")],
    }


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


def _with_our_errors(operations: Iterable[dict[str, Any]]) -> None:
    """FastAPI describes an error of its own making; ours is a 400 in the API's shape."""
    for operation in operations:
        responses = operation.get("responses", {})
        if "422" in responses:
            del responses["422"]
            responses.setdefault("400", _failure(400))
        for status in (401, 403, 404, 405, 413, 429, 503):
            responses.setdefault(str(status), _failure(status))
