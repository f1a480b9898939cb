"""ProviderContract: the promises that every provider keeps, one test for each, numbered as in ``docs/hooks.md``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from unilead.auth import credential_headers
from unilead.client import Client
from unilead.errors import (
    AuthError,
    InvalidLeadError,
    LeadError,
    MissingFieldsError,
    OutcomeUnknownError,
    ProviderError,
    RateLimitError,
)
from unilead.fields import is_empty
from unilead.info import Account
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.schema import CreatedLead, Lead
from unilead.settings import Settings
from unilead.simulator import Simulator
from unilead.testing.golden import plain_request, read_case, run_case, write_case
from unilead.testing.leads import answers, leads

# One value for each path of the schema: what the caller sends, and the text that must then be in the bytes.
CANARIES: dict[str, tuple[Any, str]] = {
    "title": ("canary-title", "canary-title"),
    "owner.id": ("77001", "77001"),
    "contact.id": ("77002", "77002"),
    "account.id": ("77003", "77003"),
    "account.name": ("canary-company", "canary-company"),
    "custom_fields": ({"canary_field": "canary-custom"}, "canary-custom"),
    "first_name": ("canary-first", "canary-first"),
    "last_name": ("canary-last", "canary-last"),
    "lead_source": ("canary-source", "canary-source"),
    "email_addresses[].email": ("canary@example.com", "canary@example.com"),
    "phone_numbers[].number": ("+1 555 770 04", "+1 555 770 04"),
    "phone_numbers[].extension": ("7705", "7705"),
    "phone_numbers[].email": ("canary.phone@example.com", "canary.phone@example.com"),
    "addresses[].street_1": ("canary-street-1", "canary-street-1"),
    "addresses[].street_2": ("canary-street-2", "canary-street-2"),
    "addresses[].city": ("canary-city", "canary-city"),
    "addresses[].state": ("canary-state", "canary-state"),
    "addresses[].postal_code": ("77-006", "77-006"),
    "addresses[].country": ("canary-country", "canary-country"),
    "converted_contact.id": ("77007", "77007"),
    "converted_account.id": ("77008", "77008"),
    "description": ("canary-description", "canary-description"),
    "industry": ("canary-industry", "canary-industry"),
    "website": ("https://canary.example", "canary.example"),
    "number_of_employees": (770_090, "770090"),
    "name": ("canary-name", "canary-name"),
    "created_at": ("2026-11-20T09:15:00Z", "2026-11-20T09:15:00"),
    "lead_type": ("canary-type", "canary-type"),
    "status": ("canary-status", "canary-status"),
}
ODD_BODIES = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html><body><h1>Oops</h1></body></html>",
    "truncated": b'{"data": {"id": 10',
    "text": b"upstream said no",
    "empty object": b"{}",
    "empty array": b"[]",
    "null": b"null",
    "number": b"17",
    "string": b'"Internal Error"',
    "odd errors": b'{"errors": {"x": [1]}, "data": [null], "error": 5, "message": {"a": 1}, "leads": 3}',
    "deep": b'{"errors":' + b"[" * 60 + b"]" * 60 + b"}",
    "not utf-8": b"\xff\xfe{\x00",
}
ODD_IDS = ("a/b", "a?b", "a#b", "..", ".", "a\r\nX-Evil: 1", "\x00", "", "../../admin", "é", "x" * 600)


class ProviderContract:
    """Inherit, and name the slug and the folder of golden cases.

    Attributes:
        slug: the provider under test.
        cases: folder of golden cases, one JSON file each.
        canaries: values for paths of the schema where this CRM checks the form, by path as in `CANARIES`.
        fixed_fields: values that generated leads always have, so that the CRM's checks do not refuse all of them.
        minimum: what the CRM wants beyond the contract before it creates a lead.
    """

    slug: ClassVar[str]
    cases: ClassVar[Path]
    canaries: ClassVar[Mapping[str, tuple[Any, str]]] = {}
    fixed_fields: ClassVar[Mapping[str, Any]] = {}
    minimum: ClassVar[Mapping[str, Any]] = {}

    # --- fixtures -------------------------------------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make one test of each golden case."""
        if "case_file" in metafunc.fixturenames:
            files = sorted(self.cases.glob("*.json"))
            metafunc.parametrize("case_file", files, ids=[file.stem for file in files])

    @pytest.fixture
    def provider(self) -> Provider:
        """The provider alone: an installed override must not change what it is tested for."""
        return self.load()

    @pytest.fixture
    def simulator(self, provider: Provider) -> Simulator:
        """A fresh simulator."""
        return provider.simulator()

    @pytest.fixture
    def settings(self, provider: Provider, simulator: Simulator) -> Settings:
        """The simulator's sample account."""
        return provider.settings(simulator.sample_settings)

    @pytest.fixture
    def account(self, simulator: Simulator) -> Account:
        """The simulator's sample account, for a client."""
        return Account(self.slug, simulator.sample_settings)

    def load(self) -> Provider:
        """Load the provider without overrides."""
        return _loaded(self.slug)

    def canary(self, path: str) -> tuple[Any, str]:
        """The value for a path, and the text it must leave in the bytes."""
        return self.canaries.get(path) or CANARIES[path]

    def lead_with(self, *paths: str) -> Lead:
        """A lead with what the contract and the CRM require, and the canaries of the paths."""
        values: dict[str, Any] = json.loads(json.dumps(dict(self.minimum)))
        for path in (*self._required_paths(), *paths):
            _set(values, path, self.canary(path)[0])
        return Lead.model_validate(values)

    def _required_paths(self) -> list[str]:
        return [path for path in CANARIES if _top(path) in self.load().required and not path.endswith(".name")]

    # --- 1: the data sheet ----------------------------------------------------------------------------------------

    def test_01_describes_itself(self, provider: Provider) -> None:
        """The data sheet is complete: title, hosts, docs, and a settings model of its own that says what each means."""
        info = provider.info
        assert info.slug == self.slug
        assert info.title
        assert info.allowed_hosts
        assert info.docs and all(url.startswith("https://") for url in info.docs.values())
        assert issubclass(info.settings, Settings) and info.settings is not Settings
        assert set(info.response_fields) <= set(CreatedLead.model_fields)
        meanings = info.settings.model_json_schema()["properties"].values()
        assert all(setting.get("description") for setting in meanings), "a setting has no meaning in the docstring"

    def test_02_sample_settings_are_valid(self, provider: Provider, simulator: Simulator) -> None:
        """The simulator's sample account is accepted, and its base URL passes the host check."""
        settings = provider.settings(simulator.sample_settings)
        assert provider.base_url(settings).startswith("https://")

    # --- 2: golden cases ------------------------------------------------------------------------------------------

    def test_03_golden_case(self, provider: Provider, simulator: Simulator, case_file: Path, request: Any) -> None:
        """The lead becomes this request, and the answer means this."""
        case = read_case(case_file)
        found = run_case(provider, case, simulator.sample_settings)
        if request.config.getoption("--update-golden", default=False):
            write_case(case_file, case | found)
        for key, value in found.items():
            assert case.get(key) == value, key

    def test_04_golden_cases_are_many(self) -> None:
        """A provider has at least twelve golden cases."""
        assert len(list(self.cases.glob("*.json"))) >= 12

    # --- 3: fields ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("field", [name for name in Lead.model_fields if name != "remote_data"])
    def test_05_field_arrives_exactly_if_supported(self, field: str, provider: Provider, settings: Settings) -> None:
        """The canary of a field is in the bytes exactly if the provider lists it, else its path is reported."""
        paths = [path for path in CANARIES if _top(path) == field and not path.endswith((".name", "].email"))]
        paths = paths or [field]
        if field == "email_addresses":
            paths = ["email_addresses[].email"]
        for path in paths:
            companions = ["phone_numbers[].number"] if path == "phone_numbers[].extension" else []
            request = provider.build_request(self.lead_with(*companions, path), settings)
            arrived = self.canary(path)[1].encode() in request.body
            assert arrived == (field in provider.supported), path
            assert arrived != _is_reported(path, request.dropped), path

    @pytest.mark.parametrize("path", sorted(CANARIES))
    def test_06_every_part_arrives_or_is_reported(self, path: str, provider: Provider, settings: Settings) -> None:
        """No part of a lead disappears in silence."""
        companions = ["phone_numbers[].number"] if path == "phone_numbers[].extension" else []
        request = provider.build_request(self.lead_with(*companions, path), settings)
        arrived = self.canary(path)[1].encode() in request.body
        assert arrived or _is_reported(path, request.dropped), path

    def test_07_required_fields_are_checked_first(self, provider: Provider, settings: Settings) -> None:
        """An empty lead is refused with exactly the required fields, in the order of the schema."""
        if not provider.required:
            assert provider.missing(Lead(), settings) == []
            return
        with pytest.raises(MissingFieldsError) as caught:
            provider.build_request(Lead(), settings)
        assert caught.value.fields == provider.required
        assert caught.value.outcome == "rejected"

    @pytest.mark.parametrize("blank", [None, "", "  ", "\u00a0\t"])
    def test_08_blank_is_missing(self, blank: str | None, provider: Provider, settings: Settings) -> None:
        """Blank text does not satisfy a requirement."""
        for name in provider.required:
            value = {"id": blank} if name in ("contact", "account") else blank
            lead = self.lead_with().model_copy(update={name: Lead.model_validate({name: value}).__dict__[name]})
            assert [problem.field for problem in provider.missing(lead, settings)] == [name]

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_09_generated_leads_are_sent_whole_or_refused(self, data: st.DataObject) -> None:
        """Any lead becomes one request or is refused by name; what is left out is reported; nothing else happens."""
        provider, settings = self._pair()
        lead = data.draw(leads({**self.fixed_fields}))
        before = lead.model_dump_json()
        try:
            request = provider.build_request(lead, settings)
        except (InvalidLeadError, MissingFieldsError) as error:
            assert error.outcome == "rejected"
            assert error.fields
        else:
            again = provider.build_request(lead, settings)
            assert (again.body, again.url, again.dropped) == (request.body, request.url, request.dropped)
            for name in Lead.model_fields:
                if name not in provider.supported and name != "remote_data" and not is_empty(lead.__dict__[name]):
                    assert _is_reported(name, request.dropped) or name == "account", name
            assert len(set(request.dropped)) == len(request.dropped)
        assert lead.model_dump_json() == before

    def _pair(self) -> tuple[Provider, Settings]:
        cached = type(self).__dict__.get("_cached_pair")
        if cached is None:
            provider = self.load()
            cached = (provider, provider.settings(provider.simulator().sample_settings))
            type(self)._cached_pair = cached  # type: ignore[attr-defined]
        pair: tuple[Provider, Settings] = cached
        return pair

    # --- 4: extra data --------------------------------------------------------------------------------------------

    def test_10_remote_data_is_merged_into_the_record(self, provider: Provider, settings: Settings) -> None:
        """``remote_data`` reaches the record unchanged, ``null`` included."""
        extra = {"canary_extra": {"a": [1, None]}, "canary_null": None}
        lead = self.lead_with().model_copy(
            update=Lead.model_validate({"remote_data": extra}).model_dump(include={"remote_data"})
        )
        body = json.loads(provider.build_request(lead, settings).body)
        assert _contains(body, extra)

    def test_11_remote_query_is_appended(self, provider: Provider, settings: Settings) -> None:
        """``remote_query`` is percent-encoded anew and cannot leave the query."""
        query = {"canary": "a&b=c#d\r\n", "nested": {"x": "1"}}
        request = provider.build_request(self.lead_with(), settings, remote_query=query)
        plain = provider.build_request(self.lead_with(), settings)
        assert request.url.startswith(plain.url)
        assert "canary=a%26b%3Dc%23d%0D%0A" in request.url
        assert "nested%5Bx%5D=1" in request.url
        assert (request.body, request.headers, request.method) == (plain.body, plain.headers, plain.method)

    def test_12_credential_parameters_are_refused(self, provider: Provider, settings: Settings) -> None:
        """Names that carry credentials are taken from no caller, in any case or nesting."""
        for name in provider.info.credential_names:
            for query in ({name: "x"}, {name.upper(): "x"}, {"a": {name: "x"}}):
                with pytest.raises(InvalidLeadError):
                    provider.build_request(self.lead_with(), settings, remote_query=query)
            lead = Lead.model_validate({**self.lead_with().model_dump(exclude_none=True), "remote_data": {name: "x"}})
            with pytest.raises(InvalidLeadError):
                provider.build_request(lead, settings)

    def test_13_ids_stay_one_path_segment(self, provider: Provider, settings: Settings) -> None:
        """An id cannot change the path of a read: it is encoded, or refused."""
        if not provider.implements("build_read_request"):
            pytest.fail("build_read_request is not written; override this test with the reason")
        plain = provider.build_read_request("1042", settings).url.split("?")[0]
        for odd in ODD_IDS:
            try:
                url = provider.build_read_request(odd, settings).url.split("?")[0]
            except InvalidLeadError:
                continue
            assert url.count("/") == plain.count("/")
            assert url.isascii() and "\r" not in url and "/../" not in url

    # --- 5: answers -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
    def test_14_odd_success_is_never_created(
        self, status: int, body: bytes, provider: Provider, settings: Settings
    ) -> None:
        """A 2xx that names no lead is no success; without a clear refusal its outcome is unknown."""
        with pytest.raises(ProviderError) as caught:
            self._parse(provider, settings, Response(status, {}, body))
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
            self._parse(provider, settings, Response(status, {"retry-after": "7"}, body))
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
            self._parse(provider, settings, Response(status, {"location": "http://127.0.0.1/"}, body))
        assert caught.value.outcome == "unknown"
        assert not caught.value.retryable

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(status=st.sampled_from([200, 201, 400, 404, 422, 500]), body=answers())
    def test_17_any_answer_is_read_or_named(self, status: int, body: Any) -> None:
        """Whatever JSON the CRM answers becomes a lead with an id, or a ProviderError."""
        provider, settings = self._pair()
        try:
            created = self._parse(provider, settings, Response.of(status, json.dumps(body).encode()))
        except ProviderError as error:
            assert error.provider == self.slug
        else:
            assert created.id and 200 <= status < 300

    def _parse(self, provider: Provider, settings: Settings, response: Response) -> CreatedLead:
        request = provider.build_request(self.lead_with(), settings)
        return provider.parse_response(response, request, settings)

    # --- 6: the simulator -----------------------------------------------------------------------------------------

    def test_18_simulator_creates_once(self, simulator: Simulator, account: Account) -> None:
        """A lead with every supported field is stored once, and its id comes back."""
        supported = [path for path in CANARIES if _top(path) in self.load().supported]
        with Client(transport=simulator, registry=Registry(overrides=False)) as client:
            result = client.create(self.lead_with(*self.creatable(supported)), account)
        assert simulator.count == 1
        assert result.id
        assert result.attempts == 1
        assert not [path for path in result.dropped if path != "phone_numbers[0].email"]

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

    # --- 7: secrets -----------------------------------------------------------------------------------------------

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
        settings = self._pair()[1]
        return {name for name, value in settings.__dict__.items() if isinstance(value, SecretStr)}

    # --- 8: batches -----------------------------------------------------------------------------------------------

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


@cache
def _loaded(slug: str) -> Provider:
    return Registry(overrides=False).get(slug)


def _top(path: str) -> str:
    return path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]


def _set(values: dict[str, Any], path: str, value: Any) -> None:
    head, _, part = path.partition(".")
    if head.endswith("[]"):
        values.setdefault(head[:-2], [{}])[0][part] = value
    elif part:
        values.setdefault(head, {})[part] = value
    else:
        values[head] = value


def _is_reported(path: str, dropped: tuple[str, ...]) -> bool:
    """Whether the path, or what it is a part of, is named."""
    exact = path.replace("[]", "[0]")
    above = {_top(path), exact.split(".")[0], exact}
    return any(name in above for name in dropped)


def _contains(body: Any, extra: Mapping[str, Any]) -> bool:
    if isinstance(body, dict):
        if all(key in body and body[key] == value for key, value in extra.items()):
            return True
        return any(_contains(item, extra) for item in body.values())
    return isinstance(body, list) and any(_contains(item, extra) for item in body)


def _other(value: Any) -> Any:
    """A credential of the same form that is not the right one."""
    text = str(value)
    return ("0" if text[0] != "0" else "1") + text[1:]
