"""What every back end shares: the call being made, what its failure means, and how much of an answer is read."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import urlsplit

from unilead.errors import UNKNOWN_HINT, ConnectError, LeadError, OutcomeUnknownError
from unilead.message import UNFIT_FOR_HEADER, Request, Response, is_header_name

MAX_ANSWER = 5 * 1024 * 1024
CONNECT_TIMEOUT = 5.0
WRITE_TIMEOUT = 10.0
KEEPALIVE = 5.0  # seconds an idle connection lives: a server closing one at the moment of reuse costs an `unknown`
MAX_CONNECTIONS = 100


@dataclass
class CallState:
    """One request on its way.

    Attributes:
        deadline: when it must be over, on the monotonic clock.
        sent: whether a byte of it was handed to a connection.
    """

    deadline: float
    sent: bool = False

    @property
    def left(self) -> float:
        """Seconds left; never less than a millisecond, since zero would mean *do not wait at all*."""
        return max(0.001, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self.deadline


current_call: ContextVar[CallState] = ContextVar("unilead_call")  # for the layers that note what became of it


class ForbiddenAddressError(ConnectError):
    """The name leads to an address that is not on the public internet; nothing was sent."""

    retryable = False


@cache
def tls_context() -> ssl.SSLContext:
    """The one TLS context of this process: the system's certificates, certifi's where the system has none."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not context.cert_store_stats()["x509_ca"] and not (paths.cafile or paths.capath):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def split_url(url: str) -> tuple[str, str]:
    """Split an absolute URL into its origin and what a request line names."""
    cut = url.find("/", 8)
    return (url, "/") if cut < 0 else (url[:cut], url[cut:])


def outgoing_headers(request: Request, credentials: Mapping[str, str]) -> list[tuple[str, str]]:
    """All headers but ``Host`` and ``Content-Length``. Raises: ConnectError when one could split the request."""
    for headers in (request.headers, credentials):
        for name in headers:  # without a variable for the value, which a traceback might show
            if not is_header_name(name) or UNFIT_FOR_HEADER.search(headers[name]):
                raise ConnectError(f"header {name!r} has characters that no header may have", retryable=False)
    return [*request.headers.items(), *credentials.items()]


def failure(fault: BaseException, call: CallState, request: Request) -> LeadError:
    """Say what a failed send means for the lead, by the evidence of the call."""
    if isinstance(fault, LeadError):
        return fault
    if call.sent:
        reason = "the CRM did not answer in time" if call.over or _timed_out(fault) else "the connection broke"
        return OutcomeUnknownError(reason, hint=UNKNOWN_HINT)
    host = urlsplit(request.url).hostname or "the CRM"
    certificate = _certificate_fault(fault)
    if certificate:
        hint = "nothing was sent; check the host name, the clock and the certificate authorities of this machine"
        return ConnectError(f"certificate of {host} is refused: {certificate}", hint=hint, retryable=False)
    if type(fault).__name__ in ("LocalProtocolError", "InvalidURL", "UnsupportedProtocol", "ValueError"):
        return ConnectError(f"the request to {host} is malformed", hint="nothing was sent", retryable=False)
    return ConnectError(f"could not connect to {host}: {_reason(fault)}", hint="nothing was sent; repeat later")


def _timed_out(fault: BaseException) -> bool:
    return isinstance(fault, TimeoutError) or "Timeout" in type(fault).__name__


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """A fault and what led to it."""
    seen: BaseException | None = fault
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _certificate_fault(fault: BaseException) -> str:
    for seen in _chain(fault):
        if isinstance(seen, ssl.SSLCertVerificationError) and hasattr(seen, "verify_message"):
            return seen.verify_message  # aiohttp's own class of this kind has none, but its cause has
    return ""


def _reason(fault: BaseException) -> str:
    """Why there is no connection, as the operating system says it; the name of the fault where it says nothing."""
    for seen in reversed([*_chain(fault)]):
        if isinstance(seen, socket.gaierror):
            return "its name does not resolve"
        if isinstance(seen, ssl.SSLError):  # its number is no errno
            return f"TLS: {(seen.reason or type(seen).__name__).replace('_', ' ').lower()}"
        if isinstance(seen, OSError) and (seen.errno or 0) > 0:
            return os.strerror(seen.errno or 0).lower()  # an event loop puts other words into the exception
        if isinstance(seen, ConnectionResetError):  # an event loop's has no number
            return os.strerror(errno.ECONNRESET).lower()
    return "no connection in time" if _timed_out(fault) else type(fault).__name__


def make_response(
    status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, reason: str, *, truncated: bool
) -> Response:
    """Make our response: header names in lower case, repeated ones joined, the body unpacked within the cap."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = _lower(raw_name), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    truncated = truncated or len(body) > MAX_ANSWER
    body = body[:MAX_ANSWER]
    encoding = joined.get("content-encoding", "").strip().lower()
    if encoding and encoding != "identity" and body:
        body, whole = _unpacked(body, encoding)
        truncated = truncated or not whole
    return Response(status, joined, body, reason, truncated)


@lru_cache(maxsize=256)  # the same names come back with every answer
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _unpacked(body: bytes, encoding: str) -> tuple[bytes, bool]:
    """Undo gzip or deflate, at most to the cap. Nobody asked for an encoding, so any other one stays packed."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return body, False
    for window in (47, -15):  # gzip or zlib by their header; then deflate without any
        decoder = zlib.decompressobj(window)
        try:
            plain = decoder.decompress(body, MAX_ANSWER)
        except zlib.error:
            continue
        return plain, decoder.eof
    return body, False
