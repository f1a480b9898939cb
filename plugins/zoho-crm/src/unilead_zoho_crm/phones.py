"""Phone numbers and the e-mail addresses that come with them, spread over the fields Zoho CRM has."""

from __future__ import annotations

from collections.abc import Sequence

from unilead import Part, PhoneNumber, is_primary, phone_text

NUMBERS = ("Phone", "Mobile", "Fax")
EMAILS = ("Email", "Secondary_Email")
CHOICES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (  # kinds of numbers, and the fields they may go to
    (("fax",), ("Fax",)),
    (("mobile",), ("Mobile",)),
    (("primary",), ("Phone",)),
    (("work", ""), ("Phone", "Mobile")),
    (("secondary",), ("Mobile", "Phone")),
)


def contact_slots(items: Sequence[PhoneNumber]) -> Part:
    """Assign numbers to Phone, Mobile and Fax, and the items' addresses to Email and Secondary_Email."""
    numbers = _numbers(items)
    emails = _emails(items)
    value: dict[str, str] = {}
    sources: dict[str, str] = {}
    dropped: list[str] = []
    for target, index in sorted(numbers.items(), key=lambda pair: NUMBERS.index(pair[0])):
        value[target], lost = phone_text(items[index])
        sources[target] = f"[{index}].number"
        dropped += [f"[{index}].{part}" for part in lost]
    for target, index in emails.items():
        value[target] = items[index].email or ""
        sources[target] = f"[{index}].email"
    for index, item in enumerate(items):
        dropped += _left_over(item, index, index in numbers.values(), index in emails.values())
    return Part(value, dropped, sources)


contact_slots.targets = (*NUMBERS, *EMAILS)  # type: ignore[attr-defined]


def _numbers(items: Sequence[PhoneNumber]) -> dict[str, int]:
    """Field to item: exact kinds first, then what is left in the order it came."""
    found: dict[str, int] = {}
    left = [index for index, item in enumerate(items) if item.number and item.number.strip()]
    for kinds, targets in CHOICES:
        for index in [index for index in left if _kind(items[index]) in kinds]:
            free = [target for target in targets if target not in found]
            if free:
                found[free[0]] = index
                left.remove(index)
    return found


def _kind(item: PhoneNumber) -> str:
    kind = (item.type or "").strip().lower()
    return "primary" if not kind and is_primary(item) else kind


def _emails(items: Sequence[PhoneNumber]) -> dict[str, int]:
    """Field to item: the primary address first, then the others in the order they came."""

    def rank(index: int) -> int:
        item = items[index]
        return 0 if is_primary(item) else 1 if _kind(item) == "primary" else 2

    given = [index for index, item in enumerate(items) if item.email and item.email.strip()]
    first = min(given, key=rank, default=None)
    order = [] if first is None else [first, *(index for index in given if index != first)]
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
