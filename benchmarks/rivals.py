"""The vendors' own clients, each used for the same create: as its README shows, and with its objects kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

Create = Callable[[], object]

TOKEN = "a" * 64  # the form that basecrm checks for


def basecrm(url: str, body: Mapping[str, Any]) -> Create:
    import basecrm as vendor

    client = vendor.Client(access_token=TOKEN, base_url=url)
    return lambda: client.leads.create(body["data"])


def pipedrive_python_lib(url: str, body: Mapping[str, Any]) -> Create:
    from pipedrive.client import Client

    client = Client(domain=url)
    client.set_api_token(TOKEN)
    return lambda: client.leads.create_lead(dict(body))


def simple_salesforce(url: str, body: Mapping[str, Any]) -> Create:
    from simple_salesforce import Salesforce

    client = Salesforce(instance_url=url, session_id=TOKEN, version="68.0")
    return lambda: client.Lead.create(dict(body))


def zohocrmsdk(url: str, body: Mapping[str, Any], folder: Path) -> Create:
    from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
    from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
    from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, Initializer, SDKConfig
    from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
    from zohocrmsdk.src.com.zoho.crm.api.record import BodyWrapper, Record, RecordOperations

    Initializer.initialize(
        DataCenter.Environment(url, f"{url}/oauth/v2/token", url),
        OAuthToken(client_id="1000.CLIENT", client_secret="secret", refresh_token="1000.R", find_user=False),
        store=FileStore(str(folder / "tokens.csv")),
        sdk_config=SDKConfig(auto_refresh_fields=False, pick_list_validation=False, update_api_domain=False),
        resource_path=str(folder),
    )
    texts = {name: value for name, value in body["data"][0].items() if isinstance(value, str)}
    choices = ("Lead_Source", "Industry")

    def create() -> object:
        record = Record()
        for name, value in texts.items():
            if name not in choices:
                record.add_key_value(name, value)
        wrapper = BodyWrapper()
        wrapper.set_data([record])
        answer = RecordOperations("Leads").create_records(wrapper, HeaderMap())
        return answer.get_object().get_data()[0].get_details()["id"]

    return create


def hubspot_api_client(url: str, body: Mapping[str, Any], *, keep: bool) -> Create:
    """As its README shows, ``client.crm.…`` at each call, or with the innermost object kept."""
    from hubspot import Client
    from hubspot.crm.objects.leads import SimplePublicObjectInputForCreate

    client = Client.create(access_token=TOKEN, host=url)
    kept = client.crm.objects.leads.basic_api

    def create() -> object:
        lead = SimplePublicObjectInputForCreate(properties=body["properties"], associations=body["associations"])
        return (kept if keep else client.crm.objects.leads.basic_api).create(lead).id

    return create


def hubspot_sdk(url: str, body: Mapping[str, Any]) -> Create:
    from hubspot_sdk import HubSpot

    client = HubSpot(access_token=TOKEN, base_url=url)
    return lambda: client.crm.objects.leads.create(properties=body["properties"], associations=body["associations"]).id


@asynccontextmanager
async def hubspot_sdk_async(url: str, body: Mapping[str, Any]) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    from hubspot_sdk import AsyncHubSpot

    async with AsyncHubSpot(access_token=TOKEN, base_url=url) as client:
        yield lambda: client.crm.objects.leads.create(properties=body["properties"], associations=body["associations"])


def hubspot_batches(url: str, body: Mapping[str, Any], size: int = 100) -> Create:
    """One batch of so many leads, with the innermost object kept."""
    from hubspot import Client
    from hubspot.crm.objects.leads.models import (
        BatchInputSimplePublicObjectBatchInputForCreate,
        SimplePublicObjectBatchInputForCreate,
    )

    kept = Client.create(access_token=TOKEN, host=url).crm.objects.leads.batch_api

    def create() -> object:
        inputs = [
            SimplePublicObjectBatchInputForCreate(
                properties=body["properties"],
                associations=body["associations"],
                object_write_trace_id=f"row-{index}",
            )
            for index in range(size)
        ]
        return kept.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)).results[-1].id

    return create
