"""Acme keeps the provider contract; this is the whole test module."""

from __future__ import annotations

from pathlib import Path

from unilead.testing import ProviderContract, VendorRules


class TestAcme(ProviderContract):
    slug = "acme"
    cases = Path(__file__).parent / "cases"
    canaries = {"lead_source": ("event", "TRADE_SHOW")}
    fixed_fields = {"last_name": "Okafor", "owner": {"id": "7"}}


class TestAcmeRules(VendorRules):
    slug = "acme"
    rules = Path(__file__).parent / "rules.json"
