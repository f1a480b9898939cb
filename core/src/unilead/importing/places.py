"""Which column of a file goes to which field of a lead.

A place is written as everywhere: ``first_name``, ``owner.id``, ``account.name``, ``email_addresses[0].email``,
``custom_fields.Any name``, ``remote_data.a.b``. An item of a list may also be named by its type:
``phone_numbers[mobile].number`` is the item of type ``mobile``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from unilead.importing.files import FileError
from unilead.schema import AccountReference, EmailAddress, Lead, PhoneNumber, PostalAddress, Reference

MAX_INDEX = 99
PARTS: dict[str, tuple[str, ...]] = {
    "email_addresses": tuple(EmailAddress.model_fields),
    "phone_numbers": tuple(PhoneNumber.model_fields),
    "addresses": tuple(PostalAddress.model_fields),
    "account": tuple(AccountReference.model_fields),
    **{name: tuple(Reference.model_fields) for name in ("owner", "contact", "converted_contact", "converted_account")},
}
LISTS = ("email_addresses", "phone_numbers", "addresses")
OPEN = ("custom_fields", "remote_data")
_ITEM = re.compile(r"(\w+)\[([^\[\]]+)\]\.(\w+)")

EMAIL, PHONE, PLACE = "email_addresses[{}].email", "phone_numbers[{}].number", "addresses[0].{}"
GUESSES = {  # of names without case, spaces and punctuation
    **dict.fromkeys(("email", "emailaddress", "mail", "workemail", "businessemail", "primaryemail"), EMAIL),
    **dict.fromkeys(("privateemail", "personalemail", "homeemail", "secondaryemail", "otheremail"), EMAIL),
    **dict.fromkeys(("phone", "phonenumber", "telephone", "tel", "primaryphone", "landline"), PHONE),
    **dict.fromkeys(("mobile", "mobilephone", "cell", "cellphone", "mobilenumber"), "phone_numbers[mobile].number"),
    **dict.fromkeys(("workphone", "businessphone", "officephone"), "phone_numbers[work].number"),
    **dict.fromkeys(("fax", "faxnumber"), "phone_numbers[fax].number"),
    **dict.fromkeys(("extension", "phoneextension", "ext"), "phone_numbers[0].extension"),
    **dict.fromkeys(("firstname", "givenname", "forename"), "first_name"),
    **dict.fromkeys(("lastname", "surname", "familyname"), "last_name"),
    **dict.fromkeys(("name", "fullname", "leadname"), "name"),
    **dict.fromkeys(("title", "jobtitle", "position", "role"), "title"),
    **dict.fromkeys(("company", "companyname", "accountname", "organization", "organisation"), "account.name"),
    **dict.fromkeys(("companyid", "accountid", "organizationid", "organisationid"), "account.id"),
    **dict.fromkeys(("contactid", "personid"), "contact.id"),
    **dict.fromkeys(("ownerid", "leadownerid"), "owner.id"),
    **dict.fromkeys(("leadsource", "source"), "lead_source"),
    **dict.fromkeys(("leadtype", "type"), "lead_type"),
    **dict.fromkeys(("status", "leadstatus", "stage"), "status"),
    **dict.fromkeys(("description", "notes", "note", "comment", "comments"), "description"),
    **dict.fromkeys(("website", "url", "web", "homepage"), "website"),
    **dict.fromkeys(("employees", "numberofemployees", "noofemployees", "companysize"), "number_of_employees"),
    **dict.fromkeys(("street", "street1", "addressline1", "streetaddress"), PLACE.format("street_1")),
    **dict.fromkeys(("street2", "addressline2"), PLACE.format("street_2")),
    **dict.fromkeys(("city", "town"), PLACE.format("city")),
    **dict.fromkeys(("state", "province", "region", "stateprovince"), PLACE.format("state")),
    **dict.fromkeys(("zip", "zipcode", "postalcode", "postcode"), PLACE.format("postal_code")),
    **dict.fromkeys(("country", "countryname"), PLACE.format("country")),
    **dict.fromkeys(("industry", "sector"), "industry"),
    **dict.fromkeys(("createdat", "created", "createddate"), "created_at"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a lead.

    Attributes:
        path: as it is written.
        steps: keys on the way; an item of a list is its index, or its type.
    """

    path: str
    steps: tuple[str | int, ...]

    @property
    def field(self) -> str:
        """The top-level field."""
        return str(self.steps[0])


def place_of(path: str, *, nested: bool = False) -> Place:
    """Read a place. Raises: FileError for one that no lead has.

    Args:
        nested: the file's cells may be lists and objects, so that a whole list or object can be a place.
    """
    field, _, rest = path.partition(".")
    item = _ITEM.fullmatch(path)
    if item and item[1] in LISTS and item[3] in PARTS[item[1]]:
        index = item[2]
        if not index.isdecimal():
            return Place(path, (item[1], index, item[3]))
        if int(index) <= MAX_INDEX:
            return Place(path, (item[1], int(index), item[3]))
    elif field in OPEN and rest:
        keys = rest.split(".") if field == "remote_data" else [rest]
        if all(keys):
            return Place(path, (field, *keys))
    elif field in PARTS and field not in LISTS and rest in PARTS[field]:
        return Place(path, (field, rest))
    elif path in Lead.model_fields and (nested or path not in {*PARTS, *OPEN}):
        return Place(path, (path,))
    raise FileError(f"a lead has no field {path!r}", hint=_field_hint(path))


def all_places() -> list[str]:
    """Every place that can be written without choosing an index or a name."""
    plain = [name for name in Lead.model_fields if name not in {*PARTS, *OPEN}]
    items = [f"{name}[0].{part}" for name in LISTS for part in PARTS[name]]
    parts = [f"{name}.{part}" for name in PARTS if name not in LISTS for part in PARTS[name]]
    return plain + items + parts


def _field_hint(path: str) -> str:
    close = get_close_matches(path, all_places(), n=1, cutoff=0.5)
    examples = "first_name, account.name, email_addresses[0].email, custom_fields.NAME"
    return f"did you mean {close[0]}?" if close else f"places look like {examples}"


# --- choosing ---------------------------------------------------------------------------------------------------------


def guess(columns: Iterable[str], taken: Iterable[str] = (), nested: Collection[str] = ()) -> dict[str, str]:
    """Guess places for columns by their names; a place is given once, a further phone or mail gets the next index.

    Args:
        nested: columns whose cells are lists or objects; such a one can be a whole field, and then nothing is a part.
    """
    used = set(taken)
    found: dict[str, str] = {}
    for column in sorted(columns, key=lambda name: name not in nested):
        path = _guessed(column, used, nested=column in nested)
        if path is not None and not _overlaps(path, used):
            used.add(path)
            found[column] = path
    return found


def _overlaps(path: str, used: Iterable[str]) -> bool:
    """Whether a path is a part of a whole field that is used, or the other way round."""
    field = _field_of(path)
    return any(_field_of(other) == field and path != other and field in (path, other) for other in used)


def _field_of(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _guessed(column: str, used: set[str], *, nested: bool) -> str | None:
    written = _as_written(column, nested=nested)
    name = re.sub(r"[\W_]+", "", column).casefold()
    path = written or GUESSES.get(name) or GUESSES.get(name.rstrip("0123456789"))
    if path is None:
        return None
    if "{}" in path:
        return next(free for index in range(MAX_INDEX + 1) if (free := path.format(index)) not in used)
    return None if path in used else path


def _as_written(column: str, *, nested: bool) -> str | None:
    """The place a column's name is, where it is one; ``email_addresses.0.email`` is read like ``[0]``."""
    path = re.sub(r"\.(\d+)\.", r"[\1].", column)
    try:
        return place_of(path, nested=nested).path
    except FileError:
        return None


def choose(
    columns: Sequence[str],
    given: Iterable[str],
    saved: Mapping[str, str] | None = None,
    nested: Collection[str] = (),
) -> dict[str, str]:
    """Decide which column goes where.

    Args:
        columns: of the file.
        given: the user's words, ``COLUMN=FIELD``; ``COLUMN=`` leaves the column out.
        saved: what an earlier run of the same import decided; guessed where there is none.
        nested: columns whose cells are lists or objects.
    Returns: column to place, in the order of the columns; columns that go nowhere are absent.
    Raises: FileError for a column the file does not have, a field no lead has, or two columns for one field.
    """
    wanted = dict(_split(pair, columns) for pair in given)
    kept = {path for path in wanted.values() if path}
    base = saved if saved is not None else guess([name for name in columns if name not in wanted], kept, nested)
    chosen = {name: path for name in columns if (path := wanted.get(name, base.get(name, "")))}
    if not chosen:
        hint = "the first line must name the columns; --map COLUMN=FIELD says what they are"
        raise FileError("no column of this file is a field of a lead", hint=hint)
    return chosen


def _split(pair: str, columns: Sequence[str]) -> tuple[str, str]:
    """Split ``COLUMN=FIELD``; either side may hold an equals sign, so the file's own columns decide where."""
    if "=" not in pair:
        raise FileError(f"--map {pair!r} is not COLUMN=FIELD")
    places = [place for place, char in enumerate(pair) if char == "="]
    split = next((place for place in places if pair[:place] in columns), None)
    if split is None:
        name = pair.partition("=")[0]
        close = get_close_matches(name, columns, n=1)
        known = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(columns[:20])}"
        raise FileError(f"the file has no column {name!r}", hint=known)
    return pair[:split], pair[split + 1 :]
