"""Logs: one JSON object a line, or text for people, through one redaction that nothing passes by.

Whatever logs, the host itself, uvicorn, a library or a plugin, ends here. Lines carry ids, outcomes and durations,
never bodies. The redaction is the second line of defence, not the first.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import structlog
from pydantic_core import PydanticSerializationError, to_json
from structlog.tracebacks import ExceptionDictTransformer

from unilead_host.settings import HostSettings

MASK = "***"
QUIET = ("httpx", "httpx2", "httpcore", "httpcore2", "aiosqlite", "sqlalchemy.engine", "alembic")
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
_SUSPICIOUS = re.compile(r"[@=]|://|\bul_|(?:bearer|basic|oauthtoken)\s", re.IGNORECASE)  # part of all of the above
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
    if _SUSPICIOUS.search(text) is None:
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


def configure_logs(settings: HostSettings) -> None:
    """Send everything that is logged in this process to standard error, in the settings' format."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(  # what the host itself logs takes the short way: no record, no handler
        processors=[
            structlog.contextvars.merge_contextvars,
            *shared[1:2],
            shared[-1],
            *_rendering(settings.log_format),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level.upper())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(settings.log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def _rendering(log_format: str) -> list[Any]:
    if log_format == "json":
        tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        return [tracebacks, _redact, structlog.processors.JSONRenderer(_as_json)]
    return [structlog.processors.format_exc_info, _redact, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _as_json(event: Any, **options: Any) -> str:
    try:
        return to_json(event, fallback=repr, inf_nan_mode="strings").decode()
    except PydanticSerializationError:  # half a character, or bytes that are no text: a log line never fails
        return json.dumps(event, default=repr)


def _without_colours(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """uvicorn says everything a second time, in colours."""
    event.pop("color_message", None)
    return event


def _redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _is_plain(event):
        return event
    masked: dict[str, Any] = redacted(event)
    return masked


def _is_plain(event: Mapping[str, Any]) -> bool:
    """Whether there is nothing to mask, found out in one look at all values: most lines are ids, words and numbers."""
    if _any_names_a_secret(tuple(event)):
        return False
    texts = [value for value in event.values() if not isinstance(value, (int, float)) and value is not None]
    return all(isinstance(text, str) for text in texts) and _SUSPICIOUS.search("\n".join(texts)) is None


@lru_cache(maxsize=1024)
def _any_names_a_secret(names: tuple[str, ...]) -> bool:
    return any(_names_a_secret(name) for name in names)
