"""``migrate``, ``new-key``, ``rotate-keys``."""

from __future__ import annotations

import click

from unilead.cli.show import line, note, print_json
from unilead_host.cli.opened import Opened, attempt, read_settings, using
from unilead_host.crypto import Vault
from unilead_host.rotation import Rotation
from unilead_host.storage import migrate as move
from unilead_host.storage import newest_revision

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command()
@AS_JSON
def migrate(as_json: bool) -> None:
    """Bring the database to the newest version; two hosts may do so at once."""
    url = read_settings().database_url.get_secret_value()
    before, after = attempt(lambda: move(url)), newest_revision()
    if as_json:
        print_json({"before": before, "after": after})
    else:
        line(f"at {after} already" if before == after else f"migrated from {before or 'nothing'} to {after}")


@click.command("new-key")
@AS_JSON
def new_key(as_json: bool) -> None:
    """Print a fresh encryption key, for UNILEAD_HOST_ENCRYPTION_KEYS. Keep it apart from the database's backups."""
    key = Vault.new_key()
    print_json({"key": key}) if as_json else line(key)


@click.command("rotate-keys")
@AS_JSON
def rotate_keys(as_json: bool) -> int:
    """Seal all stored credentials with the newest key.

    Put the new key first in UNILEAD_HOST_ENCRYPTION_KEYS and keep the old one behind it, restart the hosts, run this,
    then take the old key away. It can be repeated at any time.
    """
    from unilead_host import rotation

    async def work(opened: Opened) -> Rotation:
        return await rotation.rotate_keys(opened.database, opened.vault)

    done = using(work)
    if as_json:
        print_json({"sealed": done.sealed, "broken": list(done.broken)})
    else:
        line(f"sealed with the newest key: {done.sealed}")
    for account_id in done.broken:
        note(f"account {account_id}: no key opens it; left as it is")
    return 1 if done.broken else 0
