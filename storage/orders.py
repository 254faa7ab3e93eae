"""What people with power do with the queue: hold, move, amend and clear jobs, pause everything; and what time does."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlmodel import Session, col

from engine.errors import UnknownJob
from engine.fairness import tags
from engine.model import Job, JobStatus, NewJob, TaskStatus
from engine.standing import Pause
from storage import ledger, work
from storage.intake import Bill, add_tasks
from storage.policy import Policy, policy_from
from storage.tables import CommunityRow, FlowRow, JobInputRow, JobRow, PauseRow, PictureRow, TaskRow, table_of
from storage.transaction import Transaction

EXPIRED = "expired"
EXPIRE_AT_ONCE = 50  # jobs in one transaction
_JOB, _TASK, _INPUT = table_of(JobRow), table_of(TaskRow), table_of(JobInputRow)
_WAITING = (JobStatus.QUEUED, JobStatus.HELD)


def hold(tx: Transaction, job_id: str, reason: str, now: float) -> Job:
    """Keep a job that waits from being claimed; one that runs or ended stays as it is."""
    verb = work.locked_job(tx, job_id, now)
    if verb.job["status"] == JobStatus.QUEUED:
        verb.move_job(JobStatus.HELD, reason)
        _set_ready(verb, ready=False)
    return verb.done()


def release(tx: Transaction, job_id: str, reason: str, now: float) -> Job:
    """Let a held job wait for its turn again, where it stood."""
    verb = work.locked_job(tx, job_id, now)
    if verb.job["status"] == JobStatus.HELD:
        verb.move_job(JobStatus.QUEUED, reason)
        _set_ready(verb, ready=True)
    return verb.done()


def move(tx: Transaction, job_id: str, behind: str | None, within: str | None, now: float) -> Job:
    """Edit the tags of a job's waiting tasks: before all of its lane, or right behind the last task of another job.

    `within` a community its own jobs share out their tags anew, and no other job is passed over (`_to_the_front_of`).

    What the person has used of their share stays used: finish tags are not touched. Raises UnknownJob where `behind`
    has nothing waiting in the same lane.
    """
    verb = work.locked_job(tx, job_id, now)
    waiting = (_TASK.c.job_id == job_id, _TASK.c.status == TaskStatus.QUEUED)
    mine = (
        verb.tx.connection().execute(select(_TASK.c.sequence).where(*waiting).order_by(_TASK.c.index)).scalars().all()
    )
    if within is not None and behind is None:
        _to_the_front_of(verb, within, mine)
        return verb.done()
    lane = verb.job["lane"]
    if behind is None:
        others = (_TASK.c.status == TaskStatus.QUEUED, _TASK.c.lane == lane, _TASK.c.job_id != job_id)
        lowest = verb.tx.connection().execute(select(func.min(_TASK.c.start_tag)).where(*others)).scalar_one()
        first = None if lowest is None else lowest - len(mine)
    elif behind == job_id:
        raise UnknownJob(value=behind)
    else:
        first = 1 + _last_tag(verb.tx, behind, lane)
    if first is not None:
        for tag, sequence in enumerate(mine, start=first):
            verb.tx.connection().execute(update(_TASK).where(_TASK.c.sequence == sequence).values(start_tag=tag))
    return verb.done()


def _last_tag(tx: Transaction, job_id: str, lane: str) -> int:
    """Give the highest start tag of a job's waiting tasks. Raises UnknownJob where none waits in the lane."""
    of_job = select(_TASK.c.start_tag, _TASK.c.status, _TASK.c.lane).where(_TASK.c.job_id == job_id)
    tasks = tx.connection().execute(of_job)
    waiting = [int(task.start_tag) for task in tasks if (task.status, task.lane) == (TaskStatus.QUEUED, lane)]
    if not waiting:
        raise UnknownJob(value=job_id)
    return max(waiting)


def _to_the_front_of(verb: work.Verb, community_id: str, mine: Sequence[int]) -> None:
    """Give these tasks the lowest tags that their community's waiting tasks have, and the others what is left.

    No tag is given that is lower than one that was there, so that nobody elsewhere comes later by it.
    """
    waiting = (
        select(_TASK.c.sequence, _TASK.c.start_tag)
        .where(
            _TASK.c.status == TaskStatus.QUEUED,
            _TASK.c.lane == verb.job["lane"],
            _TASK.c.community_id == community_id,
        )
        .order_by(_TASK.c.start_tag, _TASK.c.sequence)
    )
    rows = verb.tx.connection().execute(waiting).all()
    order = [*mine, *(row.sequence for row in rows if row.sequence not in set(mine))]
    tag = None
    for sequence, row in zip(order, rows, strict=True):
        tag = row.start_tag if tag is None else max(row.start_tag, tag + 1)
        verb.tx.connection().execute(update(_TASK).where(_TASK.c.sequence == sequence).values(start_tag=tag))


def amend(tx: Transaction, job_id: str, new: NewJob, policy: Policy, now: float) -> Job:
    """Replace what a job that has not started makes: its tasks, its text, its quote; see `Books.amend`."""
    verb = work.locked_job(tx, job_id, now)
    if verb.job["status"] not in _WAITING:
        return verb.done()
    place = select(func.min(_TASK.c.start_tag), func.min(_TASK.c.sequence)).where(_TASK.c.job_id == job_id)
    first, sequence = verb.tx.connection().execute(place).one()
    bill = Bill(id=job_id, wallet_id=verb.job["wallet_id"], quote=verb.job["quote"])
    ledger.requote(tx, bill, new.quote, policy, now)
    verb.tx.connection().execute(delete(_TASK).where(_TASK.c.job_id == job_id))
    verb.tx.connection().execute(delete(_INPUT).where(_INPUT.c.job_id == job_id))
    inputs = sorted({given.blob for task in new.tasks for given in task.inputs})
    for blob in inputs:
        tx.add(JobInputRow(job_id=job_id, blob=blob))
    community = None if new.community_id is None else tx.get(CommunityRow, new.community_id)
    weight = 1.0 if community is None else policy_from(community.policy).weight
    costs = [task.cost for task in new.tasks]
    tagged = tags(virtual_time=first, last_finish=first, costs=costs, weight=weight)
    add_tasks(verb.tx, job_id, new, [(tag.start, tag.finish) for tag in tagged])
    verb.tx.connection().execute(  # among equal tags age decides, and the job is as old as it was
        update(_TASK).where(_TASK.c.job_id == job_id, _TASK.c.index == new.tasks[0].index).values(sequence=sequence)
    )
    flow = tx.get_one(FlowRow, (new.person_id, new.request.lane.value), with_for_update=True)
    flow.last_finish = max(flow.last_finish, tagged[-1].finish)
    _write_request(verb, new)
    if verb.job["status"] == JobStatus.HELD:
        _set_ready(verb, ready=False)
    return verb.done()


def clear(tx: Transaction, person_id: str | None, community_id: str | None, reason: str, now: float) -> tuple[Job, ...]:
    """Cancel the jobs that wait and have not started: a person's, a community's, or a person's in a community."""
    chosen = select(_JOB.c.id).where(ledger.IS_OPEN, _JOB.c.status.in_(_WAITING)).order_by(_JOB.c.sequence)
    if person_id is not None:
        chosen = chosen.where(_JOB.c.person_id == person_id)
    if community_id is not None:
        chosen = chosen.where(_JOB.c.community_id == community_id)
    ids = tx.connection().execute(chosen).scalars().all()
    return tuple(work.cancel(tx, job_id, reason, now)[0] for job_id in ids)


def expire(tx: Transaction, policy: Policy, now: float) -> tuple[Job, ...]:
    """End jobs that have waited too long and of which nothing runs: what is done is charged, the rest returns."""
    if policy.max_wait_seconds is None:
        return ()
    old = (
        select(_JOB.c.id)
        .where(
            _JOB.c.status.in_(ledger.OPEN_HOLD),
            _JOB.c.created_at < now - policy.max_wait_seconds,
            ~exists().where(_TASK.c.job_id == _JOB.c.id, _TASK.c.status == TaskStatus.RUNNING),
        )
        .limit(EXPIRE_AT_ONCE)
    )
    return tuple(_expire(tx, job_id, now) for job_id in tx.connection().execute(old).scalars().all())


def pause(session: Session, by: str, reason: str, now: float) -> None:
    """Pause the queue: what runs goes on, nothing new is claimed."""
    row = session.get(PauseRow, "queue")
    if row is None:
        session.add(PauseRow(scope="queue", by=by, reason=reason, at=now))


def resume(session: Session) -> None:
    """Let work be claimed again."""
    row = session.get(PauseRow, "queue")
    if row is not None:
        session.delete(row)


def paused(session: Session) -> Pause | None:
    """Say who paused the queue, and why; None while it is not."""
    row = session.get(PauseRow, "queue")
    return None if row is None else Pause(by=row.by, reason=row.reason, at=row.at)


def _expire(tx: Transaction, job_id: str, now: float) -> Job:
    verb = work.locked_job(tx, job_id, now)
    drawn = select(col(PictureRow.task_id)).join(TaskRow, col(TaskRow.id) == col(PictureRow.task_id))
    has_picture = tx.execute(drawn.where(col(TaskRow.job_id) == job_id).limit(1)).first() is not None
    work.give_up(verb, JobStatus.DONE if has_picture else JobStatus.FAILED, EXPIRED, error=EXPIRED)
    return verb.done()


def _set_ready(verb: work.Verb, *, ready: bool) -> None:
    waiting = (_TASK.c.job_id == verb.job["id"], _TASK.c.status == TaskStatus.QUEUED)
    verb.tx.connection().execute(update(_TASK).where(*waiting).values(ready=ready))


def _write_request(verb: work.Verb, new: NewJob) -> None:
    request = new.request
    columns: dict[str, Any] = {
        "template": request.template,
        "template_hash": new.template_hash,
        "model": new.model,
        "options": dict(request.options),
        "text": request.text,
        "count": request.count,
        "spoiler": request.spoiler,
        "screening": new.screening,
        "flagged": new.flagged,
        "quote": new.quote,
    }
    verb.tx.connection().execute(update(_JOB).where(_JOB.c.id == verb.job["id"]).values(**columns))
    verb.job |= columns
