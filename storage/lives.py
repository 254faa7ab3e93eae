"""The lives of jobs, tasks, attempts and deliveries: which moves are allowed, and the one function that makes them."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from sqlalchemy import Update, bindparam, update
from sqlalchemy.orm.attributes import set_committed_value

from engine.model import AttemptStatus, DeliveryStatus, JobStatus, TaskStatus
from storage.prepared import Prepared
from storage.tables import AttemptRow, DeliveryRow, JobRow, TaskRow, TransitionRow, table_of
from storage.transaction import Transaction

AT_ONCE = 0.0
"""When a delivery is due that waits for nothing: before any time that a clock may be set back to."""

Living = JobRow | TaskRow | AttemptRow | DeliveryRow
Status = JobStatus | TaskStatus | AttemptStatus | DeliveryStatus
Column = str | int | float | bool | None

# For each status the statuses that may lead to it; what is not listed cannot happen.
ORIGINS: Mapping[type[Living], Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        JobRow: {
            JobStatus.QUEUED: frozenset({JobStatus.HELD}),
            JobStatus.HELD: frozenset({JobStatus.QUEUED}),
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
            # From an end: shown again to whoever asks.
            DeliveryStatus.HELD: frozenset({DeliveryStatus.WAITING}),
            DeliveryStatus.DUE: frozenset(
                {
                    DeliveryStatus.WAITING,
                    DeliveryStatus.HELD,
                    DeliveryStatus.SENDING,
                    DeliveryStatus.DELIVERED,
                    DeliveryStatus.UNDELIVERABLE,
                }
            ),
            # From SENDING: a process that died while sending; `deliveries.take` sees to it that a living one keeps it.
            DeliveryStatus.SENDING: frozenset({DeliveryStatus.DUE, DeliveryStatus.SENDING}),
            DeliveryStatus.DELIVERED: frozenset({DeliveryStatus.SENDING}),
            DeliveryStatus.UNDELIVERABLE: frozenset({DeliveryStatus.HELD, DeliveryStatus.DUE, DeliveryStatus.SENDING}),
        },
    }
)
LIFE_NAMES: Mapping[type[Living], str] = MappingProxyType(
    {JobRow: "job", TaskRow: "task", AttemptRow: "attempt", DeliveryRow: "delivery"}
)


_JOB = table_of(JobRow)
_RECORD = Prepared.adding(table_of(TransitionRow))
_END = Prepared(
    update(_JOB)
    .where(_JOB.c.id == bindparam("b_id"), _JOB.c.status == JobStatus.DELIVERING)
    .values(status=_JOB.c.ending)
    .returning(_JOB.c.status, _JOB.c.reason)
)


class Steps:
    """The steps that one verb makes: each is made by a guarded statement at once, all are recorded by `write`."""

    def __init__(self, tx: Transaction, *, at: float) -> None:
        self._tx = tx
        self._at = at
        self._records: list[dict[str, str | float]] = []

    def move(
        self, kind: type[Living], row_id: str, job_id: str, origin: str, to: Status, reason: str, **columns: Column
    ) -> bool:
        """Move a row to a status and set the other `columns` with it; False if the move is not allowed.

        A job keeps the reason too; on the other rows it stands in the record only.
        The database compares the status it holds now, not the `origin` that the caller has read: of two that race one
        wins, and the loser changes nothing.
        """
        if origin not in ORIGINS[kind].get(to, ()):
            return False
        if kind is JobRow:
            columns["reason"] = reason
        if self._tx.run(_guarded(kind, tuple(columns)), b_id=row_id, b_origin=origin, status=to, **columns) != 1:
            return False
        self.record(kind, row_id, job_id, origin, to, reason)
        return True

    def move_unread(
        self, kind: type[Living], row_id: str, origin: Status, to: Status, reason: str, **columns: Column
    ) -> str | None:
        """Move a row of which nothing has been read; gives its job's id, None if it is not in the status `origin`.

        Sets the other `columns` with it.
        """
        if origin not in ORIGINS[kind].get(to, ()):
            return None
        guarded = _guarded_unread(kind, tuple(columns))
        moved = self._tx.first(guarded, b_id=row_id, b_origin=origin, status=to, **columns)
        if moved is None:
            return None
        self.record(kind, row_id, moved.job_id, origin, to, reason)
        return str(moved.job_id)

    def end(self, job_id: str) -> None:
        """Let a job whose delivery ended become what its `ending` says; one that had ended before stays as it is."""
        ended = self._tx.first(_END, b_id=job_id)
        if ended is not None:
            self.record(JobRow, job_id, job_id, JobStatus.DELIVERING, ended.status, ended.reason)

    def record(self, kind: type[Living], row_id: str, job_id: str, origin: str, to: str, reason: str) -> None:
        """Note a step that another guarded statement has made: the claim's."""
        self._records.append(
            {
                "job_id": job_id,
                "life": LIFE_NAMES[kind],
                "row_id": row_id,
                "origin": origin,
                "status": to,
                "reason": reason,
                "at": self._at,
            }
        )

    def write(self) -> None:
        """Write the records; the last that a verb does."""
        if self._records:
            self._tx.run_each(_RECORD, self._records)


def transition(tx: Transaction, row: Living, to: Status, reason: str, *, at: float, **columns: Column) -> bool:
    """Move a row that the session has loaded, and record the step; `Steps.move` says how."""
    steps = Steps(tx, at=at)
    job_id = row.id if isinstance(row, JobRow) else row.job_id
    if not steps.move(type(row), row.id, job_id, row.status, to, reason, **columns):
        tx.refresh(row)
        return False
    if isinstance(row, JobRow):
        columns["reason"] = reason
    for name, value in {"status": to.value, **columns}.items():
        set_committed_value(row, name, value)
    steps.write()
    return True


@cache
def _guarded(kind: type[Living], columns: tuple[str, ...]) -> Prepared:
    return Prepared(_guarded_update(kind), ("status", *columns))


@cache
def _guarded_unread(kind: type[Living], columns: tuple[str, ...]) -> Prepared:
    return Prepared(_guarded_update(kind).returning(table_of(kind).c.job_id), ("status", *columns))


def _guarded_update(kind: type[Living]) -> Update:
    table = table_of(kind)
    return update(table).where(table.c.id == bindparam("b_id"), table.c.status == bindparam("b_origin"))
