"""Who is calling: the bearer token of a request, and nothing else; never a query parameter, a body or a cookie."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from starlette.types import Scope

from unilead_host.tokens import Caller
from unilead_host.wire import Refusal

if TYPE_CHECKING:
    from unilead_host.app import Host

CHALLENGE = {"WWW-Authenticate": "Bearer"}
BAD_TOKEN = "Invalid or missing token"
FORBIDDEN = "This token may not call this endpoint"
MAX_TOKEN = 512


def host_of(scope: Scope) -> Host:
    """The host that serves this request."""
    return cast("Host", scope["app"].state.host)


async def authenticate(scope: Scope, *, writes: bool) -> Caller:
    """Check a request's token.

    Args:
        writes: the request changes something, which tokens of scope ``read`` may not.
    Raises: Refusal with status 401, 403, or 429 for an address that guesses; StorageError.
    """
    host = host_of(scope)
    address = scope["client"][0] if scope.get("client") else ""
    if wait := host.attempts.wait(address):
        raise Refusal(429, "Too many wrong tokens", headers={"Retry-After": str(wait)})
    token = bearer_token(scope["headers"])
    caller = await host.tokens.authenticate(token) if token else None
    if caller is None:
        if token:
            host.attempts.failed(address)
        raise Refusal(401, BAD_TOKEN, headers=CHALLENGE)
    if writes and caller.scope == "read":
        raise Refusal(403, FORBIDDEN)
    return caller


def is_loopback_name(name: str) -> bool:
    """Whether a name, or an address, can only be that of this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def bearer_token(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The one bearer token in the headers; empty for none, several, or anything else."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1 or len(values[0]) > MAX_TOKEN or not values[0].isascii():
        return ""
    scheme, _, token = values[0].decode().partition(" ")
    return token if scheme.lower() == "bearer" else ""
