"""What the operator decides is read once, and refused clearly."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from unilead_host.crypto import Vault
from unilead_host.settings import HostSettings

KEYS = [Vault.new_key(), Vault.new_key()]
CANARY = "canary-2b8e"


def test_what_is_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("unilead_host_Port", "81")
    monkeypatch.setenv("UNILEAD_HOST_TOKEN_RATE", "7")
    settings = HostSettings(port=82)
    assert (settings.port, settings.token_rate, settings.account_rate) == (82, 7, 0)
    assert HostSettings().port == 81


def test_what_kubernetes_sets_beside_a_service_of_our_name_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {
        "SERVICE_HOST": "10.0.0.7", "SERVICE_PORT": "8000", "SERVICE_PORT_HTTP": "8000", "PORT": "tcp://10.0.0.7:8000",
        "PORT_8000_TCP": "tcp://10.0.0.7:8000", "PORT_8000_TCP_PROTO": "tcp", "PORT_8000_TCP_PORT": "8000",
        "PORT_8000_TCP_ADDR": "10.0.0.7",
    }  # fmt: skip
    for name, value in links.items():
        monkeypatch.setenv(f"UNILEAD_HOST_{name}", value)
    assert HostSettings().port == 8000
    monkeypatch.setenv("UNILEAD_HOST_SERVICE_HOSTS", "10.0.0.7")
    with pytest.raises(ValidationError, match="SERVICE_HOSTS is no setting"):
        HostSettings()


@pytest.mark.parametrize("separator", [",", "\n", " , "])
def test_keys_come_newest_first(monkeypatch: pytest.MonkeyPatch, separator: str) -> None:
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", separator.join(KEYS))
    assert [key.get_secret_value() for key in HostSettings().encryption_keys] == KEYS


def test_s025_a_value_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n".join(KEYS) + "\n")
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", f"file:{tmp_path / 'keys'}")
    assert [key.get_secret_value() for key in HostSettings().encryption_keys] == KEYS
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", f"file:{tmp_path / 'missing'}")
    with pytest.raises(ValidationError, match="ENCRYPTION_KEYS: its file cannot be read: No such file"):
        HostSettings()


def test_s036_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", CANARY)
    monkeypatch.setenv("UNILEAD_HOST_METRICS_TOKEN", CANARY)
    monkeypatch.setenv("UNILEAD_HOST_DATABASE_URL", f"postgresql://host:{CANARY}@db/leads")
    monkeypatch.setenv("UNILEAD_HOST_OAUTH_APPS", f'{{"acme": {{"client_id": "app", "client_secret": "{CANARY}"}}}}')
    settings = HostSettings()
    assert settings.oauth_apps["acme"].client_id == "app"
    assert CANARY not in f"{settings!r}{settings}{settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", CANARY),
        ("OAUTH_APPS", f'{{"acme": "{CANARY}"}}'),
        ("OAUTH_APPS", CANARY),
        ("PUBLIC_URL", f"ftp://{CANARY}"),
        ("CREATE_TIMEOUT", "26"),
        ("IDEMPOTENCY_HOURS", "23"),
    ],
)
def test_s035_what_does_not_fit_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"UNILEAD_HOST_{name}", value)
    with pytest.raises(ValidationError) as caught:
        HostSettings()
    assert name.lower() in str(caught.value)
    assert CANARY not in str(caught.value)


def test_simulated_accounts_are_for_loopback() -> None:
    assert HostSettings(simulated=True).host == "127.0.0.1"
    with pytest.raises(ValidationError, match="loopback"):
        HostSettings(simulated=True, host="0.0.0.0")


def test_the_public_address_has_no_slash_at_its_end() -> None:
    assert HostSettings(public_url="https://leads.example.com/").public_url == "https://leads.example.com"


@pytest.mark.parametrize("name", ["HOST", "METRICS_TOKEN"])
def test_what_would_open_the_host_to_everybody_is_not_left_empty(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"UNILEAD_HOST_{name}", "")
    with pytest.raises(ValidationError, match="must not be empty"):
        HostSettings()


def test_a_back_end_without_its_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unilead.transport.find_spec", lambda name: None if name == "httpcore2" else name)
    with pytest.raises(ValidationError, match=r"pip install 'unilead\[httpx2\]'"):
        HostSettings(backend="httpx2")
