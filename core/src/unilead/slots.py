"""Converters for lists of addresses and numbers, where a CRM has a few single fields for them.

Each is pure and reports what finds no place. Text passes unchanged; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from unilead.fields import Converter, Part, extension_paths, is_empty
from unilead.schema import EmailAddress, PhoneNumber, PostalAddress

_TRUE = frozenset({"true", "1", "yes"})
_EXTENSION = re.compile(r"[\s,]*(?:;\s*ext\s*=|\bext(?:ension)?\b\.?:?|\bx|(?<=\s)#)\s*(\d{1,15})\s*$", re.IGNORECASE)


def is_primary(item: EmailAddress | PhoneNumber | PostalAddress) -> bool:
    """Whether the item's ``is_primary`` says yes: ``true``, ``1`` or ``yes`` in any case."""
    flag = item.is_primary
    return flag is not None and flag.strip().lower() in _TRUE


def first(part: str) -> Converter:
    """Take one part of the preferred item of a list, such as ``first("email")``.

    Preferred is an item with ``is_primary``, else one of type ``primary``, else the first that has the part. The other
    items are reported.
    """

    def convert(items: Sequence[Any]) -> Part:
        index = _preferred(items, lambda item: _has_text(getattr(item, part)))
        if index is None:
            return Part(None, _leftovers(items, ()))
        chosen = items[index]
        known = {part, "type", "is_primary"}
        below = [
            f"[{index}].{name}" for name, value in chosen.__dict__.items() if name not in known and _has_text(value)
        ]
        below += extension_paths(chosen, f"[{index}]")
        return Part(getattr(chosen, part), [*below, *_leftovers(items, (index,))], {"": f"[{index}].{part}"})

    return convert


class EmailSlots:
    """Spreads a list of e-mail addresses over the fields a CRM has for them.

    The preferred address goes to the first field, the next ones to the further fields; the rest is reported.

    Args:
        targets: vendor paths of the fields, at least one.
    """

    def __init__(self, *targets: str) -> None:
        self.targets = targets

    def __call__(self, items: Sequence[EmailAddress]) -> Part:
        placed = self._placed(items)
        dropped: list[str] = []
        for index in placed.values():
            if items[index].model_extra:
                dropped += extension_paths(items[index], f"[{index}]")
        if len(placed) != len(items):
            dropped += _leftovers(items, placed.values())
        return Part(
            {target: items[index].email for target, index in placed.items()}, dropped, lambda: self._sources(items)
        )

    def _sources(self, items: Sequence[EmailAddress]) -> dict[str, str]:
        """Which part of which item each field was filled from."""
        return {target: f"[{index}].email" for target, index in self._placed(items).items()}

    def _placed(self, items: Sequence[EmailAddress]) -> dict[str, int]:
        if len(items) == 1:  # as in most leads
            return {self.targets[0]: 0} if _has_text(items[0].email) else {}
        order = [index for index, item in enumerate(items) if item.email and item.email.strip()]
        if len(order) > 1:
            best = min(order, key=[_rank(item) for item in items].__getitem__)
            order.remove(best)
            order.insert(0, best)
        return dict(zip(self.targets, order, strict=False))


class PhoneSlots:
    """Spreads a list of phone numbers over the fields a CRM has for them.

    Each field names the kinds it takes, best first; ``None`` stands for a number without a type. Every number goes to
    at most one field, an extension is appended as `` x204``, and what finds no place is reported. Of several numbers
    of equally good kind the one with ``is_primary`` wins, then the first. An ``is_primary`` number of no other field's
    kind counts as ``primary``.

    Args:
        slots: vendor path to the kinds it takes, in the order in which the fields are filled.
    """

    def __init__(self, slots: Mapping[str, Sequence[str | None]]) -> None:
        self.slots = {target: {kind: rank for rank, kind in enumerate(kinds)} for target, kinds in slots.items()}
        self.targets = tuple(slots)
        self._exclusive = {
            kind for kind in ("mobile", "fax") if any(kinds and kinds[0] == kind for kinds in slots.values())
        }

    def __call__(self, items: Sequence[PhoneNumber]) -> Part:
        value: dict[str, Any] = {}
        dropped: list[str] = []
        placed = self._placed(items)
        for target, index in placed.items():
            item = items[index]
            value[target], lost = phone_text(item)
            if lost or item.email or item.__pydantic_extra__:
                dropped += [f"[{index}].{part}" for part in (*lost, *(("email",) if item.email else ()))]
                dropped += extension_paths(item, f"[{index}]")
        if len(placed) != len(items):
            dropped += _leftovers(items, placed.values())
        return Part(value, dropped, lambda: self._sources(items))

    def _sources(self, items: Sequence[PhoneNumber]) -> dict[str, str]:
        """Which part of which item each field was filled from."""
        return {target: f"[{index}].number" for target, index in self._placed(items).items()}

    def _placed(self, items: Sequence[PhoneNumber]) -> dict[str, int]:
        waiting = self._kinds(items)
        placed: dict[str, int] = {}
        for target, ranks in self.slots.items():
            chosen, best = None, len(ranks)
            for index, kind in waiting.items():
                rank = ranks.get(kind, best)
                if rank < best:
                    chosen, best = index, rank
            if chosen is not None:
                placed[target] = chosen
                del waiting[chosen]
        return placed

    def _kinds(self, items: Sequence[PhoneNumber]) -> dict[int, str | None]:
        """The kind that each number counts as, by its place in the list; primary numbers first."""
        kinds: dict[int, str | None] = {}
        primary: dict[int, str | None] = {}
        for index, item in enumerate(items):
            if item.number and item.number.strip():
                kind = item.type.strip().lower() or None if item.type else None
                if item.is_primary and is_primary(item):
                    primary[index] = kind if kind in self._exclusive else "primary"
                else:
                    kinds[index] = kind
        return primary | kinds if primary else kinds


def phone_text(item: PhoneNumber, form: str = " x{}") -> tuple[str, tuple[str, ...]]:
    """Write a number with its extension appended once.

    Returns: the text, and the parts that were given up: a number that already ends in *another* extension keeps only
    the explicit one, and ``number`` is reported.
    """
    number = item.number or ""
    if not item.extension:
        return number, ()
    suffix = form.format(item.extension)
    may_have_one = "x" in number or "X" in number or "#" in number  # every way to write one has one of these
    written = _EXTENSION.search(number) if may_have_one else None
    if written is None:
        return number + suffix, ()
    return number[: written.start()] + suffix, () if written[1] == item.extension else ("number",)


class AddressSlots:
    """Writes one postal address of a list to the fields a CRM has for it; the other addresses are reported.

    Preferred is an address with ``is_primary``, else one of type ``primary``, else the first.

    Args:
        street: vendor path of the street; both lines go there, joined by ``joiner``.
        city: vendor path of the city.
        state: vendor path of the state.
        postal_code: vendor path of the postal code.
        country: vendor path of the country.
        joiner: text between the two lines of the street.
    """

    def __init__(
        self, *, street: str, city: str, state: str, postal_code: str, country: str, joiner: str = ", "
    ) -> None:
        self.street, self.joiner = street, joiner
        self.plain = {"city": city, "state": state, "postal_code": postal_code, "country": country}
        self.targets = (street, *self.plain.values())

    def __call__(self, items: Sequence[PostalAddress]) -> Part:
        index = _preferred(items, _has_place)
        if index is None:
            return Part({}, _leftovers(items, ()))
        parts = items[index].__dict__
        first_line, second_line = parts["street_1"], parts["street_2"]
        value: dict[str, Any] = {}
        if first_line or second_line:
            value[self.street] = (
                f"{first_line}{self.joiner}{second_line}" if first_line and second_line else first_line or second_line
            )
        for name, target in self.plain.items():
            if text := parts[name]:
                value[target] = text
        dropped = list(extension_paths(items[index], f"[{index}]")) if items[index].model_extra else []
        if len(items) > 1:
            dropped += _leftovers(items, (index,))
        return Part(value, dropped, lambda: self._sources(items))

    def _sources(self, items: Sequence[PostalAddress]) -> dict[str, str]:
        """Which part of which item each field was filled from."""
        index = _preferred(items, _has_place)
        if index is None:
            return {}
        parts = {self.street: "street_1" if items[index].street_1 else "street_2"}
        parts |= {target: name for name, target in self.plain.items()}
        return {target: f"[{index}].{name}" for target, name in parts.items() if getattr(items[index], name)}


def _has_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _has_place(item: PostalAddress) -> bool:
    parts = item.__dict__
    for name in ("street_1", "street_2", "city", "state", "postal_code", "country"):
        text = parts[name]
        if text and text.strip():
            return True
    return False


def _rank(item: Any) -> int:
    """How well an item speaks for its list; less is better."""
    if item.is_primary and is_primary(item):
        return 0
    return 1 if item.type and item.type.strip().lower() == "primary" else 2


def _preferred(items: Sequence[Any], usable: Callable[[Any], bool]) -> int | None:
    """Index of the item that speaks for the list, among those that are usable."""
    found = [index for index, item in enumerate(items) if usable(item)]
    if len(found) > 1:
        return min(found, key=lambda index: _rank(items[index]))
    return found[0] if found else None


def _leftovers(items: Sequence[Any], kept: Collection[int]) -> list[str]:
    return [f"[{index}]" for index, item in enumerate(items) if index not in kept and not is_empty(item)]
