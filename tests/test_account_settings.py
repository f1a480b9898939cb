"""What real accounts need beside credentials: versions, places, maps of ids, and the company's name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from tests.members import PLUGINS, slug_of
from unilead import Lead, Registry, SettingsError

REGISTRY = Registry(overrides=False)
FOLDERS = {slug_of(plugin): plugin / "tests" / "cases" for plugin in PLUGINS}
NOT_IN_REQUESTS = {  # settings that shape no lead's request; the plugin's own tests are about them
    "salesforce": {"hosting", "login_host"},
}
COMPANY = {  # where the company's name goes; None: the CRM's lead holds none
    "hubspot": None,
    "insightly": ["ORGANISATION_NAME"],
    "nutshell": None,
    "pipedrive": None,
    "pipeliner": None,
    "salesforce": ["Company"],
    "zendesk-sell": ["data", "organization_name"],
    "zoho-crm": ["data", 0, "Company"],
}
MINIMAL = {"title": "T", "name": "N", "first_name": "F", "last_name": "L", "contact": {"id": "7"}}


@pytest.mark.parametrize("slug", FOLDERS)
def test_every_setting_is_in_a_golden_case(slug: str) -> None:
    provider = REGISTRY.get(slug)
    sample = provider.simulator().sample_settings
    shown = set(sample).union(*(_case_settings(file) for file in FOLDERS[slug].glob("*.json")))
    fields = provider.info.settings.model_fields
    plain = {name for name in fields if SecretStr not in _types(fields[name].annotation)} - {"client_id"}
    assert plain - NOT_IN_REQUESTS.get(slug, set()) <= shown


def _case_settings(file: Any) -> set[str]:
    return set(json.loads(file.read_text(encoding="utf-8")).get("settings", {}))


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))


@pytest.mark.parametrize("slug", FOLDERS)
def test_every_setting_refuses_what_it_cannot_be_and_is_named(slug: str) -> None:
    provider = REGISTRY.get(slug)
    sample = provider.simulator().sample_settings
    for name in provider.info.settings.model_fields:
        with pytest.raises(SettingsError) as caught:
            provider.settings({**sample, name: [["canary-value"]]})
        assert name in {field.partition(".")[0] for field in caught.value.fields}
        assert "canary-value" not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize("slug", COMPANY)
def test_the_companys_name_arrives_or_is_reported(slug: str) -> None:
    provider = REGISTRY.get(slug)
    account = {"name": "Harbor Coffee"} | ({"id": "8"} if "account" in provider.required else {})
    settings = provider.settings(provider.simulator().sample_settings)
    request = provider.build_request(Lead.parse(MINIMAL | {"account": account}), settings)
    place = COMPANY[slug]
    if place is None:
        assert {"account.name", "account"} & set(request.dropped)
        assert b"Harbor Coffee" not in request.body
        return
    value = json.loads(request.body)
    for step in place:
        value = value[step]
    assert value == "Harbor Coffee"
    assert not [path for path in request.dropped if path.startswith("account")]


def test_every_provider_is_asked_about_the_company() -> None:
    assert set(COMPANY) == set(FOLDERS)
