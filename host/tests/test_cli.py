"""The command ``unilead-host``, through its front door."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unilead import Registry
from unilead_host.cli.group import COMMANDS, run
from unilead_host.crypto import Vault

CANARY = "canary-c0ffee-secret"


class Shell:
    """Runs commands and reads what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        assert run(list(arguments)) == code
        self.out, self.err = self._capsys.readouterr()
        return self.out.strip()

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def shell(
    database_url: str, registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.setenv("UNILEAD_HOST_DATABASE_URL", database_url)
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", Vault.new_key())
    monkeypatch.setattr("unilead_host.cli.opened.registry_of", lambda settings: registry)
    return Shell(capsys)


@pytest.fixture
def account_file(tmp_path: Path) -> str:
    path = tmp_path / "acme.toml"
    path.write_text(f'provider = "acme"\nread_back = true\n[settings]\ntoken = "{CANARY}"\n')
    return str(path)


def test_tenants(shell: Shell) -> None:
    made = shell.json("tenant", "create", "acme corp")
    assert made["name"] == "acme corp"
    assert shell.json("tenant", "list") == [made]
    assert made["id"] in shell("tenant", "list")
    shell("tenant", "create", "acme corp", code=1)
    assert "already" in shell.err
    shell("tenant", "delete", "acme corp", "--yes")
    assert shell.json("tenant", "list") == []
    assert "no tenant 'acme corp'" in shell.json("token", "list", "acme corp", code=1)["error"]["message"]


def test_s018_a_token_is_shown_once(shell: Shell) -> None:
    shell("tenant", "create", "acme")
    clear = shell("token", "create", "acme", "--label", "web form")
    (listed,) = shell.json("token", "list", "acme")
    assert (listed["last_four"], listed["label"], listed["scope"]) == (clear[-4:], "web form", "full")
    assert clear not in shell("token", "list", "acme")
    shell("token", "revoke", "acme", listed["id"])
    assert shell.json("token", "list", "acme")[0]["revoked_at"]
    shell("token", "revoke", "acme", listed["id"], code=1)
    made = shell.json("token", "create", "acme", "--scope", "read", "--hours", "1")
    assert made["token"].startswith(f"ul_{made['id']}_")
    assert made["expires_at"] > made["created_at"]


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "1e300"])
def test_a_token_ends_on_a_date(shell: Shell, hours: str) -> None:
    shell("tenant", "create", "acme")
    shell("token", "create", "acme", "--hours", hours, code=2)
    assert "must be more than 0 and at most 876000" in shell.err
    assert shell.json("token", "list", "acme") == []


def test_accounts(shell: Shell, account_file: str) -> None:
    shell("tenant", "create", "acme")
    account_id = shell("account", "create", "acme", "--file", account_file, "--label", "Sales")
    document = shell.json("account", "show", "acme", account_id)
    assert (document["integration"]["id"], document["status"], document["read_back"]) == ("acme", "active", True)
    assert shell.json("account", "list", "acme") == [document]
    assert shell.json("account", "block", "acme", account_id)["is_blocked"] is True
    assert "blocked" in shell("account", "list", "acme")
    assert shell.json("account", "unblock", "acme", account_id)["is_blocked"] is False
    for text in (shell("account", "show", "acme", account_id), json.dumps(document)):
        assert account_id in text
        assert CANARY not in text
    shell("account", "delete", "acme", account_id, "--yes")
    for command in ("show", "block"):
        shell("account", command, "acme", account_id, code=1)
        assert "has no account" in shell.err


def test_b073_an_account_file_may_be_used_twice_unless_it_names_an_id(shell: Shell, account_file: str) -> None:
    shell("tenant", "create", "acme")
    first, second = (shell("account", "create", "acme", "--file", account_file) for _ in range(2))
    assert first != second
    named = "62f44730-dd91-461e-bd6a-aedd9e0ad79d"
    Path(account_file).write_text(f'id = "{named}"\n' + Path(account_file).read_text())
    assert shell("account", "create", "acme", "--file", account_file) == named
    shell("account", "create", "acme", "--file", account_file, code=1)
    assert f"the id {named} is taken" in shell.err and "without an id" in shell.err


def test_b071_what_does_not_fit_is_named(shell: Shell, account_file: str) -> None:
    shell("tenant", "create", "acme")
    Path(account_file).write_text(f'provider = "acme"\n[settings]\ntokn = "{CANARY}"\n')
    shell("account", "create", "acme", "--file", account_file, code=2)
    assert "tokn" in shell.err
    assert CANARY not in shell.err
    shell("account", "create", "acme", code=2)
    shell("account", "create", "acme", "--file", "/no/such/file", code=2)


@pytest.mark.parametrize("command", [["tenant", "delete", "acme"], ["account", "delete", "acme", "{account_id}"]])
def test_what_is_deleted_for_good_is_asked_about_once_it_is_known_to_exist(
    shell: Shell, account_file: str, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    shell("tenant", "create", "acme")
    account_id = shell("account", "create", "acme", "--file", account_file)
    *verbs, last = [part.format(account_id=account_id) for part in command]

    def answer(text: str, *arguments: str, code: int) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))
        return shell(*arguments, code=code)

    assert "Go on?" not in answer("y", *verbs, "nobody", code=1)
    assert "nobody" in shell.err
    assert "Go on?" in answer("n", *verbs, last, code=130)
    assert shell.json("account", "list", "acme")
    assert "deleted" in answer("y", *verbs, last, code=0)
    shell(*verbs, last, "--yes", code=1)


def test_a_fresh_key_as_json(shell: Shell) -> None:
    assert set(shell.json("new-key")) == {"key"}
    assert Vault([shell.json("new-key")["key"]])


def test_an_account_cannot_be_simulated_where_no_simulators_are_kept(shell: Shell) -> None:
    shell("tenant", "create", "acme")
    shell("account", "create", "acme", "--simulate", "acme", code=1)
    assert "UNILEAD_HOST_SIMULATED=true" in shell.err
    assert shell.json("account", "list", "acme") == []


def test_a_simulated_account(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_HOST_SIMULATED", "true")
    shell("tenant", "create", "acme")
    assert shell.json("account", "create", "acme", "--simulate", "acme", "--sandbox")["is_simulated"] is True
    shell("account", "create", "acme", "--simulate", "nobody", code=2)


def test_s024_rotating_keys(shell: Shell, account_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("tenant", "create", "acme")
    account_id = shell("account", "create", "acme", "--file", account_file)
    old = __import__("os").environ["UNILEAD_HOST_ENCRYPTION_KEYS"]
    new = shell("new-key")
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", f"{new},{old}")
    assert shell.json("rotate-keys") == {"sealed": 1, "broken": []}
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", new)
    assert shell("rotate-keys") == "sealed with the newest key: 1"
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", old)
    shell("rotate-keys", code=1)
    assert account_id in shell.err
    assert shell.json("rotate-keys", code=1) == {"sealed": 0, "broken": [account_id]}


@pytest.mark.parametrize("variable", ["UNILEAD_HOST_ENCRYPTION_KEYS", "UNILEAD_HOST_DATABASE_URL", "UNILEAD_HOST_PORT"])
def test_s025_no_command_shows_a_secret(shell: Shell, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, CANARY)
    for arguments in (["tenant", "list"], ["rotate-keys"], ["migrate"], ["serve"]):
        run(arguments)
    out, err = shell._capsys.readouterr()
    assert CANARY not in out + err
    assert "Traceback" not in err


def test_s025_no_option_takes_a_key() -> None:
    from unilead_host.cli.group import cli

    context = cli.make_context("unilead-host", ["serve"], resilient_parsing=True)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert not [p.name for p in command.params if "key" in (p.name or "") or "database" in (p.name or "")]


def test_migrating(
    empty_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    shell_of: Callable[[str], Shell],
) -> None:
    shell = shell_of(empty_url)
    shell("tenant", "list", code=1)
    assert "unilead-host migrate" in shell.err
    assert "migrated from nothing" in shell("migrate")
    assert "already" in shell("migrate")
    assert shell.json("tenant", "list") == []


@pytest.fixture
def shell_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], Shell]:
    def make(url: str) -> Shell:
        monkeypatch.setenv("UNILEAD_HOST_DATABASE_URL", url)
        return Shell(capsys)

    return make


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (PermissionError(13, "Permission denied", "/srv/host.sqlite"), "/srv/host.sqlite: Permission denied"),
        (ModuleNotFoundError("No module named 'psycopg'", name="psycopg"), "pip install 'unilead-host[postgres]'"),
    ],
)
def test_a_database_that_cannot_be_opened_is_one_line(
    fault: Exception, said: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str) -> None:
        raise fault

    monkeypatch.setattr("unilead_host.cli.database.move", refuse)
    shell("migrate", code=1)
    assert said in shell.err
    assert len(shell.err.splitlines()) == 1


def test_a_setting_that_does_not_fit_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", "file:/nowhere/key")
    shell("tenant", "list", code=1)
    assert "UNILEAD_HOST_ENCRYPTION_KEYS: its file cannot be read" in shell.err


def test_a_misspelt_setting_is_named_with_the_nearest_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEY", CANARY)
    monkeypatch.setenv("Unilead_Host_Nobody_Knows", CANARY)
    shell("tenant", "list", code=1)
    assert "UNILEAD_HOST_ENCRYPTION_KEY is no setting; did you mean UNILEAD_HOST_ENCRYPTION_KEYS?" in shell.err
    assert "Unilead_Host_Nobody_Knows is no setting" in shell.err
    assert CANARY not in shell.err


def test_a_setting_of_the_wrong_type_is_named_as_it_is_written(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_HOST_PORT", CANARY)
    shell("tenant", "list", code=1)
    assert "UNILEAD_HOST_PORT: " in shell.err
    assert CANARY not in shell.err


@pytest.mark.parametrize("words", [[], ["tenant"], ["token"], ["account"]])
def test_a_missing_command_is_said_with_the_way_to_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    out, err = capsys.readouterr()
    command = " ".join(["unilead-host", *words])
    assert (out, err) == ("", f"unilead-host: Missing command.\n  hint: {command} --help\n")


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
    assert run(["nonsense"]) == 2
    assert run(["--version"]) == 0


def test_s040_an_override_that_is_not_installed_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    monkeypatch.setenv("UNILEAD_HOST_OVERRIDES", "nothing-like-it")
    monkeypatch.setenv("UNILEAD_HOST_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("UNILEAD_HOST_ENCRYPTION_KEYS", Vault.new_key())
    for arguments in (["demo", "--port", "0"], ["serve"], ["tenant", "list"]):
        assert run(arguments) == 1
        assert "nothing-like-it" in capsys.readouterr().err


def test_an_unreachable_database_says_why_and_no_password(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_HOST_DATABASE_URL", f"postgresql://someone:{CANARY}@127.0.0.1:1/nothing")
    shell("tenant", "list", code=1)
    assert shell.err == "unilead-host: the database is unreachable: Connection refused\n"
