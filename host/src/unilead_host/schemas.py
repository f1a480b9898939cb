"""JSON Schemas of what is sent and answered, made from the models that read and write the leads."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic.json_schema import models_json_schema

from unilead import CreatedLead, Lead, Provider

REF = "#/components/schemas/{model}"


@lru_cache(maxsize=1)
def lead_schemas() -> dict[str, Any]:
    """JSON Schemas of the lead, in and out, with their parts."""
    _, taken = models_json_schema([(Lead, "validation")], ref_template=REF.replace("{model}", "{model}In"))
    _, given = models_json_schema([(CreatedLead, "serialization")], ref_template=REF)
    schemas = {f"{name}In": _taking_numbers(schema) for name, schema in taken["$defs"].items()}
    return {"Lead": schemas.pop("LeadIn"), **schemas, **_without_enums(given["$defs"])}


def _without_enums(schema: Any) -> Any:
    """A CRM answers what it likes: the enumerations are for requests."""
    if isinstance(schema, list):
        return [_without_enums(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_enums(value) for key, value in schema.items() if key != "enum"}


def _taking_numbers(schema: Any, name: str = "") -> Any:
    """Say what is really taken: a number, or for ``is_primary`` a boolean, where text is wanted; any kind of phone."""
    if isinstance(schema, list):
        return [_taking_numbers(item, name) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string" and "format" not in schema:
        kinds = ["string", "number", "boolean"] if name == "is_primary" else ["string", "number"]
        return schema | {"type": kinds}
    taken = {
        key: {field: _taking_numbers(part, field) for field, part in value.items()}
        if key == "properties"
        else _taking_numbers(value, name)
        for key, value in schema.items()
    }
    if "enum" in taken:
        taken["examples"] = taken.pop("enum")
    return taken


def request_schema(provider: Provider) -> dict[str, Any]:
    """What a create takes for one CRM: only the fields that it takes, with the required ones marked."""
    known = _inlined("Lead")
    names = [*(name for name in known["properties"] if name in provider.supported), "remote_data"]
    rules = [rule.text for rule in provider.info.rules]
    return {
        "type": "object",
        "title": f"{provider.info.title} lead",
        "description": "\n".join(rules),
        "properties": {name: known["properties"][name] for name in names},
        "required": list(provider.required),
    }


def response_schema(provider: Provider) -> dict[str, Any]:
    """What a create answers for one CRM."""
    known = _inlined("CreatedLead")
    names = [name for name in known["properties"] if name in provider.info.response_fields or name == "id"]
    properties = {name: known["properties"][name] for name in names}
    return {"type": "object", "properties": properties | {"remote_data": {}}, "required": ["id"]}


def _inlined(name: str) -> dict[str, Any]:
    """A schema that stands alone: its references are replaced by what they name."""
    schemas = lead_schemas()

    def inline(value: Any) -> Any:
        if isinstance(value, list):
            return [inline(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inline(schemas[value["$ref"].rsplit("/", 1)[1]])
        return {key: inline(item) for key, item in value.items()}

    whole: dict[str, Any] = inline(schemas[name])
    return whole
