"""Promise 13: the Python SDK of the reference API works against the host unmodified (vector 51).

Only ``tox -e sdk`` collects this folder: the client needs Python 3.12, and here a missing client is an error.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from truto_python_sdk import TrutoApi


@pytest.fixture(scope="module")
def demo() -> Iterator[dict[str, Any]]:
    """The demonstration in a process of its own: ``url``, ``token`` and an account of every provider."""
    command = [sys.executable, "-m", "unilead_host.cli", "demo", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(params=["", "/"], ids=["base-url", "base-url-with-slash"])
def api(request: pytest.FixtureRequest, demo: dict[str, Any]) -> TrutoApi:
    return TrutoApi(token=demo["token"], base_url=demo["url"] + request.param)


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def awaited() -> Any:
        return await work()

    return asyncio.run(awaited())


def create(api: TrutoApi, account: str, lead: Any, **query: Any) -> Any:
    query["integrated_account_id"] = account
    return run(lambda: api.unified_api.create("crm", "leads", lead, query))


def test_it_creates_and_reads(api: TrutoApi, demo: dict[str, Any]) -> None:
    account = demo["accounts"]["zendesk-sell"]
    made = create(api, account, {"last_name": "Okafor", "title": "CTO"})
    assert isinstance(made["id"], str)
    assert (made["last_name"], made["title"], made["remote_data"]["data"]["last_name"]) == ("Okafor", "CTO", "Okafor")
    query = {"integrated_account_id": account, "truto_ignore_remote_data": True}
    read = run(lambda: api.unified_api.get("crm", "leads", made["id"], query))
    assert read == {name: value for name, value in made.items() if name != "remote_data"}


def test_it_creates_at_every_provider(api: TrutoApi, demo: dict[str, Any]) -> None:
    lead = {
        "title": "T", "name": "N", "first_name": "F", "last_name": "L", "contact": {"id": "8841"},
        "account": {"id": "2307", "name": "Engine Works Ltd"},
    }  # fmt: skip
    for account in demo["accounts"].values():
        assert create(api, account, lead)["id"]


def test_its_queries_are_understood(api: TrutoApi, demo: dict[str, Any]) -> None:
    query = {
        "truto_response_format": "normalized", "truto_ignore_remote_data": True,
        "truto_exclude_fields": ["id", "owner"],
        "remote_query": {"a": {"b": 1}, "l": ["x", {"y": "z w"}], "n": None, "e": ""},
    }  # fmt: skip
    made = create(api, demo["accounts"]["insightly"], {"last_name": "L"}, **query)
    assert (made["last_name"], made["status"], made["urls"]) == ("L", None, [])
    assert not {"id", "owner", "remote_data"} & made.keys()


def test_it_fails_as_its_users_expect(api: TrutoApi, demo: dict[str, Any]) -> None:
    with pytest.raises(aiohttp.ClientResponseError) as missing:
        create(api, demo["accounts"]["zoho-crm"], {"title": "x"})
    assert (missing.value.status, missing.value.message) == (400, "Bad Request")
    with pytest.raises(aiohttp.ClientResponseError) as unprocessable:
        create(api, demo["accounts"]["zendesk-sell"], {"last_name": "L", "remote_data": {"nonsense": 1}})
    assert (unprocessable.value.status, unprocessable.value.message) == (422, "Unprocessable Entity")
    with pytest.raises(aiohttp.ClientResponseError) as nobody:
        create(api, demo["accounts"]["zoho-crm"], None)
    assert (nobody.value.status, nobody.value.message) == (400, "Bad Request")
    stranger = TrutoApi(token="tok", base_url=demo["url"])
    with pytest.raises(aiohttp.ClientResponseError) as unauthorized:
        create(stranger, demo["accounts"]["zoho-crm"], {"title": "x"})
    assert (unauthorized.value.status, unauthorized.value.message) == (401, "Unauthorized")


def test_it_pings_and_looks_at_its_account(api: TrutoApi, demo: dict[str, Any]) -> None:
    assert run(api.ping)
    account = demo["accounts"]["hubspot"]
    shown = run(lambda: api.integrated_accounts.get(account))
    assert (shown["id"], shown["status"], shown["integration"]["name"]) == (account, "active", "hubspot")
