"""What people do with pictures: every action of `bot.actions`, and the commands that change pictures and list them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan

from bot.actions import ACTIONS, result_rows
from bot.adapter import Command
from bot.catalog import flags_for
from bot.forms import base_options, filled_in, input_fields, remix_fields, tweak_fields
from bot.private import Conversations
from bot.replies import Reply, accepted_reply, job_reply, text
from bot.replies_pictures import (
    PAGE,
    ask_delete_reply,
    favourites_reply,
    form_reply,
    history_reply,
    job_info_reply,
    kept_reply,
    picture_info_reply,
    said,
    which_reply,
)
from bot.requests import RequestResolver
from bot.retelling import retold
from bot.uploads import uploads
from bot.waiting import with_reasons
from engine.admission import require_power
from engine.board import Board
from engine.caps import Limited, capped
from engine.changes import SCALE, Change, inherited
from engine.errors import BadValue, MissingInput, UnknownJob, UnknownTemplate
from engine.images import KeptImage
from engine.model import Actor, JobStatus, JobView, OptionValue, PictureRef, Request
from engine.pictures import USE_AS_INPUT, Pictures, Source, require_pictures
from engine.plans import Plan
from engine.safety.verdicts import Screening
from engine.studio import Studio
from engine.workflows.sizes import on_grid
from engine.workflows.template import Template

_JOB_ID = re.compile(r"[a-z2-7]{16}")
_JOB_WORD = re.compile(r"([a-z2-7]{16})(?:[#:]([0-9]{1,2}))?")
READY_WAIT = 30.0  # seconds that a first endpoint may take to answer before a request is refused
_SCALES, _STRENGTHS = (1.25, 4.0), (0.05, 1.0)
_FAVOURITES = frozenset({"favourites", "favourite", "favorites", "favorite", "on", "yes", "true", "⭐"})


@dataclass(frozen=True, kw_only=True)
class Press:
    """A button that was pressed, or a form of it that was filled in."""

    action: str
    job_id: str
    index: int  # which picture, from 1; 0: the job, or its only picture


def pressed(command: Command) -> Press | None:
    """Read a command as a press; None if it was typed."""
    line = command.line
    if command.name not in ACTIONS or not isinstance(line, tuple) or len(line) != 2:
        return None
    job_id, index = line
    if not _JOB_ID.fullmatch(job_id) or not (index.isascii() and index.isdecimal() and len(index) <= 3):
        return None
    return Press(action=command.name, job_id=job_id, index=int(index))


class PictureCommands:
    """Answers presses, and /upscale, /vary, /history, /show and /cancel."""

    def __init__(
        self,
        *,
        studio: Studio,
        pictures: Pictures,
        board: Board,
        resolver: RequestResolver,
        conversations: Conversations,
    ) -> None:
        self._studio = studio
        self._pictures = pictures
        self._board = board
        self._resolver = resolver
        self._conversations = conversations

    async def press(self, actor: Actor, command: Command, press: Press) -> Reply:
        """Answer a press; who may do what is decided by the calls that it makes."""
        match press.action:
            case "cancel":
                return await self.cancel(actor, press.job_id)
            case "older":
                before = PictureRef(job_id=press.job_id, number=press.index)
                return await self._page(actor, before, favourites=press.index > 0)
            case "unfavourite":
                ref = PictureRef(job_id=press.job_id, number=max(1, press.index))
                await self._pictures.let_go(actor, ref)
                return said("favourite-let-go", job=ref.job_id, number=ref.number)
            case "show":
                return replace(await self.show(actor, command, press.job_id), private=True)
        view = await self._pictures.job(actor, press.job_id)
        several = press.index == 0 and len(view.pictures) > 1
        if several and ACTIONS[press.action].picture and press.action != "info":
            return which_reply(view, press.action)
        return await self._act(actor, command, press, view)

    async def _act(self, actor: Actor, command: Command, press: Press, view: JobView) -> Reply:
        match press.action:
            case "reroll":
                return await self._reroll(actor, command, view)
            case "remix" | "tweak":
                return await self._rework(actor, command, press, view)
            case "use-as-input":
                return await self._use_as_input(actor, command, press)
            case "favourite":
                return kept_reply(await self._pictures.keep(actor, press.job_id, press.index))
            case "info":
                return await self._info(actor, press, view)
            case "originals" | "album":
                return await self._files(command, view, album=press.action == "album")
            case "delete":
                return await self._delete(actor, command, view)
            case name:
                source = await self._pictures.source(actor, press.job_id, press.index)
                return await self._change(actor, command, source, Change(name))

    # Making others

    async def _change(
        self,
        actor: Actor,
        command: Command,
        source: Source,
        change: Change,
        *,
        scale: float = SCALE,
        strength: float | None = None,
    ) -> Reply:
        request = self._pictures.changed(
            actor, source, change, key=command.key, place=command.place, scale=scale, strength=strength
        )
        return await self._submit(actor, command, self._told(source, request))

    def _told(self, source: Source, request: Request) -> Request:
        """Say in words what a change asks for."""
        before = None if source.view is None else self._template(source.view.job.template)
        line = "" if source.view is None else source.view.job.text
        said = {name: value for name, value in request.options.items() if name not in ("width", "height")}
        changes = {name: value for name, value in said.items() if name not in ("prompt", "negative") and value != 0}
        if source.view is not None:
            changes = {name: value for name, value in changes.items() if value != source.view.job.options.get(name)}
        return replace(
            request, text=retold(line, before, self._template(request.template), changes, count=request.count)
        )

    async def _reroll(self, actor: Actor, command: Command, view: JobView) -> Reply:
        job, template = view.job, self._template(view.job.template)
        request = await self._pictures.again(view, key=command.key, place=command.place)
        request = replace(request, text=retold(job.text, template, template, {}, count=job.count))
        planned = await self._pictures.planned(request, job)
        return await self._submit(actor, command, request if planned is None else planned.request, planned)

    async def _rework(self, actor: Actor, command: Command, press: Press, view: JobView) -> Reply:
        """Ask for other words or options, or make the job that they are asked for."""
        job, template = view.job, self._studio.library.get(view.job.template)
        if command.values is None:
            if press.action == "remix":
                return form_reply("remix", job.id, press.index, remix_fields(job, template))
            native = (await self._studio.model_card(str(job.options.get("model", "")))).size
            fields = tweak_fields(job, template, self._studio, native)
            return form_reply("tweak", job.id, press.index, fields)
        images = await self._pictures.inputs(view)
        request = await self._reworked(actor, command, view, template, images, command.values)
        return await self._submit(actor, command, replace(request, parent=job.parent))

    async def _use_as_input(self, actor: Actor, command: Command, press: Press) -> Reply:
        source = await self._pictures.source(actor, press.job_id, press.index)
        view, picture = source.view, source.picture
        if view is None:
            raise UnknownJob(value=press.job_id)
        template = self._resolver.template("", {"image"})
        if command.values is None:
            return form_reply(USE_AS_INPUT, view.job.id, source.number, input_fields(view.job, template))
        size = {"width": on_grid(picture.width), "height": on_grid(picture.height)}
        options = {**inherited(view.job.options, template), **size}
        like = replace(view, job=replace(view.job, options=options, count=1))
        request = await self._reworked(actor, command, like, template, {"image": picture}, command.values)
        return await self._submit(actor, command, replace(request, parent=source.ref))

    async def _reworked(
        self,
        actor: Actor,
        command: Command,
        view: JobView,
        template: Template,
        images: Mapping[str, KeptImage],
        values: Mapping[str, str],
    ) -> Request:
        """The request for a job's options with what a form says, resolved as if it had been typed."""
        job = view.job
        flags = flags_for(template.slots.values())
        line, gone = filled_in(values, job, template)
        options = {**base_options(job, template, flags, gone), **line.options}
        width, height = job.options.get("width"), job.options.get("height")
        size = line.size
        if size is None and line.aspect is None and isinstance(width, int) and isinstance(height, int):
            size = (width, height)
        full = replace(
            line,
            options=options,
            size=size,
            count=line.count or job.count,
            lane=line.lane or job.lane,
            private=line.private or job.private,
            spoiler=line.spoiler or job.spoiler,
        )
        request = await self._resolver.resolve(actor, full, template, images, place=command.place, key=command.key)
        changes: dict[str, OptionValue] = dict(line.options)
        before = self._template(job.template)
        drop = {"seed", *gone} - {*line.options}
        told = retold(job.text, before, template, changes, count=request.count, over=line, drop=drop)
        return replace(request, text=told)

    async def _submit(self, actor: Actor, command: Command, request: Request, planned: Plan | None = None) -> Reply:
        """Submit a request within the chat's caps; an old plan gives way to them where its template still works."""
        await self._studio.until_ready(READY_WAIT)
        template = self._template(request.template)
        limited: tuple[Limited, ...] = ()
        if template is not None:
            within, limited = capped(request, template, actor.policy)
            planned = None if limited else planned
            request = within if planned is None else request
        if planned is None:
            request = await self._resolver.completed(request)
        request = await self._conversations.placed(command, request)
        if planned is not None:
            planned = replace(planned, request=request)
        job = await self._studio.submit(actor, request, planned=planned)
        notes = [text("limited", flag=each.flag, value=each.value) for each in limited]
        notes += [text("asked-moderator")] if job.screening is Screening.ASKED else []
        reply = accepted_reply([job])
        return replace(reply, lines=(*reply.lines, *notes))

    def _template(self, name: str) -> Template | None:
        try:
            return self._studio.library.get(name)
        except UnknownTemplate:
            return None

    # /upscale and /vary

    async def upscale(self, actor: Actor, command: Command) -> Reply:
        """Answer /upscale IMAGE [SCALE]."""
        source = await self._sent(actor, command)
        scale = _number(_words(command), "scale", _SCALES) or SCALE
        return await self._change(actor, command, source, Change.UPSCALE, scale=scale)

    async def vary(self, actor: Actor, command: Command) -> Reply:
        """Answer /vary JOB|IMAGE [STRENGTH]; a job of several pictures is named with the number, as JOB#2."""
        words = _words(command)
        named = _JOB_WORD.fullmatch(words[0]) if words else None
        strength = _number(words[1:] if named else words, "strength", _STRENGTHS)
        if named is None:
            source = await self._sent(actor, command)
        else:
            view = await self._pictures.job(actor, named[1])
            if named[2] is None and len(view.pictures) > 1:
                return which_reply(view, Change.VARY_STRONG)
            source = await self._pictures.source(actor, named[1], int(named[2] or 0))
        return await self._change(actor, command, source, Change.VARY_STRONG, strength=strength)

    async def _sent(self, actor: Actor, command: Command) -> Source:
        """The picture that came with a command. Raises MissingInput where none did."""
        data = command.images.get("image")
        if data is None:
            raise MissingInput(flag="image", template=command.name)
        return Source(picture=await self._studio.keep_image(actor, data, name="image"))

    # Looking

    async def show(self, actor: Actor, command: Command, job_id: str) -> Reply:
        """Answer /show JOB; a private job is shown to its owner alone, wherever they ask."""
        view = await self._pictures.job(actor, job_id)
        await self._studio.show_again(actor, view, command.place)
        job, able = view.job, self._pictures.able(view)
        rows = result_rows(job.id, len(view.pictures), able)
        reply = job_reply(view, self._board.progress(job.id), self._board.stalled, buttons=rows)
        plain = await self._pictures.plain(job)
        files, notes = await uploads(reply.pictures, self._pictures.read, limit=command.max_upload, plain=plain)
        reply = replace(reply, lines=(*reply.lines, *notes), files=files, private=job.private)
        return with_reasons(reply, await self._studio.steering.why(job.id))

    async def _info(self, actor: Actor, press: Press, view: JobView) -> Reply:
        template = self._template(view.job.template)
        if press.index == 0 and len(view.pictures) > 1:
            return job_info_reply(view, template)
        source = await self._pictures.source(actor, press.job_id, press.index)
        return picture_info_reply(view, source, template)

    async def _files(self, command: Command, view: JobView, *, album: bool) -> Reply:
        """The pictures as files, as they were made; as an album of pictures."""
        require_pictures(view)
        plain = await self._pictures.plain(view.job)
        files, notes = await uploads(view.pictures, self._pictures.read, limit=command.max_upload, plain=plain)
        line = text("originals", job=view.job.id, pictures=len(files))
        return Reply(
            lines=(line, *notes),
            private=True,
            pictures=view.pictures if album else (),
            files=files,
            spoiler=view.job.spoiler,
        )

    async def history(self, actor: Actor, command: Command) -> Reply:
        """Answer /history [favourites] [before JOB]."""
        words = _words(command)
        named = next((found for word in words if (found := _JOB_WORD.fullmatch(word))), None)
        favourites = any(word.casefold() in _FAVOURITES for word in words)
        before = None if named is None else PictureRef(job_id=named[1], number=int(named[2] or 1))
        return await self._page(actor, before, favourites=favourites)

    async def _page(self, actor: Actor, before: PictureRef | None, *, favourites: bool) -> Reply:
        if favourites:
            return favourites_reply(await self._pictures.favourites(actor, before=before, limit=PAGE + 1))
        start = "" if before is None else before.job_id
        return history_reply(await self._pictures.history(actor, before=start, limit=PAGE + 1))

    # Ending

    async def cancel(self, actor: Actor, job_id: str) -> Reply:
        """Cancel a job that is named, or the newest of the person's own that is on its way."""
        if not job_id:
            active = await self._studio.jobs(actor, active=True, limit=1)
            if not active:
                raise UnknownJob(value="")
            job_id = active[0].job.id
        before = await self._pictures.job(actor, job_id)
        job = await self._studio.cancel(actor, job_id)
        over = before.job.status in (JobStatus.DELIVERING, JobStatus.DONE, JobStatus.FAILED)
        return said("cancel-too-late" if over else "cancelled", job=job.id)

    async def _delete(self, actor: Actor, command: Command, view: JobView) -> Reply:
        if not command.confirmed:
            require_power(actor, view.job, "delete")
            require_pictures(view)
            return ask_delete_reply(view)
        await self._pictures.delete(actor, view.job.id)
        return said("deleted", job=view.job.id)


def _words(command: Command) -> list[str]:
    return command.line.split() if isinstance(command.line, str) else [w for each in command.line for w in each.split()]


def _number(words: list[str], flag: str, bounds: tuple[float, float]) -> float | None:
    """Read the one number that follows a command; None if none does. Raises BadValue."""
    if not words:
        return None
    low, high = bounds
    word = words[0].removesuffix("x").removesuffix("×")
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if len(words) > 1 or not low <= number <= high:
        near = "" if isnan(number) else f"{min(max(number, low), high):g}"
        raise BadValue(flag=flag, value=" ".join(words)[:64], expected=f"{low:g}–{high:g}", nearest=near)
    return number
