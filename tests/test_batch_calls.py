"""A thousand leads cost as few calls as the CRM's batch endpoint allows, and each has its own verdict, in order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unilead import CreatedLead, Lead, Registry, RejectedError
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


@pytest.mark.parametrize("slug", sorted(GOOD))
def test_a_thousand_leads_cost_few_calls_and_keep_their_order(slug: str) -> None:
    provider = Registry(overrides=False).get(slug)
    simulator = provider.simulator()
    simulator.missing.add(GONE)
    settings = provider.settings(simulator.sample_settings)
    credentials = credential_headers(provider.info, settings)
    refused = set(range(37, 1_000, 100))
    leads = [_lead(slug, number, bad=number in refused) for number in range(1_000)]
    verdicts: list[Any] = []
    for start in range(0, len(leads), provider.info.batch_size):
        requests = [provider.compose(lead, settings) for lead in leads[start : start + provider.info.batch_size]]
        batch, taken = provider.build_batch(requests, settings)
        assert taken == tuple(range(len(requests)))
        answer = simulator.send(batch, credentials=credentials, timeout=5)
        verdicts += provider.parse_batch(answer, batch, len(taken), settings)
    assert len(simulator.calls) == CALLS[slug]
    assert len(verdicts) == 1_000
    assert simulator.count == 990
    (field,) = BAD[slug]
    for number, verdict in enumerate(verdicts):
        if number in refused:
            assert isinstance(verdict, RejectedError), number
            assert verdict.outcome == "rejected"
            assert verdict.fields[0].partition(".")[0] == field
        else:
            assert isinstance(verdict, CreatedLead), number
            assert f'"Lead {number}"' in json.dumps(simulator.leads[verdict.id])


def _lead(slug: str, number: int, *, bad: bool) -> Lead:
    values = {
        name: value.format(number) if isinstance(value, str) else value
        for name, value in (GOOD[slug] | (BAD[slug] if bad else {})).items()
    }
    return Lead.parse(values)
