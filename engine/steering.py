"""What may be asked of the queue itself: move, hold and clear jobs, pause everything, and why something waits.

Scopes are decided here, for every call: operators may steer everything, a community's moderators the jobs of that
community only, and everybody may clear what they themselves have waiting. What is done to other people's jobs is in
the audit log.
"""

from dataclasses import replace

import structlog

from engine.board import Board
from engine.endpoints.pool import Pool
from engine.errors import Forbidden, JobStarted, UnknownJob
from engine.model import Actor, Job, JobStatus, Json, Power
from engine.ports import Books
from engine.standing import Pause, Waiting

log = structlog.get_logger(__name__)


class Steering:
    """The queue as moderators and operators see it; `studio.steering`."""

    def __init__(self, *, books: Books, pool: Pool, board: Board) -> None:
        self._books = books
        self._pool = pool
        self._board = board

    async def move(self, actor: Actor, job_id: str, *, behind: str = "") -> Job:
        """Put a waiting job before all others of its lane, or right behind another one. Raises JobStarted.

        A moderator's goes before the others of their community, and stays behind whoever else was before those.
        """
        await self._waiting_job(actor, job_id)
        if behind:
            await self._steered(actor, behind)
        within = None if actor.power is Power.OPERATOR or actor.community is None else actor.community.id
        job = await self._books.move(job_id, behind or None, within=within)
        await self._told(actor, "move", job, {"behind": behind})
        return job

    async def hold(self, actor: Actor, job_id: str) -> Job:
        """Keep a waiting job from running until it is released. Raises JobStarted."""
        await self._waiting_job(actor, job_id)
        job = await self._books.hold(job_id, "held by moderator")
        if job.status is not JobStatus.HELD:
            raise JobStarted(value=job_id)
        await self._told(actor, "hold", job, {})
        return job

    async def release(self, actor: Actor, job_id: str) -> Job:
        """Let a held job wait for its turn again."""
        await self._waiting_job(actor, job_id)
        job = await self._books.release(job_id, "released by moderator")
        await self._told(actor, "release", job, {})
        return job

    async def clear(self, actor: Actor, *, person_id: str = "") -> tuple[Job, ...]:
        """Cancel all jobs that have not started: a person's, or everybody's.

        For oneself: everywhere. For moderators: in their community, of one person or of all. For operators: of a
        person everywhere, or of all in the community that they are in.
        """
        community_id = actor.community.id if actor.community is not None else None
        if person_id == actor.person.id:
            return await self._cleared(actor, person_id, None)
        if actor.power is Power.OPERATOR and (person_id or community_id is not None):
            return await self._cleared(actor, person_id or None, None if person_id else community_id)
        if actor.power is Power.MODERATOR and community_id is not None:
            return await self._cleared(actor, person_id or None, community_id)
        raise Forbidden(action="moderator")

    async def pause(self, actor: Actor, reason: str = "") -> None:
        """Let nothing new run until `resume`, over restarts; what runs goes on. For operators."""
        _require_operator(actor)
        await self._books.pause(_name(actor), reason)
        await self._books.audit(_name(actor), "pause", "queue", {"reason": reason})
        log.warning("queue_paused", by=_name(actor))

    async def resume(self, actor: Actor) -> None:
        """Let work run again. For operators."""
        _require_operator(actor)
        await self._books.resume()
        await self._books.audit(_name(actor), "resume", "queue", {})
        log.warning("queue_resumed", by=_name(actor))

    async def paused(self) -> Pause | None:
        """Who paused the queue, and why; None while it is not paused."""
        return await self._books.paused()

    async def why(self, job_id: str) -> Waiting | None:
        """What a job waits for, for whoever may see the job; None if nothing of it waits."""
        waiting = await self._books.waiting(job_id)
        if waiting is None:
            return None
        ready = {endpoint.name for endpoint in self._pool.ready} - self._pool.drained
        away = any(ready.isdisjoint(self._pool.can_run(needs)) for needs in waiting.needs)
        return replace(waiting, endpoint_away=away)

    async def _waiting_job(self, actor: Actor, job_id: str) -> Job:
        job = await self._steered(actor, job_id)
        if job.status not in (JobStatus.QUEUED, JobStatus.HELD):
            raise JobStarted(value=job_id)
        return job

    async def _steered(self, actor: Actor, job_id: str) -> Job:
        """Find a job that the actor may steer; its owner is told that this is not for them, others know of no job."""
        view = await self._books.job(job_id)
        if view is not None and may_steer(actor, view.job):
            return view.job
        if view is not None and view.job.person_id == actor.person.id:
            raise Forbidden(action="moderator")
        raise UnknownJob(value=job_id)

    async def _cleared(self, actor: Actor, person_id: str | None, community_id: str | None) -> tuple[Job, ...]:
        own = person_id == actor.person.id
        reason = "cancelled by owner" if own else "cancelled by moderator"
        jobs = await self._books.clear(reason, person_id=person_id, community_id=community_id)
        if not own:
            detail: Json = {"person": person_id, "jobs": [job.id for job in jobs]}
            await self._books.audit(_name(actor), "clear", community_id or "", detail, community_id=community_id)
        for job in jobs:
            self._board.changed(job.id)
        return jobs

    async def _told(self, actor: Actor, action: str, job: Job, detail: Json) -> None:
        await self._books.audit(_name(actor), action, job.id, detail, community_id=job.community_id)
        self._board.changed(job.id)


def may_steer(actor: Actor, job: Job) -> bool:
    """Say whether somebody has power over a job that need not be theirs."""
    if actor.power is Power.OPERATOR:
        return True
    here = actor.community is not None and job.community_id == actor.community.id
    return actor.power is Power.MODERATOR and here


def _require_operator(actor: Actor) -> None:
    if actor.power is not Power.OPERATOR:
        raise Forbidden(action="operator")


def _name(actor: Actor) -> str:
    return f"{actor.identity.platform}:{actor.identity.id}"
