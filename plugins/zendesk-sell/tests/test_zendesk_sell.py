"""Zendesk Sell keeps the provider contract; the tests below are about what only Sell does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unilead import (
    Lead,
    MalformedResponseError,
    Provider,
    ProviderError,
    Registry,
    RejectedError,
    Response,
    SettingsError,
)
from unilead.testing import ProviderContract, VendorRules


class TestZendeskSell(ProviderContract):
    slug = "zendesk-sell"
    cases = Path(__file__).parent / "cases"
    canaries = {"lead_source": ("Fair", "880215")}
    fixed_fields = {"last_name": "Okafor", "owner": {"id": "7"}, "lead_source": "web"}


class TestZendeskSellRules(VendorRules):
    slug = "zendesk-sell"
    rules = Path(__file__).parent / "rules.json"


@pytest.fixture
def provider() -> Provider:
    return Registry(overrides=False).get("zendesk-sell")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "settings"),
        ({"client_id": "a", "client_secret": "b"}, "settings"),
        ({"refresh_token": "c"}, "settings"),
        ({"access_token": "t", "lead_source_map": {"Web": "four"}}, "lead_source_map.Web"),
        ({"access_token": "t", "lead_source_map": {"Web": 0}}, "lead_source_map.Web"),
        ({"access_token": "t", "subdomain": "acme"}, "subdomain"),
        ({"access_token": "t", "base_url": "https://evil.example"}, "base_url"),
    ],
)
def test_settings_at_fault_are_named(provider: Provider, values: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider.settings(values)
    assert caught.value.fields == (fault,)
    assert "settings: settings" not in caught.value.message


def test_an_account_may_refresh_instead_of_holding_a_token(provider: Provider) -> None:
    settings = provider.settings({"client_id": "a", "client_secret": "b", "refresh_token": "c"})
    assert provider.base_url(settings) == "https://api.getbase.com"


@pytest.mark.parametrize("odd", ["Bristol", ["Bristol"], 5, {}], ids=str)
def test_an_odd_address_does_not_hide_that_the_lead_was_created(odd: Any, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead(last_name="Okafor"), settings)
    answer = Response.of(200, {"data": {"id": 7, "address": odd}, "meta": {"type": "lead"}})
    created = provider.parse_response(answer, request, settings)
    assert (created.id, created.addresses) == ("7", None)


@pytest.mark.parametrize(
    ("pointers", "field"),
    [
        (["/foo", "/data/last_name"], "last_name"),
        ([None, "/address/city"], "addresses"),
        (["/foo"], None),
        ([], None),
    ],
    ids=str,
)
def test_the_first_attribute_that_a_field_goes_to_is_named(pointers: list[Any], field: str, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead(last_name="Okafor"), settings)
    errors = [{"error": {"code": "invalid_type", "message": "no", "field": pointer}} for pointer in pointers]
    with pytest.raises(RejectedError) as caught:
        provider.parse_response(Response.of(422, {"errors": errors}), request, settings)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("given", "pointer", "field"),
    [
        ({"custom_fields": {"Seats/Users": 5}}, "/custom_fields/Seats~1Users", "custom_fields.Seats/Users"),
        ({"custom_fields": {"Seats/Users": 5}}, "/data/custom_fields/Seats/Users", "custom_fields.Seats/Users"),
        ({"custom_fields": {"No. of ~": 5}}, "/custom_fields/No. of ~0", "custom_fields.No. of ~"),
        (
            {"remote_data": {"custom_fields": {"No. of": 5}}},
            "/custom_fields/No. of",
            "remote_data.custom_fields.No. of",
        ),
        ({"remote_data": {"data": {"twitter": "x"}}}, "/twitter", "remote_data.data.twitter"),
        ({"title": "t", "remote_data": {"data": {"title": "x"}}}, "/title", "remote_data.data.title"),
        ({"title": "t", "remote_data": {"data": {"twitter": "x"}}}, "/title", "title"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_attribute_is_named_where_the_caller_wrote_it(
    given: dict[str, Any], pointer: str, field: str, provider: Provider
) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead.parse({"last_name": "Okafor", **given}), settings)
    error = {"error": {"code": "unknown", "message": "no", "field": pointer}}
    with pytest.raises(RejectedError) as caught:
        provider.parse_response(Response.of(422, {"errors": [error]}), request, settings)
    assert caught.value.field == field


@pytest.mark.parametrize("body", [None, "<html>", {"errors": []}, {"errors": None}, {"errors": "x"}], ids=str)
def test_a_create_at_an_unknown_address_blames_no_id(body: Any, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead(last_name="Okafor"), settings)
    with pytest.raises(ProviderError) as caught:
        provider.parse_response(Response.of(404, body), request, settings)
    assert (caught.value.category, caught.value.outcome, caught.value.hint) == ("unexpected", "rejected", None)


@pytest.mark.parametrize("body", [None, {"errors": [{"error": {"code": "conflict", "message": "x"}}]}], ids=str)
def test_a_409_throttles_a_read_and_refuses_a_create(body: Any, provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    found = []
    for request in (
        provider.build_read_request("5", settings),
        provider.build_request(Lead(last_name="Okafor"), settings),
    ):
        with pytest.raises(ProviderError) as caught:
            provider.parse_response(Response.of(409, body), request, settings)
        found.append((caught.value.category, caught.value.outcome))
    assert found == [("rate_limited", "not_sent"), ("conflict", "rejected")]


def test_a_lead_beside_errors_is_unknown(provider: Provider) -> None:
    settings = provider.settings({"access_token": "t"})
    request = provider.build_request(Lead(last_name="Okafor"), settings)
    answer = {"data": {"id": 5}, "errors": [{"error": {"code": "invalid_type", "message": "no"}}]}
    with pytest.raises(MalformedResponseError) as caught:
        provider.parse_response(Response.of(200, answer), request, settings)
    assert caught.value.outcome == "unknown"
