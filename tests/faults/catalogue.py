"""The faults, one function each, with what must come out: outcome, requests that reach the CRM, leads that it stores.

A function plays the network's (or the CRM's) part in one request; see `tests.faults.server.Turn`. Its name begins with
the fault's number, its first line of documentation is the row's text in the matrix.
"""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tests.faults.server import Turn

Play: TypeAlias = "Callable[[Turn], Any]"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault and what must come out.

    Attributes:
        outcome: ``created``, ``rejected``, ``throttled``, ``not_sent`` or ``unknown``; several where both are right.
        requests: how many the network saw, least and most.
        leads: how many the CRM stored, least and most.
        timeout: the client's, in seconds; short only where the fault needs one.
        wait: seconds that must lie between the first two requests.
        slug: the CRM.
        lead: what is added to the lead; ``{tag}`` in it becomes the lead's own mark.
        settings: what is added to the account's settings.
        warm: another lead is created first over the same connection.
        url: where the client is sent instead of the port: ``refused``, ``no name``, ``two addresses``, ``tls``.
        then: outcome of the next create by the same client, once the network is well; ``throttled`` without a request.
            Empty: not tried.
        tls: what is wrong with the certificate.
        patches: constants of the library that are changed for it.
        crowded: another create of the client hangs meanwhile.
        changes_id: the network writes another id into the answer.
        skips_body: the network does not read bodies.
        on_accept: what it does with a connection instead of reading from it.
        before_reading: what it does with a connection that is used again.
    """

    name: str
    text: str
    outcome: tuple[str, ...]
    run: Play = lambda turn: turn.pass_on()
    requests: tuple[int, int] = (1, 1)
    leads: tuple[int, int] = (0, 0)
    timeout: float = 20.0
    wait: float = 0.0
    slug: str = "zendesk-sell"
    lead: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    warm: bool = False
    url: str = ""
    then: str = "created"
    tls: str = ""
    patches: dict[str, Any] = field(default_factory=dict)
    crowded: bool = False
    changes_id: bool = False
    skips_body: bool = False
    on_accept: Callable[[socket.socket], None] | None = None
    before_reading: Callable[[socket.socket], None] | None = None

    @property
    def number(self) -> str:
        return self.name[:4].upper()


FAULTS: dict[str, Fault] = {}


def add(
    name: str, text: str, outcome: str, play: Play | None = None, *, leads: Any = None, requests: Any = 1, **more: Any
) -> None:
    """Add a fault. Without ``leads``: 1 for one that ends in `created`, else 0."""
    leads = (1 if outcome == "created" else 0) if leads is None else leads
    ranges = {
        key: value if isinstance(value, tuple) else (value, value)
        for key, value in (("leads", leads), ("requests", requests))
    }
    if play is not None:
        more["run"] = play
    FAULTS[name] = Fault(name=name, text=text, outcome=tuple(outcome.split(" or ")), **ranges, **more)


def fault(outcome: str, **more: Any) -> Callable[[Play], Play]:
    """Mark a function as a fault."""

    def mark(play: Play) -> Play:
        assert play.__doc__
        text = play.__doc__.rstrip(".")
        add(play.__name__, text[0].lower() + text[1:], outcome, play, **more)
        return play

    return mark


CREATED = b'{"data": {"id": 1042, "last_name": "Okafor"}, "meta": {"type": "lead"}}'


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# --- before anything is sent ------------------------------------------------------------------------------------------

add("f000_no_fault", "no fault", "created")
add("f002_refused", "connection refused", "not_sent", url="refused", requests=0, then="")
add("f003_no_such_name", "host name does not resolve", "not_sent", url="no name", requests=0, then="")
add(
    "f003_resolver_hangs",
    "the resolver does not answer",
    "not_sent",
    url="hanging name",
    requests=0,
    timeout=1.0,
    then="",
)
add("f004_two_addresses", "a dead address first, a live one second", "created", url="two addresses")
for kind in ("self-signed", "wrong name", "expired"):
    add(
        f"f005_{kind.replace('-', '_').replace(' ', '_')}",
        f"certificate: {kind}",
        "not_sent",
        url="tls",
        tls=kind,
        requests=0,
        then="",
    )
add("f006_plain_http", "plain HTTP on the TLS port", "not_sent", url="tls", requests=0, timeout=1.5, then="")
add(
    "f006_handshake_hangs",
    "TLS handshake hangs",
    "not_sent",
    url="tls",
    requests=0,
    timeout=1.5,
    then="",
    on_accept=lambda connection: time.sleep(30),
)
add(
    "f007_pool_exhausted",
    "connection pool exhausted",
    "not_sent",
    lambda turn: time.sleep(30),
    crowded=True,
    requests=0,
    timeout=3.0,
    then="",
    patches={
        **{f"transport.{module}.MAX_CONNECTIONS": 1 for module in ("pool", "native")},
        **{f"transport.{module}.CONNECT_TIMEOUT": 0.2 for module in ("pool", "native")},
        "retry.BACKOFF_BASE": 0.05,
    },
)
add(
    "f008_reset_on_accept",
    "reset right after accept",
    "unknown or not_sent",
    requests=0,
    on_accept=reset,
)

# --- sent, and no answer ----------------------------------------------------------------------------------------------


@fault("unknown", leads=1)
def f009_reset_after_commit(turn: Turn) -> None:
    """Reset after the CRM read and stored."""
    turn.store()
    turn.reset()


@fault(
    "created",
    requests=2,
    slug="salesforce",
    settings={"external_id_field": "External_Key__c"},
    lead={"custom_fields": {"External_Key__c": "{tag}"}},
)
def f009_upsert_is_repeated(turn: Turn) -> None:
    """Upsert by external id (Salesforce): reset after it was stored."""
    if turn.number == 1:
        turn.store()
        turn.reset()
    else:
        turn.pass_on()


@fault("unknown")
def f010_reset_after_read(turn: Turn) -> None:
    """Reset after the CRM read, not stored."""
    turn.reset()


@fault("unknown", leads=1)
def f011_close_without_answer(turn: Turn) -> None:
    """Orderly close without any answer."""
    turn.store()
    turn.close()


@fault("unknown", leads=1)
def f012_continue_then_close(turn: Turn) -> None:
    """``100 Continue``, then close."""
    turn.store()
    turn.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    turn.close()


@fault("unknown", leads=1, timeout=1.0)
def f013_never_answers(turn: Turn) -> None:
    """Stored, never answered."""
    turn.store()
    time.sleep(30)


@fault("unknown", leads=1, timeout=1.0)
def f014_answers_too_late(turn: Turn) -> None:
    """Answered one second after the deadline."""
    body = turn.store()
    time.sleep(2)
    turn.answer(body)


@fault("unknown", leads=1, timeout=1.5)
def f015_body_drips(turn: Turn) -> None:
    """The body drips, a byte each 0.4 s."""
    body = turn.store()
    turn.say(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    turn.drip(body, 0.4)


@fault("unknown", leads=1, timeout=1.5)
def f016_headers_drip(turn: Turn) -> None:
    """The headers drip, a byte each 0.2 s."""
    turn.store()
    turn.drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", 0.2)


@fault("unknown", timeout=1.5, lead={"description": "x" * 4_000_000}, skips_body=True)
def f016_request_drips(turn: Turn) -> None:
    """The CRM reads the request in drips."""
    while turn.connection.recv(20_000):
        time.sleep(0.02)


@fault("unknown", leads=1)
def f017_body_ends_early(turn: Turn) -> None:
    """The body ends before its length."""
    turn.store()
    turn.say(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"data"')
    turn.close()


@fault("unknown", leads=1)
def f018_chunk_ends_early(turn: Turn) -> None:
    """Ends in the middle of a chunk."""
    body = turn.store()
    turn.say(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + body[:20])
    turn.close()


# --- answers that cannot be trusted -----------------------------------------------------------------------------------


def stored(change: Callable[[bytes], bytes] = bytes, status: str = "200 OK", headers: str = "", **more: Any) -> Play:
    """The CRM stores, and the answer's body is changed."""
    return lambda turn: turn.answer(change(turn.store()), status, headers, **more)


def instead(body: bytes, status: str = "200 OK", headers: str = "", **more: Any) -> Play:
    """The CRM stores, and something else is answered."""
    return stored(lambda _: body, status, headers, **more)


def with_id(value: Any) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["data"]["id"] = value
        return json.dumps(answer).encode()

    return change


HTML = b"<html>please sign in</html>"
add("f019_garbage_after_json", "garbage after the JSON", "unknown", stored(lambda body: body + b"garbage"), leads=1)
add("f020_html_page", "200 with an HTML page", "unknown", instead(HTML, kind="text/html"), leads=1)
add("f021_broken_json", "200 with broken JSON", "unknown", stored(lambda body: body[:-9]), leads=1)
add("f022_json_as_text", "JSON sent as ``text/plain``", "created", stored(kind="text/plain"))


def refuse_inside(turn: Turn) -> None:
    row = {"code": "INVALID_DATA", "details": {"api_name": "Last_Name"}, "message": "bad", "status": "error"}
    turn.answer(json.dumps({"data": [row]}).encode())


add("f023_error_inside_success", "200 with the CRM's error inside", "rejected", refuse_inside, slug="zoho-crm")
for label, body in (("object", b"{}"), ("list", b"[]"), ("null", b"null"), ("nothing", b"")):
    add(f"f024_{label}", f"200 with {body.decode() or 'an empty body'}", "unknown", instead(body), leads=1)
add(
    "f024_no_content",
    "204",
    "unknown",
    lambda turn: (turn.store(), turn.say(b"HTTP/1.1 204 No Content\r\n\r\n")),
    leads=1,
)
for label, value in (("0", 0), ("empty", ""), ("null", None), ("object", {}), ("false", False), ("nested", {"a": 1})):
    add(f"f025_id_{label}", f"id is ``{json.dumps(value)}``", "unknown", stored(with_id(value)), leads=1)
add("f025_id_number", "id is ``1042``", "created", stored(with_id(1042)), changes_id=True)
add("f025_id_text", 'id is ``"1042"``', "created", stored(with_id("1042")), changes_id=True)

HUGE = b'"' + b"x" * (5 * 1024 * 1024) + b'"'
add("f026_huge_success", "200 with 5 MiB and a bit", "unknown", instead(HUGE), leads=1)
add("f026_huge_refusal", "422 with 5 MiB and a bit", "rejected", lambda turn: turn.answer(HUGE, "422 No"))


@cache
def bomb() -> bytes:
    """400 kB that unpack to 400 MB."""
    packer = zlib.compressobj(1, wbits=31)
    parts = [packer.compress(b'"'), *(packer.compress(b"x" * 1024 * 1024) for _ in range(400))]
    return b"".join([*parts, packer.compress(b'"'), packer.flush()])


@fault("unknown", leads=1)
def f027_gzip_bomb(turn: Turn) -> None:
    """Gzip that unpacks to 400 MB."""
    turn.store()
    turn.answer(bomb(), headers="Content-Encoding: gzip\r\n")


add(
    "f028_stacked_encodings",
    "five stacked encodings",
    "unknown",
    stored(headers="Content-Encoding: gzip, br, gzip, deflate, x\r\n"),
    leads=1,
)
add("f028_unknown_encoding", "unknown encoding", "unknown", stored(headers="Content-Encoding: x\r\n"), leads=1)
add("f028_broken_gzip", "broken gzip", "unknown", instead(b"\x1f\x8bno", headers="Content-Encoding: gzip\r\n"), leads=1)
add(
    "f028_unasked_gzip",
    "gzip that nobody asked for",
    "created",
    stored(gzip.compress, headers="Content-Encoding: gzip\r\n"),
)
add("f029_utf_16", "JSON in UTF-16", "unknown", stored(lambda body: body.decode().encode("utf-16")), leads=1)
add(
    "f029_not_utf_8",
    "JSON that is not UTF-8",
    "unknown",
    stored(lambda body: body.replace(b'"New"', b'"\xff"')),
    leads=1,
)
add("f029_byte_order_mark", "a byte order mark in front", "created", stored(lambda body: b"\xef\xbb\xbf" + body))
add("f030_huge_headers", "200 kB of headers", "unknown", stored(headers="X-Pad: " + "x" * 200_000 + "\r\n"), leads=1)
add("f030_nul_in_header", "NUL in a header", "unknown", stored(headers="X-A: a\0b\r\n"), leads=1)


@fault("unknown", leads=1)
def f030_bad_status_line(turn: Turn) -> None:
    """An illegal status line."""
    turn.store()
    turn.say(b"HTTP/9 huh\r\n\r\n")
    turn.close()


@fault("created")
def f031_two_answers(turn: Turn) -> None:
    """Two answers to one request."""
    body = turn.store()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    turn.say(head + body + head + with_id(6666)(body).ljust(len(body))[: len(body)])


@fault("rejected or unknown", lead={"description": "x" * 3_000_000}, skips_body=True)
def f032_refused_while_sending(turn: Turn) -> None:
    """413 while the body is still being sent, then reset."""
    turn.answer(b"", "413 Content Too Large")
    turn.reset()


def close_as_it_comes(connection: socket.socket) -> None:
    connection.recv(1, socket.MSG_PEEK)
    raise OSError


add(
    "f033_idle_connection_closes",
    "an idle connection closes as it is reused",
    "created or unknown",
    warm=True,
    leads=(0, 1),
    requests=(0, 1),
    before_reading=close_as_it_comes,
)


def redirect(status: int, target: str) -> Play:
    def play(turn: Turn) -> None:
        location = target.format(crm=turn.crm)
        turn.answer(b"", f"{status} Elsewhere", f"Location: {location}\r\n")

    return play


for status in (301, 302, 303, 307, 308):
    add(f"f034_{status}", f"{status} to the same host", "unknown", redirect(status, "/v2/leads"))
add("f034_other_host", "307 to another host", "unknown", redirect(307, "http://127.0.0.1:{crm}/v2/leads"))
add("f034_after_commit", "303 after the CRM stored", "unknown", instead(b"", "303 See", "Location: /x\r\n"), leads=1)
for status in (205, 299, 304, 600, 999):
    text = f"status {status} with no id"
    add(f"f035_{status}", text, "unknown", instead(b"" if status in (205, 304) else b"{}", f"{status} Odd"), leads=1)


@fault("unknown", leads=1)
def f035_flood_of_1xx(turn: Turn) -> None:
    """A flood of 102, then close."""
    turn.store()
    turn.say(b"HTTP/1.1 102 Processing\r\n\r\n" * 500)
    turn.close()


# --- not processed: the same lead is sent again -----------------------------------------------------------------------


def once(first: Play) -> Play:
    """The first request meets the fault, the next one is served."""
    return lambda turn: first(turn) if turn.number == 1 else turn.pass_on()


def throttled(header: Callable[[], str], **more: Any) -> Play:
    return once(lambda turn: turn.throttle(header(), **more))


def retry_in(seconds: float, form: str) -> Callable[[], str]:
    return lambda: f"Retry-After: {time.strftime(form, time.gmtime(time.time() + seconds))}\r\n"


RFC_850, ASCTIME = "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"
NO_ZONE = "%a, %d %b %Y %H:%M:%S"
add("f036_retry_after", "429 with ``Retry-After: 1``", "created", throttled(lambda: "Retry-After: 1\r\n"),
    requests=2, wait=1.0)  # fmt: skip
for label, text, header, wait in (
    ("date", "an HTTP date", lambda: f"Retry-After: {formatdate(time.time() + 2.5, usegmt=True)}\r\n", 1.0),
    ("rfc_850", "an RFC 850 date", retry_in(2.5, RFC_850), 1.0),
    ("asctime", "an asctime date", retry_in(2.5, ASCTIME), 1.0),
    ("no_zone", "a date without zone", retry_in(2.5, NO_ZONE), 1.0),
    ("past", "a date in the past", retry_in(-60, "%a, %d %b %Y %H:%M:%S GMT"), 0.0),
):
    add(f"f037_{label}", f"429 with {text}", "created", throttled(header), requests=2, wait=wait)
for value in ("1.5", "soon", "-5", "", "1, 2", "9" * 20):
    label = {"": "empty", "1, 2": "list", "-5": "negative", "1.5": "fraction", "9" * 20: "20_digits"}.get(value, value)
    add(
        f"f038_{label}",
        f"429 with ``Retry-After: {value}``",
        "created",
        throttled(lambda value=value: f"Retry-After: {value}\r\n"),
        requests=2,
    )
add("f039_long_wait", "429 with ``Retry-After: 99999``", "throttled",
    lambda turn: turn.throttle("Retry-After: 99999\r\n"), then="throttled")  # fmt: skip
add(
    "f040_pipedrive_burst",
    "429 with the CRM's own reset header (Pipedrive)",
    "created",
    throttled(lambda: "x-ratelimit-limit: 20\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 2\r\n"),
    requests=2,
    wait=2.0,
    slug="pipedrive",
)
SPENT = "429 Too Many Requests"
DAILY = json.dumps({"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "m"}).encode()
NO_CALLS = json.dumps([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]).encode()
NO_CREDITS = json.dumps({"code": "TOO_MANY_REQUESTS", "details": {}, "message": "m", "status": "error"}).encode()
for slug, header, body, status in (
    ("hubspot", "", DAILY, SPENT),
    ("insightly", "X-RateLimit-Remaining: 0\r\n", b"", SPENT),
    ("pipedrive", "x-daily-ratelimit-token-remaining: 0\r\n", b'{"success": false}', SPENT),
    ("salesforce", "", NO_CALLS, "403 Forbidden"),
    ("zoho-crm", "X-API-CREDITS-REMAINING: 0\r\n", NO_CREDITS, SPENT),
):
    add(
        f"f040_{slug.replace('-', '_')}",
        f"the day's quota of {slug} is used up",
        "throttled",
        lambda turn, header=header, body=body, status=status: turn.throttle(header, body, status),
        slug=slug,
        then="throttled",
    )
add("f041_throttled_for_ever", "429 for ever", "throttled", lambda turn: turn.throttle(), requests=3)
add("f041_throttled_past_the_deadline", "429, and the wait would pass the deadline", "throttled",
    lambda turn: turn.throttle("Retry-After: 5\r\n"), timeout=3.0)  # fmt: skip
LOCKED = json.dumps({"status": "error", "message": "locked", "category": "RECORD_LOCKED"}).encode()
add("f042_hubspot_423", "HubSpot: 423, the record is locked", "created",
    throttled(str, body=LOCKED, status="423 Locked"), requests=2, slug="hubspot")  # fmt: skip
add("f042_hubspot_477", "HubSpot: 477, moving to another data centre", "created",
    throttled(lambda: "Retry-After: 1\r\n", body=LOCKED, status="477 Moving"),
    requests=2, wait=1.0, slug="hubspot")  # fmt: skip
ROW_LOCK = json.dumps([{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}]).encode()
add("f042_salesforce_row_lock", "Salesforce: UNABLE_TO_LOCK_ROW", "created",
    throttled(str, body=ROW_LOCK, status="400 Bad Request"), requests=2, slug="salesforce")  # fmt: skip
BLOCKED = b"<html>blocked</html>"
add("f042_pipedrive_blocked", "Pipedrive: 403 page after too many 429", "throttled or rejected",
    lambda turn: turn.answer(BLOCKED, "403 Forbidden", kind="text/html"), slug="pipedrive", then="")  # fmt: skip

# --- the CRM fails, or says no ----------------------------------------------------------------------------------------

for status in (500, 502, 503, 504):
    add(f"f043_{status}", f"{status}, stored", "unknown", instead(b"{}", f"{status} Oops"), leads=1)
add("f044_busy", "503 with ``Retry-After: 1``", "unknown", instead(b"busy", "503 Busy", "Retry-After: 1\r\n"), leads=1)
for status in (408, 425):
    add(f"f045_{status}", f"{status}, stored", "unknown", instead(b"", f"{status} Hm"), leads=1)


def refusal(status: str, body: bytes, **more: Any) -> Play:
    return lambda turn: turn.answer(body, status, **more)


FIELD_FAULT = {"resource": "lead", "field": "/mobile", "code": "too_long", "message": "m", "details": "d"}
NAMED = json.dumps({"errors": [{"error": FIELD_FAULT}]}).encode()
DEEP = b'{"errors": ' + b"[" * 50 + b"]" * 50 + b"}"
add("f046_duplicate", "409", "rejected", refusal("409 Conflict", b"{}"))
add("f047_field_named", "422 naming a field", "rejected", refusal("422 No", NAMED))
add("f048_html", "400 with HTML", "rejected", refusal("400 Bad Request", HTML, kind="text/html"))
add("f048_empty", "400 with an empty body", "rejected", refusal("400 Bad Request", b""))
add("f048_deep", "400 with JSON 50 deep", "rejected", refusal("400 Bad Request", DEEP))
add("f048_megabyte", "400 with 1 MB", "rejected", refusal("400 Bad Request", b'{"errors": "' + b"x" * 10**6 + b'"}'))
add("f048_foreign", "400 in another language", "rejected", refusal("400 Nein", '{"fehler": "Überlänge"}'.encode()))
