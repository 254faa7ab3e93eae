"""The tables of moderation: what waits for a moderator's eye, and endpoints that are to take no more work."""

from enum import StrEnum

from sqlalchemy import Double, Index, text
from sqlmodel import Field

from engine.reviews import Kind, Outcome
from storage.tables_base import Base, Sequence, Word, one_of


class ReviewState(StrEnum):
    """Whether it was decided, and how."""

    OPEN = "open"
    APPROVED = Outcome.APPROVED
    SPOILER = Outcome.SPOILER
    REJECTED = Outcome.REJECTED
    HIDDEN = Outcome.HIDDEN
    DISMISSED = Outcome.DISMISSED


class ReviewRow(Base, table=True):
    """A job whose pictures somebody has to look at, held by a check or reported by a person.

    `community_id` is whose moderators decide; empty: operators alone. `person_id` is who reported it, empty on what is
    held. `number` is the picture that was meant, 0 for all. One person reports a job once.
    """

    __tablename__ = "review"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("state", ReviewState),
        Index("uq_review_job_id_kind_person_id", "job_id", "kind", "person_id", unique=True),
        Index("ix_review_state_community_id_sequence", "state", "community_id", "sequence"),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    job_id: str = Field(foreign_key="job.id")
    kind: str = Field(sa_type=Word)
    community_id: str = ""
    person_id: str = ""
    number: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    reason: str = ""
    state: str = Field(default=ReviewState.OPEN, sa_type=Word)
    at: float = Field(sa_type=Double)
    decided_at: float | None = Field(default=None, sa_type=Double)
    decided_by: str = ""


class DrainRow(Base, table=True):
    """An endpoint that is given no new work until it is enabled again."""

    __tablename__ = "drain"

    endpoint: str = Field(primary_key=True)
    by: str
    at: float = Field(sa_type=Double)
