"""The queue: a job comes in, its tasks are claimed in fair order."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from engine.errors import QueueFull
from engine.fairness import advance, finish_without, tags
from engine.ids import new_id
from engine.model import Attempt, AttemptStatus, DeliveryStatus, Job, JobStatus, NewJob, TaskStatus
from storage import ledger
from storage.lives import remember, transition
from storage.policy import Policy
from storage.tables import (
    AttemptRow,
    CommunityRow,
    DeliveryRow,
    FlowRow,
    JobInputRow,
    JobRow,
    LaneRow,
    PersonRow,
    TaskRow,
)
from storage.views import attempt_of, job_of

_UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING)


def accept(session: Session, new: NewJob, policy: Policy, now: float) -> Job:
    """Hold the quote and insert job, tasks and delivery; see `Books.accept`."""
    if not new.tasks:
        raise ValueError("a job without tasks would never end")
    known = session.scalars(select(JobRow).where(col(JobRow.request_key) == new.request.request_key)).first()
    if known is not None:
        return job_of(known)
    person = session.get_one(PersonRow, new.person_id)
    _check_room(session, person, policy)
    job = _job_row(new, person, now)
    session.add(job)
    session.flush()
    ledger.hold(session, job, policy, now)
    _add_tasks(session, job, new)
    blobs = {given.blob for task in new.tasks for given in task.inputs}
    session.add_all(JobInputRow(job_id=job.id, blob=blob) for blob in sorted(blobs))
    session.add(
        DeliveryRow(
            id=new_id(), job_id=job.id, platform=new.request.place.platform, status=DeliveryStatus.WAITING, due_at=now
        )
    )
    return job_of(job)


def claim(session: Session, endpoint: str, needs: Sequence[str], job_id: str | None, now: float) -> Attempt | None:
    """Mark the waiting task with the lowest tag as running and store its attempt; see `Books.claim`."""
    task = _take_first(session, endpoint, needs, job_id)
    if task is None:
        return None
    remember(session, task, TaskStatus.QUEUED, f"claimed for {endpoint}", at=now)
    job = session.scalars(select(JobRow).where(col(JobRow.id) == task.job_id).with_for_update()).one()
    transition(session, job, JobStatus.RUNNING, "", at=now, started_at=now)
    tried = select(func.coalesce(func.max(col(AttemptRow.number)), 0)).where(col(AttemptRow.task_id) == task.id)
    attempt = AttemptRow(
        id=new_id(),
        task_id=task.id,
        job_id=task.job_id,
        endpoint=endpoint,
        prompt_id=str(uuid.uuid4()),
        status=AttemptStatus.CLAIMED,
        number=session.scalars(tried).one() + 1,
        created_at=now,
    )
    session.add(attempt)
    _move_time(session, task, job.person_id)
    return attempt_of(attempt, task)


def waiting_needs(session: Session, job_id: str | None) -> tuple[str, ...]:
    """Give the distinct needs of waiting tasks, sorted."""
    chosen = select(col(TaskRow.needs)).distinct().where(col(TaskRow.status) == TaskStatus.QUEUED)
    if job_id is not None:
        chosen = chosen.where(col(TaskRow.job_id) == job_id)
    return tuple(sorted(session.scalars(chosen)))


def backlog(session: Session) -> int:
    """Give the cost of everything that waits or runs, in mgs."""
    total = select(func.coalesce(func.sum(col(TaskRow.cost)), 0)).where(col(TaskRow.status).in_(_UNFINISHED))
    return int(session.scalars(total).one())


def give_back_place(session: Session, job: JobRow) -> None:
    """Let a person's next task stand where cancelled tasks stood that never ran."""
    flow = session.get_one(FlowRow, (job.person_id, job.lane), with_for_update=True)
    still = (
        select(col(TaskRow.finish_tag))
        .join(JobRow, col(JobRow.id) == col(TaskRow.job_id))
        .where(
            col(JobRow.person_id) == job.person_id,
            col(JobRow.status).in_(ledger.OPEN_HOLD),
            col(TaskRow.lane) == job.lane,
            col(TaskRow.status) == TaskStatus.QUEUED,
        )
    )
    flow.last_finish = finish_without(served_finish=flow.served_finish, waiting_finishes=session.scalars(still))


def _check_room(session: Session, person: PersonRow, policy: Policy) -> None:
    active = select(func.count()).where(col(JobRow.person_id) == person.id, col(JobRow.status).in_(ledger.OPEN_HOLD))
    queued = session.scalars(active).one()
    if queued >= policy.max_queued_jobs:
        raise QueueFull(
            f"{queued} jobs of {policy.max_queued_jobs} are on their way", limit=policy.max_queued_jobs, queued=queued
        )


def _job_row(new: NewJob, person: PersonRow, now: float) -> JobRow:
    request = new.request
    return JobRow(
        id=new_id(),
        request_key=request.request_key,
        person_id=person.id,
        community_id=new.community_id,
        wallet_id=person.wallet_id,
        status=JobStatus.QUEUED,
        lane=request.lane,
        place=asdict(request.place),
        template=request.template,
        template_hash=new.template_hash,
        model=new.model,
        options=dict(request.options),
        text=request.text,
        count=request.count,
        private=request.private,
        spoiler=request.spoiler,
        quote=new.quote,
        created_at=now,
    )


def _add_tasks(session: Session, job: JobRow, new: NewJob) -> None:
    flow = _flow(session, job.person_id, job.lane)
    community = None if job.community_id is None else session.get_one(CommunityRow, job.community_id)
    tagged = tags(
        virtual_time=_lane(session, job.lane).virtual_time,
        last_finish=flow.last_finish,
        costs=[task.cost for task in new.tasks],
        weight=1.0 if community is None else community.weight,
    )
    for task, tag in zip(new.tasks, tagged, strict=True):
        session.add(
            TaskRow(
                id=new_id(),
                job_id=job.id,
                index=task.index,
                status=TaskStatus.QUEUED,
                lane=job.lane,
                start_tag=tag.start,
                finish_tag=tag.finish,
                cost=task.cost,
                seed=str(task.seed),
                needs=task.needs,
                inputs=[asdict(given) for given in task.inputs],
                graph=task.graph,
            )
        )
    flow.last_finish = tagged[-1].finish


def _take_first(session: Session, endpoint: str, needs: Sequence[str], job_id: str | None) -> TaskRow | None:
    waiting = select(col(TaskRow.sequence)).where(
        col(TaskRow.status) == TaskStatus.QUEUED, col(TaskRow.needs).in_(needs)
    )
    if job_id is not None:
        waiting = waiting.where(col(TaskRow.job_id) == job_id)
    first = (
        waiting.order_by(col(TaskRow.lane), col(TaskRow.start_tag), col(TaskRow.sequence))
        .limit(1)
        .with_for_update(skip_locked=True)  # PostgreSQL: racing claimers look past each other's rows
        .scalar_subquery()
    )
    take = (
        update(TaskRow)
        .where(col(TaskRow.sequence) == first, col(TaskRow.status) == TaskStatus.QUEUED)
        .values(status=TaskStatus.RUNNING, endpoint=endpoint, tries=col(TaskRow.tries) + 1)
        .returning(TaskRow)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(take).first()


def _move_time(session: Session, task: TaskRow, person_id: str) -> None:
    lane = _lane(session, task.lane)
    lowest = select(func.min(col(TaskRow.start_tag))).where(
        col(TaskRow.status) == TaskStatus.QUEUED, col(TaskRow.lane) == task.lane
    )
    lane.virtual_time = advance(
        virtual_time=lane.virtual_time, claimed=task.start_tag, lowest_waiting=session.scalars(lowest).one()
    )
    flow = _flow(session, person_id, task.lane)
    flow.served_finish = max(flow.served_finish, task.finish_tag)


def _lane(session: Session, lane: str) -> LaneRow:
    row = session.get(LaneRow, lane, with_for_update=True)
    if row is None:
        row = LaneRow(lane=lane, virtual_time=0)
        session.add(row)
    return row


def _flow(session: Session, person_id: str, lane: str) -> FlowRow:
    row = session.get(FlowRow, (person_id, lane), with_for_update=True)
    if row is None:
        row = FlowRow(person_id=person_id, lane=lane, last_finish=0, served_finish=0)
        session.add(row)
    return row
