"""Generated leads: every field of the schema, in all the shapes callers send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from unilead.schema import Lead

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_SCALAR = st.one_of(_TEXT, st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False))
_JSON = st.one_of(st.none(), st.booleans(), _SCALAR, st.lists(_TEXT, max_size=3))
_FLAG = st.sampled_from([None, "", "true", "false", True, False, 1])
_PHONE_TYPES = st.sampled_from([None, "", "primary", "secondary", "work", "mobile", "fax", "home"])
_TYPES = st.sampled_from([None, "", "primary", "work", "other"])
_CALENDAR = datetime(1, 1, 3), datetime(9999, 12, 29)  # within it every zone's time exists in UTC too


def _object(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


def _emails() -> st.SearchStrategy[Any]:
    return st.lists(_object(email=_TEXT, type=_TYPES, is_primary=_FLAG), max_size=4)


def _phones() -> st.SearchStrategy[Any]:
    phone = _object(number=_TEXT, extension=_TEXT, type=_PHONE_TYPES, email=_TEXT, is_primary=_FLAG)
    return st.lists(phone, max_size=5)


def _addresses() -> st.SearchStrategy[Any]:
    parts = dict.fromkeys(("street_1", "street_2", "city", "state", "postal_code", "country"), _TEXT)
    return st.lists(_object(**parts, type=_TYPES, is_primary=_FLAG), max_size=3)


def leads(overrides: Mapping[str, Any] | None = None) -> st.SearchStrategy[Lead]:
    """Generate leads.

    Args:
        overrides: fixed values by top-level field, so that a CRM's checks of ids and names do not refuse every lead.
    """
    reference = _object(id=_TEXT)
    fields: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("title", "first_name", "last_name", "lead_source", "lead_type", "status"), _TEXT),
        **dict.fromkeys(("description", "industry", "website", "number_of_employees", "name"), _SCALAR),
        **dict.fromkeys(("owner", "contact", "converted_contact", "converted_account"), reference),
        "account": _object(id=_TEXT, name=_TEXT),
        "custom_fields": st.dictionaries(_TEXT.filter(str.strip), _JSON, max_size=4),
        "email_addresses": _emails(),
        "phone_numbers": _phones(),
        "addresses": _addresses(),
        "created_at": st.datetimes(*_CALENDAR, timezones=st.timezones()).map(
            lambda at: at.isoformat(timespec="seconds")
        ),
        "remote_data": st.dictionaries(st.text("abcdefgh", min_size=3, max_size=8), _JSON, max_size=3),
    }
    fixed = {name: st.just(value) for name, value in (overrides or {}).items()}
    free = {name: strategy for name, strategy in fields.items() if name not in fixed}
    generated = st.fixed_dictionaries(fixed, optional=free)
    return generated.filter(_has_plain_offset).map(Lead.model_validate)


def _has_plain_offset(values: dict[str, Any]) -> bool:
    """Leave out time zones of long ago, whose offsets have seconds: RFC 3339 cannot write them."""
    moment = values.get("created_at")
    return moment is None or len(moment) == len("2026-11-23T10:00:00+01:00")


def answers() -> st.SearchStrategy[Any]:
    """Generate JSON values that look somewhat like the answers of CRMs."""
    keys = ["data", "errors", "error", "id", "message", "code", "status", "leads", "success", "details", "field"]
    keys += ["properties", "LEAD_ID", "errorCode", "fields", "name", "category", "context"]
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4),
        max_leaves=12,
    )
