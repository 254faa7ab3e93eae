"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_table(
        "blob",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_blob"),
    )
    op.create_table(
        "lane",
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("virtual_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane", name="pk_lane"),
    )
    op.create_table(
        "preference",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.CheckConstraint("scope IN ('person', 'channel', 'community')", name=op.f("ck_preference_scope_known")),
        sa.PrimaryKeyConstraint("scope", "scope_id", "name", name="pk_preference"),
    )
    op.create_table(
        "wallet",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("granted_period", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'community')", name=op.f("ck_wallet_kind_known")),
        sa.PrimaryKeyConstraint("id", name="pk_wallet"),
    )
    op.create_table(
        "community",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("wallet_id", sa.String(), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.CheckConstraint("weight > 0", name=op.f("ck_community_weight_positive")),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name="fk_community_wallet_id_wallet"),
        sa.PrimaryKeyConstraint("id", name="pk_community"),
        sa.UniqueConstraint("wallet_id", name="uq_community_wallet_id"),
    )
    op.create_index("uq_community_platform_external_id", "community", ["platform", "external_id"], unique=True)
    op.create_table(
        "person",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("wallet_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name="fk_person_wallet_id_wallet"),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("wallet_id", name="uq_person_wallet_id"),
    )
    op.create_table(
        "flow",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("last_finish", sa.BigInteger(), nullable=False),
        sa.Column("served_finish", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_flow_person_id_person"),
        sa.PrimaryKeyConstraint("person_id", "lane", name="pk_flow"),
    )
    op.create_table(
        "identity",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_identity_person_id_person"),
        sa.PrimaryKeyConstraint("platform", "external_id", name="pk_identity"),
    )
    op.create_index("ix_identity_person_id", "identity", ["person_id"], unique=False)
    op.create_table(
        "job",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("request_key", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("community_id", sa.String(), nullable=True),
        sa.Column("wallet_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("place", sa.JSON(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("template_hash", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("spoiler", sa.Boolean(), nullable=False),
        sa.Column("quote", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.CheckConstraint("ending IN ('', 'done', 'failed', 'cancelled')", name=op.f("ck_job_ending_known")),
        sa.CheckConstraint("lane IN ('fast', 'relaxed')", name=op.f("ck_job_lane_known")),
        sa.CheckConstraint(
            "status IN ('held', 'queued', 'running', 'delivering', 'done', 'failed', 'cancelled', "
            "'refused', 'expired')",
            name=op.f("ck_job_status_known"),
        ),
        sa.CheckConstraint("quote >= 0 AND charged >= 0 AND charged <= quote", name=op.f("ck_job_charge_within_quote")),
        sa.ForeignKeyConstraint(["community_id"], ["community.id"], name="fk_job_community_id_community"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_job_person_id_person"),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name="fk_job_wallet_id_wallet"),
        sa.PrimaryKeyConstraint("sequence", name="pk_job"),
        sa.UniqueConstraint("id", name="uq_job_id"),
        sa.UniqueConstraint("request_key", name="uq_job_request_key"),
    )
    op.create_index("ix_job_person_id_sequence", "job", ["person_id", "sequence"], unique=False)
    op.create_index("ix_job_status_sequence", "job", ["status", "sequence"], unique=False)
    op.create_index("ix_job_wallet_id_status", "job", ["wallet_id", "status"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "status IN ('waiting', 'due', 'sending', 'delivered', 'undeliverable')",
            name=op.f("ck_delivery_status_known"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_delivery_job_id_job"),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("job_id", name="uq_delivery_job_id"),
    )
    op.create_index("ix_delivery_platform_status_due_at", "delivery", ["platform", "status", "due_at"], unique=False)
    op.create_table(
        "ledger_entry",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("wallet_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("charged_mgs", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(
            "charged_mgs = 0 OR (kind = 'charge' AND charged_mgs > 0)", name=op.f("ck_ledger_entry_only_charges_charge")
        ),
        sa.CheckConstraint("kind <> 'hold' OR amount <= 0", name=op.f("ck_ledger_entry_hold_takes")),
        sa.CheckConstraint(
            "kind IN ('grant', 'hold', 'charge', 'release', 'refund', 'transfer')",
            name=op.f("ck_ledger_entry_kind_known"),
        ),
        sa.CheckConstraint(
            "kind IN ('grant', 'transfer') OR job_id IS NOT NULL", name=op.f("ck_ledger_entry_job_named")
        ),
        sa.CheckConstraint("kind IN ('hold', 'transfer') OR amount >= 0", name=op.f("ck_ledger_entry_others_give")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_ledger_entry_job_id_job"),
        sa.ForeignKeyConstraint(["wallet_id"], ["wallet.id"], name="fk_ledger_entry_wallet_id_wallet"),
        sa.PrimaryKeyConstraint("sequence", name="pk_ledger_entry"),
        sa.UniqueConstraint("key", name="uq_ledger_entry_key"),
    )
    op.create_index("ix_ledger_entry_job_id", "ledger_entry", ["job_id"], unique=False)
    op.create_index("ix_ledger_entry_wallet_id_amount", "ledger_entry", ["wallet_id", "amount"], unique=False)
    op.create_table(
        "task",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("start_tag", sa.BigInteger(), nullable=False),
        sa.Column("finish_tag", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("needs", sa.Text(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("graph", sa.JSON(), nullable=False),
        sa.CheckConstraint("lane IN ('fast', 'relaxed')", name=op.f("ck_task_lane_known")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f("ck_task_status_known")
        ),
        sa.CheckConstraint("cost >= 0 AND tries >= 0", name=op.f("ck_task_not_negative")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_task_job_id_job"),
        sa.PrimaryKeyConstraint("sequence", name="pk_task"),
        sa.UniqueConstraint("id", name="uq_task_id"),
    )
    op.create_index(
        "ix_task_status_lane_start_tag_sequence", "task", ["status", "lane", "start_tag", "sequence"], unique=False
    )
    op.create_index("ix_task_status_needs", "task", ["status", "needs"], unique=False)
    op.create_index("uq_task_job_id_index", "task", ["job_id", "index"], unique=True)
    op.create_table(
        "transition",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("life", sa.String(), nullable=False),
        sa.Column("row_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_transition_job_id_job"),
        sa.PrimaryKeyConstraint("sequence", name="pk_transition"),
    )
    op.create_index("ix_transition_job_id", "transition", ["job_id"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("prompt_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "status IN ('claimed', 'sent', 'succeeded', 'failed', 'lost', 'cancelled')",
            name=op.f("ck_attempt_status_known"),
        ),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_attempt_job_id_job"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_attempt_task_id_task"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.UniqueConstraint("prompt_id", name="uq_attempt_prompt_id"),
    )
    op.create_index("ix_attempt_job_id", "attempt", ["job_id"], unique=False)
    op.create_index("ix_attempt_status", "attempt", ["status"], unique=False)
    op.create_index("uq_attempt_task_id_number", "attempt", ["task_id", "number"], unique=True)
    op.create_table(
        "picture",
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mime", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["blob"], ["blob.name"], name="fk_picture_blob_blob"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_picture_task_id_task"),
        sa.PrimaryKeyConstraint("task_id", "position", name="pk_picture"),
    )
    op.create_index("ix_picture_blob", "picture", ["blob"], unique=False)
