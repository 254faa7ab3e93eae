"""History, favourites and deleted pictures: `engine.gallery.Gallery` on a database."""

from sqlalchemy import ColumnElement, delete, select, tuple_
from sqlmodel import Session, col

from engine.gallery import DELETED, Favourite, Gallery
from engine.model import BoundTask, DeliveryStatus, GraphInput, JobStatus, JobView, PictureRef
from engine.ports import Clock
from storage import forgetting
from storage.database import Database
from storage.lives import AT_ONCE, Steps, transition
from storage.tables import (
    DeliveryRow,
    FavouriteRow,
    JobInputRow,
    JobRow,
    PictureRow,
    TaskRow,
)
from storage.transaction import Transaction
from storage.views import job_of, views_of


def history(session: Transaction, person_id: str, before: str, limit: int) -> tuple[JobView, ...]:
    """Give a page of a person's jobs; see `Gallery.history`."""
    chosen = (
        select(JobRow)
        .where(col(JobRow.person_id) == person_id, ~col(JobRow.reason).startswith(DELETED))
        .order_by(col(JobRow.sequence).desc())
        .limit(limit)
    )
    if before:
        sequence = select(col(JobRow.sequence)).where(col(JobRow.id) == before).scalar_subquery()
        chosen = chosen.where(col(JobRow.sequence) < sequence)
    return views_of(session, [job_of(row) for row in session.scalars(chosen)])


def favourites(session: Session, person_id: str, before: PictureRef | None, limit: int) -> tuple[Favourite, ...]:
    """Give a page of a person's favourites; see `Gallery.favourites`."""
    order = (col(FavouriteRow.at), col(JobRow.sequence), col(FavouriteRow.number))
    chosen = (
        select(FavouriteRow, JobRow)
        .join(JobRow, col(JobRow.id) == col(FavouriteRow.job_id))
        .where(col(FavouriteRow.person_id) == person_id)
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    if before is not None:
        found = session.execute(chosen.where(*_is(before)).with_only_columns(*order)).first()
        if found is None:
            return ()
        chosen = chosen.where(tuple_(*order) < tuple_(*found))
    return tuple(
        Favourite(ref=PictureRef(job_id=row.job_id, number=row.number), job=job_of(job), at=row.at)
        for row, job in session.execute(chosen)
    )


def keep(session: Session, person_id: str, ref: PictureRef, now: float) -> bool:
    """Make a picture a favourite; False if it is one."""
    if session.get(FavouriteRow, (person_id, ref.job_id, ref.number)) is not None:
        return False
    session.add(FavouriteRow(person_id=person_id, job_id=ref.job_id, number=ref.number, at=now))
    return True


def let_go(session: Session, person_id: str, ref: PictureRef) -> bool:
    """Let a picture be no favourite any more; False if it is none."""
    row = session.get(FavouriteRow, (person_id, ref.job_id, ref.number), with_for_update=True)
    if row is None:
        return False
    session.delete(row)
    return True


def planned(session: Session, job_id: str) -> tuple[BoundTask, ...]:
    """Give a job's tasks as they were planned."""
    rows = session.scalars(select(TaskRow).where(col(TaskRow.job_id) == job_id).order_by(col(TaskRow.index)))
    return tuple(
        BoundTask(
            index=row.index,
            seed=int(row.seed),
            graph=row.graph,
            inputs=tuple(GraphInput(**given) for given in row.inputs),
            needs=row.needs,
            cost=row.cost,
            kind=row.kind,
        )
        for row in rows
        if row.graph
    )


def remove(session: Transaction, job_id: str, reason: str, now: float) -> frozenset[str]:
    """Remove a job's pictures, and have its message say so; see `Gallery.delete`."""
    job = session.scalars(select(JobRow).where(col(JobRow.id) == job_id).with_for_update()).first()
    if job is None or job.reason.startswith(DELETED) or not JobStatus(job.status).ended:
        return frozenset()
    tasks = select(col(TaskRow.id)).where(col(TaskRow.job_id) == job_id)
    made = session.scalars(select(col(PictureRow.blob)).where(col(PictureRow.task_id).in_(tasks))).all()
    sent = session.scalars(select(col(JobInputRow.blob)).where(col(JobInputRow.job_id) == job_id)).all()
    session.execute(delete(PictureRow).where(col(PictureRow.task_id).in_(tasks)))
    session.execute(delete(JobInputRow).where(col(JobInputRow.job_id) == job_id))
    session.execute(delete(FavouriteRow).where(col(FavouriteRow.job_id) == job_id))
    steps = Steps(session, at=now)
    steps.record(JobRow, job_id, job_id, job.status, job.status, reason)
    steps.write()
    job.reason = reason
    _show_again(session, job_id, reason, now)
    session.flush()
    return forgetting.unreferenced(session, {*made, *sent})


def _show_again(session: Transaction, job_id: str, reason: str, now: float) -> None:
    """Have the job's message edited, where it has one; nothing of it is posted anew."""
    row = session.scalars(select(DeliveryRow).where(col(DeliveryRow.job_id) == job_id).with_for_update()).first()
    if row is None or row.status != DeliveryStatus.DELIVERED or not row.message_id:
        return
    if transition(session, row, DeliveryStatus.DUE, reason, at=now, owner="", due_at=AT_ONCE, tries=0):
        row.repairs += 1
        row.fallback = None


def _is(ref: PictureRef) -> tuple[ColumnElement[bool], ...]:
    return (col(FavouriteRow.job_id) == ref.job_id, col(FavouriteRow.number) == ref.number)


class SqlGallery:
    """Implements `engine.gallery.Gallery`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def history(self, person_id: str, *, before: str = "", limit: int = 20) -> tuple[JobView, ...]:
        """See `Gallery.history`."""
        return await self._database.read(lambda session: history(session, person_id, before, limit))

    async def favourites(
        self, person_id: str, *, before: PictureRef | None = None, limit: int = 20
    ) -> tuple[Favourite, ...]:
        """See `Gallery.favourites`."""
        return await self._database.read(lambda session: favourites(session, person_id, before, limit))

    async def keep(self, person_id: str, ref: PictureRef) -> bool:
        """See `Gallery.keep`."""
        now = self._clock.now()
        return await self._database.write(lambda session: keep(session, person_id, ref, now))

    async def let_go(self, person_id: str, ref: PictureRef) -> bool:
        """See `Gallery.let_go`."""
        return await self._database.write(lambda session: let_go(session, person_id, ref))

    async def planned(self, job_id: str) -> tuple[BoundTask, ...]:
        """See `Gallery.planned`."""
        return await self._database.read(lambda session: planned(session, job_id))

    async def delete(self, job_id: str, reason: str) -> frozenset[str]:
        """See `Gallery.delete`."""
        now = self._clock.now()
        return await self._database.write(lambda session: remove(session, job_id, reason, now))


def open_gallery(database: Database, clock: Clock) -> Gallery:
    """Give the gallery of an open database; closing the database stays with the caller."""
    return SqlGallery(database, clock)
