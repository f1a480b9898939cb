"""Builds the documentation site: the pages beside this folder, and reference pages made from the installed code.

    python docs/site/build.py     # then: zensical build -f docs/site/mkdocs.yml --strict

Everything under ``pages/`` and ``html/`` is made; nothing there is edited by hand.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

import unilead
from unilead import CreatedLead, Lead, Provider, Registry
from unilead.cli.group import COMMANDS, cli
from unilead.cli.sending import SAMPLE_LEAD
from unilead.mapping import REQUEST_FIELDS
from unilead.matrix import capability_matrix

DOCS = Path(__file__).parents[1]
PAGES = Path(__file__).parent / "pages"
CORE = Path(unilead.__file__).parent
API = {
    "Clients and results": ["client", "account", "exchange", "in_flight", "pace"],
    "Leads": ["schema"],
    "Errors": ["errors"],
    "Credentials": ["credentials", "credential_stores", "oauth"],
    "Writing a provider": [
        "hooks",
        "info",
        "settings",
        "mapping",
        "fields",
        "converters",
        "slots",
        "message",
        "answered",
        "status_errors",
        "quota",
        "values",
        "merging",
        "simulator",
        "testing.stage",
        "testing.golden",
        "testing.rules",
        "testing.request_promises",
        "testing.answer_promises",
        "testing.sending_promises",
        "testing.stores",
    ],
    "Registry": ["registry", "provider", "installed"],
}
SHOWN = {  # what a page shows of a module besides its public names
    "hooks": ["HookSpecs"],
    "testing.stage": ["ProviderStage"],
    "testing.rules": ["VendorRules"],
    "testing.request_promises": ["RequestPromises"],
    "testing.answer_promises": ["AnswerPromises"],
    "testing.sending_promises": ["SendingPromises"],
    "testing.stores": ["CredentialStoreContract"],
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
        yield f"api/{name}.md", f"# {title}\n\n" + "\n".join(map(_directive, modules))
    for provider in providers:
        yield f"providers/{provider.slug}.md", _provider(provider)


def _directive(module: str) -> str:
    """What makes the reference of a module: its public names, in the order in which it writes them, and no others."""
    source = (CORE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    names = [*SHOWN.get(module, ()), *unilead._HOMES.get(module, ())]
    names.sort(key=lambda name: re.search(rf"^(class |def )?{name}\b", source, re.MULTILINE).start())  # type: ignore[union-attr]
    return f"::: unilead.{module}\n    options:\n      members: [{', '.join(names)}]\n"


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
            "The lead of `unilead demo`:\n",
            f"```json\n{json.dumps(SAMPLE_LEAD, indent=2)}\n```\n",
            *(
                f"## {model.__name__}\n\n{_table(['field', 'type', 'meaning'], _fields(model))}"
                for model in (Lead, CreatedLead)
            ),
        ]
    )


def _meaning(field: dict[str, Any]) -> str:
    """What a field means, with the values that it usually has."""
    text: str = field.get("description", "")
    return f"{text}: {', '.join(f'`{value}`' for value in field['enum'])}" if "enum" in field else text


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    schema = model.model_json_schema()
    for name, field in schema["properties"].items():
        yield f"`{name}`", _type_of(field, schema), _meaning(field)
        for part, inner in _parts(field, schema):
            yield (
                f"`{name}{'[]' if _is_list(field) else ''}.{part}`",
                _type_of(inner, schema),
                _meaning(inner),
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
    context = click.Context(cli, info_name="unilead", color=False, max_content_width=100)
    parts = [
        "# Command line\n\n`pip install 'unilead[cli]'`. Every command takes `--help`; most take `--json`.\n",
        f"```text\n{cli.get_help(context)}\n```\n",
        "An *account file* names a provider and its settings: see [Credentials](../credentials.md#an-account-file).",
        'Completion in the shell: `eval "$(_UNILEAD_COMPLETE=bash_source unilead)"`, or `zsh_source`, `fish_source`.\n',
    ]
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
        *(f"- {limit.words}" for limit in info.rate_limits),
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
