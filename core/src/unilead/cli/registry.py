"""``providers``, ``describe``, ``matrix``: what is installed and what it can do."""

from __future__ import annotations

import threading
from typing import Any

import click

from unilead.cli.show import line, print_json
from unilead.errors import LeadError
from unilead.registry import Plugin, Registry

TIME_LIMIT = 5.0  # seconds for loading one provider


@click.command()
@click.option("--check", is_flag=True, help="Load every provider and report the broken ones.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def providers(check: bool, as_json: bool) -> int:
    """List the installed providers and their overrides."""
    registry = Registry()
    rows = [_row(registry, slug, check=check) for slug in registry.slugs]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            line(_row_text(row))
        if not rows:
            line("no providers are installed; try: pip install unilead-hubspot")
    return int(any(row.get("error") for row in rows))


def _row(registry: Registry, slug: str, *, check: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "slug": slug,
        "distributions": [_names(plugin) for plugin in registry.plugins(slug)],
        "overrides": [_names(plugin) for plugin in registry.overrides(slug)],
    }
    if check:
        row["error"] = _fault(registry, slug)
        row["changed_files"] = [name for plugin in registry.plugins(slug) for name in _changed_files(plugin)]
    return row


def _names(plugin: Plugin) -> dict[str, str]:
    return {"distribution": plugin.distribution, "version": plugin.version, "module": plugin.module}


def _row_text(row: dict[str, Any]) -> str:
    names = ", ".join(f"{entry['distribution']} {entry['version']}" for entry in row["distributions"])
    text = f"{row['slug']:<14} {names}"
    if row["overrides"]:
        text += "  + " + ", ".join(f"{entry['distribution']} {entry['version']}" for entry in row["overrides"])
    if "error" in row:
        text += f"  {row['error'] or 'ok'}"
    if row.get("changed_files"):
        text += f"  ({len(row['changed_files'])} files changed since install)"
    return text


def _fault(registry: Registry, slug: str) -> str | None:
    """Load a provider under a time limit. Returns: what is wrong with it, if anything."""
    found: list[str | None] = []

    def load() -> None:
        try:
            registry.get(slug)
            found.append(None)
        except LeadError as error:
            found.append(f"{type(error).__name__}: {error.message}")

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(TIME_LIMIT)
    return found[0] if found else f"does not load within {TIME_LIMIT:g} seconds"


def _changed_files(plugin: Plugin) -> list[str]:
    """Files of a distribution that are not as they were installed, by the hashes of its RECORD."""
    import base64
    import hashlib

    changed = []
    distribution = plugin.entry_point.dist
    for file in (distribution.files if distribution is not None else None) or ():
        if file.hash is None or file.hash.mode != "sha256":
            continue
        path = file.locate()
        digest = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""  # type: ignore[attr-defined]
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            changed.append(str(file))
    return changed


@click.command()
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
        "supported": [name for name in provider.supported if name not in provider.required],
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
    line(f"{info.title} ({info.slug})")
    line(f"  required:  {', '.join(provider.required) or 'nothing'}")
    line(f"  takes:     {', '.join(document['supported'])}")
    line(f"  answers:   {', '.join(info.response_fields) or 'id'}")
    line(f"  settings:  {', '.join(info.settings.model_fields)}")
    if info.batch_size:
        line(f"  batches:   up to {info.batch_size} leads")
    for limit in info.rate_limits:
        line(f"  limit:     {limit.requests} requests in {limit.seconds:g} s")
    for text in [*(rule.text for rule in info.rules), *info.quirks]:
        line(f"  - {text}")
    for title, url in info.docs.items():
        line(f"  {title}: {url}")


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "md", "json"]), default="table")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def matrix(form: str, as_json: bool) -> None:
    """Print which provider requires, takes and answers which field."""
    from unilead.matrix import capability_matrix

    registry = Registry()
    found = capability_matrix(registry.get(slug) for slug in registry.slugs)
    if as_json or form == "json":
        print_json(found)
        return
    for side in ("request", "response"):
        _print_table(side, found[side], registry.slugs, markdown=form == "md")


def _print_table(side: str, rows: dict[str, Any], slugs: tuple[str, ...], *, markdown: bool) -> None:
    if markdown:
        line(f"| {side} | " + " | ".join(slugs) + " |")
        line("| --- |" + " --- |" * len(slugs))
    else:
        line(f"{side:<20}" + " ".join(f"{slug:<12}" for slug in slugs))
    for field, cells in rows.items():
        marks = [_mark(slug, cells) for slug in slugs]
        row = (
            f"| {field} | " + " | ".join(marks) + " |"
            if markdown
            else f"{field:<20}" + " ".join(f"{m:<12}" for m in marks)
        )
        line(row.rstrip())
    line()


def _mark(slug: str, cells: dict[str, list[str]]) -> str:
    if slug in cells.get("required_in", ()):
        return "required"
    return "yes" if slug in cells["supported_in"] else "-"
