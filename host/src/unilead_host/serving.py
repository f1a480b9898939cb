"""Serves the application with uvicorn, and ends as an orchestrator wants it: what is under way is finished first."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from unilead_host.app import Application
from unilead_host.connection import Protocol
from unilead_host.logs import LOG
from unilead_host.settings import LOOPBACK, HostSettings

BACKLOG = 2048
CLOSING_SECONDS = 5.0
SWITCH_INTERVAL = 0.0005  # seconds until a thread that reads a large job gives way to the one that serves everybody
TICKS = 10  # uvicorn's, in a second
DESCRIPTORS = 16_384  # as many as are asked for; each is a connection or a file
OWN_DESCRIPTORS = 256  # for what is not a client's: CRMs, the database, the log


class Server(uvicorn.Server):
    """A server that drains: told to end, it says so at ``/readyz``, finishes what is under way, and exits with 0.

    Args:
        on_started: called once connections are accepted.
        patience: seconds that requests under way may take.
    """

    def __init__(
        self, config: uvicorn.Config, app: Application, on_started: Callable[[], None], patience: float
    ) -> None:
        super().__init__(config)
        self._app = app
        self._on_started = on_started
        self._patience = patience
        self._end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say that it is done."""
        await super().startup(sockets)
        settle_memory()
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; asked a second time by Ctrl-C, end at once."""
        if self._end is not None and sig == signal.SIGINT:
            self.should_exit = self.force_exit = True
            return
        self._end = time.monotonic() + self._patience
        self._app.state.draining = True

    async def on_tick(self, counter: int) -> bool:
        """Let go of idle clients. Returns: whether to stop listening, as nothing is under way, or patience ends."""
        if counter % TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in self.server_state.connections.copy():
                if isinstance(connection, Protocol):
                    connection.let_go(now)
        drained = self._end is not None and (not self.server_state.tasks or time.monotonic() >= self._end)
        return await super().on_tick(counter) or drained


def settle_memory() -> None:
    """Once everything is loaded: what is there stays, and the garbage collector need not look through it again.

    Measured: a quarter of the CPU time of a create, and pauses of a tenth of a second, were spent on that.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def listen(host: str, port: int) -> socket.socket:
    """Open the port, so that a taken one is an error before anything else is done. Raises: OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def url_of(listening: socket.socket) -> str:
    """The address to use in a browser on this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def most_connections() -> int:
    """How many clients may be connected, so that descriptors are left for the rest. Asks the system for more of them.

    Often a process may have 1,024 open files only because an old system call can name no more; here nothing uses it.
    """
    try:
        import resource
    except ImportError:  # not on Windows, whose limit is far away
        return Protocol.most
    most, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = DESCRIPTORS
    elif most < DESCRIPTORS:
        wanted = DESCRIPTORS if highest == resource.RLIM_INFINITY else min(highest, DESCRIPTORS)
        with suppress(OSError, ValueError):  # the system has a limit that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, highest))
            most = wanted
    return max(most - OWN_DESCRIPTORS, most // 2)


def config_of(app: Application, settings: HostSettings) -> uvicorn.Config:
    """How the application is served."""

    class Bounded(Protocol):
        most = most_connections()

    return uvicorn.Config(
        app,
        http=Bounded,
        ws="none",
        log_config=None,
        access_log=False,  # its lines would hold whole query strings
        server_header=False,
        timeout_graceful_shutdown=int(settings.create_timeout + CLOSING_SECONDS),
        proxy_headers=True,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        lifespan="on",
    )


def serve(app: Application, settings: HostSettings, listening: socket.socket, on_started: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    _warn(settings)
    sys.setswitchinterval(SWITCH_INTERVAL)
    Server(config_of(app, settings), app, on_started, settings.create_timeout).run([listening])


def _warn(settings: HostSettings) -> None:
    if settings.allow_private:
        LOG.warning("private_addresses_allowed", hint="accounts may reach this network; unset ALLOW_PRIVATE")
    if settings.host not in LOOPBACK and not settings.public_url.startswith("https:"):
        LOG.warning("served_without_https", hint="put a reverse proxy with TLS in front and set PUBLIC_URL")
