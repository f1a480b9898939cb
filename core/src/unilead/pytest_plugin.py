"""What pytest loads of unilead by itself: one option, one check, and the summary of the vendor rules covered."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytest.register_assert_rewrite("unilead.testing")


def pytest_addoption(parser: Any) -> None:
    """Add ``--update-golden``."""
    group = parser.getgroup("unilead")
    group.addoption("--update-golden", action="store_true", help="rewrite the requests and outcomes of golden cases")


def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> None:
    """Refuse tests of a provider that is not installed, before the first: all would fail, and for that reason alone."""
    if not isinstance(obj, type) or "unilead.testing" not in sys.modules or not collector.istestclass(obj, name):
        return
    from unilead.registry import Registry
    from unilead.testing import ProviderContract, VendorRules

    loads_installed = issubclass(obj, ProviderContract) and obj.load is ProviderContract.load  # not one of its own
    slug = getattr(obj, "slug", "") if loads_installed or issubclass(obj, VendorRules) else ""
    if slug and slug not in Registry(overrides=False).slugs:
        message = f"no installed distribution provides {slug!r}; in its folder, first: pip install -e ."
        raise pytest.Collector.CollectError(message)


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Say for each provider how many of its vendor's rules the simulator was tested against."""
    from unilead.testing.rules import read_rules, rule_files

    nodes = [node for reports in terminalreporter.stats.values() for node in reports if hasattr(node, "nodeid")]
    files = rule_files(config.rootpath, (str(node.nodeid) for node in nodes))
    if not files:
        return
    terminalreporter.section("vendor rules", sep="-")
    for file in files:
        rules = read_rules(file)
        open_rules = [rule for rule in rules if "uncovered" in rule]
        slug = file.parent.parent.name
        terminalreporter.line(f"{slug}: {len(rules) - len(open_rules)} of {len(rules)} rules covered")
        for rule in open_rules:
            terminalreporter.line(f"    not covered: {rule['rule']}: {rule['uncovered']}")
