"""Bulk jobs and their rows."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "bulk_jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Double()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", sa.Double()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_bulk_jobs_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_bulk_jobs_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_jobs"),
        sa.UniqueConstraint("tenant_id", "account_id", "key", name="uq_bulk_jobs_tenant_id"),
    )
    op.create_index("ix_bulk_jobs_account_id", "bulk_jobs", ["account_id"])
    op.create_index("ix_bulk_jobs_state", "bulk_jobs", ["state", "created_at"])
    op.create_table(
        "bulk_rows",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("send_again", sa.Boolean(), nullable=False),
        sa.Column("lead", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("warnings", sa.Text()),
        sa.Column("sent_at", sa.Double()),
        sa.Column("judged_at", sa.Double()),
        sa.ForeignKeyConstraint(["job_id"], ["bulk_jobs.id"], name="fk_bulk_rows_job_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "row", name="pk_bulk_rows"),
    )
    op.create_index("ix_bulk_rows_state", "bulk_rows", ["job_id", "state", "row"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("bulk_rows")
    op.drop_table("bulk_jobs")
