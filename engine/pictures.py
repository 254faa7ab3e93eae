"""What may be done with pictures that there are: changed, made again, kept, deleted. Who may is decided here.

Whoever may see a picture may make others of it, on their own credits; to delete is for the owner of its job and the
moderators of its place. A picture of a job that was deleted, that is too old, or that waits for a moderator is answered
with the reason.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from engine.accounts import is_forgotten
from engine.admission import require_power
from engine.board import Board
from engine.caps import most_pixels
from engine.changes import LARGEST, SAME_SEED, SCALE, TEMPLATES, Change, Size, inherited, numbers
from engine.endpoints.pool import Pool
from engine.errors import (
    BlobMissing,
    PictureUnavailable,
    UnknownJob,
    UnknownPicture,
    UnknownTemplate,
    UserError,
)
from engine.gallery import DELETED, Favourite, Gallery, is_deleted
from engine.ids import new_seed
from engine.images import KeptImage
from engine.model import Actor, Job, JobStatus, JobView, OptionValue, Picture, PictureRef, Place, Request
from engine.plans import AGAIN_SEED_LIMIT, Plan, plan_again
from engine.ports import Accounts, Blobs, Books
from engine.safety.verdicts import SHOWN
from engine.studio import Studio
from engine.workflows.binding import bind
from engine.workflows.lint import needs_of
from engine.workflows.sizes import on_grid
from engine.workflows.slots import FILES, SlotType
from engine.workflows.template import Template

REROLL, REMIX, TWEAK, USE_AS_INPUT = "reroll", "remix", "tweak", "use-as-input"
_INPUT_TEMPLATE = "img2img"
_CHOOSING = frozenset({SlotType.MODEL, SlotType.CHOICE, SlotType.LORAS})  # what needs depend on, see `lint.needs_of`
_MOST_NEEDS = 2_000  # that are remembered
_NO_BLOB = "0" * 64  # stands for a picture where only the graph's shape matters


@dataclass(frozen=True, kw_only=True)
class Source:
    """A picture to make others of; `view` is None for one that somebody sent."""

    picture: KeptImage
    view: JobView | None = None
    number: int = 0
    seed: int = 0

    @property
    def ref(self) -> PictureRef | None:
        """How people count it; None for one that somebody sent."""
        return None if self.view is None else PictureRef(job_id=self.view.job.id, number=self.number)


class Pictures:
    """Everything about pictures that were made; beside the studio, through which new jobs go."""

    def __init__(
        self,
        *,
        studio: Studio,
        gallery: Gallery,
        books: Books,
        accounts: Accounts,
        blobs: Blobs,
        pool: Pool,
        board: Board,
    ) -> None:
        self._studio = studio
        self._gallery = gallery
        self._books = books
        self._accounts = accounts
        self._blobs = blobs
        self._pool = pool
        self._board = board
        self._needs: dict[tuple[str, tuple[tuple[str, OptionValue], ...]], str | None] = {}

    # What there is

    async def job(self, actor: Actor, job_id: str) -> JobView:
        """A job that the actor may see. Raises UnknownJob, or PictureUnavailable for one that was deleted."""
        view = await self._studio.show(actor, job_id)
        if is_forgotten(view.job):
            raise UnknownJob(value=job_id)
        if is_deleted(view.job):
            raise PictureUnavailable(value=job_id, why="deleted")
        return view

    async def source(self, actor: Actor, job_id: str, number: int = 0) -> Source:
        """A picture of a job, to make others of; 0 is the only one. Raises UnknownPicture and as `job`."""
        view = await self.job(actor, job_id)
        require_pictures(view)
        every = list(_pictures(view))
        number = 1 if number == 0 and len(every) == 1 else number
        if not 1 <= number <= len(every):
            raise UnknownPicture(value=job_id, number=number, count=len(every))
        seed, picture = every[number - 1]
        await self._require_blob(picture.blob, job_id)
        kept = KeptImage(blob=picture.blob, width=picture.width, height=picture.height)
        return Source(picture=kept, view=view, number=number, seed=seed)

    async def read(self, picture: Picture) -> bytes:
        """A picture's file, for somebody who was shown its job. Raises BlobMissing."""
        return await self._blobs.get(picture.blob)

    async def plain(self, job: Job) -> bool:
        """Whether what is sent of a job carries no workflow and no prompt in its file, because its chat wants none."""
        if job.community_id is None or job.private:
            return False
        return not (await self._accounts.policy(job.community_id)).workflow_in_png

    def able(self, view: JobView) -> frozenset[str]:
        """What can be made of a result: the changes, and "reroll", "remix", "tweak", "use-as-input" by name.

        What no endpoint can run is not among it, nor a square where it is one. Of what several pictures differ in, the
        first decides.
        """
        if is_deleted(view.job) or not view.pictures:
            return frozenset()
        return frozenset(self._able(view.job, view.pictures[0], view))

    def _able(self, job: Job, picture: Picture, view: JobView) -> Iterator[str]:
        if all(self._pool.can_run(task.needs) for task in view.tasks):
            template = self._template(job.template)
            if "seed" in job.options:
                yield REROLL
            if template is not None and "prompt" in template.slots:
                yield from (REMIX, TWEAK)
        if picture.width < 1:
            return
        runs = {name: self._can_change(job, name) for name in {*TEMPLATES.values(), _INPUT_TEMPLATE}}
        square = on_grid(picture.width) == on_grid(picture.height)
        yield from (change for change in Change if runs[TEMPLATES[change]] and not (square and change is Change.SQUARE))
        if runs[_INPUT_TEMPLATE]:
            yield USE_AS_INPUT

    def _can_change(self, job: Job, name: str) -> bool:
        template = self._template(name)
        if template is None or "image" not in template.slots:
            return False
        chosen = {k: v for k, v in inherited(job.options, template).items() if template.slots[k].type in _CHOOSING}
        key = (template.hash, tuple(sorted(chosen.items())))
        if key not in self._needs:
            if len(self._needs) >= _MOST_NEEDS:
                self._needs.clear()
            self._needs[key] = _needs(template, chosen)
        needs = self._needs[key]
        return needs is not None and bool(self._pool.can_run(needs))

    def _template(self, name: str) -> Template | None:
        try:
            return self._studio.library.get(name)
        except UnknownTemplate:
            return None

    # Making others of them

    def changed(
        self,
        actor: Actor,
        source: Source,
        change: Change,
        *,
        key: str,
        place: Place,
        scale: float = SCALE,
        strength: float | None = None,
    ) -> Request:
        """The request for a change of a picture; `scale` is for enlarging, `strength` replaces the change's own.

        Raises PictureUnfit and UnknownTemplate.
        """
        template = self._studio.library.get(TEMPLATES[change])
        size = Size(width=source.picture.width, height=source.picture.height)
        largest = min(LARGEST, most_pixels(actor.policy) or LARGEST)
        options = numbers(change, size, scale=scale, largest=largest)
        if strength is not None:
            options["strength"] = strength
        if change in SAME_SEED and source.view is not None:
            options["seed"] = source.seed
        count = 1
        if source.view is not None and change is Change.VARY_STRONG:
            count = source.view.job.count
        job = None if source.view is None else source.view.job
        own = {} if job is None else inherited(job.options, template)
        own |= {name: value for name, value in options.items() if name in template.slots}
        request = Request(
            request_key=key,
            template=template.name,
            options={**own, "image": source.picture.blob},
            count=count,
            place=place,
            parent=source.ref,
        )
        return request if job is None else replace(request, lane=job.lane, private=job.private, spoiler=job.spoiler)

    async def again(self, view: JobView, *, key: str, place: Place) -> Request:
        """The request for the same job with new seeds; `planned` says whether its template still makes it.

        Raises PictureUnavailable where a picture that it starts from is gone.
        """
        await self.inputs(view)
        job = view.job
        return Request(
            request_key=key,
            template=job.template,
            options={name: value for name, value in job.options.items() if name != "seed"},
            count=job.count,
            lane=job.lane,
            place=place,
            private=job.private,
            spoiler=job.spoiler,
            parent=job.parent,
        )

    async def inputs(self, view: JobView) -> dict[str, KeptImage]:
        """The pictures that a job starts from, by slot, to start another one from them.

        Their sizes are not kept: a job has its own. Raises PictureUnavailable where one is gone.
        """
        template = self._template(view.job.template)
        slots = [slot for slot in template.slots.values() if slot.type in FILES] if template is not None else []
        found = {slot.name: str(view.job.options[slot.name]) for slot in slots if slot.name in view.job.options}
        for blob in found.values():
            await self._require_blob(blob, view.job.id)
        return {name: KeptImage(blob=blob, width=1, height=1) for name, blob in found.items()}

    async def planned(self, request: Request, job: Job) -> Plan | None:
        """The job's own graphs with new seeds, where its template makes others by now; None where it does not.

        So that the same again means the same, however long ago it was.
        """
        template = self._template(job.template)
        if template is not None and template.hash == job.template_hash:
            return None
        tasks = await self._gallery.planned(job.id)
        if not tasks:
            raise PictureUnavailable(value=job.id, why="old")
        for blob in {given.blob for task in tasks for given in task.inputs}:
            await self._require_blob(blob, job.id)
        seed = new_seed() % AGAIN_SEED_LIMIT
        if "seed" in job.options:
            request = replace(request, options={**request.options, "seed": seed})
        return plan_again(request, job.template_hash, tasks, seed)

    async def _require_blob(self, blob: str, job_id: str) -> None:
        try:
            await self._blobs.get(blob)
        except BlobMissing:
            raise PictureUnavailable(value=job_id, why="old") from None

    # Keeping them, and not

    async def history(self, actor: Actor, *, before: str = "", limit: int) -> tuple[JobView, ...]:
        """A page of the actor's own jobs, newest first; those that were deleted are left out."""
        views = await self._gallery.history(actor.person.id, before=before, limit=limit)
        return tuple(map(self._studio.with_eta, views))

    async def favourites(self, actor: Actor, *, before: PictureRef | None = None, limit: int) -> tuple[Favourite, ...]:
        """A page of the actor's favourites, newest first."""
        return await self._gallery.favourites(actor.person.id, before=before, limit=limit)

    async def keep(self, actor: Actor, job_id: str, number: int) -> PictureRef:
        """Make a picture that the actor may see a favourite of theirs; harmless if it is one."""
        ref = (await self.source(actor, job_id, number)).ref
        assert ref is not None  # noqa: S101 (a picture of a job)
        await self._gallery.keep(actor.person.id, ref)
        return ref

    async def let_go(self, actor: Actor, ref: PictureRef) -> bool:
        """Let a picture be no favourite of the actor's any more; False if it was none."""
        return await self._gallery.let_go(actor.person.id, ref)

    async def delete(self, actor: Actor, job_id: str) -> None:
        """Remove a job's pictures for good; its message shows that they were. Raises Forbidden, and as `job`."""
        view = await self.job(actor, job_id)
        require_power(actor, view.job, "delete")
        if not view.job.status.ended:
            raise PictureUnavailable(value=job_id, why="running")
        own = view.job.person_id == actor.person.id
        gone = await self._gallery.delete(job_id, DELETED + ("owner" if own else "moderator"))
        if not own:
            who = f"{actor.identity.platform}:{actor.identity.id}"
            await self._books.audit(who, "delete", job_id, {}, community_id=view.job.community_id)
        await asyncio.gather(*map(self._blobs.delete, gone))
        self._board.changed(job_id)


def require_pictures(view: JobView) -> None:
    """Raise PictureUnavailable, with the reason, where a job has no pictures that can be used."""
    if view.pictures and (view.job.status.ended or view.job.status is JobStatus.DELIVERING):
        return
    if view.job.screening not in SHOWN:
        why = "withheld"
    elif not view.job.status.ended:
        why = "running"
    else:
        why = "old" if view.job.status is JobStatus.DONE else "none"
    raise PictureUnavailable(value=view.job.id, why=why)


def _needs(template: Template, chosen: Mapping[str, OptionValue]) -> str | None:
    """Say what an endpoint must have to run a template from a picture; None where that is not enough for it."""
    options = {"prompt": "x", "image": _NO_BLOB, **chosen}
    try:
        graph = bind(template, {name: value for name, value in options.items() if name in template.slots}, seed=0).graph
    except UserError:
        return None
    return needs_of(graph)


def _pictures(view: JobView) -> Iterator[tuple[int, Picture]]:
    """Every picture with the seed that it was made with."""
    return ((task.seed, picture) for task in view.tasks for picture in task.pictures)
