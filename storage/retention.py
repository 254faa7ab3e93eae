"""How long pictures are kept: rows of jobs that ended long ago go first, then files that no row refers to.

A community's own policy goes before the settings. The pictures that jobs started from are kept and go with them. Done
in small batches, so that whoever waits for the database, or the disk, waits for one batch at most.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Select, delete, exists, func, select
from sqlmodel import Session, col

from engine.model import DeliveryStatus, JobStatus
from engine.ports import Clock
from storage.blobs import Collected, FileBlobs
from storage.database import Database
from storage.leftovers import SamplerFolders
from storage.lock import backup_under_way
from storage.policy import policy_from
from storage.tables import BlobRow, CommunityRow, DeliveryRow, JobInputRow, JobRow, PictureRow, TaskRow

log = structlog.get_logger(__name__)

DAY = 86_400.0  # seconds
BATCH = 200  # jobs, or files
BREATH = 0.01  # seconds between batches
_ENDED = tuple(status for status in JobStatus if status.ended)
_UNDER_WAY = (DeliveryStatus.WAITING, DeliveryStatus.HELD, DeliveryStatus.DUE, DeliveryStatus.SENDING)


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What was removed, or would be."""

    jobs: int = 0  # that have no pictures any more
    pictures: int = 0  # of these jobs
    files: int = 0  # blobs that nothing refers to
    size: int = 0  # bytes of these
    copies: int = 0  # files of the sampler child
    backup: bool = False  # a backup was being made, so files were left


class Retention:
    """Sweeps one data folder; only the process that holds the database's lock may."""

    def __init__(
        self,
        *,
        database: Database,
        blobs: FileBlobs,
        copies: SamplerFolders,
        clock: Clock,
        days: int,
        copies_age: float,
    ) -> None:
        """`days` where a community says nothing, 0 for ever; `copies_age` in seconds."""
        self._database = database
        self._blobs = blobs
        self.copies = copies
        self._clock = clock
        self._days = days
        self._copies_age = copies_age

    async def sweep(self, *, dry_run: bool = False) -> Swept:
        """Remove what need not be kept, once through everything. Raises StorageError.

        What can go without a word to the database goes first: on a full disk that makes the room to write in.
        """
        copies = await self.copies.sweep(self._copies_age, dry_run=dry_run)
        collected, backup = await self._collect(dry_run)
        jobs, pictures, freed = await self._expire(dry_run)
        if jobs and not dry_run:
            freed, backup = await self._collect(dry_run)
        swept = Swept(
            jobs=jobs,
            pictures=pictures,
            files=collected.files + freed.files,
            size=collected.size + freed.size,
            copies=copies,
            backup=backup,
        )
        log.info("swept", action="retention.sweep", dry_run=dry_run, **vars(swept))
        return swept

    async def _expire(self, dry_run: bool) -> tuple[int, int, Collected]:
        own = await self._database.read(own_days)
        now = self._clock.now()
        jobs, pictures, files, size, after = 0, 0, 0, 0, 0
        while True:
            start = after
            found = await self._database.read(lambda session: expired(session, start, own, self._days, now))  # noqa: B023
            if found is None:
                return jobs, pictures, Collected(files=files, size=size)
            after, ids = found
            if ids:
                verb = measure if dry_run else expire
                gone = await (self._database.read if dry_run else self._database.write)(
                    lambda session: verb(session, ids)  # noqa: B023
                )
                jobs, pictures = jobs + len(ids), pictures + gone.pictures
                files, size = files + gone.files, size + gone.size
            await asyncio.sleep(BREATH)

    async def _collect(self, dry_run: bool) -> tuple[Collected, bool]:
        """Remove files that no row refers to; stops, and says so, where a backup is being made."""
        files, size = 0, 0
        for folder in await self._blobs.folders():
            names = await self._blobs.names(folder)
            for start in range(0, len(names), BATCH):
                batch = names[start : start + BATCH]
                if backup_under_way(self._blobs.directory):
                    return Collected(files=files, size=size), True
                kept = await self._database.read(lambda session: referenced(session, batch))  # noqa: B023
                gone = await self._blobs.collect([name for name in batch if name not in kept], dry_run=dry_run)
                files, size = files + gone.files, size + gone.size
                await asyncio.sleep(BREATH)
        return Collected(files=files, size=size), False


@dataclass(frozen=True, kw_only=True)
class Expired:
    """What a batch of jobs had."""

    pictures: int
    files: int
    size: int  # bytes


def own_days(session: Session) -> dict[str, int]:
    """Give the days of the communities that have their own, by community."""
    rows = session.execute(select(col(CommunityRow.id), col(CommunityRow.policy)))
    found = {community_id: policy_from(policy or {}).retention_days for community_id, policy in rows}
    return {community_id: days for community_id, days in found.items() if days is not None}


def expired(
    session: Session, after: int, own: Mapping[str, int], days: int, now: float
) -> tuple[int, list[str]] | None:
    """Look at the next jobs after a sequence number that may be too old; give the last's number, and those that are.

    None if there are no more.
    """
    shortest = min((each for each in (days, *own.values()) if each > 0), default=None)
    if shortest is None:
        return None
    ended_at = func.coalesce(col(JobRow.finished_at), col(JobRow.created_at))
    of_job = col(TaskRow.job_id) == col(JobRow.id)
    pictures = select(col(PictureRow.task_id)).join(TaskRow, col(TaskRow.id) == col(PictureRow.task_id)).where(of_job)
    chosen = (
        select(col(JobRow.sequence), col(JobRow.id), col(JobRow.community_id), ended_at)
        .where(
            col(JobRow.sequence) > after,
            col(JobRow.status).in_(_ENDED),
            ended_at < now - shortest * DAY,
            pictures.correlate(JobRow).exists() | exists().where(col(JobInputRow.job_id) == JobRow.id),
            ~exists().where(col(DeliveryRow.job_id) == JobRow.id, col(DeliveryRow.status).in_(_UNDER_WAY)),
        )
        .order_by(col(JobRow.sequence))
        .limit(BATCH)
    )
    rows = session.execute(chosen).all()
    if not rows:
        return None
    ids = []
    for _, job_id, community_id, at in rows:
        kept = own.get(community_id or "", days)
        if kept > 0 and at < now - kept * DAY:
            ids.append(str(job_id))
    return int(rows[-1][0]), ids


def measure(session: Session, job_ids: Collection[str]) -> Expired:
    """Count what these jobs have, and what of it no other job has."""
    blobs = _blobs_of(session, job_ids)
    alone = _unneeded(session, blobs, job_ids)
    size = select(func.coalesce(func.sum(col(BlobRow.size)), 0)).where(col(BlobRow.name).in_(alone))
    return Expired(pictures=_pictures(session, job_ids), files=len(alone), size=int(session.scalars(size).one()))


def expire(session: Session, job_ids: Collection[str]) -> Expired:
    """Drop the pictures of these jobs, and the names of those that they started from; the files are collected later."""
    gone = measure(session, job_ids)
    blobs = _blobs_of(session, job_ids)
    session.execute(delete(PictureRow).where(col(PictureRow.task_id).in_(_tasks(job_ids))))
    session.execute(delete(JobInputRow).where(col(JobInputRow.job_id).in_(job_ids)))
    unneeded = _unneeded(session, blobs, job_ids)
    session.execute(delete(BlobRow).where(col(BlobRow.name).in_(unneeded)))
    return gone


def referenced(session: Session, names: Collection[str]) -> frozenset[str]:
    """Give those of these blobs that a row refers to."""
    shown = session.scalars(select(col(PictureRow.blob)).where(col(PictureRow.blob).in_(names)))
    used = session.scalars(select(col(JobInputRow.blob)).where(col(JobInputRow.blob).in_(names)))
    return frozenset(shown) | frozenset(used)


def _tasks(job_ids: Collection[str]) -> Select[str]:
    return select(col(TaskRow.id)).where(col(TaskRow.job_id).in_(job_ids))


def _pictures(session: Session, job_ids: Collection[str]) -> int:
    counted = select(func.count()).select_from(PictureRow).where(col(PictureRow.task_id).in_(_tasks(job_ids)))
    return session.scalars(counted).one()


def _blobs_of(session: Session, job_ids: Collection[str]) -> frozenset[str]:
    shown = session.scalars(select(col(PictureRow.blob)).where(col(PictureRow.task_id).in_(_tasks(job_ids))))
    used = session.scalars(select(col(JobInputRow.blob)).where(col(JobInputRow.job_id).in_(job_ids)))
    return frozenset(shown) | frozenset(used)


def _unneeded(session: Session, blobs: Collection[str], job_ids: Collection[str]) -> list[str]:
    """Give those of these blobs that no job but these has."""
    shown = select(col(PictureRow.blob)).where(
        col(PictureRow.blob).in_(blobs), col(PictureRow.task_id).not_in(_tasks(job_ids))
    )
    used = select(col(JobInputRow.blob)).where(
        col(JobInputRow.blob).in_(blobs), col(JobInputRow.job_id).not_in(job_ids)
    )
    return sorted(set(blobs) - set(session.scalars(shown)) - set(session.scalars(used)))
