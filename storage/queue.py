"""The queue: tasks are claimed in fair order. Jobs come in by `storage.intake`."""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, exists, func, insert, literal, or_, select, update
from sqlmodel import Session

from engine.fairness import Debts, Head, choose, finish_without
from engine.ids import new_id
from engine.model import Attempt, AttemptStatus, GraphInput, JobStatus, Lane, TaskStatus
from storage import ledger
from storage.lives import Steps
from storage.policy import Policy, policy_from
from storage.tables import (
    AttemptRow,
    CommunityRow,
    FlowRow,
    JobRow,
    LaneRow,
    PauseRow,
    TaskRow,
    table_of,
)

_JOB, _TASK, _FLOW, _LANE = table_of(JobRow), table_of(TaskRow), table_of(FlowRow), table_of(LaneRow)
_ATTEMPT, _PAUSE, _COMMUNITY = table_of(AttemptRow), table_of(PauseRow), table_of(CommunityRow)
_UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What somebody wants to claim."""

    endpoint: str
    needs: Collection[str]  # what the endpoint can run
    only_here: Collection[str] = ()  # of these, what no other endpoint can run now
    loaded: str = ""  # the checkpoint that the endpoint has loaded
    job_id: str | None = None  # only tasks of this job
    owner: str = ""  # the process that asks
    lease_until: float = 0.0


def _heads() -> Select[Any]:
    """The first task of each line that waits: one index search a line, and one for each task that is passed over.

    Passed over are tasks of people at their running cap, and tasks that keep away from the endpoint. The walk from
    line to line is a loose index scan; source: https://wiki.postgresql.org/wiki/Loose_indexscan
    """
    first = select(func.min(_TASK.c.line).label("line")).where(_TASK.c.ready)
    walk = first.cte("walk", recursive=True)
    after = select(func.min(_TASK.c.line)).where(_TASK.c.ready, _TASK.c.line > walk.c.line).scalar_subquery()
    walk = walk.union_all(select(after).where(walk.c.line.is_not(None)))
    waiting = _TASK.alias("waiting")
    head = (
        _eligible(select(waiting.c.sequence), waiting)
        .where(waiting.c.ready, waiting.c.line == walk.c.line)
        .order_by(waiting.c.start_tag, waiting.c.sequence)
        .limit(1)
        .correlate(walk)
        .scalar_subquery()
    )
    return select(*_HEAD).select_from(walk.join(_TASK, _TASK.c.sequence == head))


def _eligible(chosen: Select[Any], task: Any) -> Select[Any]:
    return chosen.where(
        task.c.person_id.not_in(bindparam("capped", expanding=True)),
        (task.c.person_id + " " + task.c.community_id).not_in(bindparam("capped_here", expanding=True)),
        or_(task.c.avoid != bindparam("endpoint"), task.c.needs.in_(bindparam("only_here", expanding=True))),
    )


_HEAD = (
    _TASK.c.sequence,
    _TASK.c.lane,
    _TASK.c.start_tag,
    _TASK.c.cost,
    _TASK.c.model,
    _TASK.c.needs,
    _TASK.c.community_id,
)
_HEADS = _heads()
_HEADS_OF_JOB = _eligible(select(*_HEAD), _TASK).where(_TASK.c.job_id == bindparam("job_id"), _TASK.c.ready)
_NEEDS = select(_HEADS.subquery().c.needs).distinct()
_NEEDS_OF_JOB = select(_TASK.c.needs).distinct().where(_TASK.c.job_id == bindparam("job_id"), _TASK.c.ready)
_LANES = select(_LANE, exists().where(_PAUSE.c.scope == literal("queue")).label("paused")).with_for_update(of=_LANE)
_ADD_LANES = insert(_LANE).inline()
_RUNNING = (
    select(_TASK.c.person_id, _TASK.c.community_id, func.count().label("tasks"))
    .where(_TASK.c.status == TaskStatus.RUNNING)
    .group_by(_TASK.c.person_id, _TASK.c.community_id)
)
_POLICIES = select(_COMMUNITY.c.id, _COMMUNITY.c.policy).where(_COMMUNITY.c.id.in_(bindparam("ids", expanding=True)))
_TAKE = (
    update(_TASK)
    .where(_TASK.c.sequence == bindparam("b_sequence"), _TASK.c.ready)
    .values(status=TaskStatus.RUNNING, ready=False, endpoint=bindparam("v_endpoint"), tries=_TASK.c.tries + 1, avoid="")
    .returning(
        _TASK.c.id,
        _TASK.c.job_id,
        _TASK.c.person_id,
        _TASK.c.lane,
        _TASK.c.start_tag,
        _TASK.c.finish_tag,
        _TASK.c.cost,
        _TASK.c.kind,
        _TASK.c.model,
        _TASK.c.graph,
        _TASK.c.inputs,
    )
)
_NUMBER = (
    select(func.coalesce(func.max(_ATTEMPT.c.number), 0) + 1)
    .where(_ATTEMPT.c.task_id == bindparam("b_task"))
    .scalar_subquery()
)
_ADD_ATTEMPT = insert(_ATTEMPT).values(number=_NUMBER).returning(_ATTEMPT.c.number)
_MOVE_LANE = (
    update(_LANE)
    .where(_LANE.c.lane == bindparam("b_lane"))
    .values(virtual_time=bindparam("v_virtual_time"), relaxed_credit=bindparam("v_credit"), ahead=bindparam("v_ahead"))
)
_MOVE_FLOW = (
    update(_FLOW)
    .where(_FLOW.c.person_id == bindparam("b_person_id"), _FLOW.c.lane == bindparam("b_lane"))
    .values(
        served_finish=case(
            (_FLOW.c.served_finish < bindparam("v_finish"), bindparam("v_finish")), else_=_FLOW.c.served_finish
        )
    )
)


def claim(session: Session, wanted: Claim, policy: Policy, now: float) -> Attempt | None:
    """Mark the task whose turn it is as running and store its attempt; see `Books.claim`.

    Claimers take turns by the lanes' rows; the task itself is marked by a guarded statement, so that one that was
    cancelled or held meanwhile is not taken.
    """
    connection = session.connection()
    lanes = _lanes(connection)
    if lanes is None:
        return None
    limits = _limits(connection, policy)
    asked = {
        "endpoint": wanted.endpoint,
        "only_here": list(wanted.only_here),
        "capped": limits.people,
        "capped_here": limits.people_here,
    }
    found = [row for row in connection.execute(_HEADS, asked) if row.community_id not in limits.communities]
    mine = found
    if wanted.job_id is not None:
        of_job = connection.execute(_HEADS_OF_JOB, {**asked, "job_id": wanted.job_id})
        mine = [row for row in of_job if row.community_id not in limits.communities]
    runnable = set(wanted.needs)
    heads = [_head(row) for row in mine if row.needs in runnable]
    debts = Debts(relaxed_credit=lanes[Lane.RELAXED].relaxed_credit, ahead=sum(lane.ahead for lane in lanes.values()))
    while (choice := choose(heads, loaded=wanted.loaded, debts=debts, bounds=policy.bounds)) is not None:
        take = {"b_sequence": choice.head.sequence, "v_endpoint": wanted.endpoint}
        task = connection.execute(_TAKE, take).first()
        if task is not None:
            _move_time(connection, task, lanes, found, choice.debts)
            return _attempt(connection, task, wanted, now)
        heads.remove(choice.head)
    return None


def waiting_needs(session: Session, job_id: str | None) -> tuple[str, ...]:
    """Give the distinct needs of tasks that could be claimed, sorted; none while the queue is paused."""
    connection = session.connection()
    if connection.execute(select(_PAUSE.c.scope)).first() is not None:
        return ()
    if job_id is not None:
        return tuple(sorted(connection.execute(_NEEDS_OF_JOB, {"job_id": job_id}).scalars()))
    anybody = {"endpoint": " ", "only_here": [], "capped": [], "capped_here": []}
    return tuple(sorted(connection.execute(_NEEDS, anybody).scalars()))


def backlog(session: Session) -> int:
    """Give the cost of everything that waits or runs, in mgs."""
    total = select(func.coalesce(func.sum(_TASK.c.cost), 0)).where(_TASK.c.status.in_(_UNFINISHED))
    return int(session.connection().execute(total).scalar_one())


def give_back_place(session: Session, person_id: str, lane: str) -> None:
    """Let a person's next task stand where cancelled tasks stood that never ran."""
    connection = session.connection()
    key = (_FLOW.c.person_id == person_id, _FLOW.c.lane == lane)
    served = connection.execute(select(_FLOW.c.served_finish).where(*key).with_for_update()).scalar_one()
    still = (
        select(_TASK.c.finish_tag)
        .join(_JOB, _JOB.c.id == _TASK.c.job_id)
        .where(
            _JOB.c.person_id == person_id,
            _JOB.c.status.in_(ledger.OPEN_HOLD),
            _TASK.c.lane == lane,
            _TASK.c.status == TaskStatus.QUEUED,
        )
    )
    finish = finish_without(served_finish=served, waiting_finishes=connection.execute(still).scalars())
    connection.execute(update(_FLOW).where(*key).values(last_finish=finish))


@dataclass(frozen=True, kw_only=True)
class _Limits:
    """Whose work is passed over, because as much of it runs as may."""

    people: list[str]
    people_here: list[str]  # "PERSON COMMUNITY"
    communities: frozenset[str]


def _limits(connection: Connection, policy: Policy) -> _Limits:
    """See who is at a running cap; as many rows are read as tasks run."""
    running = connection.execute(_RUNNING).all()
    by_person, by_community = Counter[str](), Counter[str]()
    for row in running:
        by_person[row.person_id] += row.tasks
        if row.community_id:
            by_community[row.community_id] += row.tasks
    rules = _policies(connection, by_community)
    return _Limits(
        people=[who for who, tasks in by_person.items() if _reached(tasks, policy.max_running_tasks)],
        people_here=[
            f"{row.person_id} {row.community_id}"
            for row in running
            if row.community_id and _reached(row.tasks, rules[row.community_id].max_running)
        ],
        communities=frozenset(
            where
            for where, tasks in by_community.items()
            if _reached(tasks, rules[where].max_running_together or policy.max_community_tasks)
        ),
    )


def _policies(connection: Connection, communities: Collection[str]) -> Mapping[str, Any]:
    if not communities:
        return {}
    rows = connection.execute(_POLICIES, {"ids": list(communities)})
    return {row.id: policy_from(row.policy) for row in rows}


def _reached(tasks: int, cap: int | None) -> bool:
    return cap is not None and tasks >= cap


def _lanes(connection: Connection) -> Mapping[str, Row[Any]] | None:
    """Lock and read the lanes, made where they are not there yet; None while the queue is paused."""
    lanes = {row.lane: row for row in connection.execute(_LANES)}
    missing = [lane.value for lane in Lane if lane not in lanes]
    if missing:
        fresh = {"virtual_time": 0, "relaxed_credit": 0, "ahead": 0}
        connection.execute(_ADD_LANES, [{"lane": lane, **fresh} for lane in missing])
        return _lanes(connection)
    return None if any(lane.paused for lane in lanes.values()) else lanes


def _head(row: Row[Any]) -> Head:
    return Head(sequence=row.sequence, lane=Lane(row.lane), start=row.start_tag, cost=row.cost, model=row.model)


def _move_time(
    connection: Connection, task: Row[Any], lanes: Mapping[str, Row[Any]], heads: Sequence[Row[Any]], debts: Debts
) -> None:
    """Move the lane's virtual time to the lowest tag that waited when the task was claimed; see `fairness.advance`."""
    lowest = min([row.start_tag for row in heads if row.lane == task.lane], default=task.start_tag)
    for lane in lanes.values():
        mine = lane.lane == task.lane
        time = max(lane.virtual_time, min(lowest, task.start_tag)) if mine else lane.virtual_time
        credit = debts.relaxed_credit if lane.lane == Lane.RELAXED else 0
        ahead = debts.ahead if lane.lane == Lane.FAST else 0
        if (time, credit, ahead) != (lane.virtual_time, lane.relaxed_credit, lane.ahead):
            moved = {"b_lane": lane.lane, "v_virtual_time": time, "v_credit": credit, "v_ahead": ahead}
            connection.execute(_MOVE_LANE, moved)
    flow = {"b_person_id": task.person_id, "b_lane": task.lane, "v_finish": task.finish_tag}
    connection.execute(_MOVE_FLOW, flow)


def _attempt(connection: Connection, task: Row[Any], wanted: Claim, now: float) -> Attempt:
    steps = Steps(connection, at=now)
    steps.record(TaskRow, task.id, task.job_id, TaskStatus.QUEUED, TaskStatus.RUNNING, f"claimed for {wanted.endpoint}")
    steps.move(JobRow, task.job_id, task.job_id, JobStatus.QUEUED, JobStatus.RUNNING, "", started_at=now)
    row = {
        "id": new_id(),
        "task_id": task.id,
        "job_id": task.job_id,
        "endpoint": wanted.endpoint,
        "prompt_id": str(uuid.uuid4()),
        "status": AttemptStatus.CLAIMED,
        "created_at": now,
        "owner": wanted.owner,
        "lease_until": wanted.lease_until,
    }
    number = connection.execute(_ADD_ATTEMPT, {**row, "b_task": task.id}).scalar_one()
    steps.write()
    return Attempt(
        id=row["id"],
        task_id=task.id,
        job_id=task.job_id,
        endpoint=wanted.endpoint,
        prompt_id=row["prompt_id"],
        status=AttemptStatus.CLAIMED,
        number=number,
        graph=task.graph,
        inputs=tuple(GraphInput(**given) for given in task.inputs),
        created_at=now,
        cost=task.cost,
        kind=task.kind,
        model=task.model,
    )
