"""Asking for pictures: what was typed becomes requests, with the defaults under it, and requests become jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.adapter import Command
from bot.catalog import flags_for
from bot.commands_prefer import layers_of
from bot.grammar import ParsedLine, expand, expand_words, parse, parse_words, render, style_of, template_of
from bot.private import Conversations
from bot.replies import Reply, Text, accepted_reply, quote_reply, text
from bot.requests import RequestResolver
from bot.usual import Laid, Layer, lay_under
from engine.caps import capped
from engine.errors import Refusal, TooManyJobs, UnknownChoice
from engine.images import KeptImage
from engine.model import Actor, Job, Request
from engine.preferring import Chosen
from engine.safety.verdicts import Screening
from engine.studio import Studio
from engine.workflows.template import Template

ASK_ABOVE = 3  # jobs of one line that are made without asking
READY_WAIT = 30.0  # seconds that a first endpoint may take to answer before a request is refused


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A request, and what to say of how it was understood."""

    request: Request
    notes: tuple[Text, ...] = ()
    dry: bool = False


class ImagineCommands:
    """Answers /imagine, /img2img and /inpaint."""

    def __init__(
        self, *, studio: Studio, resolver: RequestResolver, conversations: Conversations, max_jobs: int
    ) -> None:
        """`max_jobs` is the most that one line may make by `{a, b}` and `--repeat`."""
        self._studio = studio
        self._resolver = resolver
        self._conversations = conversations
        self._max_jobs = max_jobs

    async def imagine(self, actor: Actor, command: Command, chosen: Chosen, *, slots: frozenset[str]) -> Reply:
        """Make pictures of a line; `slots` are those of the pictures that come with it, or that the command means."""
        await self._studio.until_ready(READY_WAIT)
        typed = self._lines(command, chosen, actor, slots)
        images = {slot: await self._studio.keep_image(actor, data, name=slot) for slot, data in command.images.items()}
        understood = [
            await self._understood(
                actor,
                line,
                template,
                layers,
                images,
                command,
                key=command.key if number == 0 else f"{command.key}:{number}",
            )
            for number, (line, template, layers) in enumerate(typed)
        ]
        requests = [each.request for each in understood]
        notes: list[Text] = []
        for note in (note for each in understood for note in each.notes):
            notes += [] if note in notes else [note]
        if any(each.dry for each in understood):
            return _noted(quote_reply(await self._studio.estimate(actor, requests), ask=False), notes)
        if len(requests) > ASK_ABOVE and not command.confirmed:
            return _noted(quote_reply(await self._studio.estimate(actor, requests), ask=True), notes)
        placed = [await self._conversations.placed(command, each) for each in requests]
        return _noted(await self._submit(actor, placed), notes)

    def _lines(
        self, command: Command, chosen: Chosen, actor: Actor, slots: frozenset[str]
    ) -> list[tuple[ParsedLine, Template, tuple[Layer, ...]]]:
        """Read what was typed: one line for each job, by `{a, b}` and `--repeat`, with template and defaults."""
        typed = command.line
        texts = expand(typed, self._max_jobs) if isinstance(typed, str) else expand_words(typed, self._max_jobs)
        lines: list[tuple[ParsedLine, Template, tuple[Layer, ...]]] = []
        for words in texts:
            layers = layers_of(chosen, style_of(words))
            named = template_of(words) or ("" if slots else _usual_template(layers, actor))
            template = self._resolver.template(named, slots)
            flags = flags_for(template.slots.values())
            line = parse(words, flags) if isinstance(words, str) else parse_words(words, flags)
            again = replace(line, options={name: value for name, value in line.options.items() if name != "seed"})
            lines.append((line, template, layers))
            lines += [(again, template, layers)] * ((line.repeat or 1) - 1)
        if len(lines) > self._max_jobs:
            raise TooManyJobs(count=len(lines), limit=self._max_jobs)
        return lines

    async def _understood(
        self,
        actor: Actor,
        line: ParsedLine,
        template: Template,
        layers: Sequence[Layer],
        images: dict[str, KeptImage],
        command: Command,
        *,
        key: str,
    ) -> Understood:
        """Make a request of a line: its defaults under it, a community's caps over it."""
        notes: list[Text] = []
        gone: list[str] = []
        while True:
            laid = lay_under(line, layers, template, images=bool(images), without=gone)
            try:
                request = await self._resolver.resolve(actor, laid.line, template, images, place=command.place, key=key)
                break
            except UnknownChoice as error:
                flag = _default_behind(error, laid, template)
                if not flag:
                    raise
                gone.append(flag)
                notes.append(text("usual-gone", flag=flag, value=str(error.fields.get("value", ""))))
        notes += [text("usual-limited", flag=c.flag, value=c.value, source=c.source) for c in laid.changes]
        request = replace(request, text=render(line, flags_for(template.slots.values())))
        request, limited = capped(request, template, actor.policy)
        notes += [text("limited", flag=each.flag, value=each.value) for each in limited]
        elsewhere = actor.policy.result_channel
        if elsewhere and not request.private and elsewhere not in (command.place.chat, command.place.thread):
            notes.append(text("result-elsewhere", channel=elsewhere))
        return Understood(request=request, notes=tuple(notes), dry=line.dry)

    async def _submit(self, actor: Actor, requests: list[Request]) -> Reply:
        """Submit one after the other; what was accepted before a refusal stays, and both are said."""
        jobs: list[Job] = []
        for request in requests:
            try:
                jobs.append(await self._studio.submit(actor, request))
            except Refusal as refusal:
                if not jobs:
                    raise
                return accepted_reply(jobs, refused=refusal)
        unknown = [word for request in requests for word in await self._resolver.passed_over(request)]
        reply = accepted_reply(jobs, passed_over=tuple(dict.fromkeys(unknown)))
        return _noted(reply, (text("asked-moderator"),) if any(j.screening is Screening.ASKED for j in jobs) else ())


def _usual_template(layers: Sequence[Layer], actor: Actor) -> str:
    """The template of a line that names none and has no pictures with it; empty: the settings'."""
    named = [layer.values["template"] for layer in layers if "template" in layer.values]
    return named[-1] if named else actor.policy.template


def _default_behind(error: UnknownChoice, laid: Laid, template: Template) -> str:
    """The flag whose default names something that no endpoint has any more; empty if it was typed."""
    flag = flags_for(template.slots.values()).for_slot(str(error.fields.get("flag", "")))
    return flag.name if flag is not None and flag.name in laid.sources else ""


def _noted(reply: Reply, notes: Sequence[Text]) -> Reply:
    return replace(reply, lines=(*reply.lines, *notes)) if notes else reply
