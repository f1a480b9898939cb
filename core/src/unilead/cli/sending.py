"""``create``, ``demo``, ``simulate``: leads that are really sent, to a CRM or to its simulator."""

from __future__ import annotations

import time
from typing import Any

import click

from unilead.accounts import load_account
from unilead.cli.inputs import chosen, read_lead, shown_request
from unilead.cli.show import error_document, line, note, print_json
from unilead.client import Client
from unilead.errors import LeadError, MissingFieldsError
from unilead.info import Account
from unilead.provider import Provider
from unilead.registry import Registry
from unilead.schema import Lead

SAMPLE_LEAD = {
    "title": "Analytical engines, 40 seats",
    "name": "Analytical engines, 40 seats",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "contact": {"id": "8841"},
    "account": {"id": "2307", "name": "Engine Works Ltd"},
    "email_addresses": [{"email": "ada@example.com", "type": "work"}, {"email": "ada.home@example.com"}],
    "phone_numbers": [{"number": "+44 20 7946 0000", "extension": "12", "type": "work"}],
    "addresses": [{"street_1": "12 St James's Square", "city": "London", "country": "United Kingdom"}],
    "description": "Met at the autumn fair; wants a quote before year end.",
}


@click.command()
@click.option("--account", "account_file", metavar="FILE", help="Account file, TOML or JSON.")
@click.option("--simulate", "slug", metavar="SLUG", help="Send to this CRM's simulator instead.")
@click.option("--response-format", type=click.Choice(["unified", "raw", "normalized"]), default="unified")
@click.option("--exclude", multiple=True, metavar="FIELD", help="Leave a field out of the answer; may be repeated.")
@click.option("--ignore-remote-data", is_flag=True, help="Leave the CRM's own answer out.")
@click.option("--read-back", is_flag=True, help="Read the lead after creating it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON errors too.")
@click.argument("lead_file", metavar="LEAD")
def create(
    account_file: str | None,
    slug: str | None,
    response_format: Any,
    exclude: tuple[str, ...],
    ignore_remote_data: bool,
    read_back: bool,
    as_json: bool,
    lead_file: str,
) -> None:
    """Create LEAD in an account's CRM and print what the CRM answered."""
    if (account_file is None) == (slug is None):
        raise click.UsageError("name an account with --account FILE, or a simulator with --simulate SLUG")
    registry = Registry()
    simulator = registry.get(slug).simulator() if slug else None
    account = Account(slug, simulator.sample_settings) if slug and simulator else load_account(account_file or "")
    with Client(registry=registry, transport=simulator) as client:
        result = client.create(read_lead(lead_file), account, read_back=read_back or None)
    print_json(result.render(response_format, remote_data=not ignore_remote_data, exclude=exclude))
    for name in result.dropped:
        note(f"dropped: {name}")
    for name in result.unknown:
        note(f"unknown: {name}")


@click.command()
@click.option("--lead", "lead_file", metavar="FILE", help="Send this lead instead of the built-in one.")
@click.option("--provider", "slugs", multiple=True, metavar="SLUG", help="Only this provider; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def demo(lead_file: str | None, slugs: tuple[str, ...], as_json: bool) -> int:
    """Send a lead through every installed provider against its simulator: no network, no account."""
    lead = read_lead(lead_file) if lead_file else Lead.parse(SAMPLE_LEAD)
    registry = Registry()
    rows = [_demonstrated(registry, provider, lead) for provider in chosen(registry, slugs)]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            _print_demonstrated(row)
        created = sum(row["status"] == "created" for row in rows)
        line(f"{created} of {len(rows)} providers created the lead")
    return int(any(row["status"] != "created" for row in rows))


def _demonstrated(registry: Registry, provider: Provider, lead: Lead) -> dict[str, Any]:
    simulator = provider.simulator()
    account = Account(provider.slug, simulator.sample_settings)
    row: dict[str, Any] = {"slug": provider.slug, "title": provider.info.title, "unknown": list(lead.unknown)}
    try:
        with Client(registry=registry, transport=simulator) as client:
            result = client.create(lead, account)
    except MissingFieldsError as error:
        return row | {"status": "missing", "missing": list(error.fields), "error": error_document(error)}
    except LeadError as error:
        return row | {"status": error.outcome, "error": error_document(error)}
    return row | {
        "status": "created",
        "id": result.id,
        "request": shown_request(provider, result.request, provider.settings_of(account)),
        "stored": next(iter(simulator.leads.values())),
        "dropped": list(result.dropped),
    }


def _print_demonstrated(row: dict[str, Any]) -> None:
    line(f"{row['title']}")
    if row["status"] != "created":
        line(f"  {row['status']}: {row['error']['message']}")
        line()
        return
    line(f"  sent     {row['request']['method']} {row['request']['url']}")
    given = {name: value for name, value in row["stored"].items() if value not in (None, "", [], {}, False, 0)}
    for place, (name, value) in enumerate(given.items()):
        line(f"  {'stored' if not place else '':<8} {name}: {_short(value)}")
    line(f"  id       {row['id']}")
    line(f"  dropped  {', '.join(row['dropped']) or 'nothing'}")
    line()


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 90 else text[:87] + "..."


@click.command()
@click.argument("slug")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port; a free one by default.")
@click.option("--throttle", type=click.IntRange(min=0), default=0, help="Refuse the first N requests as too many.")
@click.option("--latency", type=click.IntRange(min=0), default=0, help="Milliseconds before each answer.")
@click.option("--tls", is_flag=True, help="Serve over TLS with a throw-away certificate (extra tls).")
@click.option("--json", "as_json", is_flag=True, help="Print where it listens as JSON.")
def simulate(slug: str, port: int, throttle: int, latency: int, tls: bool, as_json: bool) -> None:
    """Serve a CRM's simulator on the loopback interface until Ctrl-C."""
    simulator = Registry().get(slug).simulator()
    simulator.faults.throttle = throttle
    simulator.faults.latency = latency / 1000
    with simulator.serve(port, tls=tls) as served:
        place = {"url": served.url, "ca_file": str(served.ca_file) if served.ca_file else None}
        if as_json:
            print_json(place | {"settings": dict(simulator.sample_settings)})
        else:
            line(f"{slug} simulator at {served.url}" + (f", trust {served.ca_file}" if served.ca_file else ""))
            line(f"account settings: {dict(simulator.sample_settings)}")
        while True:
            time.sleep(3600)
