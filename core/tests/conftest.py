"""Fixtures on the small CRM of `acme`."""

from __future__ import annotations

import pytest

from acme import TOKEN, AcmeSimulator, EmptyRegistry, make_plugin
from unilead import Account, Registry


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
