"""Pictures as people look for them again: history and favourites, and what is deleted. The port is `Gallery`."""

from dataclasses import dataclass
from typing import Protocol

from engine.model import BoundTask, Job, JobView, PictureRef

DELETED = "deleted by "
"""How the reason of a job begins whose pictures somebody removed; then comes who: the owner, a moderator."""


@dataclass(frozen=True, kw_only=True)
class Favourite:
    """A picture that somebody wants to find again."""

    ref: PictureRef
    job: Job
    at: float


def is_deleted(job: Job) -> bool:
    """Say whether somebody removed a job's pictures; the job stays as what was paid for."""
    return job.reason.startswith(DELETED)


class Gallery(Protocol):
    """What is kept of pictures beside the queue; as with `Books` each verb is one transaction, and idempotent."""

    async def history(self, person_id: str, *, before: str = "", limit: int = 20) -> tuple[JobView, ...]:
        """A person's jobs, newest first, without those that were deleted; `before` is a job's id: older than that."""

    async def favourites(
        self, person_id: str, *, before: PictureRef | None = None, limit: int = 20
    ) -> tuple[Favourite, ...]:
        """A person's favourites, the newest first; `before` is one of them: those kept before it."""

    async def keep(self, person_id: str, ref: PictureRef) -> bool:
        """Make a picture a favourite; False if it is one."""

    async def let_go(self, person_id: str, ref: PictureRef) -> bool:
        """Let a picture be no favourite any more; False if it is none."""

    async def planned(self, job_id: str) -> tuple[BoundTask, ...]:
        """The tasks of a job as they were planned; none of a job whose person was forgotten."""

    async def delete(self, job_id: str, reason: str) -> frozenset[str]:
        """Remove the pictures of a job that has ended, and have its message show that; gives what no row refers to.

        `reason` begins with DELETED. A job that is deleted, or has not ended, is left as it is.
        """
