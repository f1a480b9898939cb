"""What pytest loads of unilead by itself: one option, and the summary of the vendor rules that were covered."""

from __future__ import annotations

from typing import Any

import pytest

pytest.register_assert_rewrite("unilead.testing")


def pytest_addoption(parser: Any) -> None:
    """Add ``--update-golden``."""
    group = parser.getgroup("unilead")
    group.addoption("--update-golden", action="store_true", help="rewrite the requests and outcomes of golden cases")


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Say for each provider how many of its vendor's rules the simulator was tested against."""
    from unilead.testing.rules import read_rules, rule_files

    nodes = [node for reports in terminalreporter.stats.values() for node in reports if hasattr(node, "nodeid")]
    files = rule_files(str(node.nodeid) for node in nodes)
    if not files:
        return
    terminalreporter.section("vendor rules", sep="-")
    for file in files:
        rules = read_rules(config.rootpath / file)
        open_rules = [rule for rule in rules if "uncovered" in rule]
        slug = file.parent.parent.name
        terminalreporter.line(f"{slug}: {len(rules) - len(open_rules)} of {len(rules)} rules covered")
        for rule in open_rules:
            terminalreporter.line(f"    not covered: {rule['rule']}: {rule['uncovered']}")
