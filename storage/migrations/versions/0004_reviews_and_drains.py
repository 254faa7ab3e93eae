"""Pictures may wait for a moderator, people report them, endpoints can be drained."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_DELIVERY = "status IN ('waiting', 'held', 'due', 'sending', 'delivered', 'undeliverable')"
_STATES = "state IN ('open', 'approved', 'spoiler', 'rejected', 'hidden', 'dismissed')"


def upgrade() -> None:
    """Make the change."""
    op.add_column("job", sa.Column("screening", sa.String(), server_default="", nullable=False))
    op.add_column("job", sa.Column("flagged", sa.String(), server_default="", nullable=False))
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_delivery_status_known"), type_="check")
        batch_op.create_check_constraint(op.f("ck_delivery_status_known"), sa.text(_DELIVERY))
    op.create_table(
        "review",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("community_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("decided_at", sa.Double(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('held', 'reported')", name=op.f("ck_review_kind_known")),
        sa.CheckConstraint(_STATES, name=op.f("ck_review_state_known")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_review_job_id_job")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_review")),
    )
    op.create_index("uq_review_job_id_kind_person_id", "review", ["job_id", "kind", "person_id"], unique=True)
    op.create_index(
        "ix_review_state_community_id_sequence", "review", ["state", "community_id", "sequence"], unique=False
    )
    op.create_table(
        "drain",
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("endpoint", name=op.f("pk_drain")),
    )
