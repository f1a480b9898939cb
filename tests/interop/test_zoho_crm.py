"""Zoho's own client (``zohocrmsdk8-0``) against the simulator.

It gets its token by itself, reads the module's fields, and then creates records; its state is global, so each test
initializes it anew in a folder of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, Initializer, ParameterMap, SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.record import (
    ActionWrapper,
    APIException,
    BodyWrapper,
    Record,
    RecordOperations,
    ResponseWrapper,
    SuccessResponse,
)
from zohocrmsdk.src.com.zoho.crm.api.users import MinifiedUser
from zohocrmsdk.src.com.zoho.crm.api.util import Choice

from tests.interop.stand import Stand
from unilead import AuthError, RejectedError
from unilead_zoho_crm.simulator import REFRESH

DIFFERENT = ("id", "Created_Time", "Modified_Time")
OWNER = 652871000000412003
TEXTS = {
    "First_Name": "Amara",
    "Last_Name": "Okonkwo",
    "Designation": "Plant Manager",
    "Company": "Tallowfield Foods",
    "Phone": "+44 20 7946 0018",
    "Mobile": "+44 7700 900123",
    "Email": "amara@tallowfield.example",
    "Website": "https://tallowfield.example",
    "Street": "3 Mill Lane",
    "City": "Hereford",
    "State": "Herefordshire",
    "Zip_Code": "HR1 2AB",
    "Country": "United Kingdom",
    "Description": "Wants a quote by Friday.",
}
CHOICES = {"Lead_Source": "Trade Show", "Industry": "Food"}
LEAD = {
    "first_name": "Amara",
    "last_name": "Okonkwo",
    "title": "Plant Manager",
    "account": {"name": "Tallowfield Foods"},
    "owner": {"id": str(OWNER)},
    "lead_source": "Trade Show",
    "phone_numbers": [
        {"number": "+44 20 7946 0018", "type": "work", "email": "amara@tallowfield.example"},
        {"number": "+44 7700 900123", "type": "mobile"},
    ],
    "addresses": [
        {
            "street_1": "3 Mill Lane",
            "city": "Hereford",
            "state": "Herefordshire",
            "postal_code": "HR1 2AB",
            "country": "United Kingdom",
        }
    ],
    "description": "Wants a quote by Friday.",
    "industry": "Food",
    "website": "https://tallowfield.example",
    "number_of_employees": 240,
}


@pytest.fixture
def stand(stand_of: Any, tmp_path: Path) -> Stand:
    found: Stand = stand_of("zoho-crm")
    # The answer of the token endpoint names the real Zoho: without update_api_domain the client stays here.
    Initializer.initialize(
        DataCenter.Environment(found.url, f"{found.url}/oauth/v2/token", found.url),
        OAuthToken(client_id="1000.CLIENT", client_secret="secret", refresh_token=REFRESH, find_user=False),
        store=FileStore(str(tmp_path / "tokens.csv")),
        sdk_config=SDKConfig(auto_refresh_fields=False, pick_list_validation=False, update_api_domain=False),
        resource_path=str(tmp_path),
    )
    return found


def record(**values: Any) -> Record:
    found, owner = Record(), MinifiedUser()
    owner.set_id(OWNER)
    for name, value in {**TEXTS, "No_of_Employees": 240, "Owner": owner, **values}.items():
        found.add_key_value(name, value)
    for name, value in CHOICES.items():
        found.add_key_value(name, Choice(value))
    return found


def create(*records: Record) -> Any:
    body = BodyWrapper()
    body.set_data(list(records))
    return RecordOperations("Leads").create_records(body, HeaderMap())


def test_both_leave_the_same_lead(stand: Stand) -> None:
    answer = create(record())
    assert isinstance(answer.get_object(), ActionWrapper)
    assert isinstance(answer.get_object().get_data()[0], SuccessResponse)
    stand.create(LEAD)
    theirs, ours = stand.stored_without(*DIFFERENT)
    assert ours == theirs
    assert ours["Designation"] == "Plant Manager"
    assert [call.path for call in stand.simulator.calls] == [
        "/oauth/v2/token", "/crm/v8/settings/fields", "/crm/v8/Leads", "/crm/v8/Leads",
    ]  # fmt: skip


def test_client_reads_what_unilead_wrote(stand: Stand) -> None:
    created = stand.create(LEAD).lead
    answer = RecordOperations("Leads").get_record(int(created.id), ParameterMap(), HeaderMap())
    assert isinstance(answer.get_object(), ResponseWrapper)
    (found,) = answer.get_object().get_data()
    assert str(found.get_id()) == created.id
    assert {name: found.get_key_value(name) for name in TEXTS} == TEXTS
    assert {name: found.get_key_value(name).get_value() for name in CHOICES} == CHOICES
    assert found.get_key_value("No_of_Employees") == 240
    assert found.get_key_value("Owner").get_id() == OWNER


def test_both_are_told_what_is_wrong(stand: Stand) -> None:
    long_name = "x" * 81
    answer = create(record(Last_Name=long_name))
    (verdict,) = answer.get_object().get_data()
    ours = stand.refusal(LEAD | {"last_name": long_name})
    assert isinstance(verdict, APIException)
    assert isinstance(ours, RejectedError)
    assert verdict.get_code().get_value() == ours.vendor_code == "INVALID_DATA"
    assert verdict.get_details()["api_name"] == "Last_Name"
    assert ours.fields == ("last_name",)
    assert answer.get_status_code() == ours.response.status == 400


def test_both_are_told_that_the_token_expired(stand: Stand) -> None:
    create(record())  # makes the client fetch its token and the module's fields while that works
    stand.simulator.access_tokens.clear()
    answer = create(record())
    ours = stand.refusal(LEAD)
    assert isinstance(answer.get_object(), APIException)
    assert isinstance(ours, AuthError)
    assert answer.get_object().get_code().get_value() == ours.vendor_code == "INVALID_TOKEN"
    assert answer.get_status_code() == ours.response.status == 401
    assert len(stand.stored) == 1


def test_client_reads_a_batch_that_was_refused_in_part(stand: Stand) -> None:
    answer = create(record(), record(Last_Name="x" * 81), record())
    assert answer.get_status_code() == 207
    verdicts = answer.get_object().get_data()
    assert [type(verdict) for verdict in verdicts] == [SuccessResponse, APIException, SuccessResponse]
    assert verdicts[1].get_details()["json_path"] == "$.data[1].Last_Name"
