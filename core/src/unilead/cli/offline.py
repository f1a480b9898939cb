"""``check``, ``preview``, ``parse``: everything that can be said about a lead without sending it."""

from __future__ import annotations

from typing import Any

import click

from unilead.auth import mask_text
from unilead.check import Readiness, advice, suggestion
from unilead.check import check as check_lead
from unilead.cli.inputs import account_and_settings, header_map, parse_lead, read_bytes, read_lead, remote_query
from unilead.cli.losses import naming_unknown, note_losses
from unilead.cli.show import Command, error_document, escaped, line, note, print_json
from unilead.cli.wire import curl_text, http_text, shown_request
from unilead.errors import LeadError, ProviderError
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.render import render
from unilead.retry import retry_after
from unilead.schema import Lead
from unilead.settings import Settings
from unilead.strict_json import read_object


@click.command(cls=Command)
@click.option("--provider", "slugs", multiple=True, metavar="SLUG", help="Only this provider; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("lead_file", metavar="LEAD")
def check(slugs: tuple[str, ...], as_json: bool, lead_file: str) -> int:
    """Say for each provider whether LEAD is ready, what is missing, and what would be dropped.

    LEAD is a file of JSON; - reads standard input. Exit code 1 says that a provider is not ready.

    A lead can be ready and still lack what the CRM demands beyond the unified contract; that is named.

    With the extra "check" installed, doubtful e-mail addresses, phone numbers and countries are named too; they are
    advice and change no verdict.
    """
    given = read_bytes(lead_file)
    lead = parse_lead(lead_file, given)
    registry = Registry()
    for slug in slugs:
        registry.get(slug)
    rows = [_row(check_lead(registry, slug, lead), lead) for slug in dict.fromkeys(slugs) or registry.slugs]
    doubts = advice(lead, read_object(given))
    if as_json:
        notes = None if doubts is None else [{"field": note.field, "message": note.message} for note in doubts]
        print_json([row | {"advice": notes} for row in rows])
    else:
        for row in rows:
            line(_readiness_text(row))
        for name in lead.unknown:
            meant = suggestion(name)
            note(f"note: {name} is not a field of a lead" + (f"; did you mean {meant}?" if meant else ""))
        for found in doubts or ():
            note(f"advice: {found.field} {found.message}")
    return int(any(row["status"] != "ready" for row in rows))


def _row(found: Readiness, lead: Lead) -> dict[str, Any]:
    row = {
        "slug": found.slug,
        "status": found.status,
        "unknown": list(lead.unknown),
        "missing": list(found.missing),
        "dropped": list(found.dropped),
        "unmet": list(found.unmet),
    }
    return row | {"error": error_document(found.error)} if found.error else row


def _readiness_text(row: dict[str, Any]) -> str:
    losses = f"would drop {', '.join(row['dropped'])}" if row["dropped"] else ""
    missing = ", ".join(row["missing"])
    why = missing or (row["error"]["message"] if "error" in row else "")
    head = f"{row['slug']:<14} {row['status']}" + (f": {why}" if why else "")
    head += f", but {'; '.join(row['unmet'])}" if row["unmet"] else ""
    return escaped(f"{head}, {losses}" if losses else head)


@click.command(cls=Command)
@click.option("--provider", "slug", required=True, metavar="SLUG", help="Whose request.")
@click.option(
    "--account", "account_file", metavar="FILE", help="Account file; the simulator's sample account otherwise."
)
@click.option("--remote-query", "queries", multiple=True, metavar="K=V", help="Further query parameter; K may be a[b].")
@click.option("--format", "form", type=click.Choice(["http", "curl", "json"]), default="http")
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--show-secrets", is_flag=True, help="Show credentials instead of ***.")
@click.argument("lead_file", metavar="LEAD")
def preview(
    slug: str,
    account_file: str | None,
    queries: tuple[str, ...],
    form: str,
    as_json: bool,
    show_secrets: bool,
    lead_file: str,
) -> None:
    """Print the exact request that would create LEAD, a file of JSON; - reads standard input."""
    provider = Registry().get(slug)
    settings = account_and_settings(provider, account_file)[1]
    lead = read_lead(lead_file)
    with naming_unknown(lead):
        request = provider.build_request(lead, settings, remote_query=remote_query(queries))
    shown = shown_request(provider, request, settings, secrets=show_secrets)
    if as_json or form == "json":
        print_json(shown | {"dropped": list(request.dropped), "unknown": list(lead.unknown)})
        return
    line(curl_text(shown) if form == "curl" else http_text(shown))
    note_losses(request.dropped, lead.unknown)


@click.command(cls=Command)
@click.option("--provider", "slug", required=True, metavar="SLUG", help="Whose answer it is.")
@click.option("--status", type=click.IntRange(100, 999), required=True, help="HTTP status of the answer.")
@click.option("--reason", default="", help="Reason phrase of the answer.")
@click.option("--header", "headers", multiple=True, metavar="K:V", help="Header of the answer; may be repeated.")
@click.option(
    "--account", "account_file", metavar="FILE", help="Account file; the simulator's sample account otherwise."
)
@click.option("--read", "is_read", is_flag=True, help="The answer is one to reading a lead, not to creating it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON errors too.")
@click.argument("response_file", metavar="RESPONSE")
def parse(
    slug: str,
    status: int,
    reason: str,
    headers: tuple[str, ...],
    account_file: str | None,
    is_read: bool,
    as_json: bool,
    response_file: str,
) -> None:
    """Read a CRM's answer from the file RESPONSE and print the unified lead, or the error.

    RESPONSE is the body as the CRM sent it; - reads standard input.
    """
    provider = Registry().get(slug)
    settings = account_and_settings(provider, account_file)[1]
    known = header_map(headers)
    response = Response(status, known, mask_text(read_bytes(response_file), settings.secrets()), reason)
    request = _read_request(provider, settings) if is_read else Request("POST", "/")
    try:
        created = provider.parse_response(response, request, settings)
    except ProviderError as error:
        if error.retry_after is None:
            error.retry_after = retry_after(response)
        raise
    print_json(render(created, response, remote_data=False))


def _read_request(provider: Provider, settings: Settings) -> Request:
    """A read of no lead in particular; not every CRM's ids may be ``1``."""
    try:
        return provider.build_read_request("1", settings)
    except LeadError:
        return Request("GET", "/")
