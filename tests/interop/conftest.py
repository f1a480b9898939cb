"""Interop: each vendor's own client and unilead side by side, against the same simulator over the loopback interface.

Only ``tox -e interop`` collects this folder: a plain ``pytest`` does not go into it, and here a missing client is an
error, never a skipped test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.interop.stand import Stand, stand_for

REQUIREMENTS = Path(__file__).parent / "requirements.txt"


def pytest_report_header(config: Any) -> list[str]:
    """Name every foreign client with the version that runs."""
    lines = (line.split("==")[0].strip() for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines())
    names = [name for name in lines if name and not name.startswith("#")]
    return ["interop clients: " + ", ".join(f"{name} {version(name)}" for name in names)]


@pytest.fixture
def stand_of() -> Iterator[Callable[..., Stand]]:
    """Serve the simulator of a provider for the length of the test: ``stand_of("hubspot", tls=False)``."""
    with ExitStack() as opened:
        yield lambda slug, **options: opened.enter_context(stand_for(slug, **options))


@pytest.fixture
def stand(request: pytest.FixtureRequest, stand_of: Callable[..., Stand]) -> Stand:
    """The simulator of the CRM that the module is about, as its ``SLUG`` says."""
    return stand_of(request.module.SLUG)
