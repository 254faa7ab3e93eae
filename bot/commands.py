"""A command becomes studio calls and a Reply: the same on every platform."""

import structlog

from bot.adapter import Command
from bot.catalog import COMMANDS, FLAGS, find_command, flags_for, may_give
from bot.commands_people import PeopleCommands
from bot.commands_pictures import READY_WAIT, PictureCommands, pressed
from bot.grammar import ParsedLine, expand, expand_words, parse, parse_words, template_of
from bot.private import Conversations
from bot.replies import (
    Reply,
    accepted_reply,
    error_reply,
    help_reply,
    info_reply,
    jobs_reply,
    list_reply,
    quote_reply,
    templates_reply,
    text,
)
from bot.requests import RequestResolver
from engine.board import Board
from engine.errors import AtelierError, Refusal, TooManyJobs
from engine.model import Actor, Job, Request
from engine.moderation import Moderation
from engine.pictures import Pictures
from engine.ports import Clock
from engine.studio import Studio
from engine.workflows.loras import LOADER

log = structlog.get_logger(__name__)

ASK_ABOVE = 3  # jobs of one line that are made without asking
_SLOTS = {"img2img": frozenset({"image"}), "inpaint": frozenset({"image", "mask"})}
"""The pictures that a command means, sent or not: they choose its template."""


class Commands:
    """All commands of the catalog."""

    def __init__(
        self,
        *,
        studio: Studio,
        moderation: Moderation,
        pictures: Pictures,
        conversations: Conversations,
        board: Board,
        clock: Clock,
        resolver: RequestResolver,
        max_jobs: int,
    ) -> None:
        """`max_jobs` is the most that one line may make by `{a, b}` and `--repeat`."""
        self._studio = studio
        self._moderation = moderation
        self._people = PeopleCommands(studio=studio, moderation=moderation)
        self._pictures = PictureCommands(
            studio=studio, pictures=pictures, board=board, resolver=resolver, conversations=conversations
        )
        self._conversations = conversations
        self._clock = clock
        self._resolver = resolver
        self._max_jobs = max_jobs

    async def handle(self, command: Command) -> Reply:
        """Answer a command; whatever goes wrong becomes a reply too."""
        try:
            actor = await self._studio.actor(
                command.identity,
                locale=command.place.locale,
                community=command.community,
                community_name=command.community_name,
                power=command.power,
            )
            return await self._answer(actor, command)
        except AtelierError as error:
            log.info("refused", command=command.name, error=error.code)
            return error_reply(error)
        except Exception:
            log.exception("command_broke", command=command.name)
            return error_reply(AtelierError())

    async def _answer(self, actor: Actor, command: Command) -> Reply:  # noqa: PLR0912 (one case for each command)
        press = pressed(command)
        if press is not None:
            return await self._pictures.press(actor, command, press)
        name = find_command(command.name).name
        match name:
            case "imagine" | "img2img" | "inpaint":
                return await self._imagine(
                    actor, command, slots=frozenset(command.images) | _SLOTS.get(name, frozenset())
                )
            case "upscale":
                return await self._pictures.upscale(actor, command)
            case "vary":
                return await self._pictures.vary(actor, command)
            case "cancel":
                return await self._pictures.cancel(actor, _first_word(command))
            case "show":
                return await self._pictures.show(actor, command, _first_word(command))
            case "queue":
                return jobs_reply("queue", await self._studio.jobs(actor, active=True))
            case "history":
                return await self._pictures.history(actor, command)
            case "info":
                active = await self._studio.jobs(actor, active=True)
                balance, share = await self._studio.balance(actor), await self._moderation.allowance(actor)
                return info_reply(balance, active, share, now=self._clock.now())
            case "statement":
                return await self._people.statement(actor, command)
            case "privacy":
                return await self._people.privacy(actor, command)
            case "mod":
                return await self._people.mod(actor, command)
            case "models":
                await self._studio.until_ready(READY_WAIT)
                return list_reply("models", self._studio.choices("CheckpointLoaderSimple", "ckpt_name"))
            case "loras":
                await self._studio.until_ready(READY_WAIT)
                return list_reply("loras", self._studio.choices(LOADER, "lora_name"))
            case "templates":
                return templates_reply(self._studio.library.all())
            case _:
                return self._help(actor, _first_word(command))

    def _help(self, actor: Actor, about: str) -> Reply:
        """Every command that this person may give, or the verbs of one."""
        verbs = find_command(about).verbs if about else ()
        if verbs:
            return Reply(lines=tuple(text(verb.key) for verb in verbs if may_give(actor.power, verb)), private=True)
        return help_reply([command for command in COMMANDS if may_give(actor.power, command)], FLAGS)

    async def _imagine(self, actor: Actor, command: Command, *, slots: frozenset[str]) -> Reply:
        await self._studio.until_ready(READY_WAIT)
        template = (await self._moderation.policy(actor)).template if actor.community and not slots else ""
        lines = self._lines(command, slots, template)
        images = {slot: await self._studio.keep_image(actor, data, name=slot) for slot, data in command.images.items()}
        requests = [
            await self._resolver.resolve(
                actor,
                line,
                self._resolver.template(line.template or template, slots),
                images,
                place=command.place,
                key=command.key if number == 0 else f"{command.key}:{number}",
            )
            for number, line in enumerate(lines)
        ]
        if any(line.dry for line in lines):
            return quote_reply(await self._studio.estimate(actor, requests), ask=False)
        if len(requests) > ASK_ABOVE and not command.confirmed:
            return quote_reply(await self._studio.estimate(actor, requests), ask=True)
        return await self._submit(actor, [await self._conversations.placed(command, each) for each in requests])

    def _lines(self, command: Command, slots: frozenset[str], usual: str) -> list[ParsedLine]:
        """Read what was typed: one line for each job, by `{a, b}` and `--repeat`; `usual` is the chat's template."""
        typed = command.line
        texts = expand(typed, self._max_jobs) if isinstance(typed, str) else expand_words(typed, self._max_jobs)
        lines: list[ParsedLine] = []
        for words in texts:
            template = self._resolver.template(template_of(words) or usual, slots)
            flags = flags_for(template.slots.values())
            line = parse(words, flags) if isinstance(words, str) else parse_words(words, flags)
            lines.append(line)
            again = ParsedLine(**{**vars(line), "options": {k: v for k, v in line.options.items() if k != "seed"}})
            lines += [again] * ((line.repeat or 1) - 1)
        if len(lines) > self._max_jobs:
            raise TooManyJobs(count=len(lines), limit=self._max_jobs)
        return lines

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
        return accepted_reply(jobs, passed_over=tuple(dict.fromkeys(unknown)))


def _first_word(command: Command) -> str:
    words = command.line.split() if isinstance(command.line, str) else command.line
    return words[0] if words else ""
