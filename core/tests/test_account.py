"""An account is what it was made of: later changes to what it was made of do not reach it, nor go unseen."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import pytest

from acme import TOKEN, AcmeSettings, AcmeSimulator, EmptyRegistry, make_plugin
from unilead import Account, AuthError, Client, SecretStr


def _create(account: Account) -> str:
    registry = EmptyRegistry()
    registry.register("acme", make_plugin())
    with Client(transport=AcmeSimulator(), registry=registry) as client:
        return client.create({"last_name": "a"}, account).id


def test_an_account_keeps_the_settings_it_was_made_with() -> None:
    given = {"token": TOKEN}
    account = Account("acme", given)
    given["token"] = "of somebody else"
    assert _create(account) == "1"


def test_settings_inside_settings_are_kept_too() -> None:
    given: dict[str, Any] = {"ids": {"web": "1"}, "scopes": ["read"]}
    account = Account("acme", given)
    given["ids"]["web"] = "2"
    given["scopes"].append("write")
    assert account.settings == {"ids": {"web": "1"}, "scopes": ["read"]}


def test_settings_cannot_be_changed_in_silence() -> None:
    account = Account("acme", {"token": "old"})
    with pytest.raises(TypeError):
        account.settings["token"] = TOKEN  # type: ignore[index]
    with pytest.raises(AuthError):
        _create(account)
    assert _create(replace(account, settings={"token": TOKEN})) == "1"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda account: pickle.loads(pickle.dumps(account))])
def test_an_account_with_plain_settings_can_be_copied_and_pickled(again: Any) -> None:
    account = Account("acme", {"token": TOKEN}, read_back=True)
    found = again(account)
    assert found == account
    assert _create(found) == "1"


def test_settings_of_a_model_are_taken_as_they_are() -> None:
    settings = AcmeSettings(token=SecretStr(TOKEN))
    account = Account("acme", settings)
    assert account.settings is settings
    assert _create(account) == "1"
    with pytest.raises(TypeError, match="credentials"):
        pickle.dumps(account)
