"""All that a bot may ask. Every call takes the Actor; what an actor may do is decided here, never in an adapter."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import structlog

from engine.admission import Access, Admission, placed, require_power
from engine.board import Board, steps
from engine.caps import capped
from engine.endpoints.pool import ModelCard, Pool
from engine.errors import AtelierError, Forbidden, JobStarted, NothingCanRun, UnknownJob
from engine.images import ImageLimits, KeptImage, clean_image, picture_size, transparent_part
from engine.model import (
    Actor,
    Attempt,
    Balance,
    BoundTask,
    Identity,
    Job,
    JobStatus,
    JobView,
    Lane,
    Place,
    Power,
    Quote,
    Request,
)
from engine.pace import Load, Pace, work_left
from engine.plans import Plan, plan
from engine.ports import Blobs, Books, Clock, Deliveries
from engine.screening import Screened, Screener
from engine.steering import Steering
from engine.workflows.library import Library

__all__ = ["Access", "Dispatch", "Studio"]

log = structlog.get_logger(__name__)


class Dispatch(Protocol):
    """What the studio needs of the dispatcher."""

    def wake(self) -> None:
        """There may be work."""

    async def abandon(self, attempt: Attempt) -> None:
        """Stop an attempt whose job was cancelled."""


class Studio:
    """The application's one door: commands come in, jobs and answers go out."""

    def __init__(
        self,
        *,
        books: Books,
        deliveries: Deliveries,
        blobs: Blobs,
        library: Library,
        pool: Pool,
        board: Board,
        pace: Pace,
        clock: Clock,
        dispatch: Dispatch,
        admission: Admission,
        screener: Screener,
        image_limits: ImageLimits,
    ) -> None:
        self._books = books
        self._deliveries = deliveries
        self._blobs = blobs
        self._library = library
        self._pool = pool
        self._board = board
        self._pace = pace
        self._clock = clock
        self._dispatch = dispatch
        self._admission = admission
        self._screener = screener
        self._image_limits = image_limits
        self._load = Load()
        self.steering = Steering(books=books, pool=pool, board=board)

    # Who asks

    async def actor(
        self,
        identity: Identity,
        *,
        locale: str,
        community: str = "",
        community_name: str = "",
        power: Power = Power.MEMBER,
        roles: frozenset[str] = frozenset(),
    ) -> Actor:
        """Find (or greet) whoever asks; `community` is the guild or chat id, empty in direct messages.

        `power` is what the platform says that they have there: who may do everything is for the settings alone. Who
        has one of the `roles` (the platform's ids) that the community names for it moderates there.
        """
        return await self._admission.actor(
            identity, locale=locale, community=community, community_name=community_name, power=power, roles=roles
        )

    def _may_see(self, actor: Actor, job: Job) -> bool:
        if actor.power is Power.OPERATOR or job.person_id == actor.person.id:
            return True
        return not job.private and actor.community is not None and job.community_id == actor.community.id

    # Making pictures

    async def keep_image(self, actor: Actor, data: bytes, *, name: str) -> KeptImage:
        """Check a picture that somebody sent and keep it as an upright PNG. Raises ImageRejected."""
        self._admission.admit(actor)
        clean = await asyncio.to_thread(clean_image, data, self._image_limits, name=name)
        width, height = picture_size(clean)
        return KeptImage(blob=await self._blobs.put(clean), width=width, height=height)

    async def transparent_part(self, image: KeptImage) -> KeptImage | None:
        """Keep the mask of a kept picture's transparent part; None if it has none."""
        mask = await asyncio.to_thread(transparent_part, await self._blobs.get(image.blob))
        return None if mask is None else replace(image, blob=await self._blobs.put(mask))

    async def estimate(self, actor: Actor, requests: Sequence[Request]) -> Quote:
        """Say what requests would cost and how long they would wait; nothing is queued."""
        for request in requests:
            self._admission.admit_to(actor, request.place)
        tasks = [task for request in requests for task in self._plan(actor, request).tasks]
        self._require_endpoint(tasks)
        for request in requests:
            await self._screened(actor, request)
        cost = sum(task.cost for task in tasks)
        lane = requests[0].lane if requests else Lane.FAST
        work = Counter(await self._books.work_before(actor.person.id, lane))
        for task in tasks:
            work[task.kind] += task.cost
        return Quote(cost=cost, jobs=len(requests), tasks=len(tasks), eta=self._seconds(work))

    async def submit(self, actor: Actor, request: Request, *, planned: Plan | None = None) -> Job:
        """Accept a request: its credits are held and its tasks queued when this returns.

        The same `request_key` gives the same job. `planned` are tasks that its template does not make any more. Raises
        UserError or Refusal, and then nothing was written (but that a request was refused is counted).
        """
        self._admission.admit_to(actor, request.place)
        place = placed(actor, request.place, private=request.private)
        planned = planned or self._plan(actor, request)
        self._require_endpoint(planned.tasks)
        screened = await self._screened(actor, replace(planned.request, place=place))
        community_id = actor.community.id if actor.community else None
        job = await self._books.accept(screened.job(planned.new_job(actor.person.id, community_id)))
        self._load.add(self._seconds({planned.tasks[0].kind: job.quote}) or 0.0, self._clock.now())
        log.info("accepted", job=job.id, template=job.template, tasks=job.count, quote=job.quote)
        self._board.changed(job.id)
        self._dispatch.wake()
        return job

    async def edit(self, actor: Actor, job_id: str, request: Request) -> Job:
        """Make the actor's own job, which has not started, another one, in its place in the queue.

        It keeps its lane, its chat and its message. Raises UserError, Forbidden, JobStarted or InsufficientCredits.
        """
        view = await self.show(actor, job_id)
        job = view.job
        if job.person_id != actor.person.id:
            raise Forbidden(action="own")
        request = replace(request, request_key=job.request_key, lane=job.lane, place=job.place)
        planned = self._plan(actor, request)
        self._require_endpoint(planned.tasks)
        screened = await self._screened(actor, planned.request)
        after = await self._books.amend(job_id, screened.job(planned.new_job(job.person_id, job.community_id)))
        if after.status not in (JobStatus.QUEUED, JobStatus.HELD):
            raise JobStarted(value=job_id)
        self._board.changed(job_id)
        self._dispatch.wake()
        return after

    def _plan(self, actor: Actor, request: Request) -> Plan:
        """Plan a request, within the caps of the community that it is asked for in."""
        template = self._library.get(request.template)
        return plan(capped(request, template, actor.policy)[0], template)

    async def _screened(self, actor: Actor, request: Request) -> Screened:
        """Have a request looked at; its template may be gone by now."""
        known = request.template in self._library.names()
        return await self._screener.request(actor, request, self._library.get(request.template) if known else None)

    def _require_endpoint(self, tasks: Sequence[BoundTask]) -> None:
        for needs in dict.fromkeys(task.needs for task in tasks):
            if not self._pool.can_run(needs):
                missing, nearest = self._pool.explain(needs)
                raise NothingCanRun(missing=missing, nearest=nearest)

    # Jobs

    async def cancel(self, actor: Actor, job_id: str) -> Job:
        """Cancel what is not done; what was held for it returns. For the owner, moderators of its place, operators."""
        view = await self.show(actor, job_id)
        require_power(actor, view.job, "cancel")
        reason = "cancelled by owner" if view.job.person_id == actor.person.id else "cancelled by moderator"
        job, running = await self._books.cancel(job_id, reason)
        if view.job.person_id != actor.person.id:
            who = f"{actor.identity.platform}:{actor.identity.id}"
            await self._books.audit(who, "cancel", job_id, {}, community_id=view.job.community_id)
        await self._stop(job_id, running)
        return job

    async def withdraw(self, job_id: str, error: AtelierError) -> None:
        """Stop a job whose result can reach nobody, for the delivery; what was held for it returns."""
        _, running = await self._books.cancel(job_id, error.code)
        await self._stop(job_id, running)
        log.info("withdrawn", job=job_id, error=error.code)

    async def _stop(self, job_id: str, running: Sequence[Attempt]) -> None:
        for attempt in running:
            await self._dispatch.abandon(attempt)
        self._board.changed(job_id)
        self._dispatch.wake()

    async def show(self, actor: Actor, job_id: str) -> JobView:
        """A job that the actor may see, with its ETA. Raises UnknownJob for one they may not."""
        view = await self._books.job(job_id)
        if view is None or not self._may_see(actor, view.job):
            raise UnknownJob(value=job_id)
        return self.with_eta(view)

    async def show_again(self, actor: Actor, view: JobView, place: Place) -> bool:
        """Have a result that the actor was shown brought to `place` if it is nowhere any more; True if that is tried.

        Its own message is mended where there is one. A private result goes only to a conversation with its owner.
        """
        if view.job.private and (actor.community is not None or view.job.person_id != actor.person.id):
            return False
        again = view.job.status.ended and await self._deliveries.again(view.job.id, place)
        if again:
            self._board.changed(view.job.id)
        return again

    async def jobs(self, actor: Actor, *, active: bool = False, limit: int = 20) -> tuple[JobView, ...]:
        """The actor's own jobs, newest first."""
        views = await self._books.jobs(person_id=actor.person.id, active=active, limit=limit)
        return tuple(self.with_eta(view) for view in views)

    async def balance(self, actor: Actor) -> Balance:
        """What the actor has left."""
        return await self._books.balance(actor.person.wallet_id)

    def with_eta(self, view: JobView) -> JobView:
        """Add the seconds until its last picture.

        While it waits: what comes before it and itself, at the pace learnt; once its own steps are counted, at theirs.
        """
        if view.job.status.ended:
            return view
        done, total = steps(view, self._board.progress(view.job.id))
        if done and view.job.started_at is not None:
            elapsed = max(0.0, self._clock.now() - view.job.started_at)
            return replace(view, eta=elapsed * (total - done) / done)
        return replace(view, eta=self._seconds(work_left(view, self._load.rate(self._clock.now()))))

    def _seconds(self, work: Mapping[str, float]) -> float | None:
        return self._pace.seconds(work, [(e.name, e.weight) for e in self._pool.endpoints if e.ready])

    # What there is

    @property
    def library(self) -> Library:
        """The templates."""
        return self._library

    async def until_ready(self, timeout: float) -> None:  # noqa: ASYNC109
        """Return once it is known what an endpoint can run. Raises NothingCanRun, or why none has come up."""
        if not await self._pool.wait_ready(timeout) and not self._pool.object_infos():
            raise self._pool.failure or NothingCanRun(missing="", nearest="")

    async def look_again(self) -> None:
        """Read anew what the endpoints offer, for a name that was not there."""
        await self._pool.refresh()

    def choices(self, node: str, name: str) -> tuple[str, ...]:
        """What the endpoints offer for a node's input: models, samplers, ...; in their order."""
        return self._pool.choices(node, name)

    async def model_card(self, model: str) -> ModelCard:
        """What a checkpoint was made for: its size, and its words where they are few."""
        return await self._pool.model_card(model)
