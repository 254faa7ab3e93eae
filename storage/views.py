"""Rows as the types that other rooms know, and a job's place in the queue."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Tuple, bindparam, case, distinct, exists, false, func, select, tuple_
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
from storage import queue
from storage.policy import Policy
from storage.prepared import Prepared, Record, listed, size_of, spread
from storage.tables import (
    CommunityRow,
    FlowRow,
    JobRow,
    LaneRow,
    PaceRow,
    PauseRow,
    PictureRow,
    TaskRow,
    table_of,
)
from storage.transaction import Transaction

_JOB_COLUMNS = tuple(field.name for field in fields(Job))
_JOB, _TASK, _PICTURE = table_of(JobRow), table_of(TaskRow), table_of(PictureRow)
_LANE, _FLOW = table_of(LaneRow), table_of(FlowRow)

_IN_TURN = (_TASK.c.status == TaskStatus.QUEUED, _TASK.c.ready)
_IN_LINE = tuple_(_TASK.c.lane, _TASK.c.start_tag, _TASK.c.sequence)
_BY_ID = Prepared(select(_JOB).where(_JOB.c.id == bindparam("job_id")))
_SHOWN_OF_TASK = [column for column in _TASK.columns if column.name not in {"graph", "inputs"}]  # these may be long
_RUNNING = Prepared(
    select(_TASK.c.kind, func.count().label("tasks"), func.sum(_TASK.c.cost).label("cost"))
    .where(_TASK.c.status == TaskStatus.RUNNING)
    .group_by(_TASK.c.kind)
)
_IN_LANES = Prepared(
    select(
        _TASK.c.lane,
        func.count(distinct(_TASK.c.job_id)).label("jobs"),
        func.count(distinct(_TASK.c.person_id)).label("people"),
    )
    .where(*_IN_TURN)
    .group_by(_TASK.c.lane)
)
_WORK_UP_TO = Prepared(
    select(_TASK.c.kind, func.sum(_TASK.c.cost).label("cost"))
    .where(
        *_IN_TURN,
        tuple_(_TASK.c.lane, _TASK.c.start_tag)
        <= tuple_(
            bindparam("up_to_lane", type_=_TASK.c.lane.type), bindparam("up_to_tag", type_=_TASK.c.start_tag.type)
        ),
    )
    .group_by(_TASK.c.kind)
)
_START = Prepared(
    select(
        select(_FLOW.c.last_finish)
        .where(_FLOW.c.person_id == bindparam("person_id"), _FLOW.c.lane == bindparam("lane"))
        .scalar_subquery()
        .label("last_finish"),
        select(_LANE.c.virtual_time).where(_LANE.c.lane == bindparam("lane")).scalar_subquery().label("virtual_time"),
    )
)
_TIMES = Prepared(select(_LANE.c.lane, _LANE.c.virtual_time))


def person_of(row: Record) -> Person:
    """Give the person that a row's columns hold."""
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


def task_of(row: Record, pictures: Sequence[Record]) -> Task:
    """Give the task that a row's columns hold, with its results in order."""
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


def picture_of(row: Record) -> Picture:
    """Give the result that a row's columns hold."""
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


def view(tx: Transaction, job_id: str) -> JobView | None:
    """Give one job as people see it."""
    row = tx.first(_BY_ID, job_id=job_id)
    return None if row is None else views_of(tx, [job_from(row._asdict())])[0]


def views(
    tx: Transaction, person_id: str | None, community_id: str | None, active: bool, limit: int
) -> tuple[JobView, ...]:
    """Give jobs as people see them, newest first."""
    chosen = select(JobRow).order_by(col(JobRow.sequence).desc()).limit(limit)
    if person_id is not None:
        chosen = chosen.where(col(JobRow.person_id) == person_id)
    if community_id is not None:
        chosen = chosen.where(col(JobRow.community_id) == community_id)
    if active:
        chosen = chosen.where(col(JobRow.status).in_([status for status in JobStatus if not status.ended]))
    return views_of(tx, [job_of(row) for row in tx.scalars(chosen)])


def views_of(tx: Transaction, jobs: Sequence[Job], *, withheld: bool = False) -> tuple[JobView, ...]:
    """Give jobs with their tasks, results and places in the queue.

    Pictures that wait for a moderator, or that one has taken back, are left out unless `withheld` asks for them.
    """
    if not jobs:
        return ()
    ids = [job.id for job in jobs]
    tasks: dict[str, list[Record]] = defaultdict(list)
    for task in tx.rows(_tasks_of(size_of(ids)), **spread("job", ids)):
        tasks[task.job_id].append(task)
    pictures: dict[str, list[Record]] = defaultdict(list)
    for picture in tx.rows(_pictures_of(size_of(ids)), **spread("job", ids)):
        pictures[picture.task_id].append(picture)
    running = tx.rows(_RUNNING)
    side_by_side, work_running = sum(row.tasks for row in running), _costs(running)
    paused = queue.is_paused(tx)
    firsts = {job.id: first for job in jobs if (first := _first(tasks[job.id])) is not None}
    places = _places(tx, firsts.values())
    lanes = {row.lane: row for row in tx.rows(_IN_LANES)} if firsts else {}
    times = {row.lane: row.virtual_time for row in tx.rows(_TIMES)} if firsts else {}
    length = sum(row.jobs for row in lanes.values())
    found = []
    for job in jobs:
        position, before = places.get(job.id, (0, {}))
        first = firsts.get(job.id)
        shown = withheld or job.screening in SHOWN
        found.append(
            JobView(
                job=job,
                tasks=tuple(task_of(task, pictures[task.id] if shown else ()) for task in tasks[job.id]),
                position=position,
                queue_length=length if position else 0,
                ahead=sum(before.values()) + sum(work_running.values()) if position else 0,
                work_ahead=before,
                work_running=work_running,
                running=side_by_side,
                depth=0 if first is None else max(0, first.start_tag - times.get(job.lane, 0)),
                people=lanes[job.lane].people if position else 0,
                kind=tasks[job.id][0].kind if tasks[job.id] else "",
                paused=paused,
            )
        )
    return tuple(found)


def work_before(tx: Transaction, person_id: str, lane: Lane) -> Mapping[str, int]:
    """Give the cost of what runs, and of what comes before a new task of a person, by kind of work."""
    now = tx.one(_START, person_id=person_id, lane=lane)
    start = max(now.last_finish or 0, now.virtual_time or 0)
    work = Counter(_costs(tx.rows(_WORK_UP_TO, up_to_lane=lane, up_to_tag=start)))
    work.update(_costs(tx.rows(_RUNNING)))
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
    pause, first = session.get(PauseRow, "queue"), _first(tasks)
    by_person = select(_TASK.c.person_id, func.count(), func.count(distinct(_TASK.c.job_id))).where(
        *_IN_TURN, false() if first is None else tuple_(*_stand(first)) > _IN_LINE
    )
    before = {row[0]: (row[1], row[2]) for row in session.execute(by_person.group_by(_TASK.c.person_id))}
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


def _costs(rows: Sequence[Record]) -> dict[str, int]:
    """Give the cost in each kind of work."""
    return {row.kind: int(row.cost) for row in rows}


def _first(tasks: Sequence[Record]) -> Record | None:
    """Give the task of a job whose turn comes first; None if none waits for its turn."""
    return min((task for task in tasks if task.ready), key=_stand, default=None)


def _stand(task: Record) -> tuple[str, int, int]:
    """Give where a task stands in the queue; `_IN_LINE` is the same of a row."""
    return task.lane, task.start_tag, task.sequence


@lru_cache(maxsize=16)
def _tasks_of(jobs: int) -> Prepared:
    return Prepared(select(*_SHOWN_OF_TASK).where(_TASK.c.job_id.in_(listed("job", jobs))).order_by(_TASK.c.index))


@lru_cache(maxsize=16)
def _pictures_of(jobs: int) -> Prepared:
    return Prepared(
        select(_PICTURE)
        .join(_TASK, _TASK.c.id == _PICTURE.c.task_id)
        .where(_TASK.c.job_id.in_(listed("job", jobs)))
        .order_by(_PICTURE.c.task_id, _PICTURE.c.position)
    )


def _place(name: str) -> Tuple:
    """Give the place of a task as values of a statement."""
    return tuple_(
        bindparam(f"{name}_lane", type_=_TASK.c.lane.type),
        bindparam(f"{name}_tag", type_=_TASK.c.start_tag.type),
        bindparam(f"{name}_sequence", type_=_TASK.c.sequence.type),
    )


@cache
def _stretch(*, from_the_front: bool) -> Prepared:
    """Of a stretch of the queue: how many jobs' first waiting tasks, and which costs, stand there, by kind of work."""
    earlier = _TASK.alias("earlier")
    leads = ~exists().where(
        earlier.c.job_id == _TASK.c.job_id,
        case((earlier.c.ready, 1), else_=0) == 1,  # so said, no index is searched for all that are ready
        tuple_(earlier.c.start_tag, earlier.c.sequence) < tuple_(_TASK.c.start_tag, _TASK.c.sequence),
    )
    counted = (func.count().filter(leads).label("jobs"), func.sum(_TASK.c.cost).label("cost"))
    stretch = select(_TASK.c.kind, *counted).where(*_IN_TURN, _place("to") > _IN_LINE).group_by(_TASK.c.kind)
    return Prepared(stretch if from_the_front else stretch.where(_place("from") <= _IN_LINE))


def _places(tx: Transaction, firsts: Iterable[Record]) -> Mapping[str, tuple[int, Mapping[str, int]]]:
    """Give of each job, by its first waiting task, the position and the cost before it by kind of work.

    Each stretch of the queue, from one of them to the next, is read once. A job counts where its first task stands.
    """
    found: dict[str, tuple[int, Mapping[str, int]]] = {}
    position, before = 1, Counter[str]()
    passed: dict[str, Any] = {}
    for first in sorted(firsts, key=_stand):
        to = {"to_lane": first.lane, "to_tag": first.start_tag, "to_sequence": first.sequence}
        for row in tx.rows(_stretch(from_the_front=not passed), **to, **passed):
            position += row.jobs
            before[row.kind] += int(row.cost)
        found[first.job_id] = (position, dict(before))
        passed = {f"from{name.removeprefix('to')}": value for name, value in to.items()}
    return found
