"""``tenant``: whoever owns accounts and tokens."""

from __future__ import annotations

from dataclasses import asdict

import click

from unilead.cli.show import line, print_json, table
from unilead_host.cli.confirming import YES, confirm
from unilead_host.cli.database import AS_JSON
from unilead_host.cli.opened import Opened, using
from unilead_host.stored import timestamp
from unilead_host.tenants import Tenant


@click.group(no_args_is_help=False)
def tenant() -> None:
    """Make, list and delete tenants."""


@tenant.command()
@click.argument("name")
@AS_JSON
def create(name: str, as_json: bool) -> None:
    """Make a tenant."""

    async def work(opened: Opened) -> Tenant:
        return await opened.tenants.create(name)

    made = using(work)
    print_json(_document(made)) if as_json else line(f"{made.name}  {made.id}")


@tenant.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """List all tenants, oldest first."""

    async def work(opened: Opened) -> list[Tenant]:
        return await opened.tenants.list()

    found = using(work)
    if as_json:
        print_json([_document(made) for made in found])
    else:
        table(["name", "id", "created"], [[made.name, made.id, timestamp(made.created_at)] for made in found])


@tenant.command()
@click.argument("name")
@YES
def delete(name: str, yes: bool) -> None:
    """Delete a tenant with everything that is its own."""
    found = using(lambda opened: opened.tenant(name))
    confirm("the tenant's accounts, credentials and tokens", yes=yes)
    using(lambda opened: opened.tenants.delete(found.id))
    line(f"deleted {name}")


def _document(made: Tenant) -> dict[str, object]:
    return asdict(made) | {"created_at": timestamp(made.created_at)}
