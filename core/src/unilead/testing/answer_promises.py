"""What a provider promises about the CRM's answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from unilead.auth import credential_headers
from unilead.errors import AuthError, ProviderError, RateLimitError
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.schema import CreatedLead
from unilead.settings import Settings
from unilead.simulator import Simulator
from unilead.testing.canaries import ODD_BODIES
from unilead.testing.leads import answers
from unilead.testing.stage import ProviderStage


class AnswerPromises(ProviderStage):
    """Promises 14 to 17, and for batches 27 and 28: an answer is a lead with an id, or a named error."""

    # --- answers --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
    def test_14_odd_success_is_never_created(
        self, status: int, body: bytes, provider: Provider, settings: Settings
    ) -> None:
        """A 2xx that names no lead is no success; without a clear refusal its outcome is unknown."""
        with pytest.raises(ProviderError) as caught:
            self.parse(provider, settings, Response(status, {}, body))
        assert caught.value.outcome in ("unknown", "rejected")
        if not body.startswith(b'{"errors"'):
            assert caught.value.outcome == "unknown"

    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 418, 422, 429])
    def test_15_odd_refusal_is_classified(
        self, status: int, body: bytes, provider: Provider, settings: Settings
    ) -> None:
        """A 4xx with any body is a named error of the right class, and never unknown."""
        with pytest.raises(ProviderError) as caught:
            self.parse(provider, settings, Response(status, {"retry-after": "7"}, body))
        error = caught.value
        assert error.provider == self.slug
        assert error.outcome in ("rejected", "not_sent")
        assert error.message and len(error.message) <= 2000
        if status == 401:
            assert isinstance(error, AuthError) and error.category == "authentication"
        if status == 429:
            assert isinstance(error, RateLimitError) and error.retryable

    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
    @pytest.mark.parametrize("status", [301, 302, 304, 307, 408, 425, 500, 502, 503, 504, 599, 600])
    def test_16_failure_and_redirect_are_unknown(
        self, status: int, body: bytes, provider: Provider, settings: Settings
    ) -> None:
        """A failing or redirecting CRM may have stored the lead: unknown, and not to be repeated."""
        with pytest.raises(ProviderError) as caught:
            self.parse(provider, settings, Response(status, {"location": "http://127.0.0.1/"}, body))
        assert caught.value.outcome == "unknown"
        assert not caught.value.retryable

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(status=st.sampled_from([200, 201, 400, 404, 422, 500]), body=answers())
    def test_17_any_answer_is_read_or_named(self, status: int, body: Any) -> None:
        """Whatever JSON the CRM answers becomes a lead with an id, or a ProviderError."""
        provider, settings = self.pair()
        try:
            created = self.parse(provider, settings, Response.of(status, json.dumps(body).encode()))
        except ProviderError as error:
            assert error.provider == self.slug
        else:
            assert created.id and 200 <= status < 300

    # --- batches --------------------------------------------------------------------------------------------------

    def test_27_batch_keeps_order(self, provider: Provider, simulator: Simulator, settings: Settings) -> None:
        """A batch answers one verdict for each lead, in order, each with its own part of the answer."""
        if not provider.takes_batches:
            assert provider.info.batch_size == 0
            return
        requests = [provider.compose(self.lead_with(), settings) for _ in range(3)]
        batch, taken = provider.build_batch(requests, settings)
        assert taken == (0, 1, 2)
        response = self._exchange(simulator, batch, settings)
        verdicts = provider.parse_batch(response, batch, 3, settings)
        created = [verdict for verdict in verdicts if isinstance(verdict, CreatedLead)]
        refused = [str(verdict) for verdict in verdicts if isinstance(verdict, ProviderError)]
        assert not refused, "the simulator refuses the lead; what the CRM wants beyond the contract goes into `minimum`"
        assert [verdict.id for verdict in created] == list(simulator.leads)
        assert simulator.count == 3
        parts = [str(verdict.part) for verdict in created]
        assert len(set(parts)) == 3, "each lead notes its own part of the answer with CreatedLead.of_part"
        assert all(str(verdict.id) in part for verdict, part in zip(created, parts, strict=True))

    @pytest.mark.parametrize("status", [200, 400, 500])
    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
    def test_28_odd_batch_answers_are_never_created(
        self, status: int, body: bytes, provider: Provider, settings: Settings
    ) -> None:
        """A batch answer that cannot be read creates nothing: each row is unknown or refused."""
        if not provider.takes_batches:
            return
        batch, taken = provider.build_batch([provider.compose(self.lead_with(), settings)], settings)
        try:
            verdicts = provider.parse_batch(Response(status, {}, body), batch, len(taken), settings)
        except ProviderError as error:
            verdicts = [error]
        assert all(isinstance(verdict, ProviderError) for verdict in verdicts)
        if status >= 500:
            assert {verdict.outcome for verdict in verdicts if isinstance(verdict, ProviderError)} == {"unknown"}

    def _exchange(self, simulator: Simulator, request: Request, settings: Settings) -> Response:
        return simulator.send(request, credentials=credential_headers(self.load().info, settings), timeout=5)
