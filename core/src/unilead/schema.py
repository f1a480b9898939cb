"""Lead, CreatedLead and their parts: the request and the response table of the unified API.

A `Lead` is what a caller wants created, a `CreatedLead` what the CRM answered. Text passes unchanged: nothing is
trimmed, folded or normalised. Where text is wanted a number is accepted and becomes its shortest decimal text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unilead.errors import InvalidLeadError, Problem
from unilead.strict_json import MAX_KEY, MAX_MEMBERS, may_be_deep, read_object, refusal
from unilead.values import Flag, JsonObject, Scalar, Text, Timestamp, UnknownName, UnknownValue

MAX_ITEMS = 1_000


class _Model(BaseModel):
    """A value of the schema: frozen; keys that are not in the schema are kept aside, to be reported."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True, revalidate_instances="never")
    if TYPE_CHECKING:  # no argument; at run time the value would stand among the fields
        __pydantic_extra__: dict[UnknownName, UnknownValue] = Field(init=False)
    else:
        __pydantic_extra__: dict[UnknownName, UnknownValue]

    def __repr_args__(self) -> Iterable[tuple[str, Any]]:
        """Name what is given without showing it: a lead is personal data and reprs end up in logs."""
        return ((name, Ellipsis) for name, value in self.__dict__.items() if value is not None)

    def __str__(self) -> str:
        return repr(self)


class Reference(_Model):
    """A record of the CRM, named by its id."""

    id: Text | None = Field(default=None, description="Id of the record at the CRM")


class AccountReference(Reference):
    """The lead's company: a record of the CRM, or just its name where the CRM wants one."""

    name: Text | None = Field(default=None, description="Company name, for CRMs that store one on the lead")


class EmailAddress(_Model):
    """An e-mail address of the lead."""

    email: Text | None = Field(default=None, description="The address")
    type: Text | None = Field(default=None, description="Kind of address, free text")
    is_primary: Flag | None = Field(default=None, description="Whether this is the preferred address, as text")


class PhoneNumber(_Model):
    """A phone number of the lead."""

    number: Text | None = Field(default=None, description="The number")
    extension: Text | None = Field(default=None, description="Extension")
    type: Text | None = Field(
        default=None,
        description="Kind of number",
        json_schema_extra={"enum": ["primary", "secondary", "work", "mobile", "fax"]},
    )
    email: Text | None = Field(default=None, description="An e-mail address that came with the number")
    is_primary: Flag | None = Field(default=None, description="Whether this is the preferred number, as text")


class PostalAddress(_Model):
    """A postal address of the lead."""

    street_1: Text | None = Field(default=None, description="Street, line 1")
    street_2: Text | None = Field(default=None, description="Street, line 2")
    city: Text | None = Field(default=None, description="City")
    state: Text | None = Field(default=None, description="State")
    postal_code: Text | None = Field(default=None, description="Postal code")
    country: Text | None = Field(default=None, description="Country")
    type: Text | None = Field(default=None, description="Kind of address")
    is_primary: Flag | None = Field(default=None, description="Whether this is the preferred address, as text")


class Url(_Model):
    """A link to the lead."""

    url: Text | None = Field(default=None, description="The URL")
    type: Text | None = Field(default=None, description="Kind of URL")


class Lead(_Model):
    """What the caller wants created: the request schema.

    Every field is optional here; which ones a CRM requires is that provider's data. ``None`` means *not given*.
    """

    title: Text | None = Field(default=None, description="Title of the lead")
    owner: Reference | None = Field(default=None, description="Owner of the lead")
    contact: Reference | None = Field(default=None, description="Contact linked to the lead")
    account: AccountReference | None = Field(default=None, description="The lead's account (company)")
    custom_fields: JsonObject | None = Field(
        default=None, description="All custom fields of the lead: vendor field name to value"
    )
    first_name: Text | None = Field(default=None, description="First name")
    last_name: Text | None = Field(default=None, description="Last name")
    lead_source: Text | None = Field(default=None, description="Where the lead came from")
    email_addresses: tuple[EmailAddress, ...] | None = Field(
        default=None, max_length=MAX_ITEMS, description="E-mail addresses"
    )
    phone_numbers: tuple[PhoneNumber, ...] | None = Field(
        default=None, max_length=MAX_ITEMS, description="Phone numbers"
    )
    addresses: tuple[PostalAddress, ...] | None = Field(
        default=None, max_length=MAX_ITEMS, description="Postal addresses"
    )
    converted_contact: Reference | None = Field(default=None, description="Contact the lead was turned into")
    converted_account: Reference | None = Field(default=None, description="Account the lead was turned into")
    description: Scalar | None = Field(default=None, description="Description of the lead")
    industry: Scalar | None = Field(default=None, description="Industry of the lead's company")
    website: Scalar | None = Field(default=None, description="Website of the lead's company")
    number_of_employees: Scalar | None = Field(default=None, description="Number of employees of the lead's company")
    name: Scalar | None = Field(default=None, description="Name of the lead")
    created_at: Timestamp | None = Field(default=None, description="When the lead was created")
    lead_type: Text | None = Field(default=None, description="Type of the lead")
    status: Text | None = Field(default=None, description="Status of the lead")
    remote_data: JsonObject | None = Field(
        default=None, description="Extra data for the CRM, merged into its record as it is"
    )

    @classmethod
    def parse(cls, data: Lead | Mapping[str, Any] | bytes | str) -> Lead:
        """Make a lead from what a caller has: a lead, a mapping, or JSON text.

        Raises: InvalidLeadError naming the path of each value of the wrong type; never a value.
        """
        if isinstance(data, Lead):
            return data
        if isinstance(data, bytes) and len(data) <= MAX_MEMBERS and not may_be_deep(data):
            try:  # most leads pass here, decoded and checked in one go; what is wrong with others is found out below
                return cls.model_validate_json(data)
            except ValidationError:
                pass
        value = read_object(data) if isinstance(data, (bytes, str)) else data
        if not isinstance(value, Mapping):
            raise refusal("not_object", f"a lead is an object, not {type(value).__name__}")
        try:
            return cls.model_validate(value if isinstance(value, dict) else dict(value))
        except ValidationError as fault:
            raise InvalidLeadError(problems_of(fault)) from None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Top-level keys that are not in the schema, in the order given."""
        return tuple(self.model_extra or ())


class CreatedLead(_Model):
    """What the CRM answered: the response schema. Absent fields are ``None``.

    Build it from the vendor's values as they are: numbers become text. An optional value of the wrong type is left out
    (it is still in ``remote_data``), because an odd detail must not hide that the lead was created.
    """

    id: Text | None = Field(default=None, description="The lead's id")
    owner: Reference | None = Field(default=None, description="Owner of the lead")
    lead_source: Text | None = Field(default=None, description="Where the lead came from")
    lead_type: Text | None = Field(default=None, description="Type of the lead")
    status: Text | None = Field(default=None, description="Status of the lead")
    title: Text | None = Field(default=None, description="Title of the lead")
    contact: Reference | None = Field(default=None, description="Contact linked to the lead")
    account: Reference | None = Field(default=None, description="The lead's account (company)")
    first_name: Text | None = Field(default=None, description="First name")
    last_name: Text | None = Field(default=None, description="Last name")
    addresses: tuple[PostalAddress, ...] | None = Field(default=None, description="Postal addresses")
    email_addresses: tuple[EmailAddress, ...] | None = Field(default=None, description="E-mail addresses")
    phone_numbers: tuple[PhoneNumber, ...] | None = Field(default=None, description="Phone numbers")
    custom_fields: dict[str, Any] | None = Field(default=None, description="All custom fields of the lead")
    last_activity_at: Timestamp | None = Field(default=None, description="When the lead last had activity")
    created_at: Timestamp | None = Field(default=None, description="When the lead was created")
    updated_at: Timestamp | None = Field(default=None, description="When the lead was last updated")
    converted_at: Timestamp | None = Field(default=None, description="When the lead was converted")
    converted_contact: Text | None = Field(default=None, description="Id of the contact the lead was turned into")
    converted_account: Text | None = Field(default=None, description="Id of the account the lead was turned into")
    urls: tuple[Url, ...] | None = Field(default=None, description="The lead's URLs")

    def __init__(self, **values: Any) -> None:
        validator = self.__pydantic_validator__  # as BaseModel does, without a call in between
        try:
            validator.validate_python(values, self_instance=self)
        except ValidationError as fault:
            odd = {error["loc"][0] for error in fault.errors(include_input=False) if error["loc"]}
            if not odd or "id" in odd:
                raise
            kept = {name: value for name, value in values.items() if name not in odd}
            validator.validate_python(kept, self_instance=self)

    def of_part(self, part: Any) -> Self:
        """Note this lead's own part of a batch's answer, for ``raw`` and ``remote_data``. Returns: the same lead."""
        if self.__pydantic_extra__ is not None:
            self.__pydantic_extra__["remote_data"] = part
        return self

    @property
    def part(self) -> Any:
        """This lead's part of a batch's answer; ``None`` where the whole answer is about it."""
        return (self.__pydantic_extra__ or {}).get("remote_data")


_EXPECTED = {
    "model_type": "object",
    "model_attributes_type": "object",
    "dict_type": "object",
    "tuple_type": "array",
    "list_type": "array",
    "string_type": "string",
}


def problems_of(fault: ValidationError) -> list[Problem]:
    """Translate pydantic's findings into problems with unified paths; input values are left out."""
    found: dict[str, Problem] = {}
    for error in fault.errors(include_url=False, include_context=False):
        path = _path_text(error["loc"])
        expected = _EXPECTED.get(error["type"])
        if expected or error["type"] == "wrong_type":
            wanted = expected or error["msg"].removeprefix("expected ")
            problem = Problem(path, "wrong_type", f"expected {wanted}, got {_json_type(error['input'])}")
        elif error["type"] == "too_long":
            problem = Problem(path, "too_many_items", f"more than {MAX_ITEMS} items")
        elif error["type"] == "string_unicode":
            problem = Problem(path, "invalid_unicode", "text has a lone surrogate")
        else:
            problem = Problem(path, error["type"], error["msg"])
        found.setdefault(path, problem)
    return list(found.values())


def _path_text(loc: tuple[str | int, ...]) -> str:
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not step.startswith("function-") and step != "[key]" and len(step) <= MAX_KEY:
            path += f".{step}" if path else step
    return path or "body"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    for kind, name in ((bool, "boolean"), (str, "string"), ((int, float, Decimal), "number"), (Mapping, "object")):
        if isinstance(value, kind):
            return name
    return "array" if isinstance(value, (list, tuple)) else type(value).__name__
