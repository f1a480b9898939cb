"""The seam to the HTTP libraries: takes our `Request`, gives our `Response`, decides what a failure means.

Nothing else imports an HTTP library. Whether a request was sent is judged by evidence, not by an exception's name: a
failure counts as *not sent* only when no byte of the request was seen to leave.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from unilead.errors import ConnectError, LeadError, OutcomeUnknownError
from unilead.message import Request, Response

MAX_ANSWER = 5 * 1024 * 1024
CONNECT_TIMEOUT = 5.0


@runtime_checkable
class Transport(Protocol):
    """Sends one request and waits for the answer."""

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all. Raises: ConnectError or OutcomeUnknownError."""

    def close(self) -> None:
        """Close all connections."""


@runtime_checkable
class AsyncTransport(Protocol):
    """Sends one request and waits for the answer, asynchronously."""

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send, within ``timeout`` seconds in all. Raises: ConnectError or OutcomeUnknownError."""

    async def aclose(self) -> None:
        """Close all connections."""


class HttpTransport:
    """httpx, or a library with its names, behind the seam.

    Args:
        backend: ``httpx``; the module's name.
        transport: one of that library's own transports, such as a mock.
    """

    def __init__(self, backend: str = "httpx", transport: Any = None) -> None:
        self._http: ModuleType = import_module(backend)
        self._given = transport
        self._client: Any = None

    def _open(self) -> Any:
        if self._client is None:
            options: dict[str, Any] = (
                {"transport": self._given} if self._given else {"verify": ssl.create_default_context()}
            )
            self._client = self._http.Client(follow_redirects=False, trust_env=False, **options)
            self._client.headers.clear()
        return self._client

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send over one kept pool of connections."""
        http = self._http
        trace = _Trace()
        try:
            client = self._open()
            outgoing = client.build_request(
                request.method,
                request.url,
                content=request.body,
                headers=[*request.headers.items(), *credentials.items()],
                timeout=http.Timeout(
                    timeout, connect=min(timeout, CONNECT_TIMEOUT), pool=min(timeout, CONNECT_TIMEOUT)
                ),
                extensions={"trace": trace},
            )
            answer = client.send(outgoing, stream=True)
        except (http.HTTPError, http.InvalidURL, OSError, ValueError) as fault:
            raise self._failure(fault, trace) from None
        try:
            return _read(answer)
        except (http.HTTPError, OSError):
            raise _unknown("the answer broke off") from None
        finally:
            answer.close()

    def _failure(self, fault: Exception, trace: _Trace) -> LeadError:
        http = self._http
        never_sent = (
            http.ConnectError,
            http.ConnectTimeout,
            http.PoolTimeout,
            http.UnsupportedProtocol,
            http.InvalidURL,
            http.LocalProtocolError,
        )
        if not trace.sent and isinstance(fault, never_sent):
            return ConnectError(f"could not connect: {type(fault).__name__}", hint="nothing was sent; repeat later")
        return _unknown(
            "the CRM did not answer" if isinstance(fault, http.TimeoutException) else "the connection broke"
        )

    def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


class AsyncHttpTransport:
    """As `HttpTransport`, asynchronously."""

    def __init__(self, backend: str = "httpx", transport: Any = None) -> None:
        self._sync = HttpTransport(backend)
        self._given = transport
        self._client: Any = None

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Send over one kept pool of connections."""
        http = self._sync._http
        if self._client is None:
            options: dict[str, Any] = (
                {"transport": self._given} if self._given else {"verify": ssl.create_default_context()}
            )
            self._client = http.AsyncClient(follow_redirects=False, trust_env=False, **options)
            self._client.headers.clear()
        trace = _Trace()
        try:
            outgoing = self._client.build_request(
                request.method,
                request.url,
                content=request.body,
                headers=[*request.headers.items(), *credentials.items()],
                timeout=http.Timeout(
                    timeout, connect=min(timeout, CONNECT_TIMEOUT), pool=min(timeout, CONNECT_TIMEOUT)
                ),
                extensions={"trace": trace.note_async},
            )
            answer = await self._client.send(outgoing, stream=True)
        except (http.HTTPError, http.InvalidURL, OSError, ValueError) as fault:
            raise self._sync._failure(fault, trace) from None
        try:
            body = bytearray()
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    break
            return _response(answer, bytes(body))
        except (http.HTTPError, OSError):
            raise _unknown("the answer broke off") from None
        finally:
            await answer.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class _Trace:
    """Notes whether a request's first byte left."""

    def __init__(self) -> None:
        self.sent = False

    def __call__(self, event: str, info: Any) -> None:
        if event.endswith("send_request_headers.started"):
            self.sent = True

    async def note_async(self, event: str, info: Any) -> None:
        self(event, info)


def _read(answer: Any) -> Response:
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > MAX_ANSWER:
            break
    return _response(answer, bytes(body))


def _response(answer: Any, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, headers, body[:MAX_ANSWER], answer.reason_phrase, len(body) > MAX_ANSWER)


def _unknown(reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(reason, hint="the lead may exist; look it up in the CRM before sending it again")


def as_transport(given: Any, backend: str) -> Transport:
    """Take what the application passed in: one of ours (a simulator too), or one of the HTTP library's own."""
    return given if isinstance(given, Transport) else HttpTransport(backend, given)


def as_async_transport(given: Any, backend: str) -> AsyncTransport:
    """As `as_transport`, for asynchronous sending."""
    return given if isinstance(given, AsyncTransport) else AsyncHttpTransport(backend, given)
