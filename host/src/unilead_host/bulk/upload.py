"""What is posted as a bulk job: ``{"leads": […]}``, or a lead on each line."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from io import StringIO
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

from pydantic_core import from_json, to_json

from unilead_host.limits import CLOSE
from unilead_host.media import is_lines
from unilead_host.wire import Refusal

MAX_ROWS = 10_000
UPLOADS = 2  # at a time: until it is stored, a body takes seven times its bytes of memory, or more
WAIT = 10.0  # seconds for a place among them


class Uploads:
    """Lets a few bodies in at a time; others wait a little, and are not read meanwhile.

    Attributes:
        turn: to hold from when a body is there until its job is stored; nobody's slowness makes others wait for it.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(UPLOADS)
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def room(self, tenant_id: str) -> AsyncIterator[None]:
        """A tenant's own, to hold from before a body is read until its job is stored.

        Raises: Refusal with status 429 when none becomes free in time: who waits has a connection, and they are few.
        """
        room = self._rooms.setdefault(tenant_id, asyncio.Semaphore(UPLOADS))
        try:
            async with asyncio.timeout(WAIT):
                await room.acquire()
        except TimeoutError:
            text = f"{UPLOADS} bulk jobs of this tenant are being read; nothing was stored, post this one again later"
            raise Refusal(429, text, headers={"Retry-After": f"{WAIT:.0f}", **CLOSE}) from None
        try:
            yield
        finally:
            room.release()


def leads_of(body: bytes, content_type: str) -> list[str]:
    """The leads of a body, as JSON texts, in order.

    What is no lead is found out row by row, when it is its turn; what cannot be told apart is refused as a whole.
    Raises: Refusal with status 400.
    """
    leads = _lines(body) if is_lines(content_type) else _items(body)
    if not leads:
        raise Refusal(400, "there are no leads in the body")
    return leads


def fingerprint_of(leads: Iterable[str]) -> str:
    """SHA-256 over the leads' texts, one after the other: a large job keeps no other thread waiting meanwhile."""
    digest = hashlib.sha256()
    for lead in leads:
        encoded = lead.encode()
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.hexdigest()


def _check_number(leads: list[Any]) -> None:
    """Refuse too many leads before more is made of them: 16 MiB have room for millions."""
    if len(leads) > MAX_ROWS:
        raise Refusal(400, f"there are too many leads: a job takes {MAX_ROWS}; post several jobs")


def _lines(body: bytes) -> list[str]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = body.count(b"\n", 0, fault.start) + 1
        raise Refusal(400, f"line {line} is not UTF-8") from None
    if (place := text.find("\x00")) >= 0:
        raise Refusal(400, f"line {text.count(chr(10), 0, place) + 1} holds NUL")
    lines = (line.rstrip("\n") for line in StringIO(text, newline="\n") if line.strip())
    leads = list(islice(lines, MAX_ROWS + 1))
    _check_number(leads)
    return leads


def _items(body: bytes) -> list[str]:
    try:
        value = from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError:
        raise Refusal(400, "request body is not valid JSON") from None
    leads = value.get("leads") if isinstance(value, dict) else None
    if not isinstance(leads, list):
        raise Refusal(400, 'the body must be {"leads": […]}, or a lead on each line as application/x-ndjson')
    if others := sorted(value.keys() - {"leads"}):
        raise Refusal(400, f"{others[0][:40]} is not known here; the body has leads and nothing else")
    _check_number(leads)
    # a number such as 1e999 becomes ``Infinity``, which is no JSON: its row is refused, and not sent with another value
    return [to_json(lead, inf_nan_mode="constants").decode() for lead in leads]
