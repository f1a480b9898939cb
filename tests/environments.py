"""Empty environments into which built wheels are unpacked, as a platform team or a third party would install them."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import importlib_metadata
from packaging.requirements import Requirement


def build_wheels(members: Iterable[Path], folder: Path) -> None:
    """Build the wheel of each distribution."""
    for member in members:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(member)]
        done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr


class Environment:
    """A virtual environment that holds the given wheels and links to the third-party packages they ask for."""

    def __init__(self, path: Path, wheels: Iterable[Path], third_party: Iterable[str]) -> None:
        venv.create(path, with_pip=False, system_site_packages=False, symlinks=True)
        self.python = path / "bin" / "python"
        self._packages = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
        for wheel in wheels:
            self.add(wheel)
        _link(third_party, self._packages)

    def add(self, wheel: Path) -> None:
        """Install one more wheel."""
        zipfile.ZipFile(wheel).extractall(self._packages)

    def run(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python; nothing of the calling environment is visible to it."""
        return subprocess.run(
            [self.python, *arguments], capture_output=True, encoding="utf-8", check=False, env={}, cwd=cwd
        )


def _link(names: Iterable[str], target: Path) -> None:
    """Link the named distributions and all they need, and not one more."""
    pending, seen = list(names), set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name.startswith("unilead"):  # comes as a wheel
            pending += [Requirement(text).name for text in importlib_metadata.distribution(name).requires or ()]
            continue
        distribution = importlib_metadata.distribution(name)
        wanted = [Requirement(text) for text in distribution.requires or ()]
        pending += [found.name for found in wanted if found.marker is None or found.marker.evaluate({"extra": ""})]
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (target / top).exists():
                (target / top).symlink_to(Path(str(distribution.locate_file(top))))
