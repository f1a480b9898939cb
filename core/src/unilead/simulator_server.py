"""Serves a simulator on the loopback interface, over HTTP or, with a throw-away certificate, over TLS."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from unilead.message import Response
from unilead.simulator import Call, DroppedConnectionError

if TYPE_CHECKING:
    from unilead.simulator import Simulator

MAX_BODY = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """A simulator that is being served.

    Attributes:
        url: origin to send to, such as ``http://127.0.0.1:8765``.
        port: its port.
        ca_file: certificate authority to trust; ``None`` without TLS.
    """

    url: str
    port: int
    ca_file: Path | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1_024
    allow_reuse_address = True
    simulator: Simulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that clients drop are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def handle_one_request(self) -> None:
        """Read one request of any method, let the simulator answer it, write the answer in one piece."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or len(self.raw_requestline) > 65_536:
            self.close_connection = True
            return None
        if not self.parse_request():
            return None
        body = self._body()
        if body is None:
            return None
        simulator = self.server.simulator
        if simulator.faults.latency:
            time.sleep(simulator.faults.latency)
        if simulator.faults.take("refuse"):
            return self._drop()
        try:
            response = simulator.respond(Call.of(self.command, self.path, dict(self.headers.items()), body))
        except DroppedConnectionError:
            return self._drop()
        self._write(response)
        return None

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.send_error(413)
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _drop(self) -> None:
        """Close with a reset, as a crashed server does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _write(self, response: Response) -> None:
        self.send_response_only(response.status, response.reason or None)
        for name, value in response.headers.items():
            if name != "content-length":
                self.send_header(name.title(), value)
        length = len(response.body)
        self.send_header("Content-Length", str(length * 2 + 1 if response.truncated else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()
        if response.truncated:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: calls are kept in `Simulator.calls`."""


@contextmanager
def serve(simulator: Simulator, port: int = 0, *, tls: bool = False) -> Iterator[Served]:
    """Serve until the context ends. Raises: OSError when the port is taken; ImportError when TLS needs its extra."""
    with TemporaryDirectory() as folder:
        server = _Server(("127.0.0.1", port), _Handler)
        server.simulator = simulator
        ca_file = _add_tls(server, Path(folder)) if tls else None
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        scheme = "https" if tls else "http"
        try:
            yield Served(f"{scheme}://127.0.0.1:{server.server_port}", server.server_port, ca_file)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _add_tls(server: _Server, folder: Path) -> Path:
    import ssl

    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return ca_file
