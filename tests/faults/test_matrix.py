"""F000 to F048: every fault over every back end, counted where the leads are stored; and the page that shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.matrix import WAYS, Cell, Runs, Stand, world

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fault-matrix.md"
ELSEWHERE = {"F001": "test_architecture", "F049": "the host's tests"}


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    found = Stand()
    with world(found):
        yield found
    found.close()


@pytest.fixture(scope="module")
def runs(stand: Stand, request: pytest.FixtureRequest) -> Iterator[Runs]:
    mine = [item for item in request.session.items if getattr(item, "originalname", "") == "test_fault"]
    found = Runs(stand, [item.callspec.params["name"] for item in mine])  # type: ignore[attr-defined]
    yield found
    found.close()


# The pools' own TLS code leaves a refused socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str, runs: Runs) -> None:
    fault = FAULTS[name]
    cells = runs.cells(name)
    problems = [f"{way}: {problem}" for way, cell in cells.items() for problem in cell.problems(fault)]
    assert problems == []
    for cell in cells.values():
        assert_tells_enough(cell)


def assert_tells_enough(cell: Cell) -> None:
    """An error names provider, call and outcome, says whether to repeat, and holds no secret."""
    error = cell.error
    if error is None:
        return
    assert error.provider and error.request_id  # type: ignore[attr-defined]
    assert error.retryable is False or cell.outcome in ("not_sent", "throttled")  # type: ignore[attr-defined]
    shown = f"{error}{error!r}{error.__cause__!r}{error.__context__!r}"
    for secret in cell.secrets:
        assert secret not in shown


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["f026_huge_success", "f027_gzip_bomb"])
def test_a_huge_answer_takes_little_memory(name: str, way: str, stand: Stand) -> None:
    good, bad = (stand.tell(f"open {fault} zendesk-sell") for fault in ("f000_no_fault", name))
    command = [sys.executable, "-m", "tests.faults.memory", way, str(good), str(bad)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    first, second, grown = done.stdout.split()
    assert (first, second) == ("created", "unknown")
    assert int(grown) < 16 * 1024, "KiB"


def test_every_number_has_its_row() -> None:
    numbers = {fault.number for fault in FAULTS.values()} | set(ELSEWHERE)
    assert numbers >= {f"F{number:03}" for number in range(1, 50)}


def test_the_page_shows_every_fault_and_nothing_wrong() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "| F" in line]
    shown = {(number, text): cells for number, text, *cells in rows}
    assert list(shown) == [(fault.number, fault.text) for fault in FAULTS.values()]
    for fault in FAULTS.values():
        for cell in shown[fault.number, fault.text]:
            outcome, requests, leads = re.fullmatch(r"(\w+) (\d+)/(\d+)", cell).groups()  # type: ignore[union-attr]
            assert outcome in fault.outcome, fault.name
            assert fault.requests[0] <= int(requests) <= fault.requests[1], fault.name
            assert int(leads) <= 1 and fault.leads[0] <= int(leads) <= fault.leads[1], fault.name
