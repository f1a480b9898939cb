"""Promise 2: the preview is byte for byte what a create sends, for generated leads, with the network blocked."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.members import SLUGS
from unilead import Account, Client, LeadError, Registry, Request, Response
from unilead.testing import leads

REGISTRY = Registry(overrides=False)


class Recorder:
    """A transport that keeps what it is asked to send and answers nothing useful."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request, *, credentials: Any, timeout: float) -> Response:
        self.requests.append(request)
        return Response(400)

    def close(self) -> None: ...


@pytest.mark.parametrize("slug", SLUGS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_preview_equals_what_is_sent(slug: str, data: st.DataObject) -> None:
    provider = REGISTRY.get(slug)
    simulator = provider.simulator()
    account = Account(slug, simulator.sample_settings)
    lead = data.draw(
        leads({"owner": None, "contact": {"id": "17"}, "account": {"id": "42"}, "title": "T", "lead_source": None})
    )
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", _blocked)
        try:
            preview = provider.build_request(lead, provider.settings_of(account), remote_query={"a": {"b": "1"}})
        except LeadError:
            preview = None
        with Client(transport=recorder, registry=REGISTRY) as client, pytest.raises(LeadError):
            client.create(lead, account, remote_query={"a": {"b": "1"}})
    assert [(sent.method, sent.url, sent.headers, sent.body) for sent in recorder.requests] == (
        [(preview.method, preview.url, preview.headers, preview.body)] if preview else []
    )


def _blocked(*arguments: Any, **options: Any) -> Any:
    raise AssertionError("a preview opened a socket")
