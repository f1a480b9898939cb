"""What of a lead does not reach the CRM, said on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from unilead.check import suggestion
from unilead.cli.show import note
from unilead.errors import MissingFieldsError
from unilead.schema import Lead


def note_losses(dropped: Iterable[str], unknown: Iterable[str]) -> None:
    """Say what was left out, and which keys no lead has."""
    for path in dropped:
        note(f"dropped: {path}")
    for name in unknown:
        meant = suggestion(name)
        note(f"unknown: {name}" + (f"; did you mean {meant}?" if meant else ""))


@contextmanager
def naming_unknown(lead: Lead) -> Iterator[None]:
    """Where a required field is missing, name the lead's unknown keys first: one may be that field, misspelt."""
    try:
        yield
    except MissingFieldsError:
        note_losses((), lead.unknown)
        raise
