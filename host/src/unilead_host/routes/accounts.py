"""``/integrated-account``: create, list, get, update, delete, refresh credentials, and tokens for one account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from unilead import ConfigurationError, LeadError, SettingsError, UnknownProviderError
from unilead_host.account_document import account_document
from unilead_host.account_settings import WHOLE
from unilead_host.auth import FORBIDDEN, host_of
from unilead_host.crypto import SealError
from unilead_host.lead_errors import error_answer
from unilead_host.openapi import failures
from unilead_host.paging import CURSOR, cursor_of, cut
from unilead_host.routes.callers import Reader, Writer
from unilead_host.storage import StorageError
from unilead_host.stored import StoredAccount
from unilead_host.targets import NOT_FOUND
from unilead_host.tokens import Caller
from unilead_host.wire import Refusal

PATH = "/integrated-account"
PAGE = 50
LARGEST_PAGE = 100

router = APIRouter(prefix=PATH, tags=["integrated accounts"])


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Label = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class NewAccount(_Body):
    """An integrated account that is to be made."""

    provider: Slug = Field(description="Slug of an installed provider")
    settings: dict[str, Any] | None = Field(None, description="The provider's settings; credentials are sealed")
    label: Label = Field("", description="A name for people")
    connect: StrictBool = Field(False, description="A user is still to grant access, or to give the credentials")
    is_sandbox: StrictBool = Field(False, description="Read-only: every create is refused")
    is_simulated: StrictBool = Field(False, description="Send to the CRM's simulator in this host")
    read_back: StrictBool = Field(False, description="Read each created lead back")


class AccountChanges(_Body):
    """What is to be changed of an integrated account."""

    settings: dict[str, Any] | None = Field(None, description="Key by key; null takes a setting away")
    label: Label | None = None
    is_sandbox: StrictBool | None = None
    read_back: StrictBool | None = None


class Integration(BaseModel):
    """The CRM of an account."""

    id: str
    name: str
    category: str


class AccountAnswer(BaseModel):
    """An integrated account; its credentials are in no answer."""

    id: str
    tenant_id: str
    environment_id: str | None
    environment_integration_id: str | None
    status: str = Field(description="connecting, active, post_install_error, validation_error or needs_reauth")
    is_sandbox: bool
    authentication_method: str = Field(description="oauth2 or api_key")
    region: str | None
    context: dict[str, Any] = Field(description="The settings that are no secrets")
    last_error: Any = Field(description="What the CRM said when it refused the credentials")
    last_action_result: dict[str, Any] | None
    last_forbidden_error: dict[str, Any] | None
    unified_model_override: dict[str, Any] | None
    integration_override: dict[str, Any] | None
    integration: Integration
    created_at: str
    updated_at: str
    label: str
    is_blocked: bool
    is_simulated: bool
    read_back: bool


class AccountPage(BaseModel):
    """One page of the tenant's accounts."""

    result: list[AccountAnswer]
    next_cursor: str | None
    prev_cursor: str | None
    result_count: int
    is_partial_response: bool


class Deleted(BaseModel):
    """What was deleted."""

    id: str


class AccountId(_Body):
    """Which account."""

    id: str


class Refreshed(BaseModel):
    """Whether the credentials were refreshed."""

    success: bool


class TokenRequest(_Body):
    """Which account a token is for."""

    integrated_account_id: str


class AccountToken(BaseModel):
    """A token that is good for one account and 15 minutes."""

    integrated_account_token: str


def _for_tenant(caller: Caller) -> Caller:
    """Account tokens may use the unified API, not manage accounts."""
    if caller.account_id is not None:
        raise Refusal(403, FORBIDDEN)
    return caller


def _viewer(caller: Reader) -> Caller:
    return _for_tenant(caller)


def _manager(caller: Writer) -> Caller:
    return _for_tenant(caller)


Viewer = Annotated[Caller, Depends(_viewer)]
Manager = Annotated[Caller, Depends(_manager)]


@router.post("", status_code=201, response_model=AccountAnswer, responses=failures(501))
async def create_account(request: Request, caller: Manager, body: NewAccount) -> dict[str, Any]:
    """Make an integrated account; its settings are checked against the provider's model."""
    host = host_of(request.scope)
    if body.is_simulated and body.provider not in host.simulators:
        raise Refusal(400, "this host has no simulator of this provider")
    with refusing():
        stored = await host.accounts.create(
            caller.tenant_id,
            body.provider,
            body.settings,
            label=body.label,
            connecting=body.connect,
            is_sandbox=body.is_sandbox,
            is_simulated=body.is_simulated,
            read_back=body.read_back,
        )
    return account_document(stored)


@router.get("", response_model=AccountPage)
async def list_accounts(
    request: Request,
    caller: Viewer,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = PAGE,
    next_cursor: Annotated[str | None, Query(pattern=CURSOR)] = None,
    provider: Annotated[Slug | None, Query()] = None,
) -> dict[str, Any]:
    """The tenant's accounts, oldest first, page by page."""
    accounts = host_of(request.scope).accounts
    found = await accounts.list(caller.tenant_id, limit=limit + 1, after=next_cursor, provider=provider)
    shown, last = cut(found, limit)
    return {
        "result": [account_document(stored) for stored in shown],
        "next_cursor": cursor_of(last),
        "prev_cursor": None,
        "result_count": len(shown),
        "is_partial_response": False,
    }


@router.get("/me", response_model=AccountAnswer)
async def own_account(request: Request, caller: Reader) -> dict[str, Any]:
    """The account that an account token is bound to."""
    if caller.account_id is None:
        raise Refusal(403, FORBIDDEN)
    return account_document(await find_account(request, caller, caller.account_id))


@router.get("/{account_id}", response_model=AccountAnswer)
async def get_account(request: Request, caller: Viewer, account_id: str) -> dict[str, Any]:
    """One account."""
    return account_document(await find_account(request, caller, account_id))


@router.patch("/{account_id}", response_model=AccountAnswer, responses=failures(501))
async def update_account(request: Request, caller: Manager, account_id: str, body: AccountChanges) -> dict[str, Any]:
    """Change an account. New settings make it active again."""
    seen = await find_account(request, caller, account_id)
    with refusing():
        stored = await host_of(request.scope).accounts.update(
            caller.tenant_id,
            seen.id,
            settings=body.settings,
            label=body.label,
            is_sandbox=body.is_sandbox,
            read_back=body.read_back,
        )
    if stored is None:
        raise Refusal(404, NOT_FOUND)
    return account_document(stored)


@router.delete("/{account_id}", response_model=Deleted)
async def delete_account(request: Request, caller: Manager, account_id: str) -> dict[str, str]:
    """Delete an account, its credentials, its tokens and every answer kept for it."""
    host = host_of(request.scope)
    seen = await find_account(request, caller, account_id)
    await host.accounts.delete(caller.tenant_id, seen.id)
    host.tokens.forget()
    return {"id": seen.id}


@router.post("/refresh-credentials", response_model=Refreshed, responses=failures(500, 501, 502))
async def refresh_credentials(request: Request, caller: Manager, body: AccountId) -> dict[str, bool]:
    """Get a new access token now. An account that needs to be connected anew gets one more chance."""
    host = host_of(request.scope)
    stored = await find_account(request, caller, body.id)
    with refusing():
        account = await host.accounts.account_of(stored)
    await host.credentials.reopen(stored.id)
    try:
        await host.targets.client_of(stored).renew(account)
    except ConfigurationError as error:
        if isinstance(error.__cause__, StorageError):
            raise error.__cause__ from None
        raise Refusal(400, f"{error.message}: {error.hint}" if error.hint else error.message) from None
    except LeadError as error:
        raise Refusal.of(error_answer(error)) from None
    await host.accounts.set_status(stored, "active")
    return {"success": True}


@router.post("/token", response_model=AccountToken)
async def create_account_token(request: Request, caller: Manager, body: TokenRequest) -> dict[str, str]:
    """Make a token that is good for this account alone, for 15 minutes."""
    stored = await find_account(request, caller, body.integrated_account_id)
    clear, _ = await host_of(request.scope).tokens.create(caller.tenant_id, account_id=stored.id)
    return {"integrated_account_token": clear}


async def find_account(request: Request, caller: Caller, account_id: str) -> StoredAccount:
    """The caller's account. Raises: Refusal with status 404, the same for another tenant's as for none at all."""
    is_plain = account_id.isascii() and account_id.isprintable()
    stored = await host_of(request.scope).accounts.get(caller.tenant_id, account_id) if is_plain else None
    if stored is None:
        raise Refusal(404, NOT_FOUND)
    return stored


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the accounts refuse into answers; never with a value of the settings. Raises: Refusal."""
    try:
        yield
    except SettingsError as error:
        failures = [
            {"field": f"settings.{one.field}".removesuffix(f".{WHOLE}"), "code": one.code, "message": one.message}
            for one in error.problems
        ]
        raise Refusal(400, error.message, details={"failures": failures}) from None
    except UnknownProviderError as error:
        failure = {"field": "provider", "code": "unknown", "message": error.message}
        raise Refusal(400, error.message, details={"failures": [failure]}) from None
    except LeadError as error:
        raise Refusal.of(error_answer(error)) from None
    except SealError as error:
        raise Refusal(503, f"The credentials cannot be sealed or opened: {error}") from None
