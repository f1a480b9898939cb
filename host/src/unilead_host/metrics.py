"""Metrics for Prometheus; label values come from closed sets, so that nothing of a lead ends up in one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)


class Metrics:
    """What the host counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._creates = Counter(
            "unilead_creates", "Creates by provider and outcome", ["provider", "outcome"], registry=self._registry
        )
        self._seconds = Histogram(
            "unilead_create_seconds",
            "Seconds a create took, the CRM's answer included",
            ["provider"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._rows = Counter(
            "unilead_bulk_rows", "Verdicts on rows of bulk jobs", ["provider", "state"], registry=self._registry
        )
        self._children: dict[tuple[str, str], tuple[Counter, Histogram]] = {}

    def count(self, provider: str, outcome: str, seconds: float) -> None:
        """Count one create."""
        name = provider, outcome
        if name not in self._children:
            self._children[name] = self._creates.labels(provider, outcome), self._seconds.labels(provider)
        creates, durations = self._children[name]
        creates.inc()
        durations.observe(seconds)

    def count_row(self, provider: str, state: str) -> None:
        """Count the verdict on one row of a bulk job."""
        self._rows.labels(provider, state).inc()

    def text(self) -> bytes:
        """All of it, in Prometheus' own format."""
        return generate_latest(self._registry)
