"""Who is calling, as FastAPI's handlers ask for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from unilead_host.auth import authenticate
from unilead_host.tokens import Caller


async def _reader(request: Request) -> Caller:
    return await authenticate(request.scope, writes=False)


async def _writer(request: Request) -> Caller:
    return await authenticate(request.scope, writes=True)


Reader = Annotated[Caller, Depends(_reader)]
Writer = Annotated[Caller, Depends(_writer)]
