"""Every picture knows the one that it was made from; people keep favourites."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("job", sa.Column("parent", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "favourite",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_favourite_job_id_job")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_favourite_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", "job_id", "number", name=op.f("pk_favourite")),
    )
