"""Simulator: the base of every plugin's local stand-in for its CRM.

A simulator knows its CRM's routes, rules, errors and limits on its own, never through the provider's table, so that the
two can disagree. It stores leads, counts them, and can be told to fail in every way a network can. It is a transport
(hand it to a `Client`), and it can be served on the loopback interface for any other client.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic_core import from_json

from unilead.errors import ConnectError, OutcomeUnknownError
from unilead.message import Request, Response

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from unilead.simulator_server import Served

Handler = TypeVar("Handler", bound=Callable[..., Response])
KEPT_CALLS = 1_000


@dataclass(frozen=True)
class Call:
    """One request as a simulator sees it.

    Attributes:
        method: upper case.
        path: as sent, percent-encoded, without query.
        query: decoded pairs in order.
        headers: names in lower case.
        body: the bytes.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @cached_property
    def json(self) -> Any:
        """The decoded body. Raises: ValueError when it is not JSON."""
        return from_json(self.body, allow_inf_nan=False)

    @cached_property
    def form(self) -> dict[str, str]:
        """The body of a form, as token endpoints take it; bytes that are not UTF-8 are replaced."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))

    @cached_property
    def params(self) -> dict[str, str]:
        """The query as a dict; the last of equal names wins."""
        return dict(self.query)

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
        """Make a call from what arrived on a connection; ``url`` may be absolute or begin with the path."""
        parts = urlsplit(url)
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        return cls(method, parts.path or "/", query, {name.lower(): value for name, value in headers.items()}, body)


@dataclass
class Faults:
    """What a simulator does wrong on purpose. Numbers count down with each request they meet.

    Attributes:
        throttle: this many requests are refused as too many.
        latency: seconds before each answer.
        refuse: this many connections are refused.
        drop_before: this many requests are read, and the connection closed before anything is stored.
        drop_after_commit: this many requests are carried out, and the connection closed without an answer.
        truncate: this many answers are cut in the middle.
        status: answer ``status_count`` requests with this status, in the CRM's own form, without storing anything.
        status_count: how many.
    """

    throttle: int = 0
    latency: float = 0.0
    refuse: int = 0
    drop_before: int = 0
    drop_after_commit: int = 0
    truncate: int = 0
    status: int = 0
    status_count: int = 0

    def take(self, name: str) -> bool:
        """Use up one occurrence of a fault."""
        left: int = getattr(self, name)
        if left > 0:
            setattr(self, name, left - 1)
        return left > 0


class DroppedConnectionError(Exception):
    """The simulator closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    handler: str


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Mark a simulator's method as the handler of a route; ``{name}`` in the path is one segment, given by keyword."""

    def mark(handler: Handler) -> Handler:
        routes = getattr(handler, "routes", ())
        handler.routes = (*routes, (method, path))  # type: ignore[attr-defined]
        return handler

    return mark


class Simulator:
    """A CRM that stores leads in memory.

    Subclasses write routes and the CRM's own answers: `unauthorized`, `not_found`, `not_allowed`, `throttled`,
    `failed`.

    Attributes:
        slug: the CRM it stands for.
        sample_settings: settings of an account that this simulator accepts.
        leads: stored records by id, in the CRM's own shape.
        missing: ids and names of other records that do not exist; every other well-formed one does.
        calls: the newest calls, oldest first.
        faults: what to do wrong.
    """

    slug: ClassVar[str]
    sample_settings: ClassVar[Mapping[str, Any]]
    auth_first: ClassVar[bool] = True  # whether the CRM looks at credentials before the route
    case_sensitive: ClassVar[bool] = True  # of paths

    _routes: ClassVar[tuple[_Route, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        flags = 0 if cls.case_sensitive else re.IGNORECASE
        found: list[_Route] = []
        for name in dir(cls):
            for method, path in getattr(getattr(cls, name), "routes", ()):
                pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
                found.append(_Route(method, re.compile(pattern + "/?", flags), name))
        cls._routes = tuple(sorted(found, key=lambda one: one.pattern.groups))  # a path without placeholders goes first

    def __init__(self) -> None:
        self.leads: dict[str, dict[str, Any]] = {}
        self.missing: set[str] = set()
        self.calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self.faults = Faults()
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    @property
    def count(self) -> int:
        """Number of leads really stored."""
        return len(self.leads)

    def next_number(self) -> int:
        """The next number for an id: 1, 2, 3, …"""
        return next(self._numbers)

    def now(self) -> datetime:
        """The CRM's clock, in UTC."""
        return datetime.now(UTC)

    def exists(self, name: Any) -> bool:
        """Whether another record or a custom field exists: all do that no test declared missing."""
        return str(name) not in self.missing

    # --- the CRM's own answers ------------------------------------------------------------------------------------

    def unauthorized(self, call: Call) -> Response | None:
        """The answer to missing or wrong credentials; ``None`` when they are right."""
        return None

    def not_found(self, call: Call) -> Response:
        """The answer to an unknown path."""
        return Response.of(404, {"message": "not found"})

    def not_allowed(self, call: Call, allowed: tuple[str, ...]) -> Response:
        """The answer to a known path with another method."""
        return Response.of(405, {"message": "method not allowed"}, {"Allow": ", ".join(allowed)})

    def throttled(self, call: Call) -> Response:
        """The answer to too many requests."""
        return Response.of(429, {"message": "too many requests"}, {"Retry-After": "1"})

    def failed(self, call: Call, status: int) -> Response:
        """The answer when the CRM itself fails with this status."""
        return Response.of(status, {"message": "failed"})

    # --- answering ------------------------------------------------------------------------------------------------

    def respond(self, call: Call) -> Response:
        """Answer one call, faults included. Raises: DroppedConnectionError."""
        faults = self.faults
        with self._lock:
            self.calls.append(call)
            if faults.take("drop_before"):
                raise DroppedConnectionError
            if faults.take("throttle"):
                return self.throttled(call)
            if faults.status and faults.take("status_count"):
                return self.failed(call, faults.status)
            response = self._dispatch(call)
            if faults.take("drop_after_commit"):
                raise DroppedConnectionError
            if faults.take("truncate"):
                return Response(
                    response.status, response.headers, response.body[: len(response.body) // 2], response.reason, True
                )
            return response

    def _dispatch(self, call: Call) -> Response:
        if self.auth_first and (refusal := self.unauthorized(call)) is not None:
            return refusal
        matches = [(found, match) for found in self._routes if (match := found.pattern.fullmatch(call.path))]
        if not matches:
            return self.not_found(call)
        for found, match in matches:
            if found.method == call.method:
                if not self.auth_first and (refusal := self.unauthorized(call)) is not None:
                    return refusal
                arguments = {name: unquote(text) for name, text in match.groupdict().items()}
                answer: Response = getattr(self, found.handler)(call, **arguments)
                return answer
        return self.not_allowed(call, tuple(found.method for found, _ in matches))

    # --- as a transport -------------------------------------------------------------------------------------------

    def send(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Answer a client in this process."""
        if self.faults.latency:
            time.sleep(min(self.faults.latency, timeout))
        return self._meet(request, credentials, timeout)

    async def send_async(self, request: Request, *, credentials: Mapping[str, str], timeout: float) -> Response:
        """Answer an asynchronous client in this process."""
        if self.faults.latency:
            await asyncio.sleep(min(self.faults.latency, timeout))
        return self._meet(request, credentials, timeout)

    def _meet(self, request: Request, credentials: Mapping[str, str], timeout: float) -> Response:
        if self.faults.latency and self.faults.latency >= timeout:
            raise OutcomeUnknownError("the CRM did not answer in time")
        if self.faults.take("refuse"):
            raise ConnectError("could not connect: refused by the simulator")
        try:
            return self.respond(Call.of(request.method, request.url, {**request.headers, **credentials}, request.body))
        except DroppedConnectionError:
            raise OutcomeUnknownError("the connection broke") from None

    def close(self) -> None:
        """Nothing to close in this process."""

    async def aclose(self) -> None:
        """Nothing to close in this process."""

    def serve(self, port: int = 0, *, tls: bool = False) -> AbstractContextManager[Served]:
        """Serve on the loopback interface, for as long as the context lasts; port 0 picks a free one."""
        from unilead.simulator_server import serve

        return serve(self, port, tls=tls)


def wrong_types(record: Mapping[str, Any], names: Mapping[str, type | tuple[type, ...]]) -> Iterator[tuple[str, Any]]:
    """Yield the fields whose value is given and not of the type they must have; booleans are no numbers."""
    for name, value in record.items():
        kind = names.get(name)
        if kind is None or value is None:
            continue
        wrong_bool = isinstance(value, bool) and kind is not bool and not (isinstance(kind, tuple) and bool in kind)
        if wrong_bool or not isinstance(value, kind):
            yield name, value
