"""The tables of joining: the codes that are open, and wrong tries."""

from sqlalchemy import Double, Index
from sqlmodel import Field

from storage.tables_base import Base, Sequence


class LinkCodeRow(Base, table=True):
    """A code that somebody may join their other account by; only its SHA-256 is kept. One person has one."""

    __tablename__ = "link_code"

    person_id: str = Field(primary_key=True, foreign_key="person.id")
    digest: str = Field(unique=True)
    until: float = Field(sa_type=Double)


class LinkTryRow(Base, table=True):
    """Somebody tried a code that there was not."""

    __tablename__ = "link_try"
    __table_args__ = (Index("ix_link_try_person_id_at", "person_id", "at"),)

    sequence: int | None = Field(default=None, primary_key=True, sa_type=Sequence)
    person_id: str = Field(foreign_key="person.id")
    at: float = Field(sa_type=Double)
