"""Sealing: S021 to S024."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unilead_host.crypto import SealError, Vault

OLD, NEW = Vault.new_key(), Vault.new_key()
VALUES = {"access_token": "canary-7f3a", "lead_source_map": {"Web": 3}}


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())))
def test_what_is_sealed_opens_again(values: dict[str, object]) -> None:
    vault = Vault([NEW])
    assert vault.open("t", "a", vault.seal("t", "a", values)) == values


def test_s021_the_sealed_text_shows_nothing() -> None:
    assert "canary" not in Vault([NEW]).seal("t", "a", VALUES)


@pytest.mark.parametrize(("tenant", "account"), [("other", "a"), ("t", "other"), ("a", "t")])
def test_s022_sealed_for_another_account(tenant: str, account: str) -> None:
    vault = Vault([NEW])
    with pytest.raises(SealError, match="another account"):
        vault.open(tenant, account, vault.seal("t", "a", VALUES))


def test_s023_any_changed_character_is_noticed() -> None:
    vault = Vault([NEW])
    sealed = vault.seal("t", "a", VALUES)
    for place in range(0, len(sealed) - 4, 7):
        other = "A" if sealed[place] != "A" else "B"
        with pytest.raises(SealError, match="another key, or changed"):
            vault.open("t", "a", sealed[:place] + other + sealed[place + 1 :])
    for odd in ("é", sealed[:8] + "!" + sealed[8:], sealed + "\n", sealed[:20], ""):
        with pytest.raises(SealError, match="another key, or changed"):
            vault.open("t", "a", odd)


def test_s023_a_wrong_key_and_no_key() -> None:
    sealed = Vault([OLD]).seal("t", "a", VALUES)
    with pytest.raises(SealError, match="another key"):
        Vault([NEW]).open("t", "a", sealed)
    with pytest.raises(SealError, match="UNILEAD_HOST_ENCRYPTION_KEYS"):
        Vault().open("t", "a", sealed)
    with pytest.raises(SealError, match="UNILEAD_HOST_ENCRYPTION_KEYS"):
        Vault().seal("t", "a", VALUES)


@pytest.mark.parametrize(
    "key", ["", "canary", "x" * 44, OLD[:-1], OLD + "!"], ids=["empty", "short", "long", "cut", "odd"]
)
def test_s023_what_is_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SealError, match="encryption key 2 is not") as caught:
        Vault([NEW, key])
    assert "canary" not in str(caught.value)
    assert NEW not in repr(Vault([NEW]))


def test_s024_rotation_step_by_step() -> None:
    sealed = Vault([OLD]).seal("t", "a", VALUES)
    both = Vault([NEW, OLD])
    assert both.open("t", "a", sealed) == VALUES
    rotated = both.rotate(sealed)
    assert Vault([NEW]).open("t", "a", rotated) == VALUES
    assert Vault([NEW]).open("t", "a", both.rotate(rotated)) == VALUES
    with pytest.raises(SealError, match="another key"):
        Vault([NEW]).rotate(sealed)
