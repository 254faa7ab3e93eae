"""The moderators' inbox: pictures that a check held or that people reported, and what was decided about them.

Every decision is one guarded statement on the rows that are still open: of two moderators who press at once one
decides, and the other changes nothing.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlmodel import Session, col

from engine.accounts import AuditLine
from engine.errors import UnknownJob
from engine.model import DeliveryStatus, JobStatus, JobView
from engine.ports import Clock
from engine.ports_moderation import Reviews
from engine.reviews import ABOUT, Decided, Kind, Outcome, Review
from engine.safety.verdicts import SHOWN, Screening
from storage import audit, deliveries, forgetting, ledger, views
from storage.database import Database
from storage.lives import AT_ONCE, transition
from storage.tables import DeliveryRow, JobRow, PictureRow, ReviewRow, TaskRow
from storage.tables_moderation import ReviewState
from storage.transaction import Transaction

_SCREENINGS = {
    Outcome.APPROVED: Screening.PASSED,
    Outcome.SPOILER: Screening.PASSED,
    Outcome.REJECTED: Screening.REJECTED,
    Outcome.HIDDEN: Screening.HIDDEN,
}
_ENDED = (DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERABLE)


def open_reviews(database: Database, clock: Clock) -> Reviews:
    """Give the inbox of an open database; closing the database stays with the caller."""
    return SqlReviews(database, clock)


def inbox(session: Transaction, community_id: str | None, limit: int, job_id: str | None = None) -> tuple[Review, ...]:
    """Give what waits for a decision in a community, or everywhere, oldest first; or what waits of one job."""
    chosen = select(ReviewRow).where(col(ReviewRow.state) == ReviewState.OPEN).order_by(col(ReviewRow.sequence))
    if community_id is not None:
        chosen = chosen.where(col(ReviewRow.community_id) == community_id)
    if job_id is not None:
        chosen = chosen.where(col(ReviewRow.job_id) == job_id)
    found: dict[tuple[str, str], list[ReviewRow]] = defaultdict(list)
    for row in session.scalars(chosen):
        if len(found) < limit or (row.job_id, row.kind) in found:
            found[row.job_id, row.kind].append(row)
    rows_of = session.scalars(select(JobRow).where(col(JobRow.id).in_({job for job, _ in found})))
    jobs = [views.job_of(row) for row in rows_of]
    seen = {view.job.id: view for view in views.views_of(session, jobs, withheld=True)}
    return tuple(_review(rows, seen[job]) for (job, _), rows in found.items())


def waiting(session: Session) -> int:
    """Count the jobs that wait for a decision."""
    return session.scalars(
        select(func.count(func.distinct(col(ReviewRow.job_id)))).where(col(ReviewRow.state) == ReviewState.OPEN)
    ).one()


def report(session: Session, job_id: str, person_id: str, number: int, reason: str, now: float) -> bool:
    """Put a job that is shown into the inbox; False if this person has reported it before, or nothing is shown.

    Raises UnknownJob.
    """
    job = _locked(session, job_id)
    known = select(col(ReviewRow.sequence)).where(
        col(ReviewRow.job_id) == job_id,
        col(ReviewRow.kind) == Kind.REPORTED,
        col(ReviewRow.person_id) == person_id,
    )
    if Screening(job.screening) not in SHOWN or session.scalars(known).first() is not None:
        return False
    session.add(
        ReviewRow(
            job_id=job_id,
            kind=Kind.REPORTED,
            community_id=job.community_id or "",
            person_id=person_id,
            number=number,
            reason=reason,
            at=now,
        )
    )
    return True


def decide(session: Transaction, job_id: str, outcome: Outcome, reason: str, line: AuditLine, now: float) -> Decided:
    """Decide about a job, once; see `Reviews.decide`."""
    job = _locked(session, job_id)
    delivery = session.scalars(select(DeliveryRow).where(col(DeliveryRow.job_id) == job_id).with_for_update()).one()
    under_way = outcome is Outcome.HIDDEN and delivery.status not in _ENDED
    if under_way or not _close(session, job_id, outcome, line.actor, now):
        return Decided(view=views.views_of(session, [views.job_of(job)])[0], done=False)
    blobs: frozenset[str] = frozenset()
    if outcome in _SCREENINGS:
        job.screening = _SCREENINGS[outcome]
        job.spoiler = job.spoiler or outcome is Outcome.SPOILER
    if outcome is Outcome.REJECTED:
        blobs = _remove_pictures(session, job_id)
        ledger.refund(session, job, Outcome.REJECTED, now)
        job.charged, job.ending, job.reason = 0, JobStatus.FAILED, reason or Outcome.REJECTED
    if ABOUT[outcome] is Kind.HELD:
        transition(session, delivery, DeliveryStatus.DUE, outcome, at=now, due_at=AT_ONCE)
    if outcome is Outcome.HIDDEN:
        job.reason = reason or Outcome.HIDDEN
        session.flush()
        if delivery.status == DeliveryStatus.DELIVERED:
            deliveries.again(session, job_id, deliveries.place_of(delivery, job), now)
    audit.add(session, line, now)
    session.flush()
    return Decided(
        view=views.views_of(session, [views.job_of(job)])[0],
        done=True,
        blobs=forgetting.unreferenced(session, blobs) if blobs else blobs,
    )


def overdue(session: Session, before: float, limit: int) -> tuple[str, ...]:
    """Give jobs that are held since before that time."""
    chosen = (
        select(col(ReviewRow.job_id))
        .where(col(ReviewRow.state) == ReviewState.OPEN, col(ReviewRow.kind) == Kind.HELD, col(ReviewRow.at) < before)
        .order_by(col(ReviewRow.sequence))
        .limit(limit)
    )
    return tuple(session.scalars(chosen).all())


def _review(rows: Sequence[ReviewRow], view: JobView) -> Review:
    kind = Kind(rows[0].kind)
    return Review(
        view=view,
        kind=kind,
        reasons=tuple(dict.fromkeys(row.reason for row in rows if row.reason)),
        reports=len(rows) if kind is Kind.REPORTED else 0,
        numbers=tuple(sorted({row.number for row in rows if row.number})),
        at=rows[0].at,
    )


def _locked(session: Session, job_id: str) -> JobRow:
    job = session.scalars(select(JobRow).where(col(JobRow.id) == job_id).with_for_update()).first()
    if job is None:
        raise UnknownJob(value=job_id)
    return job


def _close(session: Session, job_id: str, outcome: Outcome, by: str, now: float) -> bool:
    """Close what is open of a job; False if nothing is."""
    closed = (
        update(ReviewRow)
        .where(
            col(ReviewRow.job_id) == job_id,
            col(ReviewRow.kind) == ABOUT[outcome],
            col(ReviewRow.state) == ReviewState.OPEN,
        )
        .values(state=ReviewState(outcome), decided_at=now, decided_by=by)
        .returning(col(ReviewRow.sequence))
    )
    return bool(session.execute(closed, execution_options={"synchronize_session": False}).all())


def _remove_pictures(session: Session, job_id: str) -> frozenset[str]:
    tasks = select(col(TaskRow.id)).where(col(TaskRow.job_id) == job_id)
    blobs = frozenset(session.scalars(select(col(PictureRow.blob)).where(col(PictureRow.task_id).in_(tasks))))
    session.execute(
        delete(PictureRow).where(col(PictureRow.task_id).in_(tasks)), execution_options={"synchronize_session": False}
    )
    return blobs


class SqlReviews:
    """Implements `engine.ports_moderation.Reviews`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def inbox(self, community_id: str | None, *, limit: int = 10) -> tuple[Review, ...]:
        """See `Reviews.inbox`."""
        return await self._database.read(lambda session: inbox(session, community_id, limit))

    async def of_job(self, job_id: str) -> tuple[Review, ...]:
        """See `Reviews.of_job`."""
        return await self._database.read(lambda session: inbox(session, None, 2, job_id))

    async def waiting(self) -> int:
        """See `Reviews.waiting`."""
        return await self._database.read(waiting)

    async def report(self, job_id: str, person_id: str, number: int, reason: str) -> bool:
        """See `Reviews.report`."""
        now = self._clock.now()
        return await self._database.write(lambda session: report(session, job_id, person_id, number, reason, now))

    async def decide(self, job_id: str, outcome: Outcome, reason: str, line: AuditLine) -> Decided:
        """See `Reviews.decide`."""
        now = self._clock.now()
        return await self._database.write(lambda session: decide(session, job_id, outcome, reason, line, now))

    async def overdue(self, before: float, *, limit: int = 50) -> tuple[str, ...]:
        """See `Reviews.overdue`."""
        return await self._database.read(lambda session: overdue(session, before, limit))

    async def count(self, name: str) -> None:
        """See `Reviews.count`."""
        await self._database.write(lambda session: deliveries.tally(session, name))
