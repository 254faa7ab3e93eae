"""The way in: a job is accepted, its credits held, its tasks tagged for the fair queue."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, select, update

from engine.errors import Forbidden, QueueFull
from engine.fairness import tags
from engine.ids import new_id
from engine.model import BoundTask, DeliveryStatus, Job, JobStatus, Lane, NewJob, TaskStatus
from engine.policies import CommunityPolicy, Payer
from storage import bans, ledger
from storage.policy import Policy, policy_from
from storage.prepared import Prepared, Record
from storage.tables import (
    CommunityRow,
    DeliveryRow,
    FlowRow,
    JobInputRow,
    JobRow,
    LaneRow,
    PersonRow,
    TaskRow,
    table_of,
)
from storage.transaction import Transaction
from storage.views import job_from

_JOB, _TASK, _FLOW, _LANE = table_of(JobRow), table_of(TaskRow), table_of(FlowRow), table_of(LaneRow)
_PERSON, _COMMUNITY = table_of(PersonRow), table_of(CommunityRow)

_LOCK_PERSON = Prepared(select(_PERSON.c.id).where(_PERSON.c.id == bindparam("person_id")).with_for_update())
_KNOWN = Prepared(select(_JOB).where(_JOB.c.request_key == bindparam("key")))
_ACTIVE = select(func.count()).where(_JOB.c.person_id == bindparam("person_id"), ledger.IS_OPEN)
_STANDING = Prepared(
    select(
        exists().where(_JOB.c.request_key == bindparam("key")).label("known"),
        bans.concerned().label("concerned"),
        _PERSON.c.wallet_id.label("own_wallet"),
        _COMMUNITY.c.policy,
        _COMMUNITY.c.wallet_id,
        _FLOW.c.last_finish,
        _LANE.c.virtual_time,
        _ACTIVE.scalar_subquery().label("active"),
    )
    .select_from(_PERSON)
    .outerjoin(_COMMUNITY, _COMMUNITY.c.id == bindparam("community_id"))
    .outerjoin(_FLOW, and_(_FLOW.c.person_id == _PERSON.c.id, _FLOW.c.lane == bindparam("lane")))
    .outerjoin(_LANE, _LANE.c.lane == bindparam("lane"))
    .where(_PERSON.c.id == bindparam("person_id"))
)
_ACTIVE_HERE = Prepared(
    select(
        func.count().filter(_JOB.c.person_id == bindparam("person_id")).label("own"), func.count().label("together")
    ).where(_JOB.c.community_id == bindparam("community_id"), ledger.IS_OPEN)
)
_ADD_JOB = Prepared.adding(_JOB)
_ADD_TASK = Prepared.adding(_TASK)
_ADD_INPUT = Prepared.adding(table_of(JobInputRow))
_ADD_DELIVERY = Prepared.adding(table_of(DeliveryRow))
_ADD_FLOW = Prepared.adding(_FLOW)
_MOVE_FLOW = Prepared(
    update(_FLOW)
    .where(_FLOW.c.person_id == bindparam("b_person_id"), _FLOW.c.lane == bindparam("b_lane"))
    .values(last_finish=bindparam("v_last_finish"))
)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Who pays how much; see `ledger.Billed`."""

    id: str
    wallet_id: str
    quote: int


def accept(tx: Transaction, new: NewJob, policy: Policy, now: float) -> Job:
    """Hold the quote and insert job, tasks and delivery; see `Books.accept`."""
    if not new.tasks:
        raise ValueError("a job without tasks would never end")
    request = new.request
    tx.lock(_LOCK_PERSON, person_id=new.person_id)
    standing = tx.one(
        _STANDING,
        person_id=new.person_id,
        key=request.request_key,
        community_id=new.community_id or "",
        lane=request.lane,
    )
    if standing.known:
        return _known(tx, new)
    if standing.concerned:
        bans.check(tx, new.person_id, new.community_id, now)
    rules = policy_from(standing.policy or {})
    _check_room(tx, new, standing.active, rules, policy)
    wallet_id = standing.own_wallet
    if rules.payer is Payer.COMMUNITY and new.community_id is not None:
        wallet_id = standing.wallet_id
        ledger.check_allowance(tx, new.community_id, new.person_id, new.quote, policy, now)
    row = _job_columns(new, wallet_id, now)
    tx.run(_ADD_JOB, **row)
    ledger.hold(tx, Bill(id=row["id"], wallet_id=wallet_id, quote=new.quote), policy, now)
    _add_tasks(tx, row["id"], new, rules, standing)
    inputs = sorted({given.blob for task in new.tasks for given in task.inputs})
    if inputs:
        tx.run_each(_ADD_INPUT, [{"job_id": row["id"], "blob": blob} for blob in inputs])
    tx.run(_ADD_DELIVERY, **_delivery_columns(row["id"], new, now))
    return _accepted(new, row)


def line_of(lane: Lane, needs: str, community_id: str | None) -> str:
    """Name the line of the queue in which a task waits: with those alike in lane, needs and community."""
    return f"{lane} {hashlib.sha256(needs.encode()).hexdigest()[:16]} {community_id or ''}"


def task_columns(task: BoundTask, new: NewJob, start: int, finish: int) -> dict[str, Any]:
    """Give what a waiting task's row holds of a request: all but its identity."""
    return {
        "index": task.index,
        "status": TaskStatus.QUEUED,
        "lane": new.request.lane,
        "start_tag": start,
        "finish_tag": finish,
        "cost": task.cost,
        "seed": str(task.seed),
        "needs": task.needs,
        "ready": True,
        "line": line_of(new.request.lane, task.needs, new.community_id),
        "person_id": new.person_id,
        "community_id": new.community_id or "",
        "model": new.model,
        "kind": task.kind,
        "inputs": [vars(given) for given in task.inputs],
        "graph": task.graph,
    }


def add_tasks(tx: Transaction, job_id: str, new: NewJob, tagged: Sequence[tuple[int, int]]) -> None:
    """Insert a job's tasks with their (start, finish) tags."""
    rows = [
        {"id": new_id(), "job_id": job_id, **task_columns(task, new, start, finish)}
        for task, (start, finish) in zip(new.tasks, tagged, strict=True)
    ]
    tx.run_each(_ADD_TASK, rows)


def _known(tx: Transaction, new: NewJob) -> Job:
    """Give the job that was accepted under this key before. Raises Forbidden where it is somebody else's."""
    job = tx.one(_KNOWN, key=new.request.request_key)
    if job.person_id != new.person_id:
        raise Forbidden("the job of this request key is somebody else's", action="own")
    return job_from(job._asdict())


def _add_tasks(tx: Transaction, job_id: str, new: NewJob, rules: CommunityPolicy, standing: Record) -> None:
    tagged = tags(
        virtual_time=standing.virtual_time or 0,
        last_finish=standing.last_finish or 0,
        costs=[task.cost for task in new.tasks],
        weight=rules.weight,
    )
    add_tasks(tx, job_id, new, [(tag.start, tag.finish) for tag in tagged])
    lane, finish = new.request.lane.value, tagged[-1].finish
    if standing.last_finish is None:
        tx.run(_ADD_FLOW, person_id=new.person_id, lane=lane, last_finish=finish, served_finish=0)
    else:
        tx.run(_MOVE_FLOW, b_person_id=new.person_id, b_lane=lane, v_last_finish=finish)


def _check_room(tx: Transaction, new: NewJob, active: int, rules: CommunityPolicy, policy: Policy) -> None:
    """Raise QueueFull where a cap on queued jobs is reached; `scope` says whose: yours, yours here, all's here."""
    _check_cap(active, policy.max_queued_jobs)
    together_cap = rules.max_queued_together or policy.max_community_jobs
    if new.community_id is None or (rules.max_queued is None and together_cap is None):
        return
    here = tx.one(_ACTIVE_HERE, person_id=new.person_id, community_id=new.community_id)
    _check_cap(here.own, rules.max_queued, "here")
    _check_cap(here.together, together_cap, "together")


def _check_cap(queued: int, limit: int | None, scope: str = "") -> None:
    if limit is not None and queued >= limit:
        whose: dict[str, Any] = {"scope": scope} if scope else {}
        raise QueueFull(f"{queued} jobs of {limit} are on their way", limit=limit, queued=queued, **whose)


def _job_columns(new: NewJob, wallet_id: str, now: float) -> dict[str, Any]:
    request = new.request
    return {
        "id": new_id(),
        "request_key": request.request_key,
        "person_id": new.person_id,
        "community_id": new.community_id,
        "wallet_id": wallet_id,
        "status": JobStatus.QUEUED,
        "lane": request.lane,
        "place": vars(request.place),
        "template": request.template,
        "template_hash": new.template_hash,
        "model": new.model,
        "options": dict(request.options),
        "text": request.text,
        "count": request.count,
        "private": request.private,
        "spoiler": request.spoiler,
        "parent": None if request.parent is None else vars(request.parent),
        "screening": new.screening,
        "flagged": new.flagged,
        "quote": new.quote,
        "created_at": now,
    }


def _delivery_columns(job_id: str, new: NewJob, now: float) -> dict[str, Any]:
    return {
        "id": new_id(),
        "job_id": job_id,
        "platform": new.request.place.platform,
        "status": DeliveryStatus.WAITING,
        "due_at": now,
    }


def _accepted(new: NewJob, row: Mapping[str, Any]) -> Job:
    request = new.request
    return Job(
        id=row["id"],
        request_key=request.request_key,
        person_id=new.person_id,
        community_id=new.community_id,
        status=JobStatus.QUEUED,
        reason="",
        lane=request.lane,
        place=request.place,
        template=request.template,
        template_hash=new.template_hash,
        model=new.model,
        options=row["options"],
        text=request.text,
        count=request.count,
        private=request.private,
        spoiler=request.spoiler,
        quote=new.quote,
        charged=0,
        created_at=row["created_at"],
        started_at=None,
        finished_at=None,
        parent=request.parent,
        screening=new.screening,
        flagged=new.flagged,
    )
