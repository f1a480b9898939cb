"""``create``, ``demo``, ``simulate``: leads that are really sent, to a CRM or to its simulator."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import click

from unilead.account import Account
from unilead.account_files import load_account
from unilead.cli.client import open_client
from unilead.cli.inputs import check_one_target, excluded_paths, read_lead
from unilead.cli.losses import naming_unknown, note_losses
from unilead.cli.show import TERMINATED, Command, compact, error_document, heading, line, note, pairs, print_json
from unilead.cli.wire import shown_request
from unilead.client import Client
from unilead.errors import LeadError, MissingFieldsError
from unilead.registry import Registry
from unilead.schema import Lead
from unilead.simulator import Simulator
from unilead.simulator_server import Served

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


@click.command(cls=Command)
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
    """Create LEAD, a file of JSON, in an account's CRM and print what the CRM answered; - reads standard input."""
    check_one_target(account_file, slug)
    excluded = excluded_paths(exclude, response_format)
    registry = Registry()
    simulator = registry.get(slug).simulator() if slug else None
    account = Account(slug, simulator.sample_settings) if slug and simulator else load_account(account_file or "")
    lead = read_lead(lead_file)
    with open_client(registry, simulator) as client, naming_unknown(lead):
        result = client.create(lead, account, read_back=read_back or None)
    print_json(result.render(response_format, remote_data=not ignore_remote_data, exclude=excluded))
    note_losses(result.dropped, result.unknown)


@click.command(cls=Command)
@click.option(
    "--lead", "lead_file", metavar="FILE", help="Send this lead instead of the built-in one; - reads standard input."
)
@click.option("--provider", "slugs", multiple=True, metavar="SLUG", help="Only this provider; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def demo(lead_file: str | None, slugs: tuple[str, ...], as_json: bool) -> int:
    """Send a lead through every installed provider against its simulator: no network, no account."""
    lead = read_lead(lead_file) if lead_file else Lead.parse(SAMPLE_LEAD)
    registry = Registry()
    for slug in slugs:
        registry.get(slug)
    rows = [_demonstrated(registry, slug, lead) for slug in dict.fromkeys(slugs) or registry.slugs]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            _print_demonstrated(row)
            line()
        created = sum(row["status"] == "created" for row in rows)
        line(f"{created} of {len(rows)} providers created the lead")
    if not rows:
        note("no provider is installed; try: pip install unilead-hubspot")
    return int(not rows or any(row["status"] != "created" for row in rows))


def _demonstrated(registry: Registry, slug: str, lead: Lead) -> dict[str, Any]:
    """Create the lead in one provider's simulator. A provider that is at fault costs the others nothing."""
    row: dict[str, Any] = {"slug": slug, "title": slug, "unknown": list(lead.unknown)}
    try:
        provider = registry.get(slug)
        row["title"] = provider.info.title
        simulator = provider.simulator()
        account = Account(slug, simulator.sample_settings)
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
        "stored": simulator.leads.get(result.id) or next(iter(simulator.leads.values()), None),
        "dropped": list(result.dropped),
    }


def _print_demonstrated(row: dict[str, Any]) -> None:
    heading(f"{row['title']}: {row['status']}")
    if row["status"] != "created":
        pairs([("missing", ", ".join(row.get("missing", ()))), ("why", row["error"]["message"])])
        return
    given = dict(_given(row["stored"]))
    pairs(
        [
            ("sent", f"{row['request']['method']} {row['request']['url']}"),
            *(
                ("" if place else "stored", f"{name}: {_short(value)}")
                for place, (name, value) in enumerate(given.items())
            ),
            ("id", row["id"]),
            ("dropped", ", ".join(row["dropped"]) or "nothing"),
        ]
    )


def _given(record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The members of a record that hold something, those of objects by their dotted names."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _given(value, f"{above}{name}.")
        elif value not in (None, "", [], False, 0):
            yield above + name, value


def _short(value: Any) -> str:
    text = compact(value)
    return text if len(text) <= 90 else text[:87] + "..."


@click.command(cls=Command)
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
    with suppress(ValueError):  # outside of the main thread
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        with simulator.serve(port, tls=tls) as served:
            _announce(simulator, served, as_json=as_json)
            threading.Event().wait()
    except ModuleNotFoundError as fault:
        raise click.UsageError(f"--tls needs {fault.name}: pip install 'unilead[tls]'") from None
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise click.UsageError(f"port {port}: {fault.strerror or type(fault).__name__}") from None


def _announce(simulator: Simulator, served: Served, *, as_json: bool) -> None:
    """Say where it listens, and which account it accepts."""
    ca_file = str(served.ca_file) if served.ca_file else None
    settings = dict(simulator.sample_settings)
    if as_json:
        print_json({"url": served.url, "port": served.port, "ca_file": ca_file, "settings": settings})
        return
    heading(f"{simulator.slug} simulator at {served.url}")
    pairs([("trust", ca_file or ""), *((name, compact(value)) for name, value in settings.items())])
