"""Every simulator under odd and heavy use: B082."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.members import SLUGS
from unilead import Account, Client, LeadError, OAuth2, Registry
from unilead.auth import credential_headers

REGISTRY = Registry(overrides=False)
LEAD = {
    "title": "T",
    "name": "N",
    "first_name": "F",
    "last_name": "L",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works"},
}
WORKERS = 16
LEADS = 1_000


def _token_path(slug: str) -> str:
    schemes = REGISTRY.get(slug).info.auth_schemes
    return next((urlsplit(scheme.token_url).path for scheme in schemes if isinstance(scheme, OAuth2)), "")


@pytest.mark.parametrize("slug", SLUGS)
def test_b082_a_thousand_concurrent_creates_are_counted_right(slug: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    account = Account(slug, simulator.sample_settings)
    with Client(registry=REGISTRY, transport=simulator) as client, ThreadPoolExecutor(WORKERS) as pool:
        ids = list(pool.map(lambda _: client.create(LEAD, account).id, range(LEADS)))
    assert len(set(ids)) == simulator.count == LEADS


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/no/such/path"), ("GET", "/"), ("TRACE", None), ("PATCH", None)]
)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_b082_odd_calls_get_an_error_and_store_nothing(slug: str, method: str, path: str | None, signed: bool) -> None:
    """Unknown routes, wrong methods and wrong credentials are refused over a real connection, and counted right."""
    provider = REGISTRY.get(slug)
    simulator = provider.simulator()
    settings = provider.settings(simulator.sample_settings)
    create = "/" + _create_url(slug).split("/", 3)[3]
    headers = credential_headers(provider.info, settings) if signed else {}
    with simulator.serve() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        body = json.dumps({}) if method != "TRACE" else None
        connection.request(method, path or create, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        connection.close()
    assert 400 <= answer.status < 500
    assert simulator.count == 0


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if _token_path(slug)])
def test_b082_a_form_that_is_no_text_is_refused(slug: str) -> None:
    with REGISTRY.get(slug).simulator().serve() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", _token_path(slug), b"grant_type=\xff", headers)
        assert 400 <= connection.getresponse().status < 500
        connection.close()


def _create_url(slug: str) -> str:
    simulator = REGISTRY.get(slug).simulator()
    with Client(registry=REGISTRY, transport=simulator) as client:
        return client.create(LEAD, Account(slug, simulator.sample_settings)).request.url


@pytest.mark.parametrize("slug", SLUGS)
def test_b082_wrong_credentials_store_nothing_however_often(slug: str) -> None:
    simulator = REGISTRY.get(slug).simulator()
    wrong = {
        name: value[::-1] if isinstance(value, str) else value for name, value in simulator.sample_settings.items()
    }
    with Client(registry=REGISTRY, transport=simulator) as client:
        for _ in range(20):
            with pytest.raises(LeadError):
                client.create(LEAD, Account(slug, wrong))
    assert simulator.count == 0
