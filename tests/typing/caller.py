"""An application and an override as their authors write them; `tox -e type` checks it as in a project of their own.

That is strict, against what is installed, and without pydantic's mypy plugin.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, assert_type

from unilead import (
    Account,
    AccountReference,
    AsyncClient,
    Client,
    CreatedLead,
    CredentialKey,
    Credentials,
    DuplicateLeadError,
    EmailAddress,
    Lead,
    LeadError,
    MissingFieldsError,
    Outcome,
    PhoneNumber,
    PostalAddress,
    Problem,
    RateLimit,
    Reference,
    Registry,
    Request,
    Result,
    Settings,
    Url,
    hookimpl,
)


class Store:
    def load(self, key: CredentialKey) -> Credentials | None: ...
    async def lease(self, key: CredentialKey, version: int, owner: str, seconds: float) -> bool:
        return bool(key.seed)

    def save(self, key: CredentialKey, credentials: Credentials) -> bool:
        return bool(credentials.values)

    def forget(self, account_id: str) -> None: ...


class Slow:
    def wait(self, account_id: str, limits: Sequence[RateLimit]) -> float:
        return 0.5 if limits else 0.0


def some_lead() -> Lead:
    return Lead(
        last_name="Lovelace",
        contact=Reference(id="17"),
        account=AccountReference(name="Engine Works"),
        email_addresses=(EmailAddress(email="ada@example.com"),),
        phone_numbers=(PhoneNumber(number="+44 20 7946 0000", type="work"),),
        addresses=(PostalAddress(city="London"),),
        custom_fields={"score": 80},
        number_of_employees=5,
    )


def created_lead() -> CreatedLead:
    return CreatedLead(id=17, urls=[Url(url="https://crm.example/17")])


def many() -> Iterator[dict[str, Any]]:
    yield {"last_name": "Lovelace"}


async def many_later() -> AsyncIterator[Lead]:
    yield Lead(last_name="Lovelace")


def create(account: Account) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with Client(registry=Registry(disable=["acme"]), credential_store=Store(), pacer=Slow(), timeout=5) as client:
        try:
            result = client.create(some_lead(), account, on_unsupported="raise", on_send=lambda request: None)
            assert_type(result, Result)
            assert_type(result.lead, CreatedLead)
            assert_type(result.lead.last_name, str | None)
            assert_type(result.render_json("raw"), bytes)
        except DuplicateLeadError as error:
            assert_type(error.existing_id, str | None)
        except MissingFieldsError as error:
            assert_type(error.problems, list[Problem])
        creating = client.create_many(many(), account, before_send=lambda indexes: None)
        for index, verdict in creating:
            assert_type(index, int)
            if isinstance(verdict, LeadError):
                outcomes.append(verdict.outcome)
                creating.stop()
        client.create_many([(7, {"last_name": "Lovelace"})], account, numbered=True)
    return outcomes


async def create_later(account: Account) -> None:
    async with AsyncClient(backend="aiohttp") as client:
        assert_type(await client.create({"last_name": "Lovelace"}, account), Result)
        async for _index, verdict in client.create_many(many_later(), account):
            assert_type(verdict, Result | LeadError)


@hookimpl
def validate_required(lead: Lead, settings: Settings) -> list[Problem] | None:
    return None if lead.title else [Problem("title", "missing", "is required")]


@hookimpl(wrapper=True)
def build_request(lead: Lead) -> Generator[None, Request, Request]:
    request = yield
    return replace(request, headers={**request.headers, "X-Region": "eu"})
