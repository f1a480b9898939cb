"""Promise 12: no secret is in any error, log, repr, pickle or traceback, and personal data only where it must be.

S030, S031, S032, S034, S035, S036. Every way a create can end is run over a real connection with all loggers at DEBUG;
then everything that a program or a person could see of it is searched for the credentials, and for the lead's own
e-mail address.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from tests.members import SLUGS
from unilead import Account, AsyncClient, Client, LeadError, Registry, Result, Simulator

REGISTRY = Registry(overrides=False)
WAYS = ["httpx sync", "httpx2 sync", "httpx async", "httpx2 async", "aiohttp async"]
ENDS = ["created", "rejected", "drop_before", "drop_after_commit", "truncate", "refuse", "throttle", "failed", "echoed"]
ADDRESS = "canary.person@example.com"
LEAD = {
    "title": "T",
    "name": "N",
    "first_name": "F",
    "last_name": "L",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works"},
    "email_addresses": [{"email": ADDRESS}],
}


class Everything(logging.Handler):
    """Keeps the text of every log record, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record) + repr(record.args))


@pytest.fixture
def log() -> Iterator[Everything]:
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def arrange(simulator: Simulator, end: str, secret: str) -> None:
    """Make the simulator end a create in one way."""
    statuses = {"rejected": 422, "failed": 503, "echoed": 422}
    if end in statuses:
        simulator.faults.status, simulator.faults.status_count = statuses[end], 9
    if end == "echoed":
        simulator.failed = lambda call, status: _echo(call, status, secret)  # type: ignore[method-assign]
    elif end not in ("created", *statuses):
        setattr(simulator.faults, end, 9)


def _echo(call: Any, status: int, secret: str) -> Any:
    """A vendor that shows in its answer what it was given (S032)."""
    from unilead import Response

    sent = {name: value for name, value in call.headers.items() if name in ("authorization", "x-api-key")}
    return Response.of(status, {"message": f"bad token {secret}", "headers": sent})


def run(way: str, url: str, account: Account) -> Result | LeadError:
    backend, kind = way.split()
    options = {"registry": REGISTRY, "backend": backend, "base_url": url, "allow_private": True, "timeout": 2.0}
    try:
        if kind == "sync":
            with Client(**options) as client:
                return client.create(LEAD, account)
        return asyncio.run(_run_async(options, account))
    except LeadError as error:
        return error


async def _run_async(options: dict[str, Any], account: Account) -> Result:
    async with AsyncClient(**options) as client:
        return await client.create(LEAD, account)


def visible(outcome: Result | LeadError) -> Iterator[str]:
    """All that can be seen of an outcome without asking for the CRM's raw answer."""
    yield repr(outcome)
    yield str(outcome)
    if isinstance(outcome, LeadError):
        yield "".join(traceback.format_exception(outcome))
        yield repr(outcome.__dict__)
        seen = outcome.__cause__ or outcome.__context__
        while seen is not None:
            yield f"{seen!r}{seen}{seen.__dict__!r}"
            seen = seen.__cause__ or seen.__context__


def local_variables(outcome: Result | LeadError) -> str:
    """What a crash reporter shows of an error: its traceback with the local variables of each frame."""
    if isinstance(outcome, Result):
        return ""
    return "".join(traceback.TracebackException.from_exception(outcome, capture_locals=True).format())


def secrets_of(slug: str, simulator: Simulator) -> tuple[str, ...]:
    settings = REGISTRY.get(slug).settings(simulator.sample_settings)
    found = settings.secrets()
    assert found and all(len(secret) >= 8 for secret in found)
    return found


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("end", ENDS)
def test_s030_s031_no_end_of_a_create_shows_a_secret(
    slug: str, end: str, log: Everything, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unilead.sending.backoff", lambda attempt: 0.01)
    simulator = REGISTRY.get(slug).simulator()
    secrets = secrets_of(slug, simulator)
    way = WAYS[(SLUGS.index(slug) + ENDS.index(end)) % len(WAYS)]
    with simulator.serve() as served:
        arrange(simulator, end, secrets[0])
        outcome = run(way, served.url, Account(slug, simulator.sample_settings))
    assert isinstance(outcome, Result) == (end == "created"), outcome
    printed = "".join(capfd.readouterr())
    everything = "\n".join([*visible(outcome), *log.texts, printed])
    for secret in secrets:
        assert secret not in everything
        assert secret not in local_variables(outcome)
        assert secret.encode() not in pickle.dumps(outcome if isinstance(outcome, LeadError) else outcome.response)
    assert ADDRESS not in everything


@pytest.mark.parametrize("slug", SLUGS)
def test_s032_an_echoed_secret_is_masked_in_the_raw_answer(slug: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    secrets = secrets_of(slug, simulator)
    arrange(simulator, "echoed", secrets[0])
    with Client(registry=REGISTRY, transport=simulator) as client, pytest.raises(LeadError) as caught:
        client.create(LEAD, Account(slug, simulator.sample_settings))
    assert caught.value.response is not None
    assert b"***" in caught.value.response.body
    for secret in secrets:
        assert secret.encode() not in caught.value.response.body
        assert secret not in str(caught.value)


@pytest.mark.parametrize("slug", SLUGS)
def test_s036_settings_show_and_export_no_secret(slug: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    settings = REGISTRY.get(slug).settings(simulator.sample_settings)
    schema = type(settings).model_json_schema()
    shown = f"{settings!r}{settings}{settings.model_dump()}{settings.model_dump_json()}{schema}"
    for secret in secrets_of(slug, simulator):
        assert secret not in shown
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(settings)


@pytest.mark.parametrize("slug", SLUGS)
def test_s035_a_refused_setting_is_named_without_its_value(slug: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    wrong = ["canary-value"]
    for name in simulator.sample_settings:
        with pytest.raises(LeadError) as caught:
            REGISTRY.get(slug).settings({**simulator.sample_settings, name: wrong})
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
        assert name in shown
        assert "canary-value" not in shown
