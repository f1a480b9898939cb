"""JSON schemas of CRMs that have no client of their own, written from what the vendors publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from unilead import InvalidLeadError, Lead, MissingFieldsError, Provider, Settings

SCHEMAS = Path(__file__).parent / "schemas"


class Shapes:
    """The shapes that one CRM's bodies have, by name: ``request``, ``answer`` and its forms of refusals."""

    def __init__(self, slug: str) -> None:
        self._schema = json.loads((SCHEMAS / f"{slug}.json").read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(self._schema)

    def check(self, shape: str, body: Any) -> None:
        """Fail with the place in the body that does not fit."""
        validator = Draft202012Validator({**self._schema, "$ref": f"#/$defs/{shape}"})
        fault = best_match(validator.iter_errors(body))
        assert fault is None, f"{fault.json_path}: {fault.message}"


def body_of(provider: Provider, lead: Lead, settings: Settings) -> Any:
    """The body that creates a lead; ``None`` for a lead that is refused before anything is sent."""
    try:
        return provider.build_request(lead, settings).json
    except (InvalidLeadError, MissingFieldsError):
        return None
