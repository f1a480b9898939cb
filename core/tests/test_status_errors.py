"""Which error a CRM's answer is, by its status and by what the plugin says of it: this decides what is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from unilead import Response, error_for

UNAVAILABLE = ("UnavailableError", "provider_unavailable", "unknown", False)
UNEXPECTED = ("ProviderError", "unexpected", "rejected", False)
MALFORMED = ("MalformedResponseError", "unexpected", "unknown", False)
REJECTED = ("RejectedError", "validation", "rejected", False)


def _verdict(status: int, **said: Any) -> tuple[str, str, str, bool]:
    error = error_for(Response.of(status, {}), **said)
    return type(error).__name__, error.category, error.outcome, error.retryable


@pytest.mark.parametrize(
    ("verdict", "statuses"),
    [
        (REJECTED, [400, 413, 414, 415, 422, 431]),
        (("RejectedError", "not_found", "rejected", False), [404]),
        (("AuthError", "authentication", "rejected", False), [401]),
        (("AuthError", "permission", "rejected", False), [402, 403]),
        (("DuplicateLeadError", "conflict", "rejected", False), [409]),
        (("RateLimitError", "rate_limited", "not_sent", True), [429]),
        (UNAVAILABLE, [408, 425, 500, 501, 503, 599]),
        (UNEXPECTED, [405, 418, 423, 499]),
        (MALFORMED, [200, 201, 299, 300, 302, 399, 600]),
    ],
)
def test_a_status_alone(verdict: tuple[str, str, str, bool], statuses: list[int]) -> None:
    assert [_verdict(status) for status in statuses] == [verdict] * len(statuses)


@pytest.mark.parametrize("status", [199, 300, 302, 399, 408, 425, 500, 503, 600])
def test_a_refusing_category_under_a_doubtful_status_stays_unknown(status: int) -> None:
    assert _verdict(status, category="validation")[2:] == ("unknown", False)
    assert _verdict(status, category="rate_limited") == UNAVAILABLE


@pytest.mark.parametrize("status", [200, 299, 400, 429, 499])
def test_a_throttle_by_the_vendors_code_is_one_under_a_definite_status(status: int) -> None:
    assert _verdict(status, category="rate_limited") == ("RateLimitError", "rate_limited", "not_sent", True)


def test_a_vendors_word_for_whether_it_was_processed_decides() -> None:
    assert _verdict(503, processed=False) == ("UnavailableError", "provider_unavailable", "not_sent", True)
    assert _verdict(409, processed=False) == ("DuplicateLeadError", "conflict", "not_sent", True)
    assert _verdict(503, category="rate_limited", processed=False)[0] == "RateLimitError"
    assert _verdict(429, processed=True)[3] is False
    assert _verdict(503, processed=True) == UNAVAILABLE
    assert _verdict(503, category="rate_limited", processed=True)[2:] == ("unknown", False)


def test_what_the_vendor_says_besides_is_kept() -> None:
    error = error_for(Response.of(429, {}), "slow down", field="last_name", vendor_code="E_RATE", retry_after=7.5)
    assert (error.message, error.field, error.vendor_code, error.retry_after) == (
        "slow down",
        "last_name",
        "E_RATE",
        7.5,
    )
    assert _verdict(503, category="unexpected") == MALFORMED
