"""A broken network between a client and its CRM: raw sockets, one fault for each port, in a process of its own.

Run as ``python -m tests.faults.server PORTS``, PORTS being what `crms` prints. It reads commands from its input and
answers each with one line of JSON: ``open FAULT SLUG`` opens a port on which every request meets that fault,
``heal PORT`` makes the port behave from now on, ``seen PORT`` tells when requests were read on it, in seconds.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
import sys
import threading
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any


class Turn:
    """One request on its way to the CRM.

    Attributes:
        number: counts the requests on this port, from 1.
        head, body: what the client sent.
        crm: port of the CRM.
    """

    def __init__(self, connection: socket.socket, number: int, head: bytes, body: bytes, crm: int) -> None:
        self.connection = connection
        self.number = number
        self.head = head
        self.body = body
        self.crm = crm

    def forward(self) -> tuple[int, bytes]:
        """Hand the request to the CRM. Returns: the status and body of its answer, which the client may never see."""
        first, *lines = self.head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        crm = http.client.HTTPConnection("127.0.0.1", self.crm, timeout=20)
        crm.request(method, path, self.body, headers)
        answer = crm.getresponse()
        found = answer.status, answer.read()
        crm.close()
        return found

    def store(self) -> bytes:
        """Let the CRM store the lead. Returns: its answer's body."""
        status, body = self.forward()
        assert status < 300, body
        return body

    def pass_on(self) -> None:
        """Do as a good network does."""
        status, body = self.forward()
        self.answer(body, f"{status} Fine")

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, body: bytes, status: str = "200 OK", headers: str = "", *, kind: str = "application/json") -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.say(head.encode("latin-1") + body)

    def throttle(self, headers: str = "", body: bytes = b"", status: str = "429 Too Many Requests") -> None:
        self.answer(body, status, headers)

    def drip(self, data: bytes, pause: float) -> None:
        for byte in data:
            self.say(bytes([byte]))
            time.sleep(pause)

    def close(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class Port:
    """One listening port with its fault."""

    def __init__(self, fault: Any, crm: int, context: ssl.SSLContext | None) -> None:
        self.fault, self.crm, self.context = fault, crm, context
        self.healed = False
        self.seen: list[float] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        if fault.skips_body:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)  # else the kernel takes it all
        self.number = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.fault.on_accept and not self.healed:
                self.fault.on_accept(connection)
                return
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            while turn := self.read(connection):
                (Turn.pass_on if self.healed else self.fault.run)(turn)
        except OSError:
            pass  # the client is gone, as many of these faults want it
        finally:
            connection.close()

    def read(self, connection: socket.socket) -> Turn | None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not self.healed and self.fault.before_reading and self.seen:
                self.fault.before_reading(connection)
            more = connection.recv(65_536)
            if not more:
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
        while len(body) < length and (self.healed or not self.fault.skips_body):
            more = connection.recv(1 << 20)
            if not more:
                return None
            body += more
        self.seen.append(time.monotonic())
        return Turn(connection, len(self.seen), head, body, self.crm)


class Certificates:
    """TLS contexts of the server, good and bad ones, by one throw-away authority."""

    def __init__(self) -> None:
        import trustme

        self.authority = trustme.CA()
        self.file = Path(mkdtemp()) / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.file))

    def context(self, kind: str) -> ssl.SSLContext | None:
        from datetime import UTC, datetime, timedelta

        import trustme

        if not kind:
            return None
        authority = trustme.CA() if kind == "self-signed" else self.authority
        name = "other.example" if kind == "wrong name" else "127.0.0.1"
        end = datetime.now(UTC) - timedelta(days=1) if kind == "expired" else None
        start = datetime.now(UTC) - timedelta(days=9)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name, not_before=start, not_after=end).configure_cert(context)
        return context


def main(crms: dict[str, int]) -> None:
    from tests.faults.catalogue import FAULTS

    certificates = Certificates()
    ports: dict[int, Port] = {}
    print(json.dumps(str(certificates.file)), flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        answer: Any = None
        if command == "open":
            fault = FAULTS[words[0]]
            port = Port(fault, crms[words[1]], certificates.context(fault.tls))
            ports[port.number] = port
            answer = port.number
        elif command == "heal":
            ports[int(words[0])].healed = True
        elif command == "seen":
            answer = ports[int(words[0])].seen
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
