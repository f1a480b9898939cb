"""``/integrated-account/{id}/connect``: begin to connect an account.

What the account's user sees of it is in `unilead_host.page.connect`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from unilead_host.auth import host_of
from unilead_host.connect import ConnectRefusedError, Way
from unilead_host.routes.accounts import PATH, Manager, find_account, refusing
from unilead_host.stored import timestamp
from unilead_host.wire import Refusal

router = APIRouter(prefix=PATH, tags=["integrated accounts"])

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@\\]+([/?#][^\s\\]*)?$", max_length=2000)]


class NewConnect(BaseModel):
    """How an account is to be connected."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    method: Way | None = Field(None, description="oauth2 or form; by default OAuth where it is possible")
    return_to: HttpUrl | None = Field(None, description="Where the user goes in the end")


class ConnectLink(BaseModel):
    """Where to send the user; for that user alone, once, and for an hour."""

    url: str
    method: Way
    expires_at: str


@router.post("/{account_id}/connect", response_model=ConnectLink)
async def connect_account(request: Request, caller: Manager, account_id: str, body: NewConnect) -> ConnectLink:
    """Make a link by which a user grants access to this account, or gives its credentials."""
    stored = await find_account(request, caller, account_id)
    if stored.is_simulated:
        raise Refusal(400, "a simulated account needs no connect")
    with refusing():
        try:
            link = await host_of(request.scope).connects.begin(
                stored, str(request.base_url), way=body.method, return_to=body.return_to or ""
            )
        except ConnectRefusedError as error:
            raise Refusal(400, str(error)) from None
    return ConnectLink(url=link.url, method=link.way, expires_at=timestamp(link.expires_at))
