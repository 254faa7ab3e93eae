"""The tables; private to `storage`: other rooms see the types of `engine.model`.

Money is BIGINT in mgs, times are DOUBLE seconds since the epoch, seeds (64-bit unsigned, wider than any portable
integer) are text, structures that are only read whole are JSON. Statuses are text held by check constraints, so that a
person with an SQL prompt can read them and no bug can write another. `sequence` columns give an order of insertion.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Double, Index, Text, text
from sqlmodel import Field

from engine.model import AttemptStatus, DeliveryStatus, JobStatus, Lane, TaskStatus
from storage.tables_base import Base, Sequence, Word, index_where, one_of, table_of
from storage.tables_fairness import DebtRow, FlowRow, LaneRow, PaceRow, PauseRow
from storage.tables_linking import LinkCodeRow, LinkTryRow
from storage.tables_moderation import DrainRow, ReviewRow
from storage.tables_people import (
    AuditRow,
    BanRow,
    CommunityRow,
    FavouriteRow,
    FingerprintRow,
    IdentityRow,
    MemberRow,
    PersonRow,
    PreferenceRow,
    WalletKind,
    WalletRow,
)

__all__ = [
    "AttemptRow",
    "AuditRow",
    "BanRow",
    "Base",
    "BlobRow",
    "CommunityRow",
    "DebtRow",
    "DeliveryRow",
    "DrainRow",
    "EntryKind",
    "FavouriteRow",
    "FingerprintRow",
    "FlowRow",
    "IdentityRow",
    "JobInputRow",
    "JobRow",
    "LaneRow",
    "LedgerEntryRow",
    "LinkCodeRow",
    "LinkTryRow",
    "MemberRow",
    "PaceRow",
    "PauseRow",
    "PersonRow",
    "PictureRow",
    "PreferenceRow",
    "ReviewRow",
    "TallyRow",
    "TaskRow",
    "TransitionRow",
    "WalletKind",
    "WalletRow",
    "Word",
    "table_of",
]


_EMPTY = text("''")  # within JobRow `text` is a column
_OPEN = "finished_at IS NULL"  # a job whose hold has neither become a charge nor been released


class EntryKind(StrEnum):
    """What moved a balance."""

    GRANT = "grant"
    HOLD = "hold"
    CHARGE = "charge"
    RELEASE = "release"
    REFUND = "refund"
    TRANSFER = "transfer"


class JobRow(Base, table=True):
    """One request on its way.

    `ending` is what a delivering job becomes once its delivery ended, empty before. `charged` is what was taken in the
    end: 0 until settled, and 0 again once refunded. `finished_at` is when its last task ended, and its hold with it.
    """

    __tablename__ = "job"
    __table_args__ = (
        one_of("status", JobStatus),
        one_of("lane", Lane),
        CheckConstraint("ending IN ('', 'done', 'failed', 'cancelled')", name="ending_known"),
        CheckConstraint("quote >= 0 AND charged >= 0 AND charged <= quote", name="charge_within_quote"),
        Index("ix_job_person_id_sequence", "person_id", "sequence"),
        Index("ix_job_community_id_sequence", "community_id", "sequence"),
        Index("ix_job_wallet_id_person_id_created_at", "wallet_id", "person_id", "created_at"),
        Index("ix_job_status_created_at", "status", "created_at"),
        index_where(_OPEN, "ix_job_wallet_id_open", "wallet_id"),
        index_where(_OPEN, "ix_job_person_id_open", "person_id"),
        index_where(_OPEN, "ix_job_community_id_open", "community_id"),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    id: str = Field(unique=True)
    request_key: str = Field(unique=True)
    person_id: str = Field(foreign_key="person.id")
    community_id: str | None = Field(default=None, foreign_key="community.id")
    wallet_id: str = Field(foreign_key="wallet.id")
    status: str = Field(sa_type=Word)
    ending: str = Field(default="", sa_type=Word)
    reason: str = ""
    lane: str = Field(sa_type=Word)
    place: dict[str, Any] = Field(sa_type=JSON)
    template: str
    template_hash: str
    model: str
    options: dict[str, Any] = Field(sa_type=JSON)
    text: str = Field(sa_type=Text)
    count: int
    private: bool
    spoiler: bool
    quote: int = Field(sa_type=BigInteger)
    charged: int = Field(default=0, sa_type=BigInteger)
    created_at: float = Field(sa_type=Double)
    started_at: float | None = Field(default=None, sa_type=Double)
    finished_at: float | None = Field(default=None, sa_type=Double)
    parent: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    screening: str = Field(default="", sa_type=Word, sa_column_kwargs={"server_default": _EMPTY})
    flagged: str = Field(default="", sa_column_kwargs={"server_default": _EMPTY})


class TaskRow(Base, table=True):
    """One picture of a job, tagged for the fair queue.

    Claims read an index from the left: the lines of tasks that are `ready` (they wait, and nobody holds their job), and
    in a line by tag, then by age. Tasks of a line are alike in lane, needs and community. `tries` counts the attempts
    that reached an endpoint; `avoid` names the endpoint that the next try keeps away from. `kind` is the kind of work,
    for what is learnt of its cost.
    """

    __tablename__ = "task"
    __table_args__ = (
        one_of("status", TaskStatus),
        one_of("lane", Lane),
        CheckConstraint("cost >= 0 AND tries >= 0", name="not_negative"),
        Index("uq_task_job_id_index", "job_id", "index", unique=True),
        Index("ix_task_status_lane_start_tag_sequence", "status", "lane", "start_tag", "sequence"),
        Index("ix_task_ready_line_start_tag_sequence", "ready", "line", "start_tag", "sequence"),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    id: str = Field(unique=True)
    job_id: str = Field(foreign_key="job.id")
    index: int
    status: str = Field(sa_type=Word)
    lane: str = Field(sa_type=Word)
    start_tag: int = Field(sa_type=BigInteger)
    finish_tag: int = Field(sa_type=BigInteger)
    cost: int = Field(sa_type=BigInteger)
    measured: int = Field(default=0, sa_type=BigInteger)  # mgs; 0 until done
    tries: int = 0
    endpoint: str = ""
    seconds: float | None = Field(default=None, sa_type=Double)
    error: str = ""
    seed: str
    needs: str = Field(sa_type=Text)
    ready: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})
    line: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    person_id: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    community_id: str = Field(default="", sa_column_kwargs={"server_default": text("''")})  # empty: none
    model: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    kind: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    avoid: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    inputs: list[Any] = Field(sa_type=JSON)
    graph: dict[str, Any] = Field(sa_type=JSON)


class AttemptRow(Base, table=True):
    """One try of a task on one endpoint.

    `owner` is the process that looks after it; another may once `lease_until` has passed.
    """

    __tablename__ = "attempt"
    __table_args__ = (
        one_of("status", AttemptStatus),
        Index("uq_attempt_task_id_number", "task_id", "number", unique=True),
        Index("ix_attempt_status", "status"),
    )

    id: str = Field(primary_key=True)
    task_id: str = Field(foreign_key="task.id")
    job_id: str = Field(foreign_key="job.id", index=True)
    endpoint: str
    prompt_id: str = Field(unique=True)
    status: str = Field(sa_type=Word)
    number: int
    created_at: float = Field(sa_type=Double)
    owner: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    lease_until: float = Field(default=0.0, sa_type=Double, sa_column_kwargs={"server_default": "0"})


class DeliveryRow(Base, table=True):
    """What is due to whom; `owner` is the token of the process that is sending it, empty while nobody is.

    `posting_at` is set while a post is under way on a platform that would post it twice: found by a later process, it
    says that the message may be there already. `place` is where the message goes instead of the job's own place, and
    `detour` the error code that sent it there; `fallback` is where it goes next if its place does not take it.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        one_of("status", DeliveryStatus),
        Index("ix_delivery_platform_status_due_at", "platform", "status", "due_at"),
    )

    id: str = Field(primary_key=True)
    job_id: str = Field(foreign_key="job.id", unique=True)
    platform: str
    status: str = Field(sa_type=Word)
    owner: str = ""
    message_id: str = ""
    tries: int = 0
    due_at: float = Field(sa_type=Double)
    posting_at: float | None = Field(default=None, sa_type=Double)
    posted_at: float | None = Field(default=None, sa_type=Double)
    place: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    fallback: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    detour: str | None = None
    generation: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # messages that were given up before
    repeats: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # posts that may have doubled the message
    repairs: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # times it was made due after its end


class TallyRow(Base, table=True):
    """What is counted for ever, in the transaction in which it happens: `name` says what."""

    __tablename__ = "tally"

    name: str = Field(primary_key=True)
    count: int = Field(sa_type=BigInteger)


class LedgerEntryRow(Base, table=True):
    """One movement of one balance; rows are only ever added.

    `key` says what it is for and makes it happen once: grant:WALLET:PERIOD, mint:KEY, transfer:KEY:out and
    transfer:KEY:in, hold:JOB, settle:JOB (a charge or a release, never both) and refund:JOB. `amount` is the movement;
    on a charge it is the rest of the hold that returns, `charged_mgs` what is kept.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        one_of("kind", EntryKind),
        CheckConstraint("kind <> 'hold' OR amount <= 0", name="hold_takes"),
        CheckConstraint("kind IN ('hold', 'transfer') OR amount >= 0", name="others_give"),
        CheckConstraint("charged_mgs = 0 OR (kind = 'charge' AND charged_mgs > 0)", name="only_charges_charge"),
        CheckConstraint("kind IN ('grant', 'transfer') OR job_id IS NOT NULL", name="job_named"),
        Index("ix_ledger_entry_wallet_id_sequence", "wallet_id", "sequence"),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    key: str = Field(unique=True)
    wallet_id: str = Field(foreign_key="wallet.id")
    kind: str = Field(sa_type=Word)
    amount: int = Field(sa_type=BigInteger)
    charged_mgs: int = Field(default=0, sa_type=BigInteger)
    job_id: str | None = Field(default=None, foreign_key="job.id", index=True)
    at: float = Field(sa_type=Double)
    note: str = ""


class BlobRow(Base, table=True):
    """A stored file that some row refers to."""

    __tablename__ = "blob"

    name: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)
    created_at: float = Field(sa_type=Double)


class PictureRow(Base, table=True):
    """A result of a task, in order."""

    __tablename__ = "picture"

    task_id: str = Field(primary_key=True, foreign_key="task.id")
    position: int = Field(primary_key=True)
    blob: str = Field(foreign_key="blob.name", index=True)
    filename: str
    kind: str
    mime: str
    size: int = Field(sa_type=BigInteger)
    width: int
    height: int


class JobInputRow(Base, table=True):
    """A picture that a job starts from: as long as the row is there, its blob is kept."""

    __tablename__ = "job_input"

    job_id: str = Field(primary_key=True, foreign_key="job.id")
    blob: str = Field(primary_key=True, index=True)


class TransitionRow(Base, table=True):
    """One step in the life of a job, task, attempt or delivery, and why."""

    __tablename__ = "transition"

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    job_id: str = Field(foreign_key="job.id", index=True)
    life: str
    row_id: str
    origin: str = Field(sa_type=Word)
    status: str = Field(sa_type=Word)
    reason: str
    at: float = Field(sa_type=Double)
