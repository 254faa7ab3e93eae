"""The queue: tasks are claimed in fair order. Jobs come in by `storage.intake`."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, case, exists, func, insert, literal, not_, select, update
from sqlmodel import Session

from engine.fairness import Debts, Head, advance, choose, finish_without
from engine.ids import new_id, new_uuid
from engine.model import Attempt, AttemptStatus, GraphInput, JobStatus, Lane, TaskStatus
from storage import ledger
from storage.lives import Steps
from storage.policy import Policy, policy_from
from storage.prepared import Prepared, Record, listed, size_of, spread
from storage.tables import (
    AttemptRow,
    CommunityRow,
    DebtRow,
    FlowRow,
    JobRow,
    LaneRow,
    PauseRow,
    TaskRow,
    table_of,
)
from storage.transaction import Transaction

_JOB, _TASK, _FLOW, _LANE = table_of(JobRow), table_of(TaskRow), table_of(FlowRow), table_of(LaneRow)
_ATTEMPT, _PAUSE, _COMMUNITY = table_of(AttemptRow), table_of(PauseRow), table_of(CommunityRow)
_DEBT = table_of(DebtRow)
_OWED = [column for column in _DEBT.columns if column.name != "endpoint"]
_UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING)
_OF_JOB = _TASK.c.job_id == bindparam("job_id")  # and nothing else, or another index, which finds more, may be taken


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


_HEAD = (
    _TASK.c.sequence,
    _TASK.c.lane,
    _TASK.c.start_tag,
    _TASK.c.cost,
    _TASK.c.model,
    _TASK.c.needs,
    _TASK.c.community_id,
)


class _Sizes(NamedTuple):
    """How many values each list of a search for heads has room for; `prepared.size_of`."""

    people: int = 0
    people_here: int = 0
    only_here: int = 0


@lru_cache(maxsize=256)
def _heads(passed: _Sizes) -> Prepared:
    """The first task of each line that waits: one index search a line, and one for each task that is passed over."""
    return Prepared(_first_of_lines(passed))


@lru_cache(maxsize=256)
def _heads_of_job(passed: _Sizes) -> Prepared:
    """The tasks of a job, `ready` or not, without those that are passed over."""
    return Prepared(_eligible(select(*_HEAD, _TASK.c.ready), _TASK, passed).where(_OF_JOB))


def _first_of_lines(passed: _Sizes) -> Select[*tuple[Any, ...]]:
    """Passed over are tasks of people at their running cap, and tasks that keep away from the endpoint.

    The walk from line to line is a loose index scan; source: https://wiki.postgresql.org/wiki/Loose_indexscan
    """
    first = select(func.min(_TASK.c.line).label("line")).where(_TASK.c.ready)
    walk = first.cte("walk", recursive=True)
    after = select(func.min(_TASK.c.line)).where(_TASK.c.ready, _TASK.c.line > walk.c.line).scalar_subquery()
    walk = walk.union_all(select(after).where(walk.c.line.is_not(None)))
    waiting = _TASK.alias("waiting")
    head = (
        _eligible(select(waiting.c.sequence), waiting, passed)
        .where(waiting.c.ready, waiting.c.line == walk.c.line)
        .order_by(waiting.c.start_tag, waiting.c.sequence)
        .limit(1)
        .correlate(walk)
        .scalar_subquery()
    )
    return select(*_HEAD).select_from(walk.join(_TASK, _TASK.c.sequence == head))


def _eligible(chosen: Select[*tuple[Any, ...]], task: Any, passed: _Sizes) -> Select[*tuple[Any, ...]]:
    keeps_away = task.c.avoid == bindparam("endpoint")
    if passed.only_here:
        keeps_away = and_(keeps_away, task.c.needs.not_in(listed("only_here", passed.only_here)))
    chosen = chosen.where(not_(keeps_away))
    if passed.people:
        chosen = chosen.where(task.c.person_id.not_in(listed("person", passed.people)))
    if passed.people_here:
        here = task.c.person_id + " " + task.c.community_id
        chosen = chosen.where(here.not_in(listed("person_here", passed.people_here)))
    return chosen


_NEEDS = Prepared(select(_first_of_lines(_Sizes()).subquery().c.needs).distinct())
_NEEDS_OF_JOB = Prepared(select(_TASK.c.needs, _TASK.c.ready).where(_OF_JOB))
_PAUSED = Prepared(select(_PAUSE.c.scope))
_LANES = Prepared(
    select(_LANE, _DEBT.c.endpoint, *_OWED, exists().where(_PAUSE.c.scope == literal("queue")).label("paused"))
    .select_from(_LANE.outerjoin(_DEBT, _DEBT.c.endpoint == bindparam("endpoint")))
    .with_for_update(of=_LANE)
)
_ADD_LANE = Prepared.adding(_LANE)
_RUNNING_TASKS = (
    select(_TASK.c.person_id, _TASK.c.community_id, func.count().label("tasks"))
    .where(_TASK.c.status == TaskStatus.RUNNING)
    .group_by(_TASK.c.person_id, _TASK.c.community_id)
)
_RUNNING = Prepared(_RUNNING_TASKS)
_RUNNING_HERE = Prepared(_RUNNING_TASKS.where(_TASK.c.community_id != ""))
_TAKE = Prepared(
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
_ADD_ATTEMPT = Prepared(
    insert(_ATTEMPT).values(number=_NUMBER).returning(_ATTEMPT.c.number),
    [column.name for column in _ATTEMPT.columns if column.name != "number"],
)
_MOVE_LANE = Prepared(update(_LANE).where(_LANE.c.lane == bindparam("b_lane")), ["virtual_time"])
_ADD_DEBT = Prepared.adding(_DEBT)
_SET_DEBT = Prepared(
    update(_DEBT).where(_DEBT.c.endpoint == bindparam("b_endpoint")), [column.name for column in _OWED]
)
_MOVE_FLOW = Prepared(
    update(_FLOW)
    .where(_FLOW.c.person_id == bindparam("b_person_id"), _FLOW.c.lane == bindparam("b_lane"))
    .values(
        served_finish=case(
            (_FLOW.c.served_finish < bindparam("v_finish"), bindparam("v_finish")), else_=_FLOW.c.served_finish
        )
    )
)


@lru_cache(maxsize=16)
def _policies_of(size: int) -> Prepared:
    return Prepared(select(_COMMUNITY.c.id, _COMMUNITY.c.policy).where(_COMMUNITY.c.id.in_(listed("community", size))))


def claim(tx: Transaction, wanted: Claim, policy: Policy, now: float) -> Attempt | None:
    """Mark the task whose turn it is as running and store its attempt; see `Books.claim`.

    Claimers take turns by the lanes' rows; the task itself is marked by a guarded statement, so that one that was
    cancelled or held meanwhile is not taken.
    """
    lanes = _lanes(tx, wanted.endpoint)
    if lanes is None:
        return None
    limits = _limits(tx, policy)
    passed = _Sizes(size_of(limits.people), size_of(limits.people_here), size_of(wanted.only_here))
    asked = {
        "endpoint": wanted.endpoint,
        **spread("person", limits.people),
        **spread("person_here", limits.people_here),
        **spread("only_here", wanted.only_here),
    }
    found = [row for row in tx.rows(_heads(passed), **asked) if row.community_id not in limits.communities]
    mine = found
    if wanted.job_id is not None:
        of_job = tx.rows(_heads_of_job(passed), job_id=wanted.job_id, **asked)
        mine = [row for row in of_job if row.ready and row.community_id not in limits.communities]
    runnable = set(wanted.needs)
    heads = [_head(row) for row in mine if row.needs in runnable]
    debts = _debts(lanes)
    while (choice := choose(heads, loaded=wanted.loaded, debts=debts or Debts(), bounds=policy.bounds)) is not None:
        task = tx.first(_TAKE, b_sequence=choice.head.sequence, v_endpoint=wanted.endpoint)
        if task is not None:
            _move_time(tx, task, lanes[task.lane], found)
            _keep_debts(tx, wanted.endpoint, debts, choice.debts)
            return _attempt(tx, task, wanted, now)
        heads.remove(choice.head)
    return None


def waiting_needs(tx: Transaction, job_id: str | None) -> tuple[str, ...]:
    """Give the distinct needs of tasks that could be claimed, sorted; none while the queue is paused."""
    if is_paused(tx):
        return ()
    if job_id is None:
        return tuple(sorted(row.needs for row in tx.rows(_NEEDS, endpoint=" ")))
    return tuple(sorted({row.needs for row in tx.rows(_NEEDS_OF_JOB, job_id=job_id) if row.ready}))


def is_paused(tx: Transaction) -> bool:
    """Say whether nothing is claimed now, because somebody has paused the queue."""
    return tx.first(_PAUSED) is not None


def backlog(session: Session) -> int:
    """Give the cost of everything that waits or runs, in mgs."""
    total = select(func.coalesce(func.sum(_TASK.c.cost), 0)).where(_TASK.c.status.in_(_UNFINISHED))
    return int(session.connection().execute(total).scalar_one())


def give_back_place(session: Session, person_id: str, lane: str) -> None:
    """Let a person's next task stand where cancelled tasks stood that never ran."""
    connection = session.connection()
    key = (_FLOW.c.person_id == person_id, _FLOW.c.lane == lane)
    served = connection.execute(select(_FLOW.c.served_finish).where(*key).with_for_update()).scalar_one()
    theirs = (  # all of their open jobs, which are few: by status and lane it would be all that wait in the lane
        select(_TASK.c.finish_tag, _TASK.c.status)
        .join(_JOB, _JOB.c.id == _TASK.c.job_id)
        .where(_JOB.c.person_id == person_id, ledger.IS_OPEN, _JOB.c.lane == lane)
    )
    waiting = [row.finish_tag for row in connection.execute(theirs) if row.status == TaskStatus.QUEUED]
    finish = finish_without(served_finish=served, waiting_finishes=waiting)
    connection.execute(update(_FLOW).where(*key).values(last_finish=finish))


@dataclass(frozen=True, kw_only=True)
class _Limits:
    """Whose work is passed over, because as much of it runs as may."""

    people: Collection[str]
    people_here: Collection[str]  # "PERSON COMMUNITY"
    communities: frozenset[str]


_NOBODY = _Limits(people=(), people_here=(), communities=frozenset())


def _limits(tx: Transaction, policy: Policy) -> _Limits:
    """See who is at a running cap; as many rows are read as tasks run for whom there may be one."""
    running = tx.rows(_RUNNING_HERE if policy.max_running_tasks is None else _RUNNING)
    if not running:
        return _NOBODY
    by_person, by_community = Counter[str](), Counter[str]()
    for row in running:
        by_person[row.person_id] += row.tasks
        if row.community_id:
            by_community[row.community_id] += row.tasks
    rules = _policies(tx, by_community)
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


def _policies(tx: Transaction, communities: Collection[str]) -> Mapping[str, Any]:
    if not communities:
        return {}
    rows = tx.rows(_policies_of(size_of(communities)), **spread("community", communities))
    return {row.id: policy_from(row.policy) for row in rows}


def _reached(tasks: int, cap: int | None) -> bool:
    return cap is not None and tasks >= cap


def _lanes(tx: Transaction, endpoint: str) -> Mapping[str, Record] | None:
    """Lock and read the lanes, made where they are not there yet, with an endpoint's debts; None while paused."""
    lanes = {row.lane: row for row in tx.rows(_LANES, endpoint=endpoint)}
    missing = [lane.value for lane in Lane if lane not in lanes]
    if missing:
        tx.run_each(_ADD_LANE, [{"lane": lane, "virtual_time": 0} for lane in missing])
        return _lanes(tx, endpoint)
    return None if any(lane.paused for lane in lanes.values()) else lanes


def _debts(lanes: Mapping[str, Record]) -> Debts | None:
    """Give the debts that were read with the lanes; None if the endpoint never had any."""
    row = lanes[Lane.FAST]
    if row.endpoint is None:
        return None
    return Debts(**{column.name: getattr(row, column.name) for column in _OWED})


def _keep_debts(tx: Transaction, endpoint: str, before: Debts | None, after: Debts) -> None:
    if before is None and after != Debts():
        tx.run(_ADD_DEBT, endpoint=endpoint, **vars(after))
    elif before is not None and after != before:
        tx.run(_SET_DEBT, b_endpoint=endpoint, **vars(after))


def _head(row: Record) -> Head:
    return Head(sequence=row.sequence, lane=Lane(row.lane), start=row.start_tag, cost=row.cost, model=row.model)


def _move_time(tx: Transaction, task: Record, lane: Record, heads: Sequence[Record]) -> None:
    """Move the lane's virtual time to the lowest tag that waited when the task was claimed."""
    lowest = min((row.start_tag for row in heads if row.lane == task.lane), default=None)
    time = advance(virtual_time=lane.virtual_time, claimed=task.start_tag, lowest_waiting=lowest)
    if time != lane.virtual_time:
        tx.run(_MOVE_LANE, b_lane=task.lane, virtual_time=time)
    tx.run(_MOVE_FLOW, b_person_id=task.person_id, b_lane=task.lane, v_finish=task.finish_tag)


def _attempt(tx: Transaction, task: Record, wanted: Claim, now: float) -> Attempt:
    steps = Steps(tx, at=now)
    steps.record(TaskRow, task.id, task.job_id, TaskStatus.QUEUED, TaskStatus.RUNNING, f"claimed for {wanted.endpoint}")
    steps.move(JobRow, task.job_id, task.job_id, JobStatus.QUEUED, JobStatus.RUNNING, "", started_at=now)
    attempt_id, prompt_id = new_id(), new_uuid()
    added = tx.one(
        _ADD_ATTEMPT,
        id=attempt_id,
        task_id=task.id,
        job_id=task.job_id,
        endpoint=wanted.endpoint,
        prompt_id=prompt_id,
        status=AttemptStatus.CLAIMED,
        b_task=task.id,
        created_at=now,
        owner=wanted.owner,
        lease_until=wanted.lease_until,
    )
    steps.write()
    return Attempt(
        id=attempt_id,
        task_id=task.id,
        job_id=task.job_id,
        endpoint=wanted.endpoint,
        prompt_id=prompt_id,
        status=AttemptStatus.CLAIMED,
        number=added.number,
        graph=task.graph,
        inputs=tuple(GraphInput(**given) for given in task.inputs),
        created_at=now,
        cost=task.cost,
        kind=task.kind,
        model=task.model,
    )
