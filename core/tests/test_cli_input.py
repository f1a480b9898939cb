"""What the command line is given: query parameters, headers, files, accounts; B071, B080."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from unilead import InvalidLeadError, SettingsError
from unilead.account_files import MAX_FILE, load_account
from unilead.cli import inputs
from unilead.cli.group import run
from unilead.cli.inputs import excluded_paths, field_names, header_map, read_bytes, read_lead, remote_query


def test_a_repeated_name_makes_a_list() -> None:
    assert remote_query(["a=1", "a=2", "a=3"]) == {"a": ["1", "2", "3"]}


def test_numbers_in_brackets_give_the_order_and_gaps_close() -> None:
    assert remote_query(["l[5]=b", "l[1]=a", "l[]=c"]) == {"l": ["a", "b", "c"]}


def test_a_taken_place_of_a_list_appends() -> None:
    assert remote_query(["l[0]=a", "l[0]=b"]) == {"l": ["a", "b"]}


def test_nesting_mixes_lists_and_objects() -> None:
    assert remote_query(["a[b][c]=1", "a[l][]=x", "a[l][]=y"]) == {"a": {"b": {"c": "1"}, "l": ["x", "y"]}}


@pytest.mark.parametrize(
    "pairs",
    [["a=1", "a[b]=2"], ["a[b]=2", "a=1"], ["a[]=1", "a[k]=2"], ["a[k]=2", "a[]=1"], ["a=1", "a[]=2"]],
)
def test_one_name_in_two_shapes_is_refused(pairs: list[str]) -> None:
    with pytest.raises(click.UsageError, match="two shapes"):
        remote_query(pairs)


@pytest.mark.parametrize("pair", ["canary", "=canary", "[a]=canary", "a[b=canary", "a]b=canary", "a[b]c=canary"])
def test_b080_a_bad_pair_is_refused_without_showing_it(pair: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        remote_query([pair])
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("name", ["a[b][c][d][e][f][g]", "a[1000]", "a[" + "9" * 5000 + "]"])
def test_absurd_names_are_refused(name: str) -> None:
    with pytest.raises(click.UsageError):
        remote_query([f"{name}=1"])


def test_headers_are_read_as_a_server_writes_them() -> None:
    assert header_map(["Retry-After: 7", "X-A:1", "x-a: 2"]) == {"retry-after": "7", "x-a": "1, 2"}


@pytest.mark.parametrize("header", ["canary", ": canary", "a b: canary"])
def test_b080_a_bad_header_is_refused_without_showing_it(header: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        header_map([header])
    assert "canary" not in caught.value.message


def test_names_may_be_joined_with_commas() -> None:
    assert field_names(["id, owner.id", "urls", ""]) == ["id", "owner.id", "urls"]


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("nope", "describe"),
        ("frist_name", "first_name"),
        ("owner.di", "owner.id"),
        ("phone_number", "phone_numbers"),
        ("id,emails.email", "email_addresses.email"),
        ("remotedata", "remote_data"),
    ],
)
def test_a_path_that_names_nothing_of_an_answer_cannot_be_excluded(path: str, named: str) -> None:
    with pytest.raises(click.UsageError, match="no field") as caught:
        excluded_paths([path], "unified")
    assert named in caught.value.message


def test_every_path_of_an_answer_can_be_excluded() -> None:
    paths = ["id", "owner.id", "email_addresses.is_primary", "custom_fields.Any name", "remote_data.data.x", "urls"]
    assert excluded_paths([",".join(paths)], "normalized") == paths


def test_nothing_is_excluded_from_a_raw_answer_and_that_is_said() -> None:
    assert excluded_paths([], "raw") == []
    with pytest.raises(click.UsageError, match="raw"):
        excluded_paths(["id"], "raw")


def test_b080_a_terminal_is_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(click.UsageError, match="terminal"):
        read_bytes("-")


def test_an_endless_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_INPUT", 1024)
    with pytest.raises(click.UsageError, match="larger"):
        read_bytes("/dev/zero")


# --- account files ----------------------------------------------------------------------------------------------------


def _account(folder: Path, values: dict[str, Any]) -> Any:
    file = folder / "account"
    file.write_text(json.dumps({"provider": "acme", **values}), encoding="utf-8")
    return load_account(file)


def test_json_is_recognised_whatever_the_file_is_called(tmp_path: Path) -> None:
    assert _account(tmp_path, {"settings": {"token": "x"}}).settings == {"token": "x"}


def test_a_relative_path_begins_at_the_account_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"secret\r\n")
    assert _account(tmp_path, {"settings": {"token": "file:token"}}).settings == {"token": "secret"}


@pytest.mark.parametrize(("written", "read"), [(b"a\n\n", "a\n"), (b"a\r", "a\r"), (b"a", "a"), (b"a\r\n", "a")])
def test_just_one_line_break_is_cut_off(written: bytes, read: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(written)
    assert _account(tmp_path, {"settings": {"token": "file:token"}}).settings == {"token": read}


def test_lists_are_looked_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_NAME", "from-env")
    assert _account(tmp_path, {"settings": {"names": ["env:ACME_NAME"]}}).settings == {"names": ["from-env"]}


@pytest.mark.parametrize(
    "value", ["env:canary", "env:", "env:ca\0nary", "file:canary", "file:", "file:ca\0nary", "file:~nobody-canary/x"]
)
def test_b071_what_cannot_be_looked_up_is_named_by_its_key_alone(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"setting map\.token") as caught:
        _account(tmp_path, {"settings": {"map": {"token": value}}})
    assert "canary" not in str(caught.value).replace(str(tmp_path), "")
    assert caught.value.fields == ("map.token",)


@pytest.mark.parametrize("written", [b"\xff\xfe", b"x" * (MAX_FILE + 1)])
def test_b071_a_secret_file_that_is_no_text_is_refused(written: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(written)
    with pytest.raises(SettingsError, match="setting token"):
        _account(tmp_path, {"settings": {"token": "file:token"}})


@pytest.mark.parametrize("values", [{"read_back": "yes"}, {"id": ""}, {"id": True}, {"id": ["x"]}])
def test_wrong_types_in_an_account_are_refused(values: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        _account(tmp_path, values)


def test_bottomless_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text('{"a":' * 100_000, encoding="utf-8")
    with pytest.raises(SettingsError, match="not valid JSON"):
        load_account(file)


@pytest.mark.parametrize(
    ("name", "text"), [("account.toml", 'provider = "acme"\ntoken: canary'), ("account.json", '{"token":\ncanary}')]
)
def test_a_malformed_account_file_names_the_line_and_quotes_nothing(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"line 2,? column \d+") as caught:
        load_account(tmp_path / name)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["", 'id = "1"', 'provider = "acme"\ntoken = "x"', 'provider = "acme"\nid = ""'])
def test_what_an_account_file_lacks_is_said_with_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "account.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^(\[acme\] )?account file .*account\.toml: "):
        load_account(tmp_path / "account.toml")


def test_an_empty_lead_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "lead.json").write_text("\n", encoding="utf-8")
    with pytest.raises(InvalidLeadError, match=r"lead\.json: the lead is empty"):
        read_lead(str(tmp_path / "lead.json"))


@pytest.mark.parametrize("text", ["[1, 2]", "{bad", ""])
def test_a_malformed_lead_names_its_file(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "lead.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidLeadError, match=r"lead\.json: the lead "):
        read_lead(str(file))
    assert run(["check", str(file)]) == 2
    assert "lead.json: the lead " in capsys.readouterr().err
