"""``providers``, ``describe``, ``matrix``: what is installed and what it can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from unilead.cli.show import Command, fits, heading, line, note, pairs, print_json, table
from unilead.errors import LeadError
from unilead.installed import Plugin
from unilead.registry import DISABLE, Registry

if TYPE_CHECKING:
    from unilead.info import ProviderInfo
    from unilead.provider import Provider

TIME_LIMIT = 5.0


@click.command(cls=Command)
@click.option("--check", is_flag=True, help="Load every provider, report the broken ones and changed files.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0.1, 600),
    default=TIME_LIMIT,
    show_default=True,
    help="Seconds that a provider may take in --check.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def providers(check: bool, time_limit: float, as_json: bool) -> int:
    """List the installed providers and their overrides.

    The environment variable UNILEAD_DISABLE leaves distributions or slugs out, separated by commas.
    """
    registry = Registry()
    for name in registry.idle_disables:
        note(f"{DISABLE} names {name}, and nothing installed has that name")
    rows = [_row(registry, slug) for slug in registry.slugs]
    if check:
        from unilead.cli.integrity import inspect

        found = inspect(registry, time_limit)
        rows = [row | found[row["slug"]] for row in rows]
    if as_json:
        print_json(rows)
    elif rows:
        _print_providers(rows, check=check)
    else:
        line("no providers are installed; try: pip install unilead-hubspot")
    return int(any(row.get("error") for row in rows))


def _row(registry: Registry, slug: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "distributions": [_names(plugin) for plugin in registry.plugins(slug)],
        "overrides": [_names(plugin) for plugin in registry.overrides(slug)],
    }


def _names(plugin: Plugin) -> dict[str, str]:
    return {"distribution": plugin.distribution, "version": plugin.version, "module": plugin.module}


def _print_providers(rows: list[dict[str, Any]], *, check: bool) -> None:
    headers = ["slug", "distribution", "overridden by", *(["check", "changed files"] if check else [])]
    table(headers, [_cells(row, check=check) for row in rows])
    for row in rows:
        if row.get("error"):
            note(f"{row['slug']}: {row['error']}")


def _cells(row: dict[str, Any], *, check: bool) -> list[str]:
    sources = [
        [f"{one['distribution']} {one['version']}" for one in row[key]] for key in ("distributions", "overrides")
    ]
    cells = [row["slug"], *(", ".join(names) for names in sources)]
    if check:
        changed = row["changed_files"]
        cells += ["broken" if row["error"] else "ok", "unknown" if changed is None else ", ".join(changed) or "none"]
    return cells


@click.command(cls=Command)
@click.argument("slug")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe(slug: str, as_json: bool) -> None:
    """Describe one provider: settings, fields, limits, rules."""
    provider = Registry().get(slug)
    info = provider.info
    document: dict[str, Any] = {
        "slug": info.slug,
        "title": info.title,
        "required": list(provider.required),
        "supported": [name for name in info.fields.taken if name not in provider.required],
        "response_fields": list(info.response_fields),
        "settings": info.settings.model_json_schema(),
        "batch_size": info.batch_size,
        "rate_limits": [{"requests": limit.requests, "seconds": limit.seconds} for limit in info.rate_limits],
        "rules": [{"text": rule.text, "fields": list(rule.fields)} for rule in info.rules],
        "quirks": list(info.quirks),
        "docs": dict(info.docs),
    }
    if as_json:
        print_json(document)
        return
    heading(f"{info.title} ({info.slug})")
    pairs(
        [
            ("required", ", ".join(provider.required) or "nothing"),
            ("takes", ", ".join(document["supported"])),
            ("answers", ", ".join(info.response_fields) or "id"),
            *_setting_rows(info),
            ("batches", f"up to {info.batch_size} leads" if info.batch_size else ""),
            *(("limit", limit.words) for limit in info.rate_limits),
            *(("rule", rule.text) for rule in info.rules),
            *(("note", text) for text in info.quirks),
            *(("docs", f"{title}: {url}") for title, url in info.docs.items()),
        ]
    )


def _setting_rows(info: ProviderInfo) -> Iterator[tuple[str, str]]:
    """The settings of an account, each with its meaning; those that every account needs are marked."""
    ways_in = getattr(info.settings, "ways_in", "")
    if ways_in:
        yield "account", f"give {ways_in}"
    schema = info.settings.model_json_schema()
    for name, setting in schema["properties"].items():
        needed = " (required)" if name in schema.get("required", ()) else ""
        meaning = setting.get("description", "").replace("`", "").replace("*", "").rstrip(".")
        yield "setting", f"{name}{needed}: {meaning}" if meaning else name + needed


@click.command(cls=Command)
@click.option("--format", "form", type=click.Choice(["table", "md", "json"]), default="table")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def matrix(form: str, as_json: bool) -> None:
    """Print which provider requires, takes and answers which field."""
    from unilead.matrix import capability_matrix

    known = list(_loaded(Registry()))
    found = capability_matrix(known)
    if as_json or form == "json":
        print_json(found)
        return
    slugs = [provider.slug for provider in known]
    for side in ("request", "response"):
        rows = [[field, *(_mark(slug, cells) for slug in slugs)] for field, cells in found[side].items()]
        if form == "md":
            line("\n".join(f"| {' | '.join(row)} |" for row in [[side, *slugs], ["---"] * (len(slugs) + 1), *rows]))
        elif fits([side, *slugs], rows):
            table([side, *slugs], rows)
        else:
            _print_blocks(side, found[side])
        line()


def _print_blocks(side: str, part: dict[str, dict[str, list[str]]]) -> None:
    """The matrix for a narrow terminal: the slugs below each field."""
    for field, cells in part.items():
        heading(f"{side} {field}")
        pairs((label.removesuffix("_in"), ", ".join(slugs)) for label, slugs in cells.items())


def _loaded(registry: Registry) -> Iterator[Provider]:
    """The providers that load; of the others people are told."""
    for slug in registry.slugs:
        try:
            yield registry.get(slug)
        except LeadError as error:
            note(f"left out: [{slug}] {error.message}")


def _mark(slug: str, cells: dict[str, list[str]]) -> str:
    if slug in cells.get("required_in", ()):
        return "required"
    return "yes" if slug in cells["supported_in"] else "-"
