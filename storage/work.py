"""Attempts come to an end, and with them tasks and jobs; a job whose work ended is settled in the same transaction."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlmodel import Session, col

from engine.errors import (
    AtelierError,
    AttemptUnknown,
    EndpointBusy,
    EndpointLost,
    OutputMissing,
    StorageError,
    UnknownJob,
)
from engine.model import (
    Attempt,
    AttemptStatus,
    DeliveryStatus,
    Job,
    JobStatus,
    Picture,
    TaskStatus,
)
from storage import ledger, queue
from storage.lives import Living, Status, transition
from storage.tables import AttemptRow, BlobRow, DeliveryRow, JobRow, PictureRow, TaskRow
from storage.views import attempt_of, job_of

_OPEN_ATTEMPT = (AttemptStatus.CLAIMED, AttemptStatus.SENT)


def start(session: Session, attempt_id: str, now: float) -> bool:
    """Mark a claimed attempt as being sent; False if it is no longer claimed."""
    attempt, _, _ = _locked(session, attempt_id)
    return transition(session, attempt, AttemptStatus.SENT, "", at=now)


def settle(
    session: Session, attempt_id: str, pictures: Sequence[Picture], seconds: float, measured: int, *, now: float
) -> Job:
    """Finish the attempt's task with its results; see `Books.settle`.

    An attempt that ended before (settled already, given up, or cancelled with its job) changes nothing: pictures that
    arrive after a cancel are neither kept nor charged, because the hold has been ended by then.
    """
    attempt, task, job = _locked(session, attempt_id)
    if not transition(session, attempt, AttemptStatus.SUCCEEDED, "", at=now):
        return job_of(job)
    _move(session, task, TaskStatus.DONE, "", now, seconds=seconds, measured=max(0, measured), error="")
    for position, picture in enumerate(pictures):
        _keep(session, task, position, picture, now)
    session.flush()
    _settle_if_ended(session, job, now)
    return job_of(job)


def fail(session: Session, attempt_id: str, error: AtelierError, retry: bool, *, now: float) -> Job:
    """End the attempt; its task waits again or failed; see `Books.fail`.

    An attempt that never reached an endpoint (not sent, or sent away as busy) is not counted as a try.
    """
    attempt, task, job = _locked(session, attempt_id)
    reached = attempt.status == AttemptStatus.SENT and not isinstance(error, EndpointBusy)
    lost = isinstance(error, EndpointLost | AttemptUnknown)
    if not transition(session, attempt, AttemptStatus.LOST if lost else AttemptStatus.FAILED, error.code, at=now):
        return job_of(job)
    tries = task.tries if reached else task.tries - 1
    to = TaskStatus.QUEUED if retry else TaskStatus.FAILED
    _move(session, task, to, error.code, now, tries=tries, error=error.code)
    _settle_if_ended(session, job, now)
    return job_of(job)


def cancel(session: Session, job_id: str, reason: str, now: float) -> tuple[Job, tuple[Attempt, ...]]:
    """Cancel what is not done yet and settle the job; see `Books.cancel`."""
    job = session.scalars(select(JobRow).where(col(JobRow.id) == job_id).with_for_update()).first()
    if job is None:
        raise UnknownJob(value=job_id)
    if job.status not in ledger.OPEN_HOLD:
        return job_of(job), ()
    tasks = {task.id: task for task in session.scalars(select(TaskRow).where(col(TaskRow.job_id) == job_id))}
    running = select(AttemptRow).where(col(AttemptRow.job_id) == job_id, col(AttemptRow.status).in_(_OPEN_ATTEMPT))
    attempts = session.scalars(running).all()
    for attempt in attempts:
        _move(session, attempt, AttemptStatus.CANCELLED, reason, now)
    for task in tasks.values():
        if task.status in (TaskStatus.QUEUED, TaskStatus.RUNNING):
            _move(session, task, TaskStatus.CANCELLED, reason, now)
    _settle(session, job, JobStatus.CANCELLED, reason, now)
    queue.give_back_place(session, job)
    return job_of(job), tuple(attempt_of(attempt, tasks[attempt.task_id]) for attempt in attempts)


def open_attempts(session: Session) -> tuple[Attempt, ...]:
    """Give the attempts that have not ended, oldest first."""
    chosen = (
        select(AttemptRow, TaskRow)
        .join(TaskRow, col(TaskRow.id) == col(AttemptRow.task_id))
        .where(col(AttemptRow.status).in_(_OPEN_ATTEMPT))
        .order_by(col(AttemptRow.created_at), col(TaskRow.sequence))
    )
    return tuple(attempt_of(attempt, task) for attempt, task in session.execute(chosen))


def _locked(session: Session, attempt_id: str) -> tuple[AttemptRow, TaskRow, JobRow]:
    """Read an attempt with its task and job; the job's row is locked, so that verbs on one job take turns."""
    job_id = session.scalars(select(col(AttemptRow.job_id)).where(col(AttemptRow.id) == attempt_id)).first()
    if job_id is None:
        raise UnknownJob("no such attempt", value=attempt_id)
    job = session.scalars(select(JobRow).where(col(JobRow.id) == job_id).with_for_update()).one()
    attempt = session.get_one(AttemptRow, attempt_id)
    task = session.scalars(select(TaskRow).where(col(TaskRow.id) == attempt.task_id)).one()
    return attempt, task, job


def _move(
    session: Session, row: Living, to: Status, reason: str, now: float, **columns: str | int | float | None
) -> None:
    """Make a move that the rows around it say is allowed; if it is not, nothing of the verb may be written."""
    if not transition(session, row, to, reason, at=now, **columns):
        raise StorageError(f"{type(row).__name__} {row.id} cannot go from {row.status} to {to}")


def _keep(session: Session, task: TaskRow, position: int, picture: Picture, now: float) -> None:
    if session.get(BlobRow, picture.blob) is None:
        session.add(BlobRow(name=picture.blob, size=picture.size, created_at=now))
        session.flush()
    session.add(
        PictureRow(
            task_id=task.id,
            position=position,
            blob=picture.blob,
            filename=picture.filename,
            kind=picture.kind,
            mime=picture.mime,
            size=picture.size,
            width=picture.width,
            height=picture.height,
        )
    )


def _settle_if_ended(session: Session, job: JobRow, now: float) -> None:
    """Settle the job if none of its tasks waits or runs: done if it has a picture, failed for the last error if not."""
    tasks = session.scalars(select(TaskRow).where(col(TaskRow.job_id) == job.id).order_by(col(TaskRow.index))).all()
    if any(task.status in (TaskStatus.QUEUED, TaskStatus.RUNNING) for task in tasks):
        return
    has_picture = (
        select(func.count()).select_from(PictureRow).where(col(PictureRow.task_id).in_([task.id for task in tasks]))
    )
    if session.scalars(has_picture).one():
        _settle(session, job, JobStatus.DONE, "", now)
    else:
        errors = [task.error for task in tasks if task.error]
        _settle(session, job, JobStatus.FAILED, errors[-1] if errors else OutputMissing.code, now)


def _settle(session: Session, job: JobRow, ending: JobStatus, reason: str, now: float) -> None:
    """End the hold and make the delivery due; `ending` is what the job becomes when its delivery ended.

    The charge is min(quote, measured) over the tasks that have pictures.
    """
    with_pictures = select(func.sum(col(TaskRow.cost)), func.sum(col(TaskRow.measured))).where(
        col(TaskRow.job_id) == job.id, col(TaskRow.id).in_(select(col(PictureRow.task_id)))
    )
    quoted, measured = session.execute(with_pictures).one()
    charged = ledger.settle(session, job, min(int(quoted or 0), int(measured or 0)), now)
    _move(session, job, JobStatus.DELIVERING, reason, now, ending=ending, charged=charged, finished_at=now)
    delivery = session.scalars(select(DeliveryRow).where(col(DeliveryRow.job_id) == job.id)).one()
    _move(session, delivery, DeliveryStatus.DUE, reason, now, due_at=now)
