"""A thousand leads cost as few calls as the CRM's batch endpoint allows, and each has its own verdict, in order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unilead import Account, Client, Lead, LeadError, Provider, Registry, RejectedError, Simulator
from unilead.auth import credential_headers

GONE = "00000000-0000-0000-0000-00000000dead"
GOOD: dict[str, dict[str, Any]] = {  # with {} for the lead's number
    "hubspot": {"title": "Lead {}", "contact": {"id": "214550193"}, "account": {"id": "9887120045"}},
    "pipeliner": {"name": "Lead {}"},
    "salesforce": {"last_name": "Lead {}", "account": {"name": "Harbor Coffee"}},
    "zoho-crm": {"first_name": "Amara", "last_name": "Lead {}"},
}
BAD: dict[str, dict[str, Any]] = {  # what the CRM refuses, with the unified field of the refusal
    "hubspot": {"status": "LUKEWARM"},
    "pipeliner": {"owner": {"id": GONE}},
    "salesforce": {"email_addresses": [{"email": "not an address"}]},
    "zoho-crm": {"website": "https://harbor.example/" + "x" * 450},
}
CALLS = {"hubspot": 10, "pipeliner": 10, "salesforce": 5, "zoho-crm": 10}


REFUSED = set(range(37, 1_000, 100))
slugs = pytest.mark.parametrize("slug", sorted(GOOD))


@slugs
def test_a_thousand_leads_cost_few_batches_by_the_hooks_alone(slug: str) -> None:
    provider = Registry(overrides=False).get(slug)
    simulator = _simulator(provider)
    settings = provider.settings(simulator.sample_settings)
    credentials = credential_headers(provider.info, settings)
    leads = [_lead(slug, number) for number in range(1_000)]
    verdicts: list[Any] = []
    for start in range(0, len(leads), provider.info.batch_size):
        requests = [provider.compose(lead, settings) for lead in leads[start : start + provider.info.batch_size]]
        batch, taken = provider.build_batch(requests, settings)
        assert taken == tuple(range(len(requests)))
        answer = simulator.send(batch, credentials=credentials, timeout=5)
        verdicts += provider.parse_batch(answer, batch, len(taken), settings)
    _check(slug, simulator, [verdict if isinstance(verdict, LeadError) else verdict.id for verdict in verdicts])


@slugs
def test_a_thousand_leads_cost_few_calls_by_the_client_over_a_connection(slug: str) -> None:
    registry = Registry(overrides=False)
    simulator = _simulator(registry.get(slug))
    account = Account(slug, simulator.sample_settings)
    leads = (_lead(slug, number) for number in range(1_000))
    with simulator.serve() as served, Client(registry=registry, base_url=served.url, allow_private=True) as client:
        found = dict(client.create_many(leads, account, concurrency=4))
    verdicts = [found[number] for number in range(1_000)]
    _check(slug, simulator, [verdict if isinstance(verdict, LeadError) else verdict.id for verdict in verdicts])


def _check(slug: str, simulator: Simulator, verdicts: list[Any]) -> None:
    """Each verdict is about the lead of its place: an error where the CRM refused it, else the id of that lead."""
    assert len(simulator.calls) == CALLS[slug]
    assert simulator.count == 1_000 - len(REFUSED)
    (field,) = BAD[slug]
    for number, verdict in enumerate(verdicts):
        if number in REFUSED:
            assert isinstance(verdict, RejectedError), number
            assert verdict.outcome == "rejected"
            assert verdict.fields[0].partition(".")[0].partition("[")[0] == field
        else:
            assert f'"Lead {number}"' in json.dumps(simulator.leads[verdict]), number


def _simulator(provider: Provider) -> Simulator:
    simulator = provider.simulator()
    simulator.missing.add(GONE)
    return simulator


def _lead(slug: str, number: int) -> Lead:
    values = {
        name: value.format(number) if isinstance(value, str) else value
        for name, value in (GOOD[slug] | (BAD[slug] if number in REFUSED else {})).items()
    }
    return Lead.parse(values)
