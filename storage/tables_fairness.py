"""The tables of the queue's order: where lanes and people stand, whether it is paused, what is learnt of costs."""

from sqlalchemy import BigInteger, Double
from sqlmodel import Field

from storage.tables_base import Base


class LaneRow(Base, table=True):
    """A lane's virtual time in mgs. Claimers take turns at these rows."""

    __tablename__ = "lane"

    lane: str = Field(primary_key=True)
    virtual_time: int = Field(sa_type=BigInteger)


class DebtRow(Base, table=True):
    """What an endpoint owes (`engine.fairness.Debts`), in mgs; none is there of one that never owed anything."""

    __tablename__ = "debt"

    endpoint: str = Field(primary_key=True)
    relaxed_credit: int = Field(sa_type=BigInteger)
    fast_ahead: int = Field(sa_type=BigInteger)
    relaxed_ahead: int = Field(sa_type=BigInteger)


class FlowRow(Base, table=True):
    """Where one person stands in a lane: the finish tags of their last task, and of their last task claimed."""

    __tablename__ = "flow"

    person_id: str = Field(primary_key=True, foreign_key="person.id")
    lane: str = Field(primary_key=True)
    last_finish: int = Field(sa_type=BigInteger)
    served_finish: int = Field(sa_type=BigInteger)


class PauseRow(Base, table=True):
    """The queue is paused while there is a row: what runs goes on, nothing new is claimed."""

    __tablename__ = "pause"

    scope: str = Field(primary_key=True)  # "queue"
    by: str
    reason: str
    at: float = Field(sa_type=Double)


class PaceRow(Base, table=True):
    """What an endpoint has shown of a kind of work: `mgs_per_second` quoted mgs done in a second of its time."""

    __tablename__ = "pace"

    endpoint: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    mgs_per_second: float = Field(sa_type=Double)
    at: float = Field(sa_type=Double)
