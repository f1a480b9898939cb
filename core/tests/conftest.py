"""Fixtures on the small CRM of `acme`, and an import into it: ``crm``, ``run`` and ``leads``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acme import TOKEN, AcmeSimulator, EmptyRegistry, make_plugin
from acme_batch import BatchSimulator, batch_registry
from unilead import Account, Registry, Response
from unilead.cli import main

HEADER = "Last name,Given name,Stage\n"


@pytest.fixture
def registry() -> Registry:
    found = EmptyRegistry()
    found.register("acme", make_plugin())
    return found


@pytest.fixture
def account() -> Account:
    return Account("acme", {"token": TOKEN})


@pytest.fixture
def simulator() -> AcmeSimulator:
    return AcmeSimulator()


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> BatchSimulator:
    """The CRM that every run of a test sends to; its answer to too many requests names no time to wait."""
    simulator = BatchSimulator()
    simulator.throttled = lambda call: Response.of(429, {"text": "slower"})  # type: ignore[method-assign]

    def registry(**options: Any) -> Registry:
        return batch_registry(simulator=lambda: simulator)

    monkeypatch.setattr("unilead.cli.dry_run.Registry", registry)
    monkeypatch.setattr("unilead.retry.BACKOFF_BASE", 0.001)
    return simulator


@pytest.fixture
def run(crm: BatchSimulator, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["import", "--simulate", "acme", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def leads(tmp_path: Path) -> Any:
    def write(count: int = 25, *, bad: tuple[int, ...] = (), name: str = "leads.csv") -> Path:
        path = tmp_path / name
        rows = (f"{'bad' if row in bad else 'ok'}{row:03},x,new\n" for row in range(1, count + 1))
        path.write_text(HEADER + "".join(rows), encoding="utf-8")
        return path

    return write
