"""The moderators' inbox: pictures that wait to be let through, and pictures that people have reported.

Moderators decide about what was asked for in their community, operators about everything; what was asked for in direct
messages comes to the operators alone. Nobody but operators decides about pictures of their own, and what the inbox
shows are small previews: so nobody can have pictures made, look at them, and get their credits back by rejecting them.
"""

import asyncio
from dataclasses import dataclass
from io import BytesIO

import structlog
from PIL import Image

from engine.accounts import AuditLine
from engine.board import Board
from engine.errors import BlobMissing, Forbidden, UnknownJob, UnknownPicture
from engine.model import Actor, Job, JobView, Json, Power
from engine.pictures import require_pictures
from engine.ports import Blobs, Clock
from engine.ports_moderation import Reviews
from engine.reviews import ABOUT, NOT_REVIEWED, Decided, Kind, Outcome, Review
from engine.studio import Studio

log = structlog.get_logger(__name__)

LONGEST_REASON = 300  # characters
PREVIEW_SIDE = 256  # pixels
PREVIEWS = 4  # of one job
SYSTEM = "atelier:expiry"
"""Who decides when nobody has."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A small picture to judge by (JPEG)."""

    number: int  # 1 is the job's first
    data: bytes


class Inbox:
    """What waits for a moderator's eye."""

    def __init__(
        self, *, studio: Studio, reviews: Reviews, blobs: Blobs, board: Board, clock: Clock, hours: float
    ) -> None:
        """`hours` after which held pictures that nobody looked at are removed."""
        self._studio = studio
        self._reviews = reviews
        self._blobs = blobs
        self._board = board
        self._clock = clock
        self._hours = hours

    async def waiting(self, actor: Actor, *, limit: int) -> tuple[Review, ...]:
        """What waits in the community that the actor asks from, oldest first; for operators elsewhere, everything."""
        if actor.power is Power.OPERATOR and actor.community is None:
            return await self._reviews.inbox(None, limit=limit)
        if actor.power not in (Power.MODERATOR, Power.OPERATOR) or actor.community is None:
            raise Forbidden(action="moderator")
        return await self._reviews.inbox(actor.community.id, limit=limit)

    async def previews(self, actor: Actor, review: Review) -> tuple[Preview, ...]:
        """Small versions of what a review is about; those whose file is gone are left out."""
        self._require(actor, review.view.job)
        pictures = list(enumerate(review.view.pictures, start=1))
        meant = [(number, picture) for number, picture in pictures if number in review.numbers] or pictures
        found = []
        for number, picture in meant[:PREVIEWS]:
            try:
                data = await asyncio.to_thread(_small, await self._blobs.get(picture.blob))
            except (BlobMissing, OSError, ValueError):  # gone, or no picture
                continue
            found.append(Preview(number=number, data=data))
        return tuple(found)

    async def require_reportable(self, actor: Actor, job_id: str, number: int) -> None:
        """Let pass what may be reported: a picture that the actor is shown. Raises as `report`."""
        if actor.power is Power.NOBODY:
            raise Forbidden(action="own")
        view = await self._studio.show(actor, job_id)
        require_pictures(view)
        if not 0 <= number <= len(view.pictures):
            raise UnknownPicture(value=job_id, number=number, count=len(view.pictures))

    async def report(self, actor: Actor, job_id: str, number: int, reason: str) -> bool:
        """Say that a picture that the actor may see should not be shown; False if they said so before.

        Raises UnknownJob, UnknownPicture, and PictureUnavailable where nothing is shown.
        """
        await self.require_reportable(actor, job_id, number)
        done = await self._reviews.report(job_id, actor.person.id, number, _short(reason))
        if done:
            log.info("reported", job=job_id, picture=number)
        return done

    async def require_decidable(self, actor: Actor, job_id: str, outcome: Outcome) -> tuple[JobView, bool]:
        """Give a job that the actor may decide about, and whether anything of it waits for that. Raises as `decide`."""
        waiting = [review for review in await self._reviews.of_job(job_id) if review.kind is ABOUT[outcome]]
        view = waiting[0].view if waiting else await self._studio.show(actor, job_id)
        self._require(actor, view.job)
        own = view.job.person_id == actor.person.id and actor.power is not Power.OPERATOR
        if waiting and own and waiting[0].kind is Kind.HELD:
            raise Forbidden(action="own-review")
        return view, bool(waiting)

    async def decide(self, actor: Actor, job_id: str, outcome: Outcome, reason: str = "") -> Decided:
        """Decide about what waits of a job, once: of several who decide, the first does. Raises UnknownJob, Forbidden.

        The person hears of it in the job's own message: with the pictures, or with the reason why there are none.
        """
        view, done = await self.require_decidable(actor, job_id, outcome)
        if not done:
            return Decided(view=view, done=False)
        return await self._decide(f"{actor.identity.platform}:{actor.identity.id}", view.job, outcome, _short(reason))

    async def expire(self) -> int:
        """Remove and refund what has been held too long without anybody looking at it; gives how many jobs."""
        before = self._clock.now() - self._hours * 3600
        count = 0
        for job_id in await self._reviews.overdue(before):
            for review in await self._reviews.of_job(job_id):
                if review.kind is Kind.HELD:
                    count += (await self._decide(SYSTEM, review.view.job, Outcome.REJECTED, NOT_REVIEWED)).done
        return count

    async def _decide(self, who: str, job: Job, outcome: Outcome, reason: str) -> Decided:
        detail: Json = {"reason": reason} if reason else {}
        line = AuditLine(actor=who, action=outcome, target=job.id, detail=detail, community_id=job.community_id)
        decided = await self._reviews.decide(job.id, outcome, reason, line)
        await asyncio.gather(*map(self._blobs.delete, decided.blobs))
        if decided.done:
            log.info("reviewed", job=job.id, outcome=str(outcome))
            self._board.changed(job.id)
        return decided

    def _require(self, actor: Actor, job: Job) -> None:
        """Let pass whoever has power over the job's place; to others there is no such job."""
        here = actor.community is not None and job.community_id == actor.community.id
        if actor.power is not Power.OPERATOR and not (actor.power is Power.MODERATOR and here):
            raise UnknownJob(value=job.id)


def _short(reason: str) -> str:
    return " ".join(reason.split())[:LONGEST_REASON]


def _small(data: bytes) -> bytes:
    """Make a preview. Raises OSError for what is no picture."""
    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))
        small = image.convert("RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    into = BytesIO()
    small.save(into, "JPEG", quality=70)
    return into.getvalue()
