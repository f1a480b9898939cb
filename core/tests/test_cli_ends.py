"""How a command ends: closed pipes, interrupts, unforeseen faults, odd terminals; B080, B081, S030, S032, S033."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest

from acme import TOKEN, AcmeSimulator, EmptyRegistry, make_info, make_plugin
from unilead import OAuth2, OAuthSettings, Registry, SecretStr
from unilead.cli import group, show
from unilead.version import VERSION

PLUGIN: dict[str, Any] = {}
SERVER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from acme import EmptyRegistry, make_plugin
import unilead.cli.offline, unilead.cli.registry, unilead.cli.sending
def registry():
    found = EmptyRegistry()
    found.register("acme", make_plugin())
    return found
for module in (unilead.cli.registry, unilead.cli.sending, unilead.cli.offline):
    module.Registry = registry
from unilead.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> Any:
    PLUGIN.clear()

    def registry(**options: Any) -> Registry:
        found = EmptyRegistry(**options)
        found.register("acme", make_plugin(**PLUGIN))
        return found

    for module in ("registry", "offline", "sending"):
        monkeypatch.setattr(f"unilead.cli.{module}.Registry", registry)


@pytest.fixture
def lead(tmp_path: Path) -> str:
    file = tmp_path / "lead.json"
    file.write_text('{"last_name": "Okafor"}', encoding="utf-8")
    return str(file)


def _answer(tmp_path: Path, body: str) -> str:
    file = tmp_path / "answer.json"
    file.write_text(body, encoding="utf-8")
    return str(file)


def _interrupt(lead: Any) -> Any:
    raise KeyboardInterrupt


def test_b080_an_interrupt_is_130_and_one_line(lead: str, capsys: pytest.CaptureFixture[str]) -> None:
    PLUGIN["validate_required"] = _interrupt
    assert group.run(["create", "--simulate", "acme", lead]) == 130
    assert "may have happened" in capsys.readouterr().err


def test_an_unforeseen_fault_is_named_without_its_text(
    lead: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("canary")

    monkeypatch.setattr("unilead.cli.client.Client", fail)
    assert group.run(["create", "--simulate", "acme", "--json", lead]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["outcome"] == "unknown"
    assert json.loads(out)["error"]["type"] == "RuntimeError"
    assert "canary" not in out + err


@pytest.mark.parametrize("arguments", [[], ["demoo"], ["demo", "--jsn"], ["check"]])
def test_b080_bad_usage_is_a_line_and_a_hint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert group.run(arguments) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("unilead: ")
    assert second.startswith("  hint: ")


def test_a_misspelt_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    group.run(["prewiew"])
    assert "did you mean preview?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["demo", "--nope", "--json"], ["preview", "--format", "json"], ["x", "--json"]])
def test_bad_usage_is_json_where_json_is_asked_for(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert group.run(arguments) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert list(error) == ["type", "category", "message", "fields", "vendor_code", "retry_after", "outcome"]
    assert error["outcome"] == "rejected"


def test_json_after_the_end_of_options_is_a_file_name() -> None:
    assert not group.wants_json(["check", "--", "--json"])


def test_the_help_of_a_command_is_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert group.run(["preview", "--help"]) == 0
    assert "--remote-query" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["matrix", "--json"], ["simulate", "--help"], ["describe", "acme"], ["demo"]])
def test_b080_a_reader_that_went_away_is_no_traceback(command: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    line = [sys.executable, "-c", SERVER, *command]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(line, stdout=write_end, stderr=subprocess.PIPE, env=buffered, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (group.READER_GONE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["create", "--simulate", "acme", "--json"], ["demo", "--lead"], ["check"]])
def test_an_output_that_takes_nothing_says_so_and_leaves_the_outcome_open(
    command: list[str], unbuffered: str, lead: str
) -> None:
    """Exit code 1 would say that the CRM had said no."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        line = [sys.executable, "-c", SERVER, *command, lead]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
    assert done.returncode == show.UNKNOWN
    assert done.stderr.startswith(b"unilead: the output cannot be written: No space left on device"), done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_process_without_standard_output_ends_as_with_one(lead: str) -> None:
    line = ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-c", SERVER, "create", "--simulate", "acme", lead]
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


@pytest.mark.parametrize("module", ["unilead", "unilead.cli"])
def test_the_command_line_runs_as_a_module(module: str) -> None:
    line = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (0, f"unilead {VERSION}\n"), done.stderr


def test_without_its_extra_the_command_says_so() -> None:
    code = "import sys\nsys.modules['click'] = None\nfrom unilead.cli import main\nmain(['demo'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert "unilead[cli]" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["demo"], ["matrix"], ["describe", "acme"], ["providers"], ["check", "LEAD"]])
def test_b081_twenty_columns_are_enough(
    command: list[str], lead: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"COLUMNS": "20", "TERM": "dumb", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert group.run([lead if word == "LEAD" else word for word in command]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "acme" in out.lower()


def test_b081_file_names_that_are_no_text_are_survived() -> None:
    command = [sys.executable, "-m", "unilead.cli", "check", "--json", b"no\xff.json"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"")
    assert "No such file" in json.loads(done.stdout)["error"]["message"]


def test_json_is_valid_on_an_ascii_terminal(tmp_path: Path) -> None:
    file = _answer(tmp_path, '{"last_name": "Ökafor"}')
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-c", SERVER, "create", "--simulate", "acme", "--json", file]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout.decode("ascii"))["last_name"] == "Ökafor"


def test_a_vendors_words_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _answer(tmp_path, json.dumps({"text": "a\x1b[2J\nb\u202ec"}))
    assert group.run(["parse", "--provider", "acme", "--status", "422", file]) == 1
    assert "a\\x1b[2J b\\u202ec" in capsys.readouterr().err


def test_s032_an_echoed_secret_is_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _answer(tmp_path, json.dumps({"text": f"bad token {TOKEN}"}))
    assert group.run(["parse", "--provider", "acme", "--status", "401", "--json", file]) == 1
    out = capsys.readouterr().out
    assert "bad token ***" in out and TOKEN not in out


def test_parse_reads_the_wait_a_crm_asks_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _answer(tmp_path, '{"text": "slow down"}')
    group.run(["parse", "--provider", "acme", "--status", "429", "--header", "Retry-After: 7", "--json", file])
    assert json.loads(capsys.readouterr().out)["error"]["retry_after"] == 7


def test_parse_reads_an_answer_to_a_read_whatever_ids_look_like(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build_read_request(lead_id: str) -> Any:
        raise ValueError("must be a uuid")

    PLUGIN["build_read_request"] = build_read_request
    file = _answer(tmp_path, '{"prospect": {"id": 5, "surname": "x"}}')
    assert group.run(["parse", "--provider", "acme", "--status", "200", "--read", file]) == 0


# --- preview ----------------------------------------------------------------------------------------------------------


def test_preview_as_http_is_the_exact_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lead = _answer(tmp_path, '{"last_name": "Ökafor", "first_name": "O\'Brien"}')
    assert group.run(["preview", "--provider", "acme", lead]) == 0
    head, body = capsys.readouterr().out.split("\n\n", 1)
    assert head.splitlines()[:2] == ["POST /v1/prospects HTTP/1.1", "Host: api.acme.example"]
    assert body == '{"prospect":{"first_name":"O\'Brien","surname":"Ökafor"}}\n'.replace("first_name", "given_name")
    assert f"Content-Length: {len(body.encode()) - 1}" in head


def test_preview_as_curl_is_one_command_of_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lead = _answer(tmp_path, json.dumps({"last_name": "O'Brien $(touch x) `id`"}))
    assert group.run(["preview", "--provider", "acme", "--format", "curl", lead]) == 0
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{capsys.readouterr().out}"
    words = subprocess.run(["/bin/sh", "-c", script], capture_output=True, encoding="utf-8", check=True).stdout
    assert json.loads(words.split("\0")[-2]) == {"prospect": {"surname": "O'Brien $(touch x) `id`"}}


def test_s033_a_secret_in_the_body_is_masked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lead = _answer(tmp_path, json.dumps({"last_name": "x", "remote_data": {"key": TOKEN}}))
    for form in ("http", "curl", "json"):
        assert group.run(["preview", "--provider", "acme", "--format", form, lead]) == 0
        assert TOKEN not in capsys.readouterr().out


def test_preview_shows_an_account_that_has_no_access_token_yet(
    tmp_path: Path, lead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class TokenSettings(OAuthSettings):
        extra: SecretStr | None = None

    info = make_info(auth=OAuth2("https://api.acme.example/token"), settings=TokenSettings)
    PLUGIN["describe"] = lambda: info
    account = tmp_path / "account.toml"
    account.write_text(
        'provider = "acme"\n[settings]\nclient_id = "a"\nclient_secret = "b"\nrefresh_token = "c"\n', encoding="utf-8"
    )
    assert group.run(["preview", "--provider", "acme", "--account", str(account), "--json", lead]) == 0
    assert json.loads(capsys.readouterr().out)["headers"]["Authorization"] == "Bearer ***"


def test_check_names_the_losses_of_an_incomplete_lead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lead = _answer(tmp_path, '{"status": "new"}')
    assert group.run(["check", "--json", lead]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["status"], row["missing"], row["dropped"]) == ("missing", ["last_name"], ["status"])


def test_check_does_not_blame_a_provider_that_needs_its_required_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PLUGIN["build_request"] = lambda lead: lead.contact.id
    assert group.run(["check", "--json", _answer(tmp_path, "{}")]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["status"], row["dropped"]) == ("missing", [])


def test_nothing_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("unilead.cli.sending.Registry", EmptyRegistry)
    assert group.run(["demo", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert "pip install" in err


# --- simulate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_simulate_serves_until_it_is_told_to_stop(ending: signal.Signals, code: int) -> None:
    command = [sys.executable, "-c", SERVER, "simulate", "acme", "--throttle", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "}\n")
        place = json.loads("".join(lines) + "}")
        request = HttpRequest(
            f"{place['url']}/v1/prospects",
            data=b'{"prospect": {"surname": "x"}}',
            headers={"Authorization": f"Bearer {place['settings']['token']}"},
        )
        with urlopen(request) as answer:
            assert answer.status == 201
        process.send_signal(ending)
        assert "Traceback" not in process.communicate()[1]
    assert process.returncode == code
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", place["url"])


def test_a_taken_port_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with AcmeSimulator().serve() as served:
        assert group.run(["simulate", "acme", "--port", str(served.port)]) == 2
    assert f"port {served.port}" in capsys.readouterr().err


def test_one_line_keeps_letters_of_all_scripts() -> None:
    assert show.one_line("Zoë  Łódź 東京\n✓") == "Zoë Łódź 東京 ✓"
