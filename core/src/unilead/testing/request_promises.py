"""What a provider promises about itself and about the request it makes of a lead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from unilead.errors import InvalidLeadError, MissingFieldsError
from unilead.fields import is_empty
from unilead.provider import Provider
from unilead.schema import CreatedLead, Lead
from unilead.settings import Settings
from unilead.simulator import Simulator
from unilead.testing.canaries import CANARIES, ODD_IDS, contains, is_reported, top
from unilead.testing.golden import read_case, run_case, write_case
from unilead.testing.leads import leads
from unilead.testing.stage import ProviderStage


class RequestPromises(ProviderStage):
    """Promises 1 to 13: nothing is sent."""

    # --- the data sheet -------------------------------------------------------------------------------------------

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

    # --- golden cases ---------------------------------------------------------------------------------------------

    def test_03_golden_case(self, provider: Provider, simulator: Simulator, case_file: Path, request: Any) -> None:
        """The lead becomes this request, and the answer means this."""
        case = read_case(case_file)
        found = run_case(provider, case, simulator.sample_settings)
        if request.config.getoption("--update-golden", default=False):
            case |= found
            write_case(case_file, case)
        for key, value in found.items():
            assert case.get(key) == value, f"{key} of {case_file.name}; `pytest --update-golden` writes it anew"

    def test_04_golden_cases_are_many(self) -> None:
        """A provider has at least twelve golden cases."""
        assert len(list(self.cases.glob("*.json"))) >= 12

    # --- fields ---------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("field", [name for name in Lead.model_fields if name != "remote_data"])
    def test_05_field_arrives_exactly_if_supported(self, field: str, provider: Provider, settings: Settings) -> None:
        """The canary of a field is in the bytes exactly if the provider lists it, else its path is reported."""
        paths = [path for path in CANARIES if top(path) == field and not path.endswith((".name", "].email"))]
        paths = paths or [field]
        if field == "email_addresses":
            paths = ["email_addresses[].email"]
        for path in paths:
            companions = ["phone_numbers[].number"] if path == "phone_numbers[].extension" else []
            request = provider.build_request(self.lead_with(*companions, path), settings)
            arrived = self.canary(path)[1].encode() in request.body
            assert arrived or field not in provider.supported, f"{path} is not in the request, and FIELDS lists {field}"
            assert not arrived or field in provider.supported, f"{path} is in the request, and FIELDS lists no {field}"
            assert arrived != is_reported(path, request.dropped), f"{path}: `dropped` names exactly what is not sent"

    @pytest.mark.parametrize("path", sorted(CANARIES))
    def test_06_every_part_arrives_or_is_reported(self, path: str, provider: Provider, settings: Settings) -> None:
        """No part of a lead disappears in silence."""
        companions = ["phone_numbers[].number"] if path == "phone_numbers[].extension" else []
        request = provider.build_request(self.lead_with(*companions, path), settings)
        arrived = self.canary(path)[1].encode() in request.body
        assert arrived or is_reported(path, request.dropped), f"{path} is neither in the request nor in `dropped`"

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
        provider, settings = self.pair()
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
                    assert is_reported(name, request.dropped) or name == "account", name
            assert len(set(request.dropped)) == len(request.dropped)
        assert lead.model_dump_json() == before

    # --- extra data -----------------------------------------------------------------------------------------------

    def test_10_remote_data_is_merged_into_the_record(self, provider: Provider, settings: Settings) -> None:
        """``remote_data`` reaches the record unchanged, ``null`` included."""
        extra = {"canary_extra": {"a": [1, None]}, "canary_null": None}
        lead = self.lead_with().model_copy(
            update=Lead.model_validate({"remote_data": extra}).model_dump(include={"remote_data"})
        )
        body = json.loads(provider.build_request(lead, settings).body)
        assert contains(body, extra)

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
