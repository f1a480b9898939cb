"""Zendesk Sell keeps the provider contract; the tests below are about what only Sell does."""

from __future__ import annotations

from pathlib import Path

from unilead.testing import ProviderContract, VendorRules


class TestZendeskSell(ProviderContract):
    slug = "zendesk-sell"
    cases = Path(__file__).parent / "cases"
    canaries = {"lead_source": ("Fair", "880215")}
    fixed_fields = {"last_name": "Okafor", "owner": {"id": "7"}, "lead_source": "web"}


class TestZendeskSellRules(VendorRules):
    slug = "zendesk-sell"
    rules = Path(__file__).parent / "rules.json"
