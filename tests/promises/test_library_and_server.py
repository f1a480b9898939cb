"""Promise 11: library and server are one. The same two hundred leads give equal JSON, or equal errors, through both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from host_stage import Stage, staged
from tests.members import SLUGS
from unilead import Account, AsyncClient, LeadError, MissingFieldsError, ProviderError, Simulator
from unilead.testing import leads
from unilead_host.storage import migrate

T = TypeVar("T")
LEADS = 200
MOMENT = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
FIXED = {
    "title": "T",
    "last_name": "L",
    "owner": None,
    "contact": {"id": "17"},
    "lead_source": None,
    "custom_fields": None,
}
FORMATS = st.sampled_from(["unified", "raw", "normalized"])
EXCLUDED = st.lists(st.sampled_from(["id", "owner.id", "title", "remote_data", "phone_numbers.type"]), max_size=2)


class Both:
    """A host, and beside it a library client for each CRM, whose simulator has the same history as the host's."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._context = AsyncExitStack()
        self.stage: Stage = self.run(lambda: self._context.enter_async_context(staged(url)))
        registry = self.stage.host.registry
        simulators = {slug: registry.get(slug).simulator() for slug in self.stage.simulators}
        self.clients = {slug: AsyncClient(registry=registry, transport=one) for slug, one in simulators.items()}
        self.accounts = {slug: Account(slug, one.sample_settings) for slug, one in simulators.items()}

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def awaited() -> T:
            return await work()

        return self._loop.run_until_complete(awaited())

    def close(self) -> None:
        self.run(self._context.aclose)
        self._loop.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    url = f"sqlite:///{tmp_path_factory.mktemp('promise') / 'host.sqlite'}"
    asyncio.run(migrate(url))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Simulator, "now", lambda self: MOMENT)
        made = Both(url)
        yield made
        made.close()


@pytest.mark.parametrize("slug", SLUGS)
def test_library_and_server_are_one(slug: str, both: Both) -> None:
    created = 0
    requires_record = "account" in both.stage.host.registry.get(slug).required
    fixed = {**FIXED, "account": {"id": "42"} if requires_record else {"name": "Acme"}}

    @settings(
        max_examples=-(-LEADS // len(SLUGS)),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(
        lead=leads(fixed),
        format=FORMATS,
        remote_data=st.booleans(),
        exclude=EXCLUDED,
    )
    def gives_the_same(lead: Any, format: str, remote_data: bool, exclude: list[str]) -> None:
        nonlocal created
        body = lead.model_dump_json(exclude_none=True).encode()
        query = f"truto_response_format={format}&truto_ignore_remote_data={str(not remote_data).lower()}"
        query += f"&truto_exclude_fields={','.join(exclude)}"
        answer = both.run(lambda: both.stage.post(slug, query=query, content=body))
        try:
            result = both.run(lambda: both.clients[slug].create(body, both.accounts[slug]))
        except LeadError as error:
            assert_same_error(answer.status_code, answer.json(), error)
            return
        created += 1
        assert answer.status_code == 200, answer.text
        assert answer.json() == result.render(format, remote_data=remote_data, exclude=exclude)  # type: ignore[arg-type]
        assert ("unified-dropped-fields" in answer.headers) == bool(result.dropped)

    gives_the_same()
    assert created, "no generated lead was created: the comparison is empty"


def assert_same_error(status: int, body: Any, error: LeadError) -> None:
    if isinstance(error, ProviderError):
        assert error.response is not None
        assert (status, body["raw_response"]) == (error.status, error.response.remote_data)
    elif isinstance(error, MissingFieldsError):
        assert body["truto_error_insight"]["missing_required_body_fields"]["value"] == list(error.fields)
    else:
        assert (status, [one["field"] for one in body["details"]["failures"]]) == (400, [*error.fields])
