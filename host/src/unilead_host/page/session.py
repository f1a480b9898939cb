"""Who is at the console: a sealed cookie, and the checks that keep other sites from using it.

The cookie holds the API token, encrypted with the host's keys, so that there is no table of sessions and a revoked
token ends its sessions at once. It is HttpOnly and SameSite=Strict, and Secure everywhere but on loopback. A form is
taken only from the host's own pages: its ``Origin`` must be ours and it must carry the session's own word.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from unilead_host.auth import is_loopback_name
from unilead_host.crypto import SealError, Vault
from unilead_host.tokens import Caller

LIFETIME = 8 * 3600  # seconds
_SEALED_FOR = ("page", "session")


class Authenticator(Protocol):
    """What knows the API tokens."""

    async def authenticate(self, clear: str) -> Caller | None:
        """The caller behind a token; ``None`` for one that is unknown, expired or revoked."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in.

    Attributes:
        caller: whom the token stands for.
        word: must come back with every form.
    """

    caller: Caller
    word: str = field(repr=False)


class Sessions:
    """Opens, reads and ends sessions.

    Args:
        vault: seals the cookies.
        tokens: knows the API tokens.
        public_url: the host's own address, for the check of ``Origin`` behind a proxy that hides it.
    """

    def __init__(self, vault: Vault, tokens: Authenticator, *, public_url: str = "") -> None:
        self._vault = vault
        self._tokens = tokens
        self._public_origin = _origin(public_url)
        self._preset_token: str | None = None

    def let_in(self, token: str) -> None:
        """Sign everybody on this machine in with a token; for the demo."""
        self._preset_token = token

    async def read(self, request: Request) -> Session | None:
        """The session of a request; ``None`` where there is none, or its token is not valid any more."""
        sealed = request.cookies.get(cookie_name(request))
        if not sealed:
            return None
        try:
            values = self._vault.open(*_SEALED_FOR, sealed)
        except SealError:
            return None
        if values["expires"] < time.time():
            return None
        caller = await self._tokens.authenticate(values["token"])
        return Session(caller, values["word"]) if caller else None

    async def open(self, token: str, request: Request, response: Response) -> Session | None:
        """Sign in: check a token and set the cookie on the response.

        Returns: ``None`` for a token that is not valid.
        Raises: SealError where the host has no encryption keys.
        """
        caller = await self._tokens.authenticate(token)
        if caller is None:
            return None
        word = secrets.token_urlsafe(24)
        values = {"token": token, "word": word, "expires": time.time() + LIFETIME}
        response.set_cookie(
            cookie_name(request),
            self._vault.seal(*_SEALED_FOR, values),
            max_age=LIFETIME,
            path="/",
            secure=not is_loopback(request),
            httponly=True,
            samesite="strict",
        )
        return Session(caller, word)

    async def open_preset(self, request: Request, response: Response) -> Session | None:
        """Sign in whoever sits at this machine, where the demo says so."""
        if self._preset_token is None or not is_loopback(request):
            return None
        return await self.open(self._preset_token, request, response)

    def close(self, request: Request, response: Response) -> None:
        """Sign out: take the cookie away."""
        response.delete_cookie(
            cookie_name(request), path="/", secure=not is_loopback(request), httponly=True, samesite="strict"
        )

    def is_own_form(self, request: Request) -> bool:
        """Whether a form was sent by one of our own pages, going by what the browser says and no script can forge."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site") == "same-origin"
        return origin in {f"{request.url.scheme}://{request.url.netloc}", self._public_origin} - {""}

    @staticmethod
    def is_own_word(session: Session, form: Mapping[str, str]) -> bool:
        """Whether a form carries the session's word."""
        return compare_digest(form.get("word", "").encode(), session.word.encode())


def cookie_name(request: Request) -> str:
    """Name of the cookie; the prefix makes browsers insist on Secure, our path and our host."""
    return "unilead-session" if is_loopback(request) else "__Host-unilead-session"


def is_loopback(request: Request) -> bool:
    """Whether a request comes from this machine, and to a name that can only be this machine.

    Both count: a page of another site can make a browser on this machine send a request here under its own name.
    """
    client = request.client.host if request.client else ""
    return is_loopback_name(client) and is_loopback_name(request.url.hostname or "")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""
