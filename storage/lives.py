"""The lives of jobs, tasks, attempts and deliveries: which moves are allowed, and the one function that makes them."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import inspect, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session

from engine.model import AttemptStatus, DeliveryStatus, JobStatus, TaskStatus
from storage.tables import AttemptRow, DeliveryRow, JobRow, TaskRow, TransitionRow

Living = JobRow | TaskRow | AttemptRow | DeliveryRow
Status = JobStatus | TaskStatus | AttemptStatus | DeliveryStatus
Column = str | int | float | None

# For each status the statuses that may lead to it; what is not listed cannot happen.
ORIGINS: Mapping[type[Living], Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        JobRow: {
            JobStatus.QUEUED: frozenset({JobStatus.HELD}),
            JobStatus.RUNNING: frozenset({JobStatus.QUEUED}),
            JobStatus.DELIVERING: frozenset({JobStatus.HELD, JobStatus.QUEUED, JobStatus.RUNNING}),
            JobStatus.DONE: frozenset({JobStatus.DELIVERING}),
            JobStatus.FAILED: frozenset({JobStatus.DELIVERING}),
            JobStatus.CANCELLED: frozenset({JobStatus.DELIVERING}),
            JobStatus.REFUSED: frozenset({JobStatus.HELD}),
            JobStatus.EXPIRED: frozenset({JobStatus.HELD}),
        },
        TaskRow: {
            TaskStatus.RUNNING: frozenset({TaskStatus.QUEUED}),
            TaskStatus.QUEUED: frozenset({TaskStatus.RUNNING}),
            TaskStatus.DONE: frozenset({TaskStatus.RUNNING}),
            TaskStatus.FAILED: frozenset({TaskStatus.RUNNING}),
            TaskStatus.CANCELLED: frozenset({TaskStatus.QUEUED, TaskStatus.RUNNING}),
        },
        AttemptRow: {
            AttemptStatus.SENT: frozenset({AttemptStatus.CLAIMED}),
            AttemptStatus.SUCCEEDED: frozenset({AttemptStatus.CLAIMED, AttemptStatus.SENT}),
            AttemptStatus.FAILED: frozenset({AttemptStatus.CLAIMED, AttemptStatus.SENT}),
            AttemptStatus.LOST: frozenset({AttemptStatus.CLAIMED, AttemptStatus.SENT}),
            AttemptStatus.CANCELLED: frozenset({AttemptStatus.CLAIMED, AttemptStatus.SENT}),
        },
        DeliveryRow: {
            DeliveryStatus.DUE: frozenset({DeliveryStatus.WAITING, DeliveryStatus.SENDING}),
            # From SENDING: a process that died while sending; `deliveries.take` sees to it that a living one keeps it.
            DeliveryStatus.SENDING: frozenset({DeliveryStatus.DUE, DeliveryStatus.SENDING}),
            DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.SENDING}),
            DeliveryStatus.UNDELIVERABLE: frozenset({DeliveryStatus.DUE, DeliveryStatus.SENDING}),
        },
    }
)
LIFE_NAMES: Mapping[type[Living], str] = MappingProxyType(
    {JobRow: "job", TaskRow: "task", AttemptRow: "attempt", DeliveryRow: "delivery"}
)


def transition(session: Session, row: Living, to: Status, reason: str, *, at: float, **columns: Column) -> bool:
    """Move a row to a status, set the other `columns` with it and record the step; False if the move is not allowed.

    A job keeps the reason too; on the other rows it stands in the record only.
    The database compares the status it holds now, not the one that `row` was read with: of two that race one wins, and
    the loser changes nothing.
    """
    table = inspect(type(row)).local_table
    origin = row.status
    if isinstance(row, JobRow):
        columns["reason"] = reason
    move = (
        update(table)
        .where(table.c.id == row.id, table.c.status == origin, table.c.status.in_(ORIGINS[type(row)].get(to, ())))
        .values(status=to, **columns)
    )
    if session.connection().execute(move).rowcount != 1:
        session.refresh(row)
        return False
    for name, value in {"status": to.value, **columns}.items():
        set_committed_value(row, name, value)
    remember(session, row, origin, reason, at=at)
    return True


def remember(session: Session, row: Living, origin: str, reason: str, *, at: float) -> None:
    """Record a step that has just been made: `row` holds the new status."""
    session.add(
        TransitionRow(
            job_id=row.id if isinstance(row, JobRow) else row.job_id,
            life=LIFE_NAMES[type(row)],
            row_id=row.id,
            origin=origin,
            status=row.status,
            reason=reason,
            at=at,
        )
    )
