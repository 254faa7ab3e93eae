"""Rows as the types that other rooms know, and a job's place in the queue."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, case, distinct, exists, false, func, select, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from engine.model import (
    Community,
    Delivery,
    DeliveryStatus,
    Job,
    JobStatus,
    JobView,
    Lane,
    Learnt,
    Person,
    Picture,
    PictureRef,
    Place,
    Task,
    TaskStatus,
)
from engine.safety.verdicts import SHOWN, Screening
from engine.standing import Waiting
from storage.policy import Policy
from storage.prepared import Record
from storage.tables import (
    CommunityRow,
    FlowRow,
    JobRow,
    LaneRow,
    PaceRow,
    PauseRow,
    PersonRow,
    PictureRow,
    TaskRow,
)

_JOB_COLUMNS = tuple(field.name for field in fields(Job))


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
    return job_from({name: getattr(row, name) for name in _JOB_COLUMNS})


def job_from(row: Mapping[str, Any]) -> Job:
    """Give the job that a row's columns hold."""
    values = {name: row[name] for name in _JOB_COLUMNS}
    typed = {
        "status": JobStatus(row["status"]),
        "lane": Lane(row["lane"]),
        "place": Place(**row["place"]),
        "parent": None if row["parent"] is None else PictureRef(**row["parent"]),
        "screening": Screening(row["screening"]),
    }
    return Job(**{**values, **typed})


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


def delivery_from(row: Record) -> Delivery:
    """Give the delivery that a row's columns hold, with its job's place in the column `job_place`."""
    return Delivery(
        id=row.id,
        job_id=row.job_id,
        place=Place(**(row.place or row.job_place)),
        status=DeliveryStatus(row.status),
        message_id=row.message_id,
        tries=row.tries,
        due_at=row.due_at,
        posted_at=row.posted_at,
        fallback=None if row.fallback is None else Place(**row.fallback),
        detour=row.detour or "",
        repairs=row.repairs,
        nonce=f"{row.id}-{row.generation}" if row.generation else row.id,
    )


def view(session: Session, job_id: str) -> JobView | None:
    """Give one job as people see it."""
    rows = session.scalars(select(JobRow).where(col(JobRow.id) == job_id)).all()
    return views_of(session, rows)[0] if rows else None


def views(
    session: Session, person_id: str | None, community_id: str | None, active: bool, limit: int
) -> tuple[JobView, ...]:
    """Give jobs as people see them, newest first."""
    chosen = select(JobRow).order_by(col(JobRow.sequence).desc()).limit(limit)
    if person_id is not None:
        chosen = chosen.where(col(JobRow.person_id) == person_id)
    if community_id is not None:
        chosen = chosen.where(col(JobRow.community_id) == community_id)
    if active:
        chosen = chosen.where(col(JobRow.status).in_([status for status in JobStatus if not status.ended]))
    return views_of(session, session.scalars(chosen).all())


def views_of(session: Session, jobs: Sequence[JobRow], *, withheld: bool = False) -> tuple[JobView, ...]:
    """Give jobs with their tasks, results and places in the queue.

    Pictures that wait for a moderator, or that one has taken back, are left out unless `withheld` asks for them.
    """
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
    running = _running(session) if jobs else {}
    side_by_side = _running_tasks(session) if jobs else 0
    paused = bool(jobs) and session.get(PauseRow, "queue") is not None
    waiting = [first for job in jobs if (first := _first(tasks[job.id])) is not None]
    places = _places(session, waiting)
    length = queue_length(session) if waiting else 0
    lanes = _lanes(session) if waiting else {}
    found = []
    for job in jobs:
        position, before = places.get(job.id, (0, {}))
        first = _first(tasks[job.id])
        virtual_time, people = lanes.get(job.lane, (0, 0)) if position else (0, 0)
        shown = withheld or Screening(job.screening) in SHOWN
        found.append(
            JobView(
                job=job_of(job),
                tasks=tuple(task_of(task, pictures[task.id] if shown else ()) for task in tasks[job.id]),
                position=position,
                queue_length=length if position else 0,
                ahead=sum(before.values()) + sum(running.values()) if position else 0,
                work_ahead=before,
                work_running=running,
                running=side_by_side,
                depth=0 if first is None else max(0, first.start_tag - virtual_time),
                people=people,
                kind=tasks[job.id][0].kind if tasks[job.id] else "",
                paused=paused,
            )
        )
    return tuple(found)


def queue_length(session: Session) -> int:
    """Give the number of jobs of which something waits for its turn."""
    return session.scalars(select(func.count(distinct(col(TaskRow.job_id)))).where(*_IN_TURN)).one()


def work_before(session: Session, person_id: str, lane: Lane) -> Mapping[str, int]:
    """Give the cost of what runs, and of what comes before a new task of a person, by kind of work."""
    flow, moved = session.get(FlowRow, (person_id, lane.value)), session.get(LaneRow, lane.value)
    start = max(0 if flow is None else flow.last_finish, 0 if moved is None else moved.virtual_time)
    by_kind = (
        select(col(TaskRow.kind), func.sum(col(TaskRow.cost)))
        .where(*_IN_TURN, tuple_(col(TaskRow.lane), col(TaskRow.start_tag)) <= tuple_(lane.value, start))
        .group_by(col(TaskRow.kind))
    )
    work = Counter({row[0]: int(row[1]) for row in session.execute(by_kind)})
    work.update(_running(session))
    return work


def learnt(session: Session) -> tuple[Learnt, ...]:
    """Give what is known of the pace of endpoints."""
    rows = session.scalars(select(PaceRow).order_by(col(PaceRow.at)))
    return tuple(Learnt(endpoint=row.endpoint, kind=row.kind, mgs_per_second=row.mgs_per_second) for row in rows)


def waiting(session: Session, job_id: str, policy: Policy) -> Waiting | None:
    """Say what a job waits for; None if nothing of it waits."""
    job = session.scalars(select(JobRow).where(col(JobRow.id) == job_id)).first()
    tasks = session.scalars(select(TaskRow).where(col(TaskRow.job_id) == job_id)).all()
    needs = {task.needs for task in tasks if task.status == TaskStatus.QUEUED}
    if job is None or not needs:
        return None
    pause = session.get(PauseRow, "queue")
    by_person = (
        select(col(TaskRow.person_id), func.count(), func.count(distinct(col(TaskRow.job_id))))
        .where(*_before(_first(tasks)))
        .group_by(col(TaskRow.person_id))
    )
    before = {row[0]: (row[1], row[2]) for row in session.execute(by_person)}
    _, own_jobs = before.pop(job.person_id, (0, 0))
    running = select(func.count()).where(
        col(TaskRow.status) == TaskStatus.RUNNING, col(TaskRow.person_id) == job.person_id
    )
    return Waiting(
        held=job.status == JobStatus.HELD,
        paused=pause is not None,
        pause_reason="" if pause is None else pause.reason,
        needs=tuple(sorted(needs)),
        tasks_of_others=sum(count for count, _ in before.values()),
        people=len(before),
        own_jobs=own_jobs,
        own_running=session.scalars(running).one(),
        running_cap=policy.max_running_tasks,
    )


def counts(session: Session) -> dict[JobStatus, int]:
    """Give how many jobs are in each status, those that no job is in included."""
    found = session.execute(select(col(JobRow.status), func.count()).group_by(col(JobRow.status)))
    return dict.fromkeys(JobStatus, 0) | {JobStatus(status): count for status, count in found}


_IN_TURN = (col(TaskRow.status) == TaskStatus.QUEUED, col(TaskRow.ready).is_(True))
_IN_LINE = tuple_(col(TaskRow.lane), col(TaskRow.start_tag), col(TaskRow.sequence))


def _first(tasks: Sequence[TaskRow]) -> TaskRow | None:
    """Give the task of a job whose turn comes first; None if none waits for its turn."""
    return min((task for task in tasks if task.ready), key=lambda task: (task.start_tag, task.sequence), default=None)


def _before(first: TaskRow | None) -> tuple[ColumnElement[bool], ...]:
    """Choose the tasks whose turn comes before a task's; none where there is no such task."""
    if first is None:
        return (false(),)
    return (*_IN_TURN, tuple_(*_stand(first)) > _IN_LINE)


def _stand(task: TaskRow) -> tuple[str, int, int]:
    """Give where a task stands in the queue; `_IN_LINE` is the same of a row."""
    return task.lane, task.start_tag, task.sequence or 0


def _places(session: Session, firsts: Sequence[TaskRow]) -> Mapping[str, tuple[int, Mapping[str, int]]]:
    """Give of each job, by its first waiting task, the position and the cost before it by kind of work.

    Each stretch of the queue, from one of them to the next, is read once. A job counts where its first task stands.
    """
    earlier = aliased(TaskRow)
    leads = ~exists().where(
        col(earlier.job_id) == col(TaskRow.job_id),
        case((col(earlier.ready), 1), else_=0) == 1,  # so said, no index is searched for all that are ready
        tuple_(col(earlier.start_tag), col(earlier.sequence)) < tuple_(col(TaskRow.start_tag), col(TaskRow.sequence)),
    )
    by_kind = select(col(TaskRow.kind), func.count().filter(leads), func.sum(col(TaskRow.cost))).group_by(TaskRow.kind)
    found: dict[str, tuple[int, Mapping[str, int]]] = {}
    position, before = 1, Counter[str]()
    stretch: list[ColumnElement[bool]] = []
    for first in sorted(firsts, key=_stand):
        for kind, jobs, cost in session.execute(by_kind.where(*_before(first), *stretch)):
            position += jobs
            before[kind] += int(cost)
        found[first.job_id] = (position, dict(before))
        stretch = [tuple_(*_stand(first)) <= _IN_LINE]
    return found


def _lanes(session: Session) -> Mapping[str, tuple[int, int]]:
    """Give each lane's virtual time, and how many people have something waiting in it."""
    people = (
        select(col(TaskRow.lane), func.count(distinct(col(TaskRow.person_id)))).where(*_IN_TURN).group_by(TaskRow.lane)
    )
    waiting = {row[0]: row[1] for row in session.execute(people)}
    return {row.lane: (row.virtual_time, waiting.get(row.lane, 0)) for row in session.scalars(select(LaneRow))}


def _running_tasks(session: Session) -> int:
    chosen = select(func.count()).where(col(TaskRow.status) == TaskStatus.RUNNING)
    return session.scalars(chosen).one()


def _running(session: Session) -> Mapping[str, int]:
    """Give the cost of what runs, by kind of work."""
    by_kind = (
        select(col(TaskRow.kind), func.sum(col(TaskRow.cost)))
        .where(col(TaskRow.status) == TaskStatus.RUNNING)
        .group_by(col(TaskRow.kind))
    )
    return {row[0]: int(row[1]) for row in session.execute(by_kind)}
