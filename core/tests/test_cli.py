"""The command line: what is printed, and with which exit code; B071, B073, B080, B081."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acme import TOKEN, EmptyRegistry, make_info, make_plugin
from unilead import OAuth2, OAuthSettings, RateLimit, RateLimitError, Registry, SettingsError
from unilead.account_files import load_account
from unilead.cli import main
from unilead.cli.inputs import remote_query


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    def registry(**options: Any) -> Registry:
        found = EmptyRegistry(**options)
        found.register("acme", make_plugin())
        return found

    for module in ("registry", "offline", "sending"):
        monkeypatch.setattr(f"unilead.cli.{module}.Registry", registry)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def lead(tmp_path: Path) -> Path:
    file = tmp_path / "lead.json"
    file.write_text('{"last_name": "Okafor", "status": "new", "lastName": 1}', encoding="utf-8")
    return file


def test_create_prints_the_unified_lead(run: Any, lead: Path) -> None:
    code, out, err = run("create", "--simulate", "acme", "--ignore-remote-data", lead)
    assert (code, json.loads(out)) == (0, {"id": "1", "last_name": "Okafor"})
    assert "dropped: status" in err and "unknown: lastName" in err


def test_create_renders_and_excludes(run: Any, lead: Path) -> None:
    out = run("create", "--simulate", "acme", "--response-format", "raw", lead)[1]
    assert json.loads(out) == {"prospect": {"id": "1", "surname": "Okafor"}}
    out = run("create", "--simulate", "acme", "--exclude", "id", "--exclude", "remote_data", lead)[1]
    assert json.loads(out) == {"last_name": "Okafor"}


def test_a_misspelt_exclude_is_bad_usage_and_sends_nothing(run: Any, lead: Path) -> None:
    code, out, err = run("create", "--simulate", "acme", "--exclude", "lastname", lead)
    assert (code, out) == (2, "")
    assert "did you mean last_name?" in err


@pytest.mark.parametrize("words", [("create", "--simulate"), ("preview", "--provider")])
def test_a_misspelt_field_is_named_beside_the_missing_one(words: tuple[str, str], run: Any, tmp_path: Path) -> None:
    file = tmp_path / "lead.json"
    file.write_text('{"last_nam": "Okafor"}', encoding="utf-8")
    code, _, err = run(*words, "acme", file)
    assert code == 1
    assert "unknown: last_nam; did you mean last_name?" in err and "last_name is required" in err


def test_demo_lists_what_became_of_the_lead(run: Any, lead: Path) -> None:
    code, out, _ = run("demo", "--json", "--lead", lead)
    (row,) = json.loads(out)
    assert code == 0
    assert (row["slug"], row["status"], row["id"], row["dropped"]) == ("acme", "created", "1", ["status"])
    assert row["stored"]["surname"] == "Okafor"
    assert row["request"]["headers"]["Authorization"] == "Bearer ***"


def test_demo_says_what_is_missing(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "lead.json"
    file.write_text("{}", encoding="utf-8")
    code, out, _ = run("demo", "--json", "--lead", file)
    assert code == 1
    assert [(row["status"], row["missing"]) for row in json.loads(out)] == [("missing", ["last_name"])]


def test_check_is_offline_and_says_what_would_be_lost(run: Any, lead: Path) -> None:
    code, out, err = run("check", lead)
    assert (code, out.strip()) == (0, "acme           ready, would drop status")
    assert "did you mean last_name?" in err


def test_preview_masks_secrets_unless_told_otherwise(run: Any, lead: Path) -> None:
    for form in ("http", "curl", "json"):
        assert TOKEN not in run("preview", "--provider", "acme", "--format", form, lead)[1]
    shown = run("preview", "--provider", "acme", "--format", "json", "--show-secrets", lead)[1]
    assert json.loads(shown)["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert set(json.loads(shown)) == {"method", "url", "headers", "body", "dropped", "unknown"}


def test_parse_reads_an_answer(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text('{"prospect": {"id": 5, "surname": "x"}}', encoding="utf-8")
    assert json.loads(run("parse", "--provider", "acme", "--status", "201", file)[1])["id"] == "5"
    code, out, _ = run("parse", "--provider", "acme", "--status", "503", "--json", file)
    assert (code, json.loads(out)["error"]["outcome"]) == (3, "unknown")


def test_matrix_and_describe_and_providers(run: Any) -> None:
    found = json.loads(run("matrix", "--format", "json")[1])
    assert found["request"]["last_name"] == {"required_in": ["acme"], "supported_in": []}
    assert found["request"]["first_name"] == {"required_in": [], "supported_in": ["acme"]}
    assert "| last_name | required |" in run("matrix", "--format", "md")[1]
    assert json.loads(run("describe", "acme", "--json")[1])["required"] == ["last_name"]
    code, out, _ = run("providers", "--check", "--json")
    assert (code, json.loads(out)[0]["error"]) == (0, None)


def test_describe_says_what_settings_mean_and_limits_in_words(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Region(OAuthSettings):
        """An account.

        Attributes:
            region: where ``leads`` live.
        """

        region: str

    class Described(EmptyRegistry):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            limits = (RateLimit(110, 10), RateLimit(36_000, 3_600), RateLimit(5, 1))
            info = make_info(settings=Region, auth=OAuth2("https://api.acme.example/token"), rate_limits=limits)
            self.register("acme", make_plugin(describe=lambda: info))

    monkeypatch.setattr("unilead.cli.registry.Registry", Described)
    _, out, err = run("describe", "acme")
    assert not err
    assert "  account   give access_token, or client_id, client_secret and refresh_token\n" in out
    assert "  setting   region (required): where leads live\n" in out
    assert "  setting   client_secret: of the OAuth application\n" in out
    for words in ("110 requests in 10 seconds", "36,000 requests in an hour", "5 requests in a second"):
        assert f"  limit     {words}\n" in out


def test_an_import_of_standard_input_says_why_it_wants_a_file(run: Any) -> None:
    code, _, err = run("import", "--simulate", "acme", "-")
    assert code == 2
    assert "name a file, not standard input" in err


def test_the_wait_that_the_crm_asks_for_is_told(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text('{"text": "slow down"}', encoding="utf-8")
    code, _, err = run("parse", "--provider", "acme", "--status", "429", "--header", "Retry-After: 90", file)
    assert (code, err) == (1, "unilead: [acme] slow down\n  hint: wait, then repeat (in 90 seconds)\n")
    assert str(RateLimitError("slow down", retry_after=90)) == "slow down\n  wait: 90 seconds"


def test_a_name_to_leave_out_that_nothing_has_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILEAD_DISABLE", "unilead-hubsopt")
    code, out, err = run("providers", "--json")
    assert (code, [row["slug"] for row in json.loads(out)]) == (0, ["acme"])
    assert "UNILEAD_DISABLE names unilead-hubsopt, and nothing installed has that name" in err


def test_missing_fields_are_exit_1_in_the_documents_shape(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "lead.json"
    file.write_text("{}", encoding="utf-8")
    code, out, _ = run("create", "--simulate", "acme", "--json", file)
    assert code == 1
    assert json.loads(out)["error"] == {
        "type": "MissingFieldsError",
        "category": "validation",
        "message": "last_name is required",
        "fields": ["last_name"],
        "vendor_code": None,
        "retry_after": None,
        "outcome": "rejected",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--simulate", "acme", "/no/such/file"],
        ["create", "--simulate", "acme", "/"],
        ["create", "LEAD"],
        ["create", "--simulate", "acmee", "LEAD"],
        ["create", "--simulate", "acme", "LEAD", "LEAD"],
        ["create", "--account", "/no/such/account.toml", "LEAD"],
        ["preview", "--provider", "acme", "--remote-query", "novalue", "LEAD"],
        ["preview", "--provider", "acme", "--format", "xml", "LEAD"],
        ["parse", "--provider", "acme", "--status", "x", "LEAD"],
        ["describe", "nobody"],
        ["nonsense"],
        ["--no-such-option"],
    ],
)
def test_b080_bad_input_is_one_clear_line_and_exit_2(arguments: list[str], run: Any, lead: Path) -> None:
    code, out, err = run(*[str(lead) if argument == "LEAD" else argument for argument in arguments])
    assert (code, out) == (2, "")
    assert err.startswith("unilead: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["", "[]", "{", '{"last_name": []}', "\ufeff", '{"created_at": "today"}'])
def test_bad_leads_are_exit_2(text: str, run: Any, tmp_path: Path) -> None:
    file = tmp_path / "lead.json"
    file.write_text(text, encoding="utf-8")
    assert run("check", file)[0] == 2


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ('token = "env:NO_SUCH_VARIABLE"', "token"),
        ('token = "file:/no/such/file"', "token"),
        ('token = "file:/"', "token"),
        ("", "token"),
        ('token = "canary"\nextra = "canary"', "extra"),
        ("token = 5", "token"),
    ],
)
def test_b071_accounts_name_the_setting_and_never_its_value(
    settings: str, named: str, run: Any, tmp_path: Path, lead: Path
) -> None:
    file = tmp_path / "account.toml"
    file.write_text(f'id = "1"\nprovider = "acme"\n[settings]\n{settings}\n', encoding="utf-8")
    code, _, err = run("preview", "--provider", "acme", "--account", file, lead)
    assert code == 2
    assert named in err
    assert "canary" not in err


@pytest.mark.parametrize(
    "text", ["provider = 5", "nonsense", 'provider = "acme"\ntoken = "x"', 'provider = "acme"\nsettings = 5']
)
def test_b071_malformed_account_files_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "account.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError):
        load_account(file)


def test_account_files_look_values_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    monkeypatch.setenv("ACME_NAME", "from-env")
    file = tmp_path / "account.json"
    settings = {"token": f"file:{tmp_path / 'token'}", "map": {"a": "env:ACME_NAME", "b": 5}}
    file.write_text(
        json.dumps({"id": "7", "provider": "acme", "settings": settings, "read_back": True}), encoding="utf-8"
    )
    account = load_account(file)
    assert (account.id, account.provider, account.read_back) == ("7", "acme", True)
    assert account.settings == {"token": "from-file", "map": {"a": "from-env", "b": 5}}


def test_remote_query_reads_brackets() -> None:
    assert remote_query(("a[b]=1", "l[]=x", "l[]=y", "c=d=e", "e=")) == {
        "a": {"b": "1"},
        "l": ["x", "y"],
        "c": "d=e",
        "e": "",
    }


@pytest.mark.parametrize(
    "environment", [{"NO_COLOR": "1"}, {"TERM": "dumb", "COLUMNS": "20"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}]
)
def test_b081_odd_terminals_are_survived(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "unilead.cli", "demo"]
    done = subprocess.run(command, env={"PATH": "/usr/bin", **environment}, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1)


def test_listing_imports_no_provider_no_pydantic_no_http() -> None:
    code = (
        "import sys\n"
        "from unilead.cli import main\n"
        "try: main(['providers'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'httpx', 'httpcore', 'email.parser'} & set(sys.modules)\n"
        "heavy |= {name for name in sys.modules if name.startswith('unilead_')}\n"
        "print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stderr.strip() == "[]"
