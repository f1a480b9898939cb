"""``new-plugin``: a third-party provider from a template."""

from __future__ import annotations

import re
from pathlib import Path

import click

from unilead.cli.show import Command, line, note
from unilead.registry import Registry

TEMPLATE = Path(__file__).parents[1] / "template"
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


@click.command("new-plugin", cls=Command)
@click.argument("slug")
@click.option("--title", metavar="TEXT", help="The CRM's name for people; made from the slug by default.")
@click.option("--host", metavar="HOST", help="Host of the CRM's API; one that does not exist by default.")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), default=".", help="Folder to make it in.")
def new_plugin(slug: str, title: str | None, host: str | None, into: Path) -> None:
    """Make a provider from a template: it works, passes its contract suite, and waits for the CRM's facts."""
    if not _SLUG.fullmatch(slug):
        raise click.UsageError("a slug is lower case letters and digits, joined by hyphens: acme, north-star")
    host = host or f"api.{slug}.example"
    if not _HOST.fullmatch(host):
        raise click.UsageError("--host wants a host name, such as api.acme.example")
    title = slug.replace("-", " ").title() if title is None else title
    if not title.strip() or not title.isprintable() or set(title) & {'"', "\\"}:
        raise click.UsageError("--title wants one line without double quotes and backslashes")
    target = into / f"unilead-{slug}"
    if target.exists():
        raise click.UsageError(f"{target} is there already")
    _render(target, {"slug": slug, "title": title, "host": host})
    line(f"made {target}")
    for plugin in Registry().plugins(slug):
        note(f"note: {plugin} provides {slug} already; uninstall it before this one is installed")
    line(f"next: cd {target} && pip install -e '.[test]' && pytest")


def _render(target: Path, answers: dict[str, str]) -> None:
    try:
        from copier import run_copy
    except ModuleNotFoundError:
        raise click.UsageError("this command needs its extra: pip install 'unilead[author]'") from None
    try:
        target.mkdir(parents=True)
    except OSError as fault:
        raise click.UsageError(f"{target} cannot be made: {fault.strerror or type(fault).__name__}") from None
    run_copy(str(TEMPLATE), target, data=answers, defaults=True, quiet=True)
