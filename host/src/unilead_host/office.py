"""The back office: accounts, connects, the page and the documents; a FastAPI application, made when first asked for.

It takes as much memory as a third of what a host needs to send leads, and most hosts are asked for it rarely.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from unilead_host.middleware import EXCEPTION_HANDLERS, Boundary, response_of
from unilead_host.openapi import openapi_document
from unilead_host.page import bench, static
from unilead_host.page import connect as connect_page
from unilead_host.page import routes as pages
from unilead_host.routes import accounts, bulk, connect, meta
from unilead_host.version import VERSION
from unilead_host.wire import Answer, error_body


def make_office(state: State) -> FastAPI:
    """Make the back office.

    Args:
        state: of the application in front of it, which brings the limits and the security headers.
    """
    office = FastAPI(title="unilead", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    office.state = state
    office.openapi = lambda: openapi_document(office)  # type: ignore[method-assign]
    office.router.redirect_slashes = False
    office.add_middleware(Boundary)  # here too: the framework's own answer to a crash is plain text
    for error, handler in {**EXCEPTION_HANDLERS, RequestValidationError: _validation_error}.items():
        office.add_exception_handler(error, handler)
    office.include_router(accounts.router)
    office.include_router(connect.router)
    office.include_router(bulk.router)
    documents = [*meta.routes(), Route("/openapi.json", _openapi, methods=["GET"])]
    page = [*pages.routes(), *bench.routes(), *connect_page.routes(), *static.routes()]
    office.router.routes.extend([*documents, *page])
    return office


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.openapi())


WORDS = {  # pydantic speaks of inputs and fields
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "json_invalid": "is not valid JSON",
    "string_pattern_mismatch": "has not the form that /openapi.json tells",
    "model_attributes_type": "must be a JSON object, sent as application/json",
}


async def _validation_error(request: Request, error: Exception) -> Response:
    """Name what is wrong without showing it: what was sent may hold credentials."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    failures = [
        {"field": _path(one), "code": one["type"], "message": WORDS.get(one["type"], one["msg"])}
        for one in error.errors()
    ]
    message = "; ".join(f"{one['field']}: {one['message']}" for one in failures)
    return response_of(Answer(400, error_body(400, message, details={"failures": failures})))


def _path(fault: Mapping[str, Any]) -> str:
    path = ""
    for step in () if fault["type"] == "json_invalid" else fault["loc"][1:]:  # which says where in the text it ended
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "body"
