"""Which request wrote a key or an unknown outcome. Hosts of the last release go on beside it: they leave it empty."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add an id of the request to each."""
    op.add_column("idempotency_keys", sa.Column("use_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("unknown_outcomes", sa.Column("outcome_id", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("unknown_outcomes", "outcome_id")
    op.drop_column("idempotency_keys", "use_id")
