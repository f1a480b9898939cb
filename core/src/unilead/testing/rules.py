"""Vendor rules: each thing the CRM rejects, as a bare request and the answer it must draw from the simulator.

``rules.json`` is a list; a rule is either covered or says why it is not:

    {
      "rule": "unknown attribute",
      "request": {"method": "POST", "path": "/v2/leads", "headers": {…}, "body": {…} or "text": "…"},
      "simulator": {"missing": ["99"], "faults": {"throttle": 1}, "set": {"scopes": []}},     optional
      "response": {"status": 422, "headers": {…}, "body": {…} or "text": "…"}
    }
    {"rule": "…", "uncovered": "reason"}

The request is sent by Python's own HTTP client over the loopback interface, with the simulator's sample credentials
unless its headers say otherwise (``null`` leaves a header out). A body is compared as a part: every key that the rule
names must be there with that value, lists must be of equal length, and ``"…"`` stands for any value.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from unilead.auth import credential_headers
from unilead.registry import Registry
from unilead.simulator import Simulator

ANY = "…"


def read_rules(path: Path) -> list[dict[str, Any]]:
    """Read a file of vendor rules."""
    rules: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rules


def rule_files(root: Path, node_ids: Iterable[str]) -> list[Path]:
    """The rule files behind the tests that ran, whose modules are named from ``root``."""
    modules = {root / node_id.split("::")[0] for node_id in node_ids if "test_vendor_rule" in node_id}
    return sorted(file for module in modules if (file := module.parent / "rules.json").is_file())


class VendorRules:
    """Inherit, and name the slug and the file of rules."""

    slug: ClassVar[str]
    rules: ClassVar[Path]

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each covered rule."""
        if "rule" in metafunc.fixturenames:
            covered = [rule for rule in read_rules(self.rules) if "uncovered" not in rule]
            metafunc.parametrize("rule", covered, ids=[rule["rule"] for rule in covered])

    def test_vendor_rule(self, rule: dict[str, Any]) -> None:
        """The simulator answers a bad request as the CRM does."""
        provider = Registry(overrides=False).get(self.slug)
        simulator = provider.simulator()
        _prepare(simulator, rule.get("simulator", {}))
        settings = provider.settings(simulator.sample_settings)
        headers = credential_headers(provider.info, settings)
        status, reason, found_headers, body = _send(simulator, rule["request"], headers)
        expected = rule["response"]
        assert status == expected["status"], body[:500]
        assert reason == expected.get("reason", reason)
        for name, value in expected.get("headers", {}).items():
            assert _matches(found_headers.get(name.lower()), value), (name, found_headers)
        if "text" in expected:
            assert expected["text"] in body.decode(), body[:500]
        elif "body" in expected:
            assert _matches(json.loads(body), expected["body"]), body[:1000]
        if not 200 <= status < 300:
            assert simulator.count == 0, "a refused request stored a lead"

    def test_most_rules_are_covered(self) -> None:
        """At least nine of ten of the vendor's rules are tested, and each other one has a reason."""
        rules = read_rules(self.rules)
        names = [rule["rule"] for rule in rules]
        assert len(set(names)) == len(names), "two rules have one name"
        uncovered = [rule for rule in rules if "uncovered" in rule]
        assert all(rule["uncovered"].strip() for rule in uncovered)
        assert len(uncovered) * 10 <= len(rules), f"{len(uncovered)} of {len(rules)} rules are not covered"


def _prepare(simulator: Simulator, setup: Mapping[str, Any]) -> None:
    simulator.missing |= set(setup.get("missing", ()))
    for name, value in setup.get("faults", {}).items():
        assert hasattr(simulator.faults, name), name
        setattr(simulator.faults, name, value)
    for name, value in setup.get("set", {}).items():
        assert hasattr(simulator, name), name
        current = getattr(simulator, name)
        setattr(simulator, name, type(current)(value) if isinstance(current, (set, tuple)) else value)


def _send(
    simulator: Simulator, request: Mapping[str, Any], credentials: Mapping[str, str]
) -> tuple[int, str, dict[str, str], bytes]:
    headers: dict[str, str | None] = {"User-Agent": "rules/1", "Accept": "application/json", **credentials}
    body = b""
    if "text" in request:
        body = request["text"].encode()
    elif "body" in request:
        body = json.dumps(request["body"]).encode()
    if body:
        headers["Content-Type"] = "application/json"
    given = {name.lower() for name in request.get("headers", {})}
    headers = {name: value for name, value in headers.items() if name.lower() not in given}
    headers |= request.get("headers", {})
    with simulator.serve() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        try:
            sent = {name: value for name, value in headers.items() if value is not None}
            connection.request(request["method"], request["path"], body or None, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, answer.reason, found, answer.read()
        except http.client.HTTPException as fault:
            pytest.fail(f"the simulator closed the connection: {fault!r}")
        finally:
            connection.close()


def _matches(found: Any, expected: Any) -> bool:
    if expected == ANY:
        return True
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            key in found and _matches(found[key], value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(_matches(*pair) for pair in zip(found, expected, strict=True))
        )
    if isinstance(expected, str) and ANY in expected and isinstance(found, str):
        before, _, after = expected.partition(ANY)
        return found.startswith(before) and found.endswith(after)
    return bool(found == expected)
