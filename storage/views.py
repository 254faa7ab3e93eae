"""Rows as the types that other rooms know, and a job's place in the queue."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import distinct, func, select, tuple_
from sqlmodel import Session, col

from engine.model import (
    Attempt,
    AttemptStatus,
    Community,
    Delivery,
    DeliveryStatus,
    GraphInput,
    Job,
    JobStatus,
    JobView,
    Lane,
    Person,
    Picture,
    Place,
    Task,
    TaskStatus,
)
from storage.tables import AttemptRow, CommunityRow, DeliveryRow, JobRow, PersonRow, PictureRow, TaskRow


def person_of(row: PersonRow) -> Person:
    """Give the person that a row holds."""
    return Person(id=row.id, name=row.name, wallet_id=row.wallet_id, created_at=row.created_at)


def community_of(row: CommunityRow) -> Community:
    """Give the community that a row holds."""
    return Community(
        id=row.id, platform=row.platform, external_id=row.external_id, name=row.name, wallet_id=row.wallet_id
    )


def job_of(row: JobRow) -> Job:
    """Give the job that a row holds."""
    return Job(
        id=row.id,
        request_key=row.request_key,
        person_id=row.person_id,
        community_id=row.community_id,
        status=JobStatus(row.status),
        reason=row.reason,
        lane=Lane(row.lane),
        place=Place(**row.place),
        template=row.template,
        template_hash=row.template_hash,
        model=row.model,
        options=row.options,
        text=row.text,
        count=row.count,
        private=row.private,
        spoiler=row.spoiler,
        quote=row.quote,
        charged=row.charged,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def task_of(row: TaskRow, pictures: Sequence[PictureRow]) -> Task:
    """Give the task that a row holds, with its results in order."""
    return Task(
        id=row.id,
        job_id=row.job_id,
        index=row.index,
        seed=int(row.seed),
        status=TaskStatus(row.status),
        needs=row.needs,
        cost=row.cost,
        tries=row.tries,
        endpoint=row.endpoint,
        seconds=row.seconds,
        error=row.error,
        pictures=tuple(picture_of(picture) for picture in pictures),
    )


def picture_of(row: PictureRow) -> Picture:
    """Give the result that a row holds."""
    return Picture(
        blob=row.blob,
        filename=row.filename,
        kind=row.kind,
        mime=row.mime,
        size=row.size,
        width=row.width,
        height=row.height,
    )


def attempt_of(row: AttemptRow, task: TaskRow) -> Attempt:
    """Give the attempt that a row holds, with its task's graph."""
    return Attempt(
        id=row.id,
        task_id=row.task_id,
        job_id=row.job_id,
        endpoint=row.endpoint,
        prompt_id=row.prompt_id,
        status=AttemptStatus(row.status),
        number=row.number,
        graph=task.graph,
        inputs=tuple(GraphInput(**given) for given in task.inputs),
        created_at=row.created_at,
    )


def delivery_of(row: DeliveryRow, job: JobRow) -> Delivery:
    """Give the delivery that a row holds, with its job's place."""
    return Delivery(
        id=row.id,
        job_id=row.job_id,
        place=Place(**job.place),
        status=DeliveryStatus(row.status),
        message_id=row.message_id,
        tries=row.tries,
        due_at=row.due_at,
    )


def view(session: Session, job_id: str) -> JobView | None:
    """Give one job as people see it."""
    rows = session.scalars(select(JobRow).where(col(JobRow.id) == job_id)).all()
    return views_of(session, rows)[0] if rows else None


def views(session: Session, person_id: str | None, active: bool, limit: int) -> tuple[JobView, ...]:
    """Give jobs as people see them, newest first."""
    chosen = select(JobRow).order_by(col(JobRow.sequence).desc()).limit(limit)
    if person_id is not None:
        chosen = chosen.where(col(JobRow.person_id) == person_id)
    if active:
        chosen = chosen.where(col(JobRow.status).in_([status for status in JobStatus if not status.ended]))
    return views_of(session, session.scalars(chosen).all())


def views_of(session: Session, jobs: Sequence[JobRow]) -> tuple[JobView, ...]:
    """Give jobs with their tasks, results and places in the queue."""
    ids = [job.id for job in jobs]
    tasks: dict[str, list[TaskRow]] = defaultdict(list)
    for task in session.scalars(select(TaskRow).where(col(TaskRow.job_id).in_(ids)).order_by(col(TaskRow.index))):
        tasks[task.job_id].append(task)
    pictures: dict[str, list[PictureRow]] = defaultdict(list)
    of_jobs = (
        select(PictureRow)
        .join(TaskRow, col(TaskRow.id) == col(PictureRow.task_id))
        .where(col(TaskRow.job_id).in_(ids))
        .order_by(col(PictureRow.task_id), col(PictureRow.position))
    )
    for picture in session.scalars(of_jobs):
        pictures[picture.task_id].append(picture)
    length = queue_length(session) if jobs else 0
    found = []
    for job in jobs:
        position, ahead = _place(session, tasks[job.id])
        found.append(
            JobView(
                job=job_of(job),
                tasks=tuple(task_of(task, pictures[task.id]) for task in tasks[job.id]),
                position=position,
                queue_length=length,
                ahead=ahead,
            )
        )
    return tuple(found)


def queue_length(session: Session) -> int:
    """Give the number of jobs of which something waits."""
    waiting = select(func.count(distinct(col(TaskRow.job_id)))).where(col(TaskRow.status) == TaskStatus.QUEUED)
    return session.scalars(waiting).one()


def counts(session: Session) -> dict[JobStatus, int]:
    """Give how many jobs are in each status, those that no job is in included."""
    found = session.execute(select(col(JobRow.status), func.count()).group_by(col(JobRow.status)))
    return dict.fromkeys(JobStatus, 0) | {JobStatus(status): count for status, count in found}


def _place(session: Session, tasks: Sequence[TaskRow]) -> tuple[int, int]:
    """Give a job's position and the cost ahead of it; see `JobView`. Both are 0 if none of its tasks waits."""
    waiting = [task for task in tasks if task.status == TaskStatus.QUEUED]
    if not waiting:
        return 0, 0
    first = min(waiting, key=lambda task: (task.start_tag, task.sequence))
    before = select(func.count(distinct(col(TaskRow.job_id))), func.coalesce(func.sum(col(TaskRow.cost)), 0)).where(
        col(TaskRow.status) == TaskStatus.QUEUED,
        tuple_(col(TaskRow.lane), col(TaskRow.start_tag), col(TaskRow.sequence))
        < tuple_(first.lane, first.start_tag, first.sequence),
    )
    jobs, cost = session.execute(before).one()
    running = select(func.coalesce(func.sum(col(TaskRow.cost)), 0)).where(col(TaskRow.status) == TaskStatus.RUNNING)
    return 1 + jobs, int(cost) + int(session.scalars(running).one())
