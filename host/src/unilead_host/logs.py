"""Logs: one JSON object a line, or text for people, through one redaction that nothing passes by.

Whatever logs, the host itself, uvicorn, a library or a plugin, ends here. Lines carry ids, outcomes and durations,
never bodies. The redaction is the second line of defence, not the first.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from unilead_host.log_lines import LogLines
from unilead_host.settings import HostSettings

MASK = "***"
QUIET = ("httpx", "httpx2", "httpcore", "httpcore2", "sqlalchemy.engine", "alembic")
_SECRET_NAMES = re.compile(
    r"token|secret|password|passwd|authori[sz]ation|cookie|api[-_]?key|credential|verifier", re.IGNORECASE
)
_SECRETS = [
    (re.compile(r"\bul_[0-9a-f]{16}_[A-Za-z0-9_-]+"), f"ul_{MASK}"),
    (re.compile(r"\b(bearer|basic|[a-z]+-oauthtoken)\s+[^\s\"',]+", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"(://)[^/\s:@]+:[^/\s@]+@"), rf"\1{MASK}@"),
    (re.compile(r"([?&](?:\w*token|code|state|key|secret)=)[^&\s\"']+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"[^\s@<>\"'=:,;()]+@[^\s@<>\"'=:,;()]+\.\w+"), f"{MASK}@{MASK}"),
]
_SUSPICIOUS = ("@", "=", "://", "ul_", "bearer", "basic", "oauthtoken")  # each of the above has one of these
_PLAIN_NAMES = frozenset({"token_id"})


def redacted(value: Any) -> Any:
    """A copy of a log value with secrets and mail addresses masked, by name and by look."""
    if isinstance(value, Mapping):
        return {name: MASK if _is_secret(name, item) else redacted(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else str(value)
    if not _is_suspicious(text):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _is_secret(name: Any, value: Any) -> bool:
    named = isinstance(name, str) and _names_a_secret(name)
    return named and value is not None and not isinstance(value, (bool, Mapping))


@lru_cache(maxsize=1024)
def _names_a_secret(name: str) -> bool:
    return name not in _PLAIN_NAMES and _SECRET_NAMES.search(name) is not None


class Log:
    """What the host itself says: an event and its values; past `logging`, whose records cost more than a line.

    Attributes:
        level: what is less than this is not said.
        write: takes a line as a dict; `configure_logs` decides where it goes.
    """

    def __init__(self) -> None:
        self.level = logging.INFO
        self.write: Callable[[dict[str, Any]], None] = _to_logging

    def info(self, event: str, **values: Any) -> None:
        """Something happened."""
        self._say(logging.INFO, "info", event, values)

    def warning(self, event: str, **values: Any) -> None:
        """Something should be looked at."""
        self._say(logging.WARNING, "warning", event, values)

    def error(self, event: str, *, exc_info: BaseException | None = None, **values: Any) -> None:
        """Something failed."""
        self._say(logging.ERROR, "error", event, values if exc_info is None else {**values, "exc_info": exc_info})

    def _say(self, level: int, name: str, event: str, values: dict[str, Any]) -> None:
        if level >= self.level:
            self.write({"event": event, **values, "level": name, "timestamp": _timestamp(time.time())})


def _to_logging(line: dict[str, Any]) -> None:
    """Where nobody configured logs, the application's own `logging` has them."""
    logging.getLogger("unilead_host").log(logging.getLevelName(line["level"].upper()), _json_line(line))


LOG = Log()


def configure_logs(settings: HostSettings) -> None:
    """Send everything that is logged in this process to standard error, in the settings' format."""
    render = _json_line if settings.log_format == "json" else _text_line()
    stream = LogLines(sys.stderr)
    atexit.register(stream.flush)

    def write(line: dict[str, Any]) -> None:
        stream.write(render(line) + "\n")
        if line["level"] == "error":  # what went wrong is told before anything else does
            stream.flush()

    LOG.level, LOG.write = logging.getLevelName(settings.log_level.upper()), write
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(render))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


class _Formatter(logging.Formatter):
    """Makes a line of what a library or a plugin logs."""

    def __init__(self, render: Callable[[dict[str, Any]], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        extra = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        line = {"event": record.getMessage(), **extra, "level": record.levelname.lower()}
        if record.exc_info and record.exc_info[1] is not None:
            line["exc_info"] = record.exc_info[1]
        return self._render(line | {"timestamp": _timestamp(record.created)})


# What every record has; and uvicorn says everything a second time, in colours.
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def _timestamp(at: float) -> str:
    second = int(at)
    return f"{_second(second)}.{int((at - second) * 1e6):06d}Z"


@lru_cache(maxsize=4)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _json_line(line: dict[str, Any]) -> str:
    fault = line.pop("exc_info", None)
    return _as_json(_masked(line if fault is None else {**line, "exception": _described(fault)}))


def _described(fault: BaseException) -> Any:
    """An exception as JSON. What renders it is imported for the first one: a host may well never have any."""
    from structlog.tracebacks import ExceptionDictTransformer

    return ExceptionDictTransformer(show_locals=False)((type(fault), fault, fault.__traceback__))


def _text_line() -> Callable[[dict[str, Any]], str]:
    from structlog.dev import ConsoleRenderer, plain_traceback

    renderer = ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain_traceback)

    def render(line: dict[str, Any]) -> str:
        fault = line.pop("exc_info", None)
        if fault is not None:
            line["exception"] = "".join(traceback.format_exception(fault)).rstrip()
        return str(renderer(None, line["level"], dict(_masked(line))))  # which it empties

    return render


def _as_json(event: Any) -> str:
    try:
        return to_json(event, fallback=repr, inf_nan_mode="strings").decode()
    except PydanticSerializationError:  # half a character, or bytes that are no text: a log line never fails
        return json.dumps(event, default=repr)


def _masked(line: dict[str, Any]) -> dict[str, Any]:
    if _is_plain(line):
        return line
    masked: dict[str, Any] = redacted(line)
    return masked


def _is_plain(event: Mapping[str, Any]) -> bool:
    """Whether there is nothing to mask, found out in one look at all values: most lines are ids, words and numbers."""
    if _any_names_a_secret(tuple(event)):
        return False
    texts = [value for value in event.values() if not isinstance(value, (int, float)) and value is not None]
    return all(isinstance(text, str) for text in texts) and not _is_suspicious("\n".join(texts))


def _is_suspicious(text: str) -> bool:
    """Whether one of the patterns may be found in a text: short looks cost a tenth of a long one.

    Other letters than ASCII's are for the patterns to judge: some count as small or capital ones of ASCII.
    """
    lower = text.lower()
    return not text.isascii() or any(mark in lower for mark in _SUSPICIOUS)


@lru_cache(maxsize=1024)
def _any_names_a_secret(names: tuple[str, ...]) -> bool:
    return any(_names_a_secret(name) for name in names)
