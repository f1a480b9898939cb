"""A lead becomes a CRM's record: the compiled field table against a function written by hand for that CRM."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.by_hand import BY_HAND
from benchmarks.cases import Case, cases
from benchmarks.measure import choice, head, interleave, repeated, row


def check(case: Case) -> None:
    """Both must make the same."""
    lead, settings = _lead(case), case.settings
    record, dropped = case.provider.info.fields.render(lead, settings)
    if "associations" in record:  # where the table writes the ids aside
        record["associations"] = dict(record["associations"])
    by_hand = BY_HAND[case.slug](lead, settings)
    assert by_hand == (record, dropped), (case.slug, by_hand, (record, dropped))


def _lead(case: Case) -> Any:
    assert case.request.lead is not None
    return case.request.lead


def main() -> None:
    run = choice("A lead becomes a record: the compiled table against a function written by hand")
    head("CRM", "table, CPU µs", "by hand, CPU µs", "x by hand")
    for case in cases("ordinary"):
        check(case)
        ways = {"table": case.provider.info.fields.render, "by hand": BY_HAND[case.slug]}
        contenders = {
            name: repeated(partial(way, _lead(case), case.settings), run.seconds) for name, way in ways.items()
        }
        found = interleave(contenders, run.rounds)
        row(case.slug, found.cpu("table"), found.cpu("by hand"), found.cpu_ratio("table", "by hand"))


if __name__ == "__main__":
    main()
