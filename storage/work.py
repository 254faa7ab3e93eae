"""Attempts come to an end, and with them tasks and jobs; a job whose work ended is settled in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, exists, insert, select, update
from sqlmodel import Session

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
    GraphInput,
    Job,
    JobStatus,
    Learnt,
    Picture,
    TaskStatus,
)
from engine.reviews import Kind
from engine.safety.verdicts import NOTHING, Ruling, Screening, Verdict
from storage import ledger, queue
from storage.intake import Bill
from storage.lives import AT_ONCE, Living, Status, Steps
from storage.prepared import Prepared, Record, among
from storage.tables import (
    AttemptRow,
    BlobRow,
    DeliveryRow,
    JobRow,
    PaceRow,
    PictureRow,
    ReviewRow,
    TaskRow,
    table_of,
)
from storage.transaction import Transaction
from storage.views import job_from

OPEN_ATTEMPT = (AttemptStatus.CLAIMED, AttemptStatus.SENT)
OPEN_TASK = (TaskStatus.QUEUED, TaskStatus.RUNNING)
_JOB, _TASK, _ATTEMPT = table_of(JobRow), table_of(TaskRow), table_of(AttemptRow)
_DELIVERY, _PICTURE, _BLOB, _PACE = table_of(DeliveryRow), table_of(PictureRow), table_of(BlobRow), table_of(PaceRow)

_WITH_DELIVERY = (_JOB, _DELIVERY.c.id.label("delivery_id"))
_JOB_BY_ID = Prepared(
    select(*_WITH_DELIVERY)
    .join(_DELIVERY, _DELIVERY.c.job_id == _JOB.c.id)
    .where(_JOB.c.id == bindparam("job_id"))
    .with_for_update()
)
_STANDING = Prepared(
    select(
        *_WITH_DELIVERY,
        _ATTEMPT.c.status.label("attempt_status"),
        _ATTEMPT.c.endpoint.label("attempt_endpoint"),
        _ATTEMPT.c.task_id,
        _TASK.c.status.label("task_status"),
        _TASK.c.tries,
    )
    .select_from(_JOB)
    .join(_ATTEMPT, _ATTEMPT.c.job_id == _JOB.c.id)
    .join(_TASK, _TASK.c.id == _ATTEMPT.c.task_id)
    .join(_DELIVERY, _DELIVERY.c.job_id == _JOB.c.id)
    .where(_ATTEMPT.c.id == bindparam("attempt_id"))
    .with_for_update()
)
"""An attempt with its job, task and delivery; all are locked, so that what is read is what they are now."""
_IS_THERE = Prepared(select(_ATTEMPT.c.id).where(_ATTEMPT.c.id == bindparam("attempt_id")))
_TASKS = Prepared(
    select(
        _TASK.c.id,
        _TASK.c.status,
        _TASK.c.cost,
        _TASK.c.measured,
        _TASK.c.error,
        _TASK.c.id.in_(select(_PICTURE.c.task_id)).label("has_pictures"),
    )
    .where(_TASK.c.job_id == bindparam("job_id"))
    .order_by(_TASK.c.index)
)
_ADD_BLOB = Prepared(
    insert(_BLOB).from_select(
        ["name", "size", "created_at"],
        select(
            bindparam("name", type_=_BLOB.c.name.type),
            bindparam("size", type_=_BLOB.c.size.type),
            bindparam("created_at", type_=_BLOB.c.created_at.type),
        ).where(~exists().where(_BLOB.c.name == bindparam("name"))),
    )
)
"""Where it is not there yet: the same bytes are one blob."""
_ADD_PICTURE = Prepared.adding(_PICTURE)
_ADD_PACE = Prepared.adding(_PACE)
_MOVE_PACE = Prepared(
    update(_PACE)
    .where(_PACE.c.endpoint == bindparam("b_endpoint"), _PACE.c.kind == bindparam("b_kind"))
    .values(mgs_per_second=bindparam("v_rate"), at=bindparam("v_at"))
)
_ADD_REVIEW = Prepared.adding(table_of(ReviewRow))
_OPEN = (
    select(_ATTEMPT, _TASK.c.graph, _TASK.c.inputs, _TASK.c.cost, _TASK.c.kind, _TASK.c.model)
    .join(_TASK, _TASK.c.id == _ATTEMPT.c.task_id)
    .order_by(_ATTEMPT.c.created_at, _TASK.c.sequence)
)
_OPEN_OF_JOB = Prepared(
    _OPEN.where(_ATTEMPT.c.job_id == bindparam("job_id"), _ATTEMPT.c.status.in_(among(OPEN_ATTEMPT))).with_for_update()
)


@dataclass(kw_only=True)
class Verb:
    """A job, locked, with what a verb writes about it."""

    tx: Transaction
    job: dict[str, Any]
    steps: Steps
    now: float

    def move(self, kind: type[Living], row_id: str, origin: str, to: Status, reason: str, **columns: Any) -> None:
        """Make a move that the rows around it say is allowed; if it is not, nothing of the verb may be written."""
        if not self.steps.move(kind, row_id, self.job["id"], origin, to, reason, **columns):
            raise StorageError(f"{kind.__name__} {row_id} cannot go from {origin} to {to}")

    def move_job(self, to: JobStatus, reason: str, **columns: Any) -> None:
        """Move the job itself."""
        self.move(JobRow, self.job["id"], self.job["status"], to, reason, **columns)
        self.job |= {"status": to.value, "reason": reason, **columns}

    def done(self) -> Job:
        """Write the record, and give the job as it is now."""
        self.steps.write()
        return job_from(self.job)


def start(tx: Transaction, attempt_id: str, now: float) -> bool:
    """Mark a claimed attempt as being sent; False if it is no longer claimed. Raises UnknownJob.

    The job is not locked: whoever moves its attempts otherwise has them locked, or compares their status.
    """
    steps = Steps(tx, at=now)
    sent = steps.move_unread(AttemptRow, attempt_id, AttemptStatus.CLAIMED, AttemptStatus.SENT, "")
    if sent is None and tx.first(_IS_THERE, attempt_id=attempt_id) is None:
        raise UnknownJob("no such attempt", value=attempt_id)
    steps.write()
    return sent is not None


def settle(
    tx: Transaction,
    attempt_id: str,
    pictures: Sequence[Picture],
    seconds: float,
    measured: int,
    *,
    learnt: Learnt | None = None,
    ruling: Ruling = NOTHING,
    now: float,
) -> Job:
    """Finish the attempt's task with its results; see `Books.settle`.

    An attempt that ended before (settled already, given up, or cancelled with its job) changes nothing: pictures that
    arrive after a cancel are neither kept nor charged, because the hold has been ended by then.
    """
    verb, attempt = _locked(tx, attempt_id, now)
    if not verb.steps.move(AttemptRow, attempt_id, verb.job["id"], attempt.attempt_status, AttemptStatus.SUCCEEDED, ""):
        return job_from(verb.job)
    ended = {"seconds": seconds, "measured": max(0, measured), "error": ""}
    verb.move(TaskRow, attempt.task_id, attempt.task_status, TaskStatus.DONE, "", **ended)
    _keep(verb, attempt.task_id, pictures)
    _screen(verb, ruling)
    if learnt is not None:
        _learn(verb, learnt)
    settle_if_ended(verb)
    return verb.done()


def fail(
    tx: Transaction, attempt_id: str, error: AtelierError, *, retry: bool, elsewhere: bool = False, now: float
) -> Job:
    """End the attempt; its task waits again or failed; see `Books.fail`.

    An attempt that never reached an endpoint (not sent, or sent away as busy) is not counted as a try.
    """
    verb, attempt = _locked(tx, attempt_id, now)
    reached = attempt.attempt_status == AttemptStatus.SENT and not isinstance(error, EndpointBusy)
    lost = isinstance(error, EndpointLost | AttemptUnknown)
    to = AttemptStatus.LOST if lost else AttemptStatus.FAILED
    if not verb.steps.move(AttemptRow, attempt_id, verb.job["id"], attempt.attempt_status, to, error.code):
        return job_from(verb.job)
    verb.move(
        TaskRow,
        attempt.task_id,
        attempt.task_status,
        TaskStatus.QUEUED if retry else TaskStatus.FAILED,
        error.code,
        tries=attempt.tries if reached else attempt.tries - 1,
        error=error.code,
        ready=retry,
        avoid=attempt.attempt_endpoint if retry and elsewhere else "",
    )
    settle_if_ended(verb)
    return verb.done()


def cancel(tx: Transaction, job_id: str, reason: str, now: float) -> tuple[Job, tuple[Attempt, ...]]:
    """Cancel what is not done yet and settle the job; see `Books.cancel`."""
    verb = locked_job(tx, job_id, now)
    if verb.job["status"] not in ledger.OPEN_HOLD:
        return job_from(verb.job), ()
    running = tx.rows(_OPEN_OF_JOB, job_id=job_id)
    for attempt in running:
        verb.move(AttemptRow, attempt.id, attempt.status, AttemptStatus.CANCELLED, reason)
    give_up(verb, JobStatus.CANCELLED, reason)
    cancelled = tuple(_attempt_from(attempt, AttemptStatus.CANCELLED) for attempt in running)
    return verb.done(), cancelled


def give_up(verb: Verb, ending: JobStatus, reason: str, *, error: str = "") -> None:
    """Cancel the tasks that wait or run, for `error` if it was one, and settle what is done."""
    for task in verb.tx.rows(_TASKS, job_id=verb.job["id"]):
        if task.status in OPEN_TASK:
            verb.move(
                TaskRow, task.id, task.status, TaskStatus.CANCELLED, reason, ready=False, error=error or task.error
            )
    _settle(verb, ending, reason)
    queue.give_back_place(verb.tx, verb.job["person_id"], verb.job["lane"])


def take_over(session: Session, owner: str, *, alone: bool, lease_until: float, now: float) -> tuple[Attempt, ...]:
    """Make this process the owner of attempts whose owner is gone, oldest first; see `Books.open_attempts`."""
    connection = session.connection()
    gone = [_ATTEMPT.c.status.in_(OPEN_ATTEMPT), _ATTEMPT.c.owner != owner]
    if not alone:
        gone.append(_ATTEMPT.c.lease_until <= now)
    taken = update(_ATTEMPT).where(*gone).values(owner=owner, lease_until=lease_until).returning(_ATTEMPT.c.id)
    ids = list(connection.execute(taken).scalars())
    if not ids:
        return ()
    rows = connection.execute(_OPEN.where(_ATTEMPT.c.id.in_(ids)))
    return tuple(_attempt_from(row, AttemptStatus(row.status)) for row in rows)


def heartbeat(session: Session, owner: str, lease_until: float) -> None:
    """Renew the leases of all attempts of this process that have not ended, in one statement."""
    renew = (
        update(_ATTEMPT)
        .where(_ATTEMPT.c.status.in_(OPEN_ATTEMPT), _ATTEMPT.c.owner == owner)
        .values(lease_until=lease_until)
    )
    session.connection().execute(renew)


def locked_job(tx: Transaction, job_id: str, now: float) -> Verb:
    """Read a job and lock its row, so that verbs on one job take turns. Raises UnknownJob."""
    job = tx.first(_JOB_BY_ID, job_id=job_id)
    if job is None:
        raise UnknownJob(value=job_id)
    return Verb(tx=tx, job=job._asdict(), steps=Steps(tx, at=now), now=now)


def _locked(tx: Transaction, attempt_id: str, now: float) -> tuple[Verb, Record]:
    """Read an attempt with its job and its task's state, and lock them."""
    standing = tx.first(_STANDING, attempt_id=attempt_id)
    if standing is None:
        raise UnknownJob("no such attempt", value=attempt_id)
    return Verb(tx=tx, job=standing._asdict(), steps=Steps(tx, at=now), now=now), standing


def _attempt_from(row: Record, status: AttemptStatus) -> Attempt:
    return Attempt(
        id=row.id,
        task_id=row.task_id,
        job_id=row.job_id,
        endpoint=row.endpoint,
        prompt_id=row.prompt_id,
        status=status,
        number=row.number,
        graph=row.graph,
        inputs=tuple(GraphInput(**given) for given in row.inputs),
        created_at=row.created_at,
        cost=row.cost,
        kind=row.kind,
        model=row.model,
    )


def _keep(verb: Verb, task_id: str, pictures: Sequence[Picture]) -> None:
    if not pictures:
        return
    sizes = {picture.blob: picture.size for picture in pictures}
    verb.tx.run_each(_ADD_BLOB, [{"name": name, "size": size, "created_at": verb.now} for name, size in sizes.items()])
    rows = [
        {
            "task_id": task_id,
            "position": position,
            "blob": picture.blob,
            "filename": picture.filename,
            "kind": picture.kind,
            "mime": picture.mime,
            "size": picture.size,
            "width": picture.width,
            "height": picture.height,
        }
        for position, picture in enumerate(pictures)
    ]
    verb.tx.run_each(_ADD_PICTURE, rows)


def _screen(verb: Verb, ruling: Ruling) -> None:
    """Remember what a check says of the new pictures, for when the job's last are there."""
    asked = ruling.verdict is Verdict.HOLD and verb.job["screening"] == Screening.NONE
    spoiler = ruling.verdict is Verdict.SPOILER and not verb.job["spoiler"]
    flagged = verb.job["flagged"] or ruling.flagged
    if asked or spoiler or flagged != verb.job["flagged"]:
        columns = {
            "screening": Screening.ASKED if asked else verb.job["screening"],
            "spoiler": spoiler or verb.job["spoiler"],
            "flagged": flagged,
        }
        verb.tx.connection().execute(update(_JOB).where(_JOB.c.id == verb.job["id"]).values(**columns))
        verb.job |= columns


def _learn(verb: Verb, learnt: Learnt) -> None:
    rate, where = learnt.mgs_per_second, {"endpoint": learnt.endpoint, "kind": learnt.kind}
    if not verb.tx.run(_MOVE_PACE, b_endpoint=learnt.endpoint, b_kind=learnt.kind, v_rate=rate, v_at=verb.now):
        verb.tx.run(_ADD_PACE, mgs_per_second=rate, at=verb.now, **where)


def settle_if_ended(verb: Verb) -> None:
    """Settle the job if none of its tasks waits or runs: done if it has a picture, failed for the last error if not."""
    tasks = verb.tx.rows(_TASKS, job_id=verb.job["id"])
    if any(task.status in OPEN_TASK for task in tasks):
        return
    if any(task.has_pictures for task in tasks):
        _settle(verb, JobStatus.DONE, "", tasks)
    else:
        errors = [task.error for task in tasks if task.error]
        _settle(verb, JobStatus.FAILED, errors[-1] if errors else OutputMissing.code, tasks)


def _settle(verb: Verb, ending: JobStatus, reason: str, tasks: Sequence[Record] | None = None) -> None:
    """End the hold and make the delivery due; `ending` is what the job becomes when its delivery ended.

    The charge is min(quote, measured) over the tasks that have pictures.
    """
    job_id = verb.job["id"]
    if tasks is None:
        tasks = verb.tx.rows(_TASKS, job_id=job_id)
    drawn = [task for task in tasks if task.has_pictures]
    share = min(sum(task.cost for task in drawn), sum(task.measured for task in drawn))
    bill = Bill(id=job_id, wallet_id=verb.job["wallet_id"], quote=verb.job["quote"])
    charged = ledger.settle(verb.tx, bill, share, verb.now)
    delivery_id = verb.job["delivery_id"]
    ended = {"ending": ending, "charged": charged, "finished_at": verb.now}
    if drawn and verb.job["screening"] == Screening.ASKED:
        verb.move_job(JobStatus.DELIVERING, reason, screening=Screening.HELD, **ended)
        verb.move(DeliveryRow, delivery_id, DeliveryStatus.WAITING, DeliveryStatus.HELD, verb.job["flagged"])
        _ask_moderators(verb)
        return
    verb.move_job(JobStatus.DELIVERING, reason, **ended)
    verb.move(DeliveryRow, delivery_id, DeliveryStatus.WAITING, DeliveryStatus.DUE, reason, due_at=AT_ONCE)


def _ask_moderators(verb: Verb) -> None:
    """Put the job into the inbox of its community's moderators, or of the operators."""
    row = {"job_id": verb.job["id"], "community_id": verb.job["community_id"] or "", "reason": verb.job["flagged"]}
    verb.tx.run(_ADD_REVIEW, **row, kind=Kind.HELD, person_id="", state="open", at=verb.now)
