"""What an error says of a TLS handshake that fails, over each back end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from unilead import ConnectError, Request
from unilead.transport import open_async_transport


@contextmanager
def _answering(first: bytes) -> Iterator[str]:
    """A server that takes what comes and answers in its own way, which is no TLS. Yields: its address, as https."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    with server.accept()[0] as client:
                        client.recv(4096)
                        client.sendall(first)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("backend", ["httpx", "httpx2", "aiohttp"])
@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", r"TLS: wrong version number"),
        (b"\x15\x03\x03\x00\x02\x02\x28", r"TLS: .*handshake failure"),
        (b"", r"TLS: unexpected eof while reading|connection reset by peer"),
    ],
    ids=["no TLS", "alert", "end"],
)
def test_a_tls_handshake_that_fails_is_called_by_its_name(first: bytes, said: str, backend: str) -> None:
    """Its number is none of the operating system's, which has `operation not permitted` and the like for it."""

    async def send(url: str) -> None:
        transport = open_async_transport(None, backend, allow_private=True)
        try:
            await transport.send_async(Request("GET", "/", url=f"{url}/"), credentials={}, timeout=5)
        finally:
            await transport.aclose()

    with _answering(first) as url, pytest.raises(ConnectError, match=said):
        asyncio.run(send(url))
