"""What a CRM's refusal of credentials means for the account."""

from __future__ import annotations

from unilead import AuthError
from unilead_host.accounts import Accounts
from unilead_host.lead_errors import is_forbidden, missing_scopes
from unilead_host.logs import LOG
from unilead_host.stored import StoredAccount


async def blame(accounts: Accounts, stored: StoredAccount, error: AuthError, method: str, **trace: str) -> None:
    """Take note of refused credentials, or of missing rights, on the account.

    Args:
        method: what was tried, ``create`` or ``get``.
        trace: what the log is to tell beside the account.
    Raises: StorageError.
    """
    said = error.response.remote_data if error.response is not None else {"message": error.message}
    if error.category == "permission":
        if is_forbidden(error):
            await accounts.note_forbidden(stored, method, missing_scopes(said))
        return
    await accounts.note_auth_error(stored, said)
    LOG.warning("integrated_account:authentication_error", account_id=stored.id, **trace)
