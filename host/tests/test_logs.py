"""What is logged goes through one redaction: S030, S031, S034."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unilead_host import logs
from unilead_host.logs import LOG, _timestamp, configure_logs, redacted
from unilead_host.settings import HostSettings

TOKEN = "ul_0123456789abcdef_" + "A" * 43
CANARY = "canary-5d21"


@pytest.fixture
def clean_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers, root.level
    said = LOG.level, LOG.write
    yield
    root.handlers, root.level = before
    LOG.level, LOG.write = said


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    "value",
    [
        {"access_token": CANARY},
        {"headers": {"Authorization": CANARY, "X-Api-Key": CANARY}},
        {"event": f"Authorization: Bearer {CANARY}"},
        {"event": f"Zoho-oauthtoken {CANARY}"},
        {"event": f"https://user:{CANARY}@host/path"},
        {"event": f"GET /x?api_token={CANARY}&limit=1"},
        {"event": f"GET /connect/callback?code={CANARY}&state={CANARY}"},
        {"event": f"{CANARY}@example.com wrote"},
        {"deep": [{"client_secret": [CANARY]}]},
    ],
)
def test_s030_secrets_are_masked_by_name_and_by_look(value: dict[str, Any]) -> None:
    assert CANARY not in json.dumps(redacted(value))


def test_what_is_no_secret_stays() -> None:
    value = {"event": "created", "slug": "acme", "outcome": "created", "duration": 0.2, "token_id": "0123", "ok": True}
    assert redacted(value) == value
    assert redacted({"event": f"{TOKEN} seen"}) == {"event": "ul_*** seen"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_value_can_be_redacted(value: Any) -> None:
    json.dumps(redacted({"event": value}))


def test_s031_everything_is_one_json_object_a_line(clean_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(HostSettings(log_level="debug"))
    LOG.info("created", slug="acme", token=CANARY)
    logging.getLogger("a.plugin").warning("sent %s", f"Bearer {CANARY}")
    logging.getLogger("httpx").info("GET https://x?api_token=%s", CANARY)
    logging.getLogger("uvicorn.error").info("started", extra={"color_message": "\x1b[36mstarted"})
    found = lines(capsys)
    assert [line["event"] for line in found] == ["created", "sent Bearer ***", "started"]
    assert found[0] | {"timestamp": ""} == {
        "event": "created",
        "slug": "acme",
        "token": "***",
        "level": "info",
        "timestamp": "",
    }
    assert CANARY not in json.dumps(found)
    assert "color_message" not in found[-1]


@pytest.mark.parametrize("value", ["\ud800", b"\xff", {"a": "\udfff"}, float("nan"), object(), {1: ["x"]}])
def test_a_log_line_never_fails(clean_logging: None, capsys: pytest.CaptureFixture[str], value: Any) -> None:
    configure_logs(HostSettings())
    LOG.info("odd", value=value)
    logging.getLogger("a.plugin").warning("odd", extra={"value": value})
    assert [line["event"] for line in lines(capsys)] == ["odd", "odd"]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_s034_tracebacks_show_no_local_variables(
    clean_logging: None, capsys: pytest.CaptureFixture[str], log_format: Any
) -> None:
    configure_logs(HostSettings(log_format=log_format))
    hidden = CANARY
    try:
        raise RuntimeError(f"Bearer {hidden}")
    except RuntimeError as error:
        LOG.error("failed", exc_info=error)
        logging.getLogger("a.plugin").exception("failed too")
    text = capsys.readouterr().err
    assert text.count("RuntimeError") >= 2
    assert CANARY not in text
    assert "hidden" not in text.replace('f"Bearer {hidden}"', "")


def test_text_is_for_people(clean_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(HostSettings(log_format="text", log_level="warning"))
    LOG.info("not worth a line")
    LOG.warning("look", slug="acme", token=CANARY)
    logging.getLogger("a.plugin").warning("sent %s", f"Bearer {CANARY}")
    first, second = capsys.readouterr().err.splitlines()
    assert re.search(r"warning.*look.*slug=acme token=\*\*\*$", first)
    assert second.endswith("sent Bearer ***")


def test_a_line_of_text_with_nothing_to_mask_is_said_like_any_other(
    clean_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(HostSettings(log_format="text"))
    LOG.info("lead.create", status=200)
    LOG.error("verdict.not_written", reason="full")
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[-1] for line in said] == ["status=200", "reason=full"]


def test_a_log_that_takes_no_more_stops_nothing(clean_logging: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patch:
        patch.setattr("sys.stderr", full)
        configure_logs(HostSettings())
        LOG.error("verdict.not_written", reason="full")
        with suppress(OSError):
            full.close()  # which tries once more


def test_an_exception_is_told_frame_by_frame(clean_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(HostSettings())
    try:
        raise KeyError("x")
    except KeyError as error:
        LOG.error("failed", exc_info=error)
        logging.getLogger("a.plugin").exception("failed")
    for line in lines(capsys):
        [told] = line["exception"]
        assert told["exc_type"] == "KeyError"
        assert [frame["name"] for frame in told["frames"]] == ["test_an_exception_is_told_frame_by_frame"]


def test_without_configuration_logging_has_it(caplog: pytest.LogCaptureFixture) -> None:
    LOG.warning("look", token=CANARY)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert json.loads(caplog.messages[0])["token"] == "***"


FRAGMENTS = [TOKEN, "Bearer ", "bearer\t", "basic ", "Zoho-oauthtoken ", "canary", "https://", "u:p@h", "?code=",
             "&api_token=", "a@b.co", " ", "=", ":", "/", "ul_", "x",
             "BASIC ", "ba\u017fic ", "bas\u0131c ", "zoho-oauthto\u212aen "]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join))
def test_the_quick_look_misses_nothing(text: str) -> None:
    thorough = text
    for pattern, replacement in logs._SECRETS:
        thorough = pattern.sub(replacement, thorough)
    assert redacted(text) == thorough
    assert logs._masked({"event": text, "n": 1}) == {"event": thorough, "n": 1}


def test_an_error_is_written_before_the_turn_ends(clean_logging: None, capsys: pytest.CaptureFixture[str]) -> None:
    async def turn() -> list[str]:
        LOG.info("first")
        before = capsys.readouterr().err
        LOG.error("second")
        return [before, *(line["event"] for line in lines(capsys))]

    configure_logs(HostSettings())
    assert asyncio.run(turn()) == ["", "first", "second"]


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999))
def test_moments_are_written_to_the_microsecond(second: int, micros: int) -> None:
    written = _timestamp(second + micros / 1e6)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", written)
    assert abs(datetime.fromisoformat(written).timestamp() - (second + micros / 1e6)) < 2e-6
