"""Bulk jobs that are done know how many of their rows are in which state."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the counts; those of earlier jobs are counted when somebody asks."""
    op.add_column("bulk_jobs", sa.Column("counts", sa.Text()))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("bulk_jobs", "counts")
