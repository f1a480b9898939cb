"""A CRM that costs nothing: nginx, pinned to one core, gives every create the same answer, with and without TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import certifi
import trustme

CONFIG = """
worker_processes 1;
worker_cpu_affinity {affinity};
daemon off;
pid {folder}/pid;
error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  geo $dollar {{ default "$"; }}
  default_type "application/json;charset=utf-8";
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/certificate.pem;
    {locations}
  }}
}}
"""

LONGEST = 4_000  # of a parameter in nginx's configuration


@dataclass(frozen=True)
class Stub:
    """Where it listens.

    Attributes:
        url, tls_url: its origins.
        bundle: certificate authorities: certifi's, as a program in the field has them, and the stub's own.
    """

    url: str
    tls_url: str
    bundle: Path


@contextmanager
def serve(answers: Mapping[str, tuple[int, str]]) -> Iterator[Stub]:
    """Answer each path with its status and JSON; the client is pinned to the first core, nginx to the last."""
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if nginx is None:
        raise SystemExit("this benchmark needs nginx: apt-get install nginx-light")
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # the worker is another user than root
        port, tls_port = _free_port(), _free_port()
        bundle = _certificates(folder)
        locations = "\n    ".join(_location(folder, path, *answer) for path, answer in answers.items())
        cores = sorted(os.sched_getaffinity(0))
        (folder / "nginx.conf").write_text(
            CONFIG.format(
                folder=folder,
                port=port,
                tls_port=tls_port,
                locations=locations,
                affinity=format(1 << cores[-1], "b"),
            ),
            encoding="utf-8",
        )
        process = subprocess.Popen([nginx, "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")])
        try:
            _wait_for(tls_port)
            os.sched_setaffinity(0, {cores[0]})
            yield Stub(f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}", bundle)
        finally:
            os.sched_setaffinity(0, cores)
            process.terminate()
            process.wait()


def _location(folder: Path, path: str, status: int, text: str) -> str:
    if len(text) < LONGEST:
        text = text.replace("'", "\\'").replace("$", "${dollar}")
        return f"location = {path} {{ return {status} '{text}'; }}"
    file = folder / path.strip("/").replace("/", "-")  # only a GET can be answered from a file
    file.write_text(text, encoding="utf-8")
    return f"location = {path} {{ alias {file}; }}"


def _certificates(folder: Path) -> Path:
    authority = _authority()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "certificate.pem"))
    bundle = folder / "bundle.pem"
    bundle.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
    return bundle


@cache
def _authority() -> trustme.CA:
    """One for the process: who reads certificates only once must know it at the next stub too."""
    return trustme.CA()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
