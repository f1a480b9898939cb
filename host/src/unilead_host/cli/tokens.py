"""``token``: API tokens."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from unilead.cli.show import line, note, print_json, table
from unilead_host.cli.database import AS_JSON
from unilead_host.cli.group import Failure
from unilead_host.cli.opened import Opened, using
from unilead_host.stored import timestamp
from unilead_host.tokens import Scope, Token

HOUR = 3600.0
MOST_HOURS = 100 * 365 * 24


def _lasting(context: click.Context, parameter: click.Parameter, hours: float | None) -> float | None:
    """Hours that end on a date: no number of them may be `nan`, nor so large that no calendar has the day."""
    if hours is None or 0 < hours <= MOST_HOURS:
        return hours
    raise click.BadParameter(f"must be more than 0 and at most {MOST_HOURS}; without it a token is valid for good")


@click.group(no_args_is_help=False)
def token() -> None:
    """Make, list and revoke API tokens. TENANT is a name or an id."""


@token.command()
@click.argument("tenant")
@click.option("--scope", type=click.Choice(["full", "read"]), default="full", help="`read` creates nothing.")
@click.option("--account", "account_id", metavar="ID", help="Bind it to one account; then it lives 15 minutes.")
@click.option("--hours", type=float, callback=_lasting, help="How long it is valid; unlimited by default.")
@click.option("--label", default="", help="What it is for.")
@AS_JSON
def create(tenant: str, scope: Scope, account_id: str | None, hours: float | None, label: str, as_json: bool) -> None:
    """Make a token. Its clear text is shown now and never again."""
    lifetime = None if hours is None else hours * HOUR

    async def work(opened: Opened) -> tuple[str, Token]:
        owner = await opened.tenant(tenant)
        return await opened.tokens.create(owner.id, scope=scope, account_id=account_id, lifetime=lifetime, label=label)

    clear, made = using(work)
    if as_json:
        print_json({"token": clear, **_document(made)})
    else:
        line(clear)
        note("keep it: it is not shown again")


@token.command("list")
@click.argument("tenant")
@AS_JSON
def list_(tenant: str, as_json: bool) -> None:
    """List a tenant's tokens, oldest first."""

    async def work(opened: Opened) -> list[Token]:
        return await opened.tokens.list((await opened.tenant(tenant)).id)

    found = [_document(made) for made in using(work)]
    if as_json:
        print_json(found)
        return
    headers = ["id", "ends in", "scope", "label", "created", "expires", "revoked"]
    names = ["id", "last_four", "scope", "label", "created_at", "expires_at", "revoked_at"]
    table(headers, [[row[name] or "" for name in names] for row in found])


@token.command()
@click.argument("tenant")
@click.argument("token_id")
def revoke(tenant: str, token_id: str) -> None:
    """End a token; running hosts take note within two seconds."""

    async def work(opened: Opened) -> bool:
        return await opened.tokens.revoke((await opened.tenant(tenant)).id, token_id)

    if not using(work):
        raise Failure(f"{tenant} has no valid token {token_id}")
    line(f"revoked {token_id}")


def _document(made: Token) -> dict[str, Any]:
    times = {name: getattr(made, name) for name in ("created_at", "expires_at", "revoked_at")}
    return asdict(made) | {name: None if at is None else timestamp(at) for name, at in times.items()}
