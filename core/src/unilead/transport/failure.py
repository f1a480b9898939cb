"""What a failed send means for the lead, by the evidence of the call and never by the name of what was raised."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from unilead.errors import UNKNOWN_HINT, ConnectError, LeadError, OutcomeUnknownError
from unilead.message import Request
from unilead.transport.call import CallState

_MALFORMED = ("LocalProtocolError", "InvalidURL", "UnsupportedProtocol")  # the back ends' own words for it


class ForbiddenAddressError(ConnectError):
    """The name leads to an address that is not on the public internet; nothing was sent."""

    retryable = False


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
    if isinstance(fault, ValueError) or type(fault).__name__ in _MALFORMED:
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
