"""Write each plugin's feature table into its README, between two marks, from what the provider says of itself.

``python docs/site/feature_tables.py`` rewrites the READMEs in ``plugins/``; run it after every change of a field table.
A plugin elsewhere: ``python docs/site/feature_tables.py SLUG README``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from unilead import CreatedLead, Lead, Provider, Registry

BEGIN, END = "<!-- features: docs/site/feature_tables.py writes what follows -->", "<!-- end of features -->"
WINDOWS = {1: "a second", 60: "a minute", 3_600: "an hour", 86_400: "a day"}
PLUGINS = Path(__file__).parents[2] / "plugins"


def feature_table(provider: Provider) -> str:
    """The table of one provider: what it requires, takes and answers, where it goes, and how much at a time."""
    answered = provider.info.response_fields
    names = [name for name in dict.fromkeys((*Lead.model_fields, *CreatedLead.model_fields)) if name != "remote_data"]
    rows = [
        (f"`{shown or name}`", _create(provider, name), _places(provider, name), "yes" if name in answered else "")
        for name in names
        if (shown := _shown(provider, name)) or name in answered
    ]
    lines = ["| field | create | goes to | answered |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |") for row in rows]
    if not answered:
        lines += ["", "The unified contract lists no answered fields here; reading back fills what the CRM has."]
    return "\n".join([*lines, "", " · ".join(_figures(provider))])


def with_table(readme: str, table: str) -> str:
    """A README with the table between its marks. Raises: ValueError when the marks are not there, once each."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError(f"the README needs these two lines, once each: {BEGIN} and {END}")
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}"


def _shown(provider: Provider, name: str) -> str:
    """The field, or the one part of it that the CRM takes although the contract does not list the field; or nothing."""
    if name in provider.supported:
        return name
    parts = [row.source for row in provider.info.fields.fields if row.source.startswith(f"{name}.")]
    return parts[0] if parts else ""


def _create(provider: Provider, name: str) -> str:
    if name in provider.required:
        return "required"
    return "yes" if _shown(provider, name) else ""


def _places(provider: Provider, name: str) -> str:
    """Where a field goes, in the vendor's words; with the part of the field where only a part goes there."""
    found: list[str] = []
    for row in provider.info.fields.fields:
        head, _, part = row.source.partition(".")
        if head != name:
            continue
        targets = (row.target,) if row.target else tuple(getattr(row.convert, "targets", ()))
        note = f" ({part})" if part not in ("", "id") and name in provider.supported else ""
        found += [f"`{target}`{note}" for target in targets if target]
    return ", ".join(found) or ("see below" if name in provider.supported else "")


def _figures(provider: Provider) -> Iterator[str]:
    info = provider.info
    yield f"batches: up to {info.batch_size} leads" if info.batch_size else "batches: none"
    yield "reading back: yes" if provider.implements("build_read_request") else "reading back: no"
    for limit in info.rate_limits:
        yield f"pace: {limit.requests:,} requests {WINDOWS.get(limit.seconds) or f'in {limit.seconds:g} seconds'}"


def main(arguments: list[str]) -> int:
    """Rewrite one README, or all of this repository's."""
    registry = Registry(overrides=False)
    readmes = {arguments[0]: Path(arguments[1])} if arguments else {path.parent.name: path for path in _readmes()}
    for slug, path in readmes.items():
        path.write_text(with_table(path.read_text("utf-8"), feature_table(registry.get(slug))), encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def _readmes() -> list[Path]:
    return sorted(PLUGINS.glob("*/README.md"))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
