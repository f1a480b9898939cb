"""What every back end has in common while it sends: limits, the call being made, TLS, and the headers that go out."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

from unilead.errors import ConnectError
from unilead.message import UNFIT_FOR_HEADER, Request, is_header_name

CONNECT_TIMEOUT = 5.0
WRITE_TIMEOUT = 10.0
KEEPALIVE = 5.0  # seconds an idle connection lives: a server closing one at the moment of reuse costs an `unknown`
MAX_CONNECTIONS = 100  # to one host
HOSTS = 5  # that may have so many at once; a CRM that lets requests hang takes none of the others'


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
