"""Listeners that count, and a way to send one request over each back end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from unilead import LeadError, Request, Response
from unilead.transport import open_async_transport, open_transport

WAYS = ["httpx sync", "httpx async", "httpx2 sync", "httpx2 async", "aiohttp async"]
TOKEN = "canary-token-1f7a"


class Listener:
    """A socket that answers every request with an empty JSON object, and keeps what it read."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._socket.getsockname()[1]
        self.received: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(5)
                data = b""
                while b"\r\n\r\n" not in data and (more := _read(connection)):
                    data += more
                self.received.append(data)
                if data:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    def close(self) -> None:
        self._socket.close()


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except OSError:
        return b""


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def send(
    way: str, url: str, *, allow_private: bool = False, headers: dict[str, str] | None = None
) -> Response | LeadError:
    """Send one request; the answer, or the error it ended in."""
    backend, kind = way.split()
    request = Request("POST", "/", url=url, body=b"{}", headers=headers or {})
    options: dict[str, Any] = {"credentials": {"Authorization": f"Bearer {TOKEN}"}, "timeout": 5.0}
    if kind == "sync":
        transport = open_transport(None, backend, allow_private=allow_private)
        try:
            return transport.send(request, **options)
        except LeadError as error:
            return error
        finally:
            transport.close()

    async def run() -> Response | LeadError:
        transport = open_async_transport(None, backend, allow_private=allow_private)
        try:
            return await transport.send_async(request, **options)
        except LeadError as error:
            return error
        finally:
            await transport.aclose()

    return asyncio.run(run())
