"""The bracket grammar: rule by rule, against qs-codec on well-formed input, and with bombs."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qs_codec import DecodeOptions, Duplicates, EncodeOptions, ListFormat, decode, encode

from unilead_host.query import QueryError, decode_query


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("name=foo", {"name": "foo"}),
        ("foo[bar]=baz&foo[bar1][bar2]=baz2", {"foo": {"bar": "baz", "bar1": {"bar2": "baz2"}}}),
        ("foo[]=bar&foo[][bar1]=baz1", {"foo": ["bar", {"bar1": "baz1"}]}),
        ("foo[0]=a&foo[1]=b", {"foo": ["a", "b"]}),
        ("foo=a&foo=b", {"foo": ["a", "b"]}),
        ("foo%5B%5D=a&foo%5b%5d=b", {"foo": ["a", "b"]}),
        ("q=z+w&p=z%20w", {"q": "z w", "p": "z w"}),
        ("q=a=b&r", {"q": "a=b", "r": ""}),
        ("x[5]=b&x[9]=a", {"x": ["b", "a"]}),
        ("x[9]=a&x[5]=b", {"x": ["b", "a"]}),
        ("x[1]=b&x[]=c&x=d&x[0]=a", {"x": ["b", "c", "d", "a"]}),
        ("x[][y]=1&x[][z]=2", {"x": [{"y": "1", "z": "2"}]}),
        ("x[][y]=1&x[][y]=3", {"x": [{"y": "1"}, {"y": "3"}]}),
        ("x[][y][]=1&x[][y][]=2", {"x": [{"y": ["1", "2"]}]}),
        ("x[][y][a]=1&x[][y][b]=2&x[][y][a]=3", {"x": [{"y": {"a": "1", "b": "2"}}, {"y": {"a": "3"}}]}),
        ("l[0]=x&l[1][y]=z%20w&l[1][v]=1", {"l": ["x", {"y": "z w", "v": "1"}]}),
        ("a[-1]=x&a[1e3]=y", {"a": {"-1": "x", "1e3": "y"}}),
        ("a[01]=x", {"a": ["x"]}),
        ("a[999]=x", {"a": ["x"]}),
        ("a[b][c][d][e][f]=1", {"a": {"b": {"c": {"d": {"e": {"f": "1"}}}}}}),
        ("=1&&&", {}),
        ("[]=1", {}),
        ("__proto__[x]=1&constructor=1&a[prototype]=2&b=3", {"b": "3"}),
        ("n=None&e=", {"n": "None", "e": ""}),
        ("k=%00", {"k": "\x00"}),
        ("%E2%82%AC=%C3%A9", {"€": "é"}),
    ],
)
def test_b060_the_grammar(raw: str, value: dict[str, Any]) -> None:
    assert decode_query(raw.encode()) == value


@pytest.mark.parametrize(
    "raw",
    [
        "a=1&a[b]=2", "a[b]=2&a=1", "a[]=1&a[k]=2", "a[k]=1&a[]=2", "a[k]=1&a=2", "x[0]=a&x[0][y]=1",
        "x[0][y]=1&x[0]=a",        "a[b=1", "a]b=1", "a[b]c=1", "[a]=1", "a[b]]=1", "a[][]=1", "a[0][1]=1",
        "a[1000]=1", "a[999999999]=1", "a[b][c][d][e][f][g]=1",
        "a=%zz", "a=%", "a=%f", "a=%ff", "%C0%80=1", "a=%ED%A0%80",
    ],
)  # fmt: skip
def test_b055_b057_b058_b059_b060_what_is_refused(raw: str) -> None:
    with pytest.raises(QueryError):
        decode_query(raw.encode())


def test_b056_a_thousand_pairs_and_no_more() -> None:
    assert len(decode_query(b"&".join(b"a=%d" % number for number in range(1000)))["a"]) == 1000
    with pytest.raises(QueryError, match="1000"):
        decode_query(b"&".join(b"a=%d" % number for number in range(1001)))


@pytest.mark.parametrize("bomb", [b"a=1&" * 500_000, b"a" + b"[a]" * 100_000 + b"=1", b"&" * 2_000_000])
def test_b056_b057_s057_bombs_are_cheap(bomb: bytes) -> None:
    start = time.process_time()
    with suppress(QueryError):
        decode_query(bomb)
    assert time.process_time() - start < 1.0  # five times the bound


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_NAME = st.text("abcdefghijklmnopqrstuvwxyz_-. é", min_size=1, max_size=6)
_VALUES = st.recursive(
    _TEXT,
    lambda inner: st.lists(_TEXT, min_size=1, max_size=4) | st.dictionaries(_NAME, inner, min_size=1, max_size=3),
    max_leaves=8,
)
_QUERIES = st.dictionaries(_NAME, _VALUES, max_size=4).filter(lambda query: _depth(query) <= 6)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 if isinstance(value, list) else 0


@given(_QUERIES, st.sampled_from([ListFormat.BRACKETS, ListFormat.INDICES, ListFormat.REPEAT]))
def test_what_qs_writes_is_read_as_qs_reads_it(query: dict[str, Any], style: ListFormat) -> None:
    written = encode(query, EncodeOptions(list_format=style))
    options = DecodeOptions(depth=10, list_limit=1000, duplicates=Duplicates.COMBINE)
    assert decode_query(written.encode()) == decode(written, options)
    if style is not ListFormat.REPEAT:
        assert decode_query(written.encode()) == query


@given(_QUERIES)
def test_plus_and_percent_20_are_one_space(query: dict[str, Any]) -> None:
    flat = {name: value for name, value in query.items() if isinstance(value, str)}
    plus = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in flat.items())
    percent = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in flat.items())
    assert decode_query(plus.encode()) == decode_query(percent.encode()) == flat


@given(st.binary(max_size=60) | st.text("ab[]=&%01+.", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(QueryError):
        assert isinstance(decode_query(raw), dict)
