"""What is owed for passing others over is each endpoint's own; it begins anew, at nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "debt",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("relaxed_credit", sa.BigInteger(), nullable=False),
        sa.Column("fast_ahead", sa.BigInteger(), nullable=False),
        sa.Column("relaxed_ahead", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", name="pk_debt"),
    )
    op.drop_column("lane", "relaxed_credit")
    op.drop_column("lane", "ahead")
