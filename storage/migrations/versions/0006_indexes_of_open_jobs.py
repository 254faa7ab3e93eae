"""Open jobs are found by indexes that hold nothing else, and a community's jobs by their age."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OPEN = sa.text("finished_at IS NULL")


def upgrade() -> None:
    """Make the change."""
    op.drop_index("ix_job_status_sequence", "job")
    op.create_index("ix_job_community_id_sequence", "job", ["community_id", "sequence"])
    for whose in ("wallet_id", "person_id", "community_id"):
        op.drop_index(f"ix_job_{whose}_status", "job")
        op.create_index(f"ix_job_{whose}_open", "job", [whose], sqlite_where=_OPEN, postgresql_where=_OPEN)
