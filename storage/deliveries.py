"""Deliveries: what is due to whom. With its delivery a job ends for good."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache

from sqlalchemy import and_, bindparam, or_, select, update
from sqlmodel import Session, col

from engine.errors import AtelierError
from engine.model import Delivery, DeliveryStatus, JobStatus, Place, TaskStatus
from engine.ports import Clock, Deliveries
from storage import ledger
from storage.database import Database
from storage.lives import AT_ONCE, Steps, transition
from storage.prepared import Prepared, among, listed, size_of, spread
from storage.tables import DeliveryRow, JobRow, TallyRow, TaskRow, table_of
from storage.transaction import Transaction
from storage.views import delivery_from

POSITIONS = 10_000  # waiting tasks whose jobs are told their place; further back it changes more often than it helps
CLOCK_WENT_BACK = 900.0  # seconds ahead that nothing is ever put off by: whatever says so was due already

_DELIVERY, _JOB = table_of(DeliveryRow), table_of(JobRow)
_TASK = table_of(TaskRow)
_UNSENT = (DeliveryStatus.DUE, DeliveryStatus.SENDING)
_IN_ORDER = Prepared(
    select(_TASK.c.job_id)
    .where(_TASK.c.status == TaskStatus.QUEUED)
    .order_by(_TASK.c.lane, _TASK.c.start_tag, _TASK.c.sequence)
    .limit(bindparam("first"))
)
_POSTING = Prepared(
    select(_DELIVERY.c.posting_at, _DELIVERY.c.repeats)
    .where(_DELIVERY.c.id == bindparam("delivery_id"))
    .with_for_update()
)
_OF_DELIVERY = update(_DELIVERY).where(_DELIVERY.c.id == bindparam("b_id"))
_POSTS = Prepared(_OF_DELIVERY, ["posting_at", "repeats"])
_NOT_POSTED = Prepared(_OF_DELIVERY, ["posting_at"])
_POSTED = Prepared(_OF_DELIVERY, ["message_id", "posted_at", "posting_at"])
_WITH_PLACE = select(_DELIVERY, _JOB.c.place.label("job_place")).join(_JOB, _JOB.c.id == _DELIVERY.c.job_id)


def take(tx: Transaction, platforms: Sequence[str], limit: int, owner: str, now: float) -> tuple[Delivery, ...]:
    """Take deliveries that are due for sending, oldest first, and give them as they were found.

    Those are among them that another (ended) process was sending; `owner` is this process's token: what it is sending
    itself is not due.
    """
    if not platforms:
        return ()
    asked = {"owner": owner, "now": now, "far": now + CLOCK_WENT_BACK, "limit": limit}
    rows = tx.rows(_due_on(size_of(platforms)), **asked, **spread("platform", platforms))
    steps, taken = Steps(tx, at=now), []
    for row in rows:
        sending = {"owner": owner, "tries": row.tries + 1}
        if steps.move(DeliveryRow, row.id, row.job_id, row.status, DeliveryStatus.SENDING, "", **sending):
            taken.append(delivery_from(row))
    steps.write()
    return tuple(taken)


def of_jobs(tx: Transaction, job_ids: Collection[str]) -> tuple[Delivery, ...]:
    """Give the deliveries of several jobs."""
    if not job_ids:
        return ()
    rows = tx.rows(_of_jobs(size_of(job_ids)), **spread("job", job_ids))
    return tuple(delivery_from(row) for row in rows)


def positions(tx: Transaction, first: int = POSITIONS) -> dict[str, int]:
    """Give the place in the queue of the jobs of the `first` tasks that wait: 1 is next.

    A job stands where the first of its waiting tasks does, as `views` says of one job.
    """
    in_order = dict.fromkeys(row.job_id for row in tx.rows(_IN_ORDER, first=first))
    return {job_id: position for position, job_id in enumerate(in_order, start=1)}


def posting(tx: Transaction, delivery_id: str, now: float, *, counted: bool) -> bool:
    """Note that the message is about to be posted; True if it may have been before, which is counted if asked for."""
    row = tx.first(_POSTING, delivery_id=delivery_id)
    if row is None:
        return False
    again = row.posting_at is not None
    if again and counted:
        tally(tx, "repeated")
    tx.run(_POSTS, b_id=delivery_id, posting_at=now, repeats=row.repeats + (again and counted))
    return again


def not_posted(tx: Transaction, delivery_id: str) -> None:
    """The platform said that it did not take the post that `posting` announced."""
    tx.run(_NOT_POSTED, b_id=delivery_id, posting_at=None)


def posted(tx: Transaction, delivery_id: str, message_id: str, now: float) -> None:
    """Remember the one message of the job."""
    tx.run(_POSTED, b_id=delivery_id, message_id=message_id, posted_at=now, posting_at=None)


def message_gone(session: Session, delivery_id: str) -> None:
    """Forget the message, which nobody can edit any more: the next one is posted anew."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is not None:
        _forget_message(row)


def moved(session: Session, delivery_id: str, place: Place, reason: str) -> None:
    """Have the result go to another place, because of the error `reason`."""
    row = session.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is not None:
        _forget_message(row)
        row.platform, row.place, row.fallback, row.detour = place.platform, asdict(place), None, reason
        tally(session, "moved")


def again(tx: Transaction, job_id: str, place: Place, now: float) -> bool:
    """Make an ended delivery due again; see `Deliveries.again`."""
    chosen = select(DeliveryRow).where(col(DeliveryRow.job_id) == job_id).with_for_update()
    row = tx.scalars(chosen).first()
    if row is None:
        return False
    undeliverable = row.status == DeliveryStatus.UNDELIVERABLE
    if not transition(tx, row, DeliveryStatus.DUE, "asked for again", at=now, owner="", due_at=AT_ONCE, tries=0):
        return False
    row.repairs += 1
    if undeliverable:
        _forget_message(row)
        row.platform, row.place, row.fallback, row.detour = place.platform, asdict(place), None, None
    else:
        row.fallback = asdict(place)
    tally(tx, "repaired")
    return True


def place_of(row: DeliveryRow, job: JobRow) -> Place:
    """Give where a job's message is, or is to be."""
    return Place(**(row.place or job.place))


def tally(session: Session, name: str) -> None:
    """Count one more."""
    row = session.get(TallyRow, name, with_for_update=True)
    if row is None:
        session.add(TallyRow(name=name, count=1))
    else:
        row.count += 1


def tallies(session: Session) -> dict[str, int]:
    """Give everything that is counted for ever."""
    found = session.execute(select(col(TallyRow.name), col(TallyRow.count)))
    return {str(name): int(count) for name, count in found}


def done(tx: Transaction, delivery_id: str, now: float) -> None:
    """The result is in the chat: the job ends."""
    steps = Steps(tx, at=now)
    job_id = steps.move_unread(DeliveryRow, delivery_id, DeliveryStatus.SENDING, DeliveryStatus.DELIVERED, "", owner="")
    if job_id is not None:
        steps.end(job_id)
        steps.write()


def failed(tx: Transaction, delivery_id: str, error: AtelierError, retry_at: float | None, now: float) -> None:
    """The platform did not take it: due again at `retry_at`, or never; then the job ends and is refunded.

    A job that had ended before, and was only to be shown again, keeps its end and its charge.
    """
    row = tx.get(DeliveryRow, delivery_id, with_for_update=True)
    if row is None:
        return
    if retry_at is not None:
        transition(tx, row, DeliveryStatus.DUE, error.code, at=now, owner="", due_at=retry_at)
    elif transition(tx, row, DeliveryStatus.UNDELIVERABLE, error.code, at=now, owner=""):
        tally(tx, "undeliverable")
        job = _job(tx, row)
        if job.status == JobStatus.DELIVERING:
            ledger.refund(tx, job, error.code, now)
            transition(tx, job, JobStatus(job.ending), error.code, at=now, charged=0)


@lru_cache(maxsize=16)
def _due_on(platforms: int) -> Prepared:
    due_now = or_(_DELIVERY.c.due_at <= bindparam("now"), _DELIVERY.c.due_at > bindparam("far"))
    left_over = and_(_DELIVERY.c.status == DeliveryStatus.SENDING, _DELIVERY.c.owner != bindparam("owner"))
    return Prepared(
        _WITH_PLACE.where(
            _DELIVERY.c.platform.in_(listed("platform", platforms)),
            _DELIVERY.c.status.in_(among(_UNSENT)),  # said again: an index finds by it, and not by what an OR says
            or_(and_(_DELIVERY.c.status == DeliveryStatus.DUE, due_now), left_over),
        )
        .order_by(_DELIVERY.c.due_at, _JOB.c.sequence)
        .limit(bindparam("limit"))
        .with_for_update(of=_DELIVERY, skip_locked=True)
    )


@lru_cache(maxsize=16)
def _of_jobs(count: int) -> Prepared:
    return Prepared(_WITH_PLACE.where(_DELIVERY.c.job_id.in_(listed("job", count))))


def _forget_message(row: DeliveryRow) -> None:
    row.message_id, row.posted_at, row.posting_at = "", None, None
    row.generation += 1


def _job(session: Session, row: DeliveryRow) -> JobRow:
    return session.scalars(select(JobRow).where(col(JobRow.id) == row.job_id).with_for_update()).one()


class SqlDeliveries:
    """Implements `engine.ports.Deliveries`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of_jobs(self, job_ids: Collection[str]) -> tuple[Delivery, ...]:
        """See `Deliveries.of_jobs`."""
        return await self._database.read(lambda session: of_jobs(session, job_ids))

    async def positions(self) -> Mapping[str, int]:
        """See `Deliveries.positions`."""
        return await self._database.read(positions)

    async def posting(self, delivery_id: str, *, counted: bool) -> bool:
        """See `Deliveries.posting`."""
        now = self._clock.now()
        return await self._database.write(lambda session: posting(session, delivery_id, now, counted=counted))

    async def not_posted(self, delivery_id: str) -> None:
        """See `Deliveries.not_posted`."""
        await self._database.write(lambda session: not_posted(session, delivery_id))

    async def message_gone(self, delivery_id: str) -> None:
        """See `Deliveries.message_gone`."""
        await self._database.write(lambda session: message_gone(session, delivery_id))

    async def moved(self, delivery_id: str, place: Place, reason: str) -> None:
        """See `Deliveries.moved`."""
        await self._database.write(lambda session: moved(session, delivery_id, place, reason))

    async def again(self, job_id: str, place: Place) -> bool:
        """See `Deliveries.again`."""
        return await self._database.write(lambda session: again(session, job_id, place, self._clock.now()))

    async def tallies(self) -> Mapping[str, int]:
        """See `Deliveries.tallies`."""
        return await self._database.read(tallies)


def open_deliveries(database: Database, clock: Clock) -> Deliveries:
    """Give the deliveries of an open database; closing the database stays with the caller."""
    return SqlDeliveries(database, clock)
