"""F002 to F035 and F043 to F045: what each fault means for the lead, on every back end.

For each the same holds: the CRM got the request at most once, the outcome is right, the call ended in time, and the
token is in no error.
"""

from __future__ import annotations

import gc
import socket
import time

import pytest

from tests.faults.conftest import WAYS, create
from tests.faults.server import FAULTS
from unilead import ConnectError, LeadError, Result

CREATED = {"none", "f022_json_as_text", "f029_byte_order_mark", "f031_two_answers"}
UNKNOWN = sorted(set(FAULTS) - CREATED)
TIMEOUT = 2.0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", UNKNOWN)
def test_sent_and_not_answered_is_unknown_and_sent_once(fault, way, serve) -> None:
    server = serve(fault)
    started = time.monotonic()
    (outcome,) = create(way, server.url, timeout=TIMEOUT)
    took = time.monotonic() - started
    requests = server.stop()
    assert isinstance(outcome, LeadError), outcome
    assert outcome.outcome == "unknown"
    assert not outcome.retryable
    assert len(requests) == 1
    assert took < 5 * (TIMEOUT + 1)
    assert "canary-token" not in f"{outcome}{outcome!r}{outcome.__cause__!r}{outcome.__context__!r}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", sorted(CREATED))
def test_a_good_answer_is_created(fault, way, serve) -> None:
    server = serve(fault)
    (outcome,) = create(way, server.url)
    assert isinstance(outcome, Result), outcome
    assert outcome.id == "1042"
    assert len(server.stop()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_f031_a_surplus_answer_is_never_the_next_leads(way, serve) -> None:
    server = serve("f031_two_answers")
    outcomes = create(way, server.url, times=3)
    assert [getattr(outcome, "id", outcome) for outcome in outcomes] == ["1042"] * 3
    assert len(server.stop()) == 3


@pytest.mark.parametrize("way", WAYS)
def test_connections_are_reused(way, serve) -> None:
    server = serve("none")
    outcomes = create(way, server.url, times=5)
    assert all(isinstance(outcome, Result) for outcome in outcomes)
    assert len(server.stop()) == 5


@pytest.mark.parametrize("way", WAYS)
def test_f002_refused_is_not_sent(way, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (outcome,) = create(way, f"http://127.0.0.1:{port}", timeout=5)
    assert isinstance(outcome, ConnectError), outcome
    assert (outcome.outcome, outcome.retryable) == ("not_sent", True)
    assert "127.0.0.1" in str(outcome)


@pytest.mark.parametrize("way", WAYS)
def test_f003_an_unknown_name_is_not_sent(way) -> None:
    (outcome,) = create(way, "http://no-such-host.invalid", timeout=5)
    assert isinstance(outcome, ConnectError), outcome
    assert outcome.outcome == "not_sent"
    assert "no-such-host.invalid" in str(outcome)
    assert "/v2/leads" not in str(outcome)


# The pools' own TLS code leaves a refused socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
def test_f006_plain_http_on_the_tls_port_is_not_sent(way, serve) -> None:
    server = serve("none")
    (outcome,) = create(way, server.url.replace("http:", "https:"), timeout=3)
    assert isinstance(outcome, ConnectError), outcome
    assert outcome.outcome == "not_sent"
    assert server.stop() == []
    gc.collect()  # here, where its complaint is expected, and not in some later test
