"""Phone numbers and the e-mail addresses that come with them, spread over the fields Zoho CRM has."""

from __future__ import annotations

from collections.abc import Sequence

from unilead import Part, PhoneNumber, is_primary, phone_text

NUMBERS = ("Phone", "Mobile", "Fax")
EMAILS = ("Email", "Secondary_Email")
KINDS: dict[str, tuple[int, tuple[str, ...]]] = {  # kind of number to its turn, and the fields it may go to
    "fax": (0, ("Fax",)),
    "mobile": (1, ("Mobile",)),
    "primary": (2, ("Phone",)),
    "work": (3, ("Phone", "Mobile")),
    "": (3, ("Phone", "Mobile")),
    "secondary": (4, ("Mobile", "Phone")),
}


class ContactSlots:
    """Assigns numbers to Phone, Mobile and Fax, and the items' addresses to Email and Secondary_Email."""

    targets = (*NUMBERS, *EMAILS)

    def __call__(self, items: Sequence[PhoneNumber]) -> Part:
        numbers, emails = _numbers(items), _emails(items)
        value: dict[str, str] = {}
        dropped: list[str] = []
        for target in NUMBERS:
            index = numbers.get(target)
            if index is not None:
                value[target], lost = phone_text(items[index])
                dropped += [f"[{index}].{part}" for part in lost]
        for target, index in emails.items():
            value[target] = items[index].email or ""
        for index, item in enumerate(items):
            has_number, has_email = index in numbers.values(), index in emails.values()
            if not has_number or (item.email and not has_email) or item.model_extra:
                dropped += _left_over(item, index, has_number, has_email)
        return Part(value, dropped, lambda: self._sources(items))

    def _sources(self, items: Sequence[PhoneNumber]) -> dict[str, str]:
        """Which part of which item each field was filled from."""
        numbers = {target: f"[{index}].number" for target, index in _numbers(items).items()}
        return numbers | {target: f"[{index}].email" for target, index in _emails(items).items()}


def _numbers(items: Sequence[PhoneNumber]) -> dict[str, int]:
    """Field to item: exact kinds first, then what is left in the order it came."""
    turns = [
        (*KINDS[kind], index)
        for index, item in enumerate(items)
        if item.number and item.number.strip() and (kind := _kind(item)) in KINDS
    ]
    turns.sort()
    found: dict[str, int] = {}
    for _, targets, index in turns:
        for target in targets:
            if target not in found:
                found[target] = index
                break
    return found


def _kind(item: PhoneNumber) -> str:
    if item.type and (kind := item.type.strip().lower()):
        return kind
    return "primary" if item.is_primary and is_primary(item) else ""


def _emails(items: Sequence[PhoneNumber]) -> dict[str, int]:
    """Field to item: the primary address first, then the others in the order they came."""

    def rank(index: int) -> int:
        item = items[index]
        return 0 if is_primary(item) else 1 if _kind(item) == "primary" else 2

    order = [index for index, item in enumerate(items) if item.email and item.email.strip()]
    if len(order) > 1:
        first = min(order, key=rank)
        order = [first, *(index for index in order if index != first)]
    return dict(zip(EMAILS, order, strict=False))


def _left_over(item: PhoneNumber, index: int, has_number: bool, has_email: bool) -> list[str]:
    """What of an item found no place; an item that found none at all is named as a whole."""
    lost = [
        name
        for name, kept in (("number", has_number), ("extension", has_number), ("email", has_email))
        if not kept and getattr(item, name)
    ]
    lost += list(item.model_extra or ())
    if lost and not has_number and not has_email:
        return [f"[{index}]"]
    return [f"[{index}].{name}" for name in lost]
