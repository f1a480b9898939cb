"""``check``, ``preview``, ``parse``: everything that can be said about a lead without sending it."""

from __future__ import annotations

from typing import Any

import click

from unilead.cli.inputs import account_and_settings, chosen, read_bytes, read_lead, remote_query, shown_request
from unilead.cli.show import curl_text, error_document, http_text, line, note, print_json
from unilead.errors import InvalidLeadError, MissingFieldsError
from unilead.message import Request, Response
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.render import render
from unilead.schema import Lead


@click.command()
@click.option("--provider", "slugs", multiple=True, metavar="SLUG", help="Only this provider; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.argument("lead_file", metavar="LEAD")
def check(slugs: tuple[str, ...], as_json: bool, lead_file: str) -> int:
    """Say for each provider whether LEAD is ready, what is missing, and what would be dropped."""
    lead = read_lead(lead_file)
    rows = [_verdict(provider, lead) for provider in chosen(Registry(), slugs)]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            line(_verdict_text(row))
        for name in lead.unknown:
            note(f"note: {name} is not a field of a lead{_suggestion(name)}")
    return int(any(row["status"] != "ready" for row in rows))


def _verdict(provider: Provider, lead: Lead) -> dict[str, Any]:
    row: dict[str, Any] = {"slug": provider.slug, "unknown": list(lead.unknown), "missing": [], "dropped": []}
    settings = account_and_settings(provider, None)[1]
    try:
        request = provider.build_request(lead, settings)
    except MissingFieldsError as error:
        return row | {"status": "missing", "missing": list(error.fields)}
    except InvalidLeadError as error:
        return row | {"status": "invalid", "error": error_document(error)}
    return row | {"status": "ready", "dropped": list(request.dropped)}


def _verdict_text(row: dict[str, Any]) -> str:
    text = f"{row['slug']:<14} {row['status']}"
    if row["missing"]:
        return f"{text}: {', '.join(row['missing'])}"
    if "error" in row:
        return f"{text}: {row['error']['message']}"
    return f"{text}, would drop {', '.join(row['dropped'])}" if row["dropped"] else text


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    folded = "".join(f"_{char.lower()}" if char.isupper() else char for char in name).strip("_").replace("__", "_")
    close = get_close_matches(folded, Lead.model_fields, n=1)
    return f"; did you mean {close[0]}?" if close else ""


@click.command()
@click.option("--provider", "slug", required=True, metavar="SLUG")
@click.option(
    "--account", "account_file", metavar="FILE", help="Account file; the simulator's sample account otherwise."
)
@click.option("--remote-query", "pairs", multiple=True, metavar="K=V", help="Further query parameter; K may be a[b].")
@click.option("--format", "form", type=click.Choice(["http", "curl", "json"]), default="http")
@click.option("--json", "as_json", is_flag=True, help="As --format json.")
@click.option("--show-secrets", is_flag=True, help="Show credentials instead of ***.")
@click.argument("lead_file", metavar="LEAD")
def preview(
    slug: str,
    account_file: str | None,
    pairs: tuple[str, ...],
    form: str,
    as_json: bool,
    show_secrets: bool,
    lead_file: str,
) -> None:
    """Print the exact request that would create LEAD."""
    provider = Registry().get(slug)
    settings = account_and_settings(provider, account_file)[1]
    lead = read_lead(lead_file)
    request = provider.build_request(lead, settings, remote_query=remote_query(pairs))
    shown = shown_request(provider, request, settings, secrets=show_secrets)
    if as_json or form == "json":
        print_json(shown | {"dropped": list(request.dropped), "unknown": list(lead.unknown)})
        return
    line(curl_text(shown, request.body) if form == "curl" else http_text(shown))
    for name in request.dropped:
        note(f"dropped: {name}")


@click.command()
@click.option("--provider", "slug", required=True, metavar="SLUG")
@click.option("--status", type=int, required=True, help="HTTP status of the answer.")
@click.option("--reason", default="", help="Reason phrase of the answer.")
@click.option("--header", "headers", multiple=True, metavar="K:V", help="Header of the answer; may be repeated.")
@click.option("--account", "account_file", metavar="FILE")
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
    """Read a CRM's answer from RESPONSE and print the unified lead, or the error."""
    provider = Registry().get(slug)
    settings = account_and_settings(provider, account_file)[1]
    pairs = [header.partition(":") for header in headers]
    if not all(colon and name.strip() for name, colon, _ in pairs):
        raise click.UsageError("--header wants K:V")
    known = {name.strip().lower(): value.strip() for name, _, value in pairs}
    response = Response(status, known, read_bytes(response_file), reason)
    request = provider.build_read_request("1", settings) if is_read else Request("POST", "/")
    print_json(render(provider.parse_response(response, request, settings), response, remote_data=False))
