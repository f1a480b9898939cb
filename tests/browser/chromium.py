"""Finds Chromium, or installs Debian's: ``python -m tests.browser.chromium``. Nothing is fetched from elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
# --no-sandbox because CI runs as root; the others keep Chromium from calling its maker's hosts at every start.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """Path of an installed Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def require() -> str:
    """Path of Chromium. Raises: RuntimeError with the way out: these tests are never skipped."""
    path = find()
    if path is None:
        raise RuntimeError("Chromium is not installed: `apt-get install chromium`, or run `tox -e browser` as root")
    return path


def install() -> None:
    """Install Debian's Chromium unless there is one. Raises: CalledProcessError."""
    apt = shutil.which("apt-get")
    if find() is None and apt is not None:
        subprocess.run([apt, "update", "-qq"], check=True)
        subprocess.run([apt, "install", "-y", "-qq", "chromium"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    install()
    sys.stdout.write(f"{require()}\n")
