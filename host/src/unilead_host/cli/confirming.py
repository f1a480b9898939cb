"""``--yes``: what is for good is asked about, once it is known to be there."""

from __future__ import annotations

import click

YES = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(loss: str, *, yes: bool) -> None:
    """Ask whether this is to be lost, unless the caller said so. Raises: click.Abort."""
    if not yes:
        click.confirm(f"This deletes {loss} for good. Go on?", abort=True)
