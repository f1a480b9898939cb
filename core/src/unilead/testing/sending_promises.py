"""What a provider promises once its requests are sent, to its own simulator; and that it keeps secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from pydantic import SecretStr

from unilead.account import Account
from unilead.client import Client
from unilead.errors import AuthError, LeadError, OutcomeUnknownError, ProviderError
from unilead.message import Response
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.settings import Settings
from unilead.simulator import Simulator
from unilead.testing.canaries import CANARIES, top
from unilead.testing.golden import plain_request
from unilead.testing.stage import ProviderStage


class SendingPromises(ProviderStage):
    """Promises 18 to 26: one lead, stored once, or an outcome that can be trusted."""

    # --- the simulator --------------------------------------------------------------------------------------------

    def test_18_simulator_creates_once(self, simulator: Simulator, account: Account) -> None:
        """A lead with every supported field is stored once, and its id comes back."""
        supported = [path for path in CANARIES if top(path) in self.load().supported]
        with Client(transport=simulator, registry=Registry(overrides=False)) as client:
            result = client.create(self.lead_with(*self.creatable(supported)), account)
        assert simulator.count == 1
        assert result.id
        assert result.attempts == 1
        lost = [path for path in result.dropped if path != "phone_numbers[0].email"]
        assert not lost, f"FIELDS lists the field, and these parts of it are not sent: {', '.join(lost)}"

    def creatable(self, paths: list[str]) -> list[str]:
        """Paths that the CRM really accepts on a create; override to leave out what it always refuses."""
        return paths

    def test_19_preview_is_what_is_sent(
        self, provider: Provider, simulator: Simulator, settings: Settings, account: Account
    ) -> None:
        """The request that `build_request` shows is byte for byte what the CRM gets."""
        lead = self.lead_with()
        preview = provider.build_request(lead, settings, remote_query=None)
        with Client(transport=simulator, registry=Registry(overrides=False)) as client:
            sent = client.create(lead, account).request
        assert plain_request(sent) == plain_request(preview)
        assert simulator.calls[-1].body == preview.body

    def test_20_read_back_fills_the_response_fields(self, simulator: Simulator, account: Account) -> None:
        """Reading back succeeds and answers the same id."""
        with Client(transport=simulator, registry=Registry(overrides=False)) as client:
            result = client.create(self.lead_with(), account, read_back=True)
        assert result.id
        assert len(simulator.calls) == 2, "the lead was not read back"

    def test_21_wrong_credentials_are_an_auth_error(self, simulator: Simulator, account: Account) -> None:
        """The CRM's answer to wrong credentials is understood, and nothing is stored."""
        wrong = {
            name: _other(value) if name in self._secret_names() else value
            for name, value in simulator.sample_settings.items()
        }
        with (
            Client(transport=simulator, registry=Registry(overrides=False)) as client,
            pytest.raises(AuthError) as caught,
        ):
            client.create(self.lead_with(), replace(account, settings=wrong))
        assert caught.value.category == "authentication"
        assert simulator.count == 0

    def test_22_throttling_is_waited_out(
        self, simulator: Simulator, account: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A throttled request was not processed: it is repeated, and one lead is stored."""
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        simulator.faults.throttle = 1
        with Client(transport=simulator, registry=Registry(overrides=False)) as client:
            assert client.create(self.lead_with(), account).attempts == 2
        assert simulator.count == 1

    @pytest.mark.parametrize("fault", ["drop_before", "drop_after_commit", "truncate"])
    def test_23_lost_answers_are_unknown(self, fault: str, simulator: Simulator, account: Account) -> None:
        """Sent and not answered is unknown, and never sent again."""
        setattr(simulator.faults, fault, 1)
        with (
            Client(transport=simulator, registry=Registry(overrides=False)) as client,
            pytest.raises(LeadError) as caught,
        ):
            client.create(self.lead_with(), account)
        assert caught.value.outcome == "unknown"
        assert isinstance(caught.value, (OutcomeUnknownError, ProviderError))
        assert len(simulator.calls) == 1

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_24_failing_crm_is_unknown(self, status: int, simulator: Simulator, account: Account) -> None:
        """A 5xx is never repeated."""
        simulator.faults.status, simulator.faults.status_count = status, 1
        with (
            Client(transport=simulator, registry=Registry(overrides=False)) as client,
            pytest.raises(ProviderError) as caught,
        ):
            client.create(self.lead_with(), account)
        assert caught.value.outcome == "unknown"
        assert len(simulator.calls) == 1

    # --- secrets --------------------------------------------------------------------------------------------------

    def test_25_hooks_unwrap_no_secret(
        self, provider: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Credentials are added by the core after the last hook; no hook looks at one."""
        lead = self.lead_with()
        base_url = provider.base_url(settings)
        look = Mock(return_value="x")
        monkeypatch.setattr(SecretStr, "get_secret_value", look)
        request = provider.build_request(lead, settings, base_url=base_url)
        with pytest.raises(ProviderError):
            provider.parse_response(Response(400), request, settings)
        look.assert_not_called()

    def test_26_requests_and_reprs_hold_no_secret(
        self, provider: Provider, simulator: Simulator, settings: Settings
    ) -> None:
        """No credential is in a request, in a repr, or in an error about settings."""
        request = provider.build_request(self.lead_with(), settings)
        shown = f"{request!r}{settings!r}{plain_request(request)}{settings.model_dump()}"
        for secret in settings.secrets():
            assert secret not in shown
        with pytest.raises(LeadError) as caught:
            provider.settings({**simulator.sample_settings, "no_such_setting": "canary-secret"})
        assert "no_such_setting" in str(caught.value)
        assert "canary-secret" not in f"{caught.value!s}{caught.value!r}"

    def _secret_names(self) -> set[str]:
        settings = self.pair()[1]
        return {name for name, value in settings.__dict__.items() if isinstance(value, SecretStr)}


def _other(value: Any) -> Any:
    """A credential of the same form that is not the right one."""
    text = str(value)
    return ("0" if text[0] != "0" else "1") + text[1:]
