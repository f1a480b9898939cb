"""The tables. Times are seconds since 1970 by the database's clock; payloads are JSON text."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


class now(FunctionElement[float]):  # noqa: N801 - written like an SQL function
    """Seconds since 1970 by the database's clock, so that hosts with different clocks agree on leases (F083, F084)."""

    type = sa.Double()
    inherit_cache = True
    name = "now"


@compiles(now, "sqlite")
def _sqlite_now(element: now, compiler: Any, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgresql_now(element: now, compiler: Any, **kw: Any) -> str:
    # clock_timestamp, because now() stands still inside a transaction
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant_id", sa.ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False)


def _account(*, nullable: bool = False) -> sa.Column[str]:
    return sa.Column("account_id", sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=nullable)


def _time(name: str, *, nullable: bool = True) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


tenants = sa.Table(
    "tenants",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    _time("created_at", nullable=False),
)

accounts = sa.Table(
    "accounts",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    _tenant(),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("is_sandbox", sa.Boolean, nullable=False),
    sa.Column("is_blocked", sa.Boolean, nullable=False),
    sa.Column("is_simulated", sa.Boolean, nullable=False),
    sa.Column("read_back", sa.Boolean, nullable=False),
    sa.Column("authentication_method", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),  # the settings that are no secrets
    sa.Column("sealed", sa.Text, nullable=False),  # all settings, see `unilead_host.crypto`
    sa.Column("seed", sa.Text, nullable=False),  # `unilead.CredentialKey.seed` of the settings
    sa.Column("last_error", sa.Text),
    sa.Column("last_forbidden_error", sa.Text),
    _time("created_at", nullable=False),
    _time("updated_at", nullable=False),
    sa.Index("ix_accounts_tenant_id", "tenant_id", "created_at"),
)

tokens = sa.Table(
    "tokens",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    _tenant(),
    _account(nullable=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # SHA-256 of the whole token
    sa.Column("last_four", sa.Text, nullable=False),
    _time("created_at", nullable=False),
    _time("expires_at"),
    _time("revoked_at"),
    sa.Index("ix_tokens_tenant_id", "tenant_id"),
)

credentials = sa.Table(  # what token endpoints gave since; see `unilead_host.credentials`
    "credentials",
    METADATA,
    _account(),
    sa.Column("seed", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sealed", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    _time("renew_at"),
    _time("retry_at"),
    sa.Column("lease_owner", sa.Text),
    _time("lease_until"),
    sa.PrimaryKeyConstraint("account_id", "seed"),
)

connections = sa.Table(  # OAuth connects that wait for the vendor's call-back
    "connections",
    METADATA,
    sa.Column("state_digest", sa.Text, primary_key=True),
    _tenant(),
    _account(),
    sa.Column("sealed", sa.Text, nullable=False),  # the PKCE verifier, and where to go afterwards
    _time("expires_at", nullable=False),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    METADATA,
    _tenant(),
    _account(),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # running, done, unknown
    sa.Column("boot_id", sa.Text, nullable=False),  # of the process that runs it
    sa.Column("use_id", sa.Text, nullable=False, server_default=""),  # of the request; "" from hosts before 0002
    _time("lease_until"),
    sa.Column("status", sa.Integer),
    sa.Column("answer", sa.Text),  # JSON
    _time("created_at", nullable=False),
    _time("expires_at", nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "account_id", "method", "path", "key"),
    sa.Index("ix_idempotency_keys_expires_at", "expires_at"),
)

unknown_outcomes = sa.Table(
    "unknown_outcomes",
    METADATA,
    _tenant(),
    _account(),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("outcome_id", sa.Text, nullable=False, server_default=""),  # of the last one; "" from hosts before 0002
    _time("at", nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "account_id", "method", "path", "fingerprint"),
    sa.Index("ix_unknown_outcomes_at", "at"),
)

bulk_jobs = sa.Table(
    "bulk_jobs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    _tenant(),
    _account(),
    sa.Column("key", sa.Text),  # the ``Idempotency-Key`` it was posted with
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # queued, stopped, cancelled, done, deleted
    sa.Column("reason", sa.Text),  # JSON: why it waits or was stopped
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("counts", sa.Text),  # JSON: rows by state, of a job that is done; of others they are counted anew
    _time("not_before"),
    sa.Column("owner", sa.Text),  # the process that works on it, until its lease ends
    _time("lease_until"),
    _time("created_at", nullable=False),
    _time("updated_at", nullable=False),
    sa.UniqueConstraint("tenant_id", "account_id", "key"),
    sa.Index("ix_bulk_jobs_account_id", "account_id"),
    sa.Index("ix_bulk_jobs_state", "state", "created_at"),
)

bulk_rows = sa.Table(
    "bulk_rows",
    METADATA,
    sa.Column("job_id", sa.ForeignKey("bulk_jobs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),  # from 1
    sa.Column("state", sa.Text, nullable=False),  # pending, sending, created, rejected, unknown, cancelled
    sa.Column("attempt", sa.Integer, nullable=False),  # times it was taken to be sent
    sa.Column("send_again", sa.Boolean, nullable=False),  # somebody says that its lead is not there
    sa.Column("lead", sa.Text, nullable=False),  # as it came
    sa.Column("lead_id", sa.Text),
    sa.Column("error", sa.Text),  # JSON
    sa.Column("warnings", sa.Text),  # JSON: {"dropped": […], "unknown": […]}
    _time("sent_at"),
    _time("judged_at"),
    sa.PrimaryKeyConstraint("job_id", "row"),
    sa.Index("ix_bulk_rows_state", "job_id", "state", "row"),
)
