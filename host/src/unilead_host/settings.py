"""What the operator decides, read once from the environment: ``UNILEAD_HOST_<NAME>``.

A value ``file:PATH`` is read from a file, so that keys and passwords stand in no process list and no unit file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, field_validator, model_validator

from unilead.transport import check_backend

PREFIX = "unilead_host_"  # in any case
MEBIBYTE = 1024 * 1024
DEFAULT_DATABASE = "sqlite:///unilead-host.sqlite"
_SERVICE_LINK = re.compile(r"service_host|service_port(_\w+)?|port_\d+_(tcp|udp|sctp)(_(proto|port|addr))?")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class OAuthApp(BaseModel):
    """The operator's own registration at a vendor, used where an account brings none of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: str
    client_secret: SecretStr | None = None


_OAUTH_APPS = TypeAdapter(dict[str, OAuthApp], config=ConfigDict(hide_input_in_errors=True))


class HostSettings(BaseModel):
    """The host's settings: what is given, then what the environment says, then the defaults.

    Attributes:
        database_url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        encryption_keys: keys that seal credentials, newest first; separated by commas or white space.
        public_url: the address under which browsers and vendors reach this host; needed for OAuth call-backs.
        host, port: where to listen.
        max_body: bytes of a request body.
        max_bulk_body: bytes of the body of a bulk job.
        bulk_days: how long a bulk job is kept once it is over.
        create_timeout: seconds for one create, the answer included.
        allow_private: let accounts reach addresses that are not public; for tests only.
        simulated: keep a simulator of each provider, and let accounts be simulated.
        backend: HTTP library that sends.
        token_rate, account_rate: requests in ten seconds for one token, one account; 0 is no limit.
        repeat_guard_minutes: how long a request whose outcome is unknown is not sent again.
        idempotency_hours: how long keyed answers are kept.
        metrics_token: bearer token of ``/metrics``; without one it is served on loopback only.
        overrides: distributions of overrides that may act, from the provider outwards; others are present, not active.
        public_matrix: the matrix and provider pages can be read without a token.
        oauth_apps: by slug, as JSON: ``{"hubspot": {"client_id": "…", "client_secret": "…"}}``.
        forwarded_allow_ips: addresses of reverse proxies whose ``X-Forwarded-For`` is believed, separated by commas.
        log_format: ``json`` for machines, ``text`` for people.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True)

    database_url: SecretStr = SecretStr(DEFAULT_DATABASE)
    encryption_keys: tuple[SecretStr, ...] = ()
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    max_body: int = Field(default=MEBIBYTE, ge=1024)
    max_bulk_body: int = Field(default=16 * MEBIBYTE, ge=1024)
    bulk_days: float = Field(default=7.0, gt=0)
    create_timeout: float = Field(default=25.0, gt=0, le=25.0)
    allow_private: bool = False
    simulated: bool = False
    backend: Literal["aiohttp", "httpx", "httpx2"] = "aiohttp"
    token_rate: int = Field(default=0, ge=0)
    account_rate: int = Field(default=0, ge=0)
    repeat_guard_minutes: float = Field(default=15.0, ge=0)
    idempotency_hours: float = Field(default=24.0, ge=24.0)
    metrics_token: SecretStr | None = None
    overrides: tuple[str, ...] = ()
    public_matrix: bool = False
    oauth_apps: dict[str, OAuthApp] = {}
    forwarded_allow_ips: str = "127.0.0.1"
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        named = {name.lower(): value for name, value in os.environ.items() if not _is_service_link(name, value)}
        ours = [name for name in sorted(os.environ) if name.lower() in named and name.lower().startswith(PREFIX)]
        if unknown := [name for name in ours if name.lower().removeprefix(PREFIX) not in cls.model_fields]:
            raise ValueError("\n".join(_unknown(name, cls.model_fields) for name in unknown))
        said = {name: named[PREFIX + name] for name in cls.model_fields if PREFIX + name in named}
        return {name: _from_file(name, value) for name, value in {**said, **given}.items()}

    @field_validator("encryption_keys", "overrides", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part for part in re.split(r"[\s,]+", value) if part) if isinstance(value, str) else value

    @field_validator("oauth_apps", mode="before")
    @classmethod
    def _decoded(cls, value: Any) -> Any:
        return _OAUTH_APPS.validate_json(value) if isinstance(value, str) else value

    @field_validator("host", "metrics_token")
    @classmethod
    def _is_said(cls, value: Any) -> Any:
        """An empty address is every address of the machine, and an empty token everybody's."""
        if value is not None and not len(value):
            raise ValueError("must not be empty; leave the variable out")
        return value

    @field_validator("backend")
    @classmethod
    def _can_be_used(cls, value: str) -> str:
        try:
            check_backend(value, asynchronous=True)
        except ImportError as fault:
            raise ValueError(str(fault)) from None
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be an address such as https://leads.example.com")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _simulates_in_the_open(self) -> Self:
        if self.simulated and self.host not in LOOPBACK:
            raise ValueError("simulated accounts are for loopback: set host to 127.0.0.1 or simulated to false")
        return self


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return (PREFIX + name).upper()


def _is_service_link(variable: str, value: str) -> bool:
    """Whether Kubernetes set a variable, as it does in every pod beside a Service of the name ``unilead-host``."""
    name = variable.lower().removeprefix(PREFIX)
    return _SERVICE_LINK.fullmatch(name) is not None or (name == "port" and "://" in value)


def _unknown(variable: str, known: Iterable[str]) -> str:
    """What is wrong with a variable that is no setting's: a setting that is misspelt must not be without effect."""
    from difflib import get_close_matches  # only a misspelt variable needs it

    nearest = get_close_matches(variable.lower().removeprefix(PREFIX), known, 1)
    return f"{variable} is no setting" + (f"; did you mean {variable_of(nearest[0])}?" if nearest else "")


def _from_file(name: str, value: Any) -> Any:
    """Read a ``file:PATH``; one line break at its end is cut off."""
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    try:
        return Path(value.removeprefix("file:")).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise ValueError(f"{variable_of(name)}: its file cannot be read: {reason}") from None
