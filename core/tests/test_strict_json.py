"""Bodies as bytes: B001 to B013 and B018 of the fault list, as far as they concern the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from pydantic_core import to_json

from unilead import InvalidLeadError, Lead
from unilead.strict_json import read_object
from unilead.testing.leads import leads


@pytest.mark.parametrize("body", ["", "  ", "null", "[]", "[{}]", '"x"', "5", "true"])
def test_b001_only_an_object_is_a_body(body: str) -> None:
    with pytest.raises(InvalidLeadError, match="request body must be a JSON object"):
        read_object(body)


@pytest.mark.parametrize("body", ['{"a":', '{"a":1,}', '{"a":1 /*x*/}', "{'a':1}", "{} x", "{}{}"])
def test_b002_invalid_json_names_line_and_column(body: str) -> None:
    with pytest.raises(InvalidLeadError, match=r"not valid JSON \(line 1 column \d+\)"):
        read_object(body)


@pytest.mark.parametrize(
    "body", ['{"a":"é"}'.encode(code) for code in ("utf-16", "utf-32", "latin-1")] + [b'{"a":"\xc0\x80"}']
)
def test_b003_other_encodings_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidLeadError, match="not UTF-8"):
        read_object(body)


def test_b004_byte_order_mark_is_accepted() -> None:
    assert read_object(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_b005_lone_surrogate_is_named_by_path() -> None:
    with pytest.raises(InvalidLeadError) as caught:
        read_object('{"custom_fields":{"a":["\\ud800"]}}')
    assert [(problem.field, problem.code) for problem in caught.value.problems] == [
        ("custom_fields.a[0]", "invalid_unicode")
    ]
    with pytest.raises(InvalidLeadError, match="surrogate"):
        read_object('{"\\ud800":1}')


def test_b006_nul_passes_unchanged() -> None:
    assert read_object('{"a\\u0000":"\\u0000"}') == {"a\0": "\0"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000])
def test_b008_to_b010_numbers_json_cannot_carry_are_refused(number: str) -> None:
    for body in (f'{{"a":{number}}}', f'{{"custom_fields":{{"a":[{number}]}}}}'):
        with pytest.raises(InvalidLeadError) as caught:
            read_object(body)
        assert caught.value.problems[0].code in ("invalid_number", "invalid_json")


def test_b010_and_b011_numbers_stay_exact() -> None:
    text = '{"a":[9007199254740993,1234567890123456789012345678901234567890,0.1,1.0,1e-999]}'
    values = read_object(text)["a"]
    assert values == [9007199254740993, 1234567890123456789012345678901234567890, 0.1, 1.0, 0.0]
    assert isinstance(values[3], float)


def test_b012_last_of_duplicate_keys_wins() -> None:
    assert read_object('{"a":1,"b":{"c":1,"c":2},"a":3}') == {"a": 3, "b": {"c": 2}}


@pytest.mark.parametrize(("depth", "fits"), [(32, True), (33, False), (1_000, False), (100_000, False)])
def test_b013_nesting_has_a_limit(depth: int, fits: bool) -> None:
    body = '{"custom_fields":' + '{"a":' * depth + "1" + "}" * depth + "}"
    if fits:
        assert Lead.parse(body).custom_fields
        return
    with pytest.raises(InvalidLeadError) as caught:
        read_object(body)
    assert caught.value.problems[0].code == "too_deep"


def test_b018_too_many_members_and_too_long_keys_are_refused() -> None:
    many = "{" + ",".join(f'"k{i}":1' for i in range(10_001)) + "}"
    with pytest.raises(InvalidLeadError, match="more than 10000 members"):
        read_object(many)
    with pytest.raises(InvalidLeadError, match="longer than 1024"):
        read_object('{"' + "k" * 1025 + '":1}')


BROKEN = [
    '{"foo":NaN}', '{"foo":[1e999]}', '{"owner":{"id":"7","foo":-Infinity}}', '{"last_name":1e999}',
    '{"description":NaN}', '{"custom_fields":{"a":[{"b":1e999}]}}', '{"remote_data":{"a":NaN}}',
    '{"' + "k" * 1025 + '":1}', '{"owner":{"' + "k" * 1025 + '":1}}',
    '{"custom_fields":{"a":{"' + "k" * 1025 + '":1}}}',
    '{"remote_data":' + "[" * 40 + "]" * 40 + "}", '{"foo":' + '{"a":' * 40 + "1" + "}" * 40 + "}",
    '{"last_name":"\\ud800"}', '{"foo":"\\ud800"}', '{"last_name":}', "[]", "", '{"owner":"7"}',
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN)
def test_b005_to_b018_a_lead_as_bytes_is_refused_in_the_reader_s_own_words(body: str) -> None:
    """Bytes take the fast way; whatever is wrong must be found there too, and told as on the careful way."""
    found = []
    for data in (body.encode(), body):  # text always goes the careful way
        with pytest.raises(InvalidLeadError) as caught:
            Lead.parse(data)
        found.append((caught.value.message, caught.value.problems))
    assert found[0] == found[1]


@given(leads())
def test_a_lead_is_the_same_by_the_fast_and_by_the_careful_way(lead: Lead) -> None:
    body = to_json(lead, exclude_none=True)
    fast, careful = Lead.parse(body), Lead.parse(body.decode())
    assert fast == careful == lead
    assert (repr(fast), fast.unknown) == (repr(careful), careful.unknown)


def test_no_message_shows_what_was_sent() -> None:
    with pytest.raises(InvalidLeadError) as caught:
        read_object('{"a":"canary-value" oops')
    assert "canary" not in str(caught.value)
