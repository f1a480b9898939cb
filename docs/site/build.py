"""Builds the documentation site: the pages beside this folder, and reference pages made from the installed code.

    python docs/site/build.py     # then: zensical build -f docs/site/mkdocs.yml --strict

Everything under ``pages/`` and ``html/`` is made; nothing there is edited by hand.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from unilead import CreatedLead, Lead, Provider, Registry
from unilead.cli.group import COMMANDS, cli
from unilead.mapping import REQUEST_FIELDS
from unilead.matrix import capability_matrix

DOCS = Path(__file__).parents[1]
PAGES = Path(__file__).parent / "pages"
API = {
    "Clients and results": ["client", "exchange", "bulk", "in_flight"],
    "Leads": ["schema"],
    "Errors": ["errors", "status_errors"],
    "Credentials": ["credentials"],
    "Writing a provider": [
        "hooks",
        "info",
        "settings",
        "mapping",
        "converters",
        "slots",
        "message",
        "simulator",
        "testing.stage",
        "testing.request_promises",
        "testing.answer_promises",
        "testing.sending_promises",
    ],
    "Registry": ["registry", "provider"],
}


def main() -> None:
    """Copy the written pages, and make the others."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("site"))
    providers = Registry(overrides=False).all()
    for name, text in reference_pages(providers):
        page = PAGES / "reference" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


def reference_pages(providers: Sequence[Provider]) -> Iterator[tuple[str, str]]:
    """Yield each made page: its path below ``reference/``, and its Markdown."""
    yield "matrix.md", _matrix(providers)
    yield "lead.md", _lead()
    yield "command-line.md", _command_line()
    for title, modules in API.items():
        name = title.lower().replace(" ", "-")
        yield f"api/{name}.md", f"# {title}\n\n" + "\n\n".join(f"::: unilead.{module}" for module in modules) + "\n"
    for provider in providers:
        yield f"providers/{provider.slug}.md", _provider(provider)


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines) + "\n"


def _matrix(providers: Sequence[Provider]) -> str:
    matrix: dict[str, dict[str, dict[str, list[str]]]] = capability_matrix(providers)
    parts = ["# Fields and providers\n\nA field that a CRM does not take is reported in `Result.dropped`.\n"]
    for side, rows in matrix.items():
        cells = ([field, *(_mark(found, p.slug) for p in providers)] for field, found in rows.items())
        parts.append(f"## {side.capitalize()}\n\n" + _table(["field", *(p.slug for p in providers)], cells))
    return "\n".join(parts)


def _mark(cells: dict[str, list[str]], slug: str) -> str:
    if slug in cells.get("required_in", ()):
        return "required"
    return "yes" if slug in cells["supported_in"] else ""


def _lead() -> str:
    return "\n".join(
        [
            "# The lead\n",
            "What a caller sends (`Lead`) and what a CRM answered (`CreatedLead`), field by field.\n",
            *(
                f"## {model.__name__}\n\n{_table(['field', 'type', 'meaning'], _fields(model))}"
                for model in (Lead, CreatedLead)
            ),
        ]
    )


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    schema = model.model_json_schema()
    for name, field in schema["properties"].items():
        yield f"`{name}`", _type_of(field, schema), field.get("description", "")
        for part, inner in _parts(field, schema):
            yield (
                f"`{name}{'[]' if _is_list(field) else ''}.{part}`",
                _type_of(inner, schema),
                inner.get("description", ""),
            )


def _alternatives(field: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]
    return found


def _is_list(field: dict[str, Any]) -> bool:
    return any(option.get("type") == "array" for option in _alternatives(field))


def _parts(field: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for option in _alternatives(field):
        reference = option.get("$ref") or option.get("items", {}).get("$ref")
        if reference:
            yield from schema["$defs"][reference.rsplit("/", 1)[1]]["properties"].items()


def _type_of(field: dict[str, Any], schema: dict[str, Any]) -> str:
    words = []
    for option in _alternatives(field):
        kind = option.get("type", "object" if "$ref" in option else "any")
        words += [
            "secret" if option.get("format") == "password" else option.get("format", word)
            for word in ([kind] if isinstance(kind, str) else kind)
        ]
    return " or ".join(dict.fromkeys(words))


def _command_line() -> str:
    parts = ["# Command line\n\n`pip install 'unilead[cli]'`. Every command takes `--help`; most take `--json`.\n"]
    context = click.Context(cli, info_name="unilead", color=False, max_content_width=100)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            text = command.get_help(click.Context(command, context, info_name=name, max_content_width=100))
            parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def _provider(provider: Provider) -> str:
    info = provider.info
    schema = info.settings.model_json_schema()
    needed = schema.get("required", [])
    settings = (
        [f"`{name}`", _type_of(field, schema), "yes" if name in needed else "", field.get("description", "")]
        for name, field in schema["properties"].items()
    )
    lines = [
        f"# {info.title}\n",
        f'`pip install unilead-{info.slug}`; an account names `provider = "{info.slug}"`.\n',
        "## Fields\n",
        f"Required: {_names(provider.required)}. Taken: {_names(info.fields.taken)}.\n",
        f"Answered: {_names(info.response_fields) if info.response_fields else '`id`'}.\n",
        "## Settings\n",
        _table(["setting", "type", "needed", "meaning"], settings),
        "## Limits\n",
        *(f"- {limit.requests} requests in {limit.seconds:g} s" for limit in info.rate_limits),
        *([f"- up to {info.batch_size} leads in one request"] if info.batch_size else []),
        "\n## What the CRM demands beyond the contract\n",
        *(f"- {rule.text}" for rule in info.rules),
        "\n## Good to know\n",
        *(f"- {quirk}" for quirk in info.quirks),
        "\n## The vendor's own pages\n",
        *(f"- [{title}]({url})" for title, url in info.docs.items()),
    ]
    return "\n".join(lines) + "\n"


def _names(names: Iterable[str]) -> str:
    ordered = [name for name in (*REQUEST_FIELDS, *CreatedLead.model_fields) if name in set(names)]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(ordered)) or "none"


if __name__ == "__main__":
    main()
