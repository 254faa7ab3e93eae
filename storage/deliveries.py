"""Deliveries: what is due to whom. With its delivery a job ends for good."""

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from engine.errors import AtelierError
from engine.model import Delivery, DeliveryStatus, JobStatus
from storage import ledger
from storage.lives import transition
from storage.tables import DeliveryRow, JobRow
from storage.views import delivery_of


def due(session: Session, platforms: Sequence[str], limit: int, owner: str, now: float) -> tuple[Delivery, ...]:
    """Give deliveries that are due, oldest first, those included that another (ended) process was sending.

    `owner` is this process's token: what it is sending itself is not due.
    """
    chosen = (
        select(DeliveryRow, JobRow)
        .join(JobRow, col(JobRow.id) == col(DeliveryRow.job_id))
        .where(
            col(DeliveryRow.platform).in_(platforms),
            or_(
                and_(col(DeliveryRow.status) == DeliveryStatus.DUE, col(DeliveryRow.due_at) <= now),
                and_(col(DeliveryRow.status) == DeliveryStatus.SENDING, col(DeliveryRow.owner) != owner),
            ),
        )
        .order_by(col(DeliveryRow.due_at), col(JobRow.sequence))
        .limit(limit)
    )
    return tuple(delivery_of(row, job) for row, job in session.execute(chosen))


def of_job(session: Session, job_id: str) -> Delivery | None:
    """Give the delivery of a job."""
    chosen = select(DeliveryRow, JobRow).join(JobRow).where(col(JobRow.id) == job_id)
    found = session.execute(chosen).first()
    return None if found is None else delivery_of(found[0], found[1])


def posted(session: Session, delivery_id: str, message_id: str) -> None:
    """Remember the one message of the job."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is not None:
        row.message_id = message_id


def take(session: Session, delivery_id: str, owner: str, now: float) -> bool:
    """Take a due delivery for sending; False if this process is sending it, or it ended, or nothing is due."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is None or (row.status == DeliveryStatus.SENDING and row.owner == owner):
        return False
    return transition(session, row, DeliveryStatus.SENDING, "", at=now, owner=owner, tries=row.tries + 1)


def done(session: Session, delivery_id: str, now: float) -> None:
    """The result is in the chat: the job ends."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is not None and transition(session, row, DeliveryStatus.DELIVERED, "", at=now, owner=""):
        job = _job(session, row)
        transition(session, job, JobStatus(job.ending), job.reason, at=now)


def failed(session: Session, delivery_id: str, error: AtelierError, retry_at: float | None, now: float) -> None:
    """The platform did not take it: due again at `retry_at`, or never; then the job ends and is refunded."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is None:
        return
    if retry_at is not None:
        transition(session, row, DeliveryStatus.DUE, error.code, at=now, owner="", due_at=retry_at)
    elif transition(session, row, DeliveryStatus.UNDELIVERABLE, error.code, at=now, owner=""):
        job = _job(session, row)
        ledger.refund(session, job, error.code, now)
        transition(session, job, JobStatus(job.ending), error.code, at=now, charged=0)


def _job(session: Session, row: DeliveryRow) -> JobRow:
    return session.scalars(select(JobRow).where(col(JobRow.id) == row.job_id).with_for_update()).one()
