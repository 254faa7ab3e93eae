"""Balances stand in the wallets; indexes for open jobs, a community's and an allowance's jobs, a job's favourites."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OPEN = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """Make the change."""
    op.add_column("wallet", sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(
        "UPDATE wallet SET balance ="
        " (SELECT coalesce(sum(amount), 0) FROM ledger_entry WHERE ledger_entry.wallet_id = wallet.id)"
    )
    op.drop_index("ix_ledger_entry_wallet_id_amount", "ledger_entry")
    op.create_index("ix_ledger_entry_wallet_id_sequence", "ledger_entry", ["wallet_id", "sequence"])
    op.create_index("ix_favourite_job_id", "favourite", ["job_id"])
    op.drop_index("ix_job_status_sequence", "job")
    op.create_index("ix_job_community_id_sequence", "job", ["community_id", "sequence"])
    op.create_index("ix_job_wallet_id_person_id_created_at", "job", ["wallet_id", "person_id", "created_at"])
    for whose in ("wallet_id", "person_id", "community_id"):
        op.drop_index(f"ix_job_{whose}_status", "job")
        op.create_index(f"ix_job_{whose}_open", "job", [whose], sqlite_where=_OPEN, postgresql_where=_OPEN)
