"""The OpenAPI document: valid, true to the models, and kept by the host under generated requests."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from host_stage import Stage, staged
from unilead import CreatedLead, Lead
from unilead_host.app import create_app
from unilead_host.serving import listen, url_of
from unilead_host.settings import HostSettings

SELL = "zendesk-sell"


@pytest.mark.anyio
async def test_the_document_is_valid_and_made_of_the_models(stage: Stage) -> None:
    document = (await stage.http.get("/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    assert list(schemas["Lead"]["properties"]) == list(Lead.model_fields)
    assert list(schemas["CreatedLead"]["properties"]) == list(CreatedLead.model_fields)
    for name, field in Lead.model_fields.items():
        assert schemas["Lead"]["properties"][name]["description"] == field.description


@pytest.mark.anyio
async def test_every_operation_and_parameter_is_said_in_words(stage: Stage) -> None:
    document = (await stage.http.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    words = {operation["summary"] for operation in operations}
    assert len(words) == len(operations)
    assert not {one for one in words if one == one.title() or one.endswith(".")}
    assert "One job, with its rows counted by state" in words
    assert all(one["description"] for operation in operations for one in operation.get("parameters", ()))


@pytest.mark.anyio
async def test_a_405_names_every_method_of_its_path(stage: Stage) -> None:
    document = (await stage.http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        answer = await stage.http.put(path.replace("{", "").replace("}", ""))
        assert answer.status_code == 405, path
        assert {method.upper() for method in operations} <= {*answer.headers["allow"].split(", ")}, path
        assert "PUT" not in answer.headers["allow"]


class Background:
    """A host in a thread of its own, on a socket, for a test tool that is not asynchronous."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ready = threading.Event()
        self._server: uvicorn.Server | None = None
        self.stage: Stage | None = None
        self._listening = listen("127.0.0.1", 0)
        self.url = url_of(self._listening)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(20)

    async def _serve(self) -> None:
        async with staged(self._url) as self.stage:
            config = uvicorn.Config(self.stage.app, lifespan="off", log_level="critical", access_log=False)
            self._server = uvicorn.Server(config)
            self._ready.set()
            await self._server.serve([self._listening])


@pytest.fixture(scope="module")
def background(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Background]:
    path = tmp_path_factory.mktemp("schemathesis") / "host.sqlite"
    shutil.copy(migrated_file, path)
    with Background(f"sqlite:///{path}") as made:
        yield made


# Past the tool's own pytest plugin, which does not know the newest pytest.
DOCUMENT = create_app(HostSettings()).office.openapi()
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()]
ACCOUNT = "integrated_account_id"


COMPLETE = {
    "title": "T", "name": "N", "first_name": "F", "last_name": "L", "contact": {"id": "1"}, "account": {"id": "2"},
}  # fmt: skip
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [
    pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
    for operation in OPERATIONS
    for mode in (POSITIVE, NEGATIVE)
    if mode is POSITIVE or {"parameters", "requestBody"} & operation.definition.raw.keys()  # else nothing can be wrong
]


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_generated_requests_break_nothing(operation: Any, mode: Any, background: Background) -> None:
    stage = background.stage
    assert stage is not None
    accounts = sorted(stage.accounts.values())

    @given(operation.as_strategy(generation_mode=mode), st.sampled_from(accounts))
    @settings(
        max_examples=40,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def meets_the_document(case: Any, account: str) -> None:
        if mode is POSITIVE and ACCOUNT in (case.query or {}):
            case.query[ACCOUNT] = account
            if isinstance(case.body, dict):
                case.body = COMPLETE | case.body
        answer = case.call(base_url=background.url, headers={"Authorization": f"Bearer {stage.token}"})
        # Which fields are required depends on the account's CRM, which no document can say; and parameters that nobody
        # knows are ignored, which the tool takes for bad data that was accepted.
        ignored = [negative_data_rejection] if operation.method == "get" else []
        case.validate_response(answer, excluded_checks=[positive_data_acceptance, *ignored])

    meets_the_document()
