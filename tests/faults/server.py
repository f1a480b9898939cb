"""A CRM behind a broken network: one raw-socket server, one function for each fault, in a process of its own.

The process prints its port and then one line for each request it has read completely, so that the test counts what
reached the CRM where it was received and not where it was sent.

Run as ``python server.py FAULT``.
"""

from __future__ import annotations

import gzip
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

CREATED = b'{"data": {"id": 1042, "last_name": "Okafor"}, "meta": {"type": "lead"}}'
Fault = Callable[[socket.socket, bytes], None]


def answer(body: bytes = CREATED, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{headers}\r\n".encode()
        + body
    )


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drip(connection: socket.socket, data: bytes, pause: float) -> None:
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(pause)


FAULTS: dict[str, Fault] = {
    "none": lambda c, r: c.sendall(answer()),
    "f009_reset_after_read": lambda c, r: reset(c),
    "f011_close_without_answer": lambda c, r: c.close(),
    "f012_continue_then_close": lambda c, r: (c.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"), c.close())[0],
    "f013_never_answers": lambda c, r: time.sleep(30),
    "f014_answers_too_late": lambda c, r: (time.sleep(3), c.sendall(answer()))[0],
    "f015_dripping_body": lambda c, r: (c.sendall(answer(b"", length=len(CREATED))), drip(c, CREATED, 0.4))[0],
    "f016_dripping_headers": lambda c, r: drip(c, answer(), 0.2),
    "f017_short_body": lambda c, r: (c.sendall(answer(b'{"data"', length=100)), c.close())[0],
    "f018_broken_chunk": lambda c, r: (
        c.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + CREATED[:20]),
        c.close(),
    )[0],
    "f019_garbage_after_json": lambda c, r: c.sendall(answer(CREATED + b"garbage")),
    "f020_html_page": lambda c, r: c.sendall(answer(b"<html>please sign in</html>")),
    "f024_empty_success": lambda c, r: c.sendall(answer(b"")),
    "f024_no_content": lambda c, r: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "f026_huge_body": lambda c, r: c.sendall(answer(b'"' + b"x" * (6 * 1024 * 1024) + b'"')),
    "f027_gzip_bomb": lambda c, r: c.sendall(
        answer(gzip.compress(b'"' + b"x" * (60 * 1024 * 1024) + b'"'), headers="Content-Encoding: gzip\r\n")
    ),
    "f028_broken_gzip": lambda c, r: c.sendall(answer(b"\x1f\x8bnot gzip", headers="Content-Encoding: gzip\r\n")),
    "f028_stacked_encodings": lambda c, r: c.sendall(
        answer(CREATED, headers="Content-Encoding: gzip, br, gzip, deflate, x\r\n")
    ),
    "f029_utf_16": lambda c, r: c.sendall(answer(CREATED.decode().encode("utf-16"))),
    "f030_huge_headers": lambda c, r: c.sendall(answer(headers="X-Pad: " + "x" * 200_000 + "\r\n")),
    "f030_bad_status_line": lambda c, r: (c.sendall(b"HTTP/9 huh\r\n\r\n"), c.close())[0],
    "f030_nul_in_header": lambda c, r: (c.sendall(answer(headers="X-A: a\0b\r\n")), c.close())[0],
    "f034_redirect_301": lambda c, r: c.sendall(answer(b"", "301 Moved", "Location: /v2/elsewhere\r\n")),
    "f034_redirect_303": lambda c, r: c.sendall(answer(b"", "303 See Other", "Location: /v2/elsewhere\r\n")),
    "f034_redirect_307": lambda c, r: c.sendall(answer(b"", "307 Temporary", "Location: /v2/elsewhere\r\n")),
    "f035_status_999": lambda c, r: c.sendall(answer(status="999 What")),
    "f035_not_modified": lambda c, r: c.sendall(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "f043_error_500": lambda c, r: c.sendall(answer(b"{}", "500 Oops")),
    "f044_busy_503": lambda c, r: c.sendall(answer(b"busy", "503 Busy", "Retry-After: 1\r\n")),
    "f045_timeout_408": lambda c, r: c.sendall(answer(b"", "408 Request Timeout")),
    "f031_two_answers": lambda c, r: c.sendall(answer() + answer(CREATED.replace(b"1042", b"6666"))),
    "f022_json_as_text": lambda c, r: c.sendall(answer().replace(b"application/json", b"text/plain")),
    "f029_byte_order_mark": lambda c, r: c.sendall(answer(b"\xef\xbb\xbf" + CREATED)),
}


def read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        more = connection.recv(65_536)
        if not more:
            return None
        body += more
    return head + b"\r\n\r\n" + body


def handle(connection: socket.socket, fault: Fault) -> None:
    try:
        if fault is FAULTS["none"]:
            connection.settimeout(20)
        while request := read_request(connection):
            print(request.split(b"\r\n")[0].decode(), flush=True)
            fault(connection, request)
    except OSError:
        pass  # the client is gone, as many of these faults want it
    finally:
        connection.close()


def main(name: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection, FAULTS[name]), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
