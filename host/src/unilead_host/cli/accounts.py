"""``account``: integrated accounts, as operators manage them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from unilead.account_files import default_id, load_account
from unilead.cli.show import compact, line, pairs, print_json, table
from unilead_host.account_document import account_document
from unilead_host.cli.confirming import YES, confirm
from unilead_host.cli.database import AS_JSON
from unilead_host.cli.group import Failure
from unilead_host.cli.opened import Opened, using
from unilead_host.stored import StoredAccount


@click.group(no_args_is_help=False)
def account() -> None:
    """Make, list, block and delete integrated accounts. TENANT is a name or an id."""


@account.command()
@click.argument("tenant")
@click.option("--file", "account_file", metavar="FILE", help="Account file, TOML or JSON: provider, [settings].")
@click.option("--simulate", "slug", metavar="SLUG", help="Send to this CRM's simulator instead.")
@click.option("--label", default="", help="A name for people.")
@click.option("--sandbox", is_flag=True, help="Read-only: every create is refused.")
@AS_JSON
def create(tenant: str, account_file: str | None, slug: str | None, label: str, sandbox: bool, as_json: bool) -> None:
    """Make an account; its settings are checked and sealed."""
    if (account_file is None) == (slug is None):
        raise click.UsageError("give --file or --simulate")

    async def work(opened: Opened) -> StoredAccount:
        owner = (await opened.tenant(tenant)).id
        if slug is not None:
            if not opened.settings.simulated:
                raise Failure("this host keeps no simulators: set UNILEAD_HOST_SIMULATED=true, or give --file")
            return await opened.accounts.create(owner, slug, label=label, is_sandbox=sandbox, is_simulated=True)
        given = load_account(account_file or "")
        return await opened.accounts.create(
            owner,
            given.provider,
            dict(given.settings),
            account_id=None if given.id == default_id(Path(account_file or "")) else given.id,
            label=label,
            is_sandbox=sandbox,
            read_back=given.read_back,
        )

    made = using(work)
    print_json(account_document(made)) if as_json else line(made.id)


@account.command("list")
@click.argument("tenant")
@AS_JSON
def list_(tenant: str, as_json: bool) -> None:
    """List a tenant's accounts, oldest first."""

    async def work(opened: Opened) -> list[StoredAccount]:
        return await opened.accounts.list((await opened.tenant(tenant)).id)

    found = using(work)
    if as_json:
        print_json([account_document(stored) for stored in found])
    else:
        table(["id", "provider", "status", "label"], [[s.id, s.provider, _state(s), s.label] for s in found])


@account.command()
@click.argument("tenant")
@click.argument("account_id")
@AS_JSON
def show(tenant: str, account_id: str, as_json: bool) -> None:
    """Show one account; never its credentials."""
    _change(tenant, account_id, lambda opened, owner: opened.accounts.get(owner, account_id), as_json=as_json)


@account.command()
@click.argument("tenant")
@click.argument("account_id")
@AS_JSON
def block(tenant: str, account_id: str, as_json: bool) -> None:
    """Answer its creates with 503 until it is unblocked."""
    _change(tenant, account_id, lambda o, owner: o.accounts.set_blocked(owner, account_id, True), as_json=as_json)


@account.command()
@click.argument("tenant")
@click.argument("account_id")
@AS_JSON
def unblock(tenant: str, account_id: str, as_json: bool) -> None:
    """Let a blocked account go on."""
    _change(tenant, account_id, lambda o, owner: o.accounts.set_blocked(owner, account_id, False), as_json=as_json)


@account.command()
@click.argument("tenant")
@click.argument("account_id")
@YES
def delete(tenant: str, account_id: str, yes: bool) -> None:
    """Delete an account with everything that is kept for it."""

    async def look(opened: Opened) -> StoredAccount | None:
        return await opened.accounts.get((await opened.tenant(tenant)).id, account_id)

    found = using(look)
    if found is None:
        raise _no_account(tenant, account_id)
    confirm("the account and its credentials", yes=yes)
    using(lambda opened: opened.accounts.delete(found.tenant_id, found.id))
    line(f"deleted {account_id}")


def _change(
    tenant: str,
    account_id: str,
    change: Callable[[Opened, str], Awaitable[StoredAccount | None]],
    *,
    as_json: bool,
) -> None:
    """Do something with one account, and show it."""

    async def work(opened: Opened) -> StoredAccount | None:
        return await change(opened, (await opened.tenant(tenant)).id)

    stored = using(work)
    if stored is None:
        raise _no_account(tenant, account_id)
    document = account_document(stored)
    if as_json:
        print_json(document)
        return
    shown: dict[str, Any] = {**document, "integration": stored.provider, "status": _state(stored)}
    line(stored.label or stored.id)
    pairs((name, compact(value)) for name, value in shown.items() if value)


def _state(stored: StoredAccount) -> str:
    return "blocked" if stored.is_blocked else stored.status


def _no_account(tenant: str, account_id: str) -> Failure:
    return Failure(f"{tenant} has no account {account_id}")
