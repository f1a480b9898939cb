"""``/unified/crm/leads/meta/create``: what a create takes and answers, for an account or for one integration."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from unilead import LeadError, Provider
from unilead_host.auth import authenticate, host_of
from unilead_host.lead_call import PATH, LeadCall
from unilead_host.lead_errors import error_answer
from unilead_host.openapi import query_schema
from unilead_host.schemas import request_schema, response_schema
from unilead_host.targets import NOT_FOUND
from unilead_host.wire import Refusal


def describe_create(provider: Provider) -> dict[str, Any]:
    """What a create takes for this CRM: schemas of query, body and answer, required fields marked."""
    return {
        "method": "create",
        "schema": response_schema(provider),
        "documentation_link": next(iter(provider.info.docs.values()), None),
        "response_mapping": None,
        "query_schema": query_schema(),
        "request_body_schema": request_schema(provider),
        "default_query": {},
        "default_body": {},
    }


async def _of_account(request: Request) -> Response:
    """The account's provider; what is stored of the account is not needed and not checked."""
    host = host_of(request.scope)
    caller = await authenticate(request.scope, writes=False)
    parameters = LeadCall(caller, request.scope["query_string"]).parameters()
    stored = await host.accounts.get(caller.tenant_id, parameters.account_id)
    if stored is None:
        raise Refusal(404, NOT_FOUND)
    return JSONResponse(describe_create(_provider(request, stored.provider, 501)))


async def _of_integration(request: Request) -> Response:
    await authenticate(request.scope, writes=False)
    provider = _provider(request, request.path_params["slug"], 404)
    return JSONResponse(describe_create(provider) | {"response_schema": response_schema(provider)})


def _provider(request: Request, slug: str, absent: int) -> Provider:
    try:
        return host_of(request.scope).registry.get(slug)
    except LeadError as error:
        answer = error_answer(error)
        raise Refusal(absent, answer.content["message"]) from None


def routes() -> list[BaseRoute]:
    """The routes of this module."""
    return [
        Route(f"{PATH}/meta/create", _of_account, methods=["GET"]),
        Route(PATH + "/{slug}/meta/create", _of_integration, methods=["GET"]),
    ]
