"""A command becomes studio calls and a Reply: the same on every platform."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

import structlog

from bot.adapter import Command
from bot.catalog import COMMANDS, FLAGS, find_command, may_give
from bot.cleaning import cleaned
from bot.commands_backends import BackendCommands
from bot.commands_imagine import ImagineCommands
from bot.commands_inbox import OUTCOMES, InboxCommands
from bot.commands_link import LinkCommands
from bot.commands_people import PeopleCommands
from bot.commands_pictures import PictureCommands, pressed
from bot.commands_prefer import CHANGE, PreferCommands
from bot.private import Conversations
from bot.replies import (
    Reply,
    error_reply,
    help_reply,
    info_reply,
    jobs_reply,
    templates_reply,
    text,
)
from bot.requests import RequestResolver
from engine.board import Board
from engine.errors import AtelierError
from engine.inbox import Inbox
from engine.model import Actor
from engine.moderation import Moderation
from engine.pictures import Pictures
from engine.ports import Clock
from engine.preferring import Chosen, Preferring
from engine.studio import Studio

Answer: TypeAlias = Callable[[Actor, Command], Awaitable[Reply]]
log = structlog.get_logger(__name__)

REPORT = "report"
_SLOTS: Mapping[str, frozenset[str]] = {
    "imagine": frozenset(),
    "img2img": frozenset({"image"}),
    "inpaint": frozenset({"image", "mask"}),
}
"""The pictures that a command means, sent or not: they choose its template."""


class Commands:
    """All commands of the catalog."""

    def __init__(
        self,
        *,
        studio: Studio,
        moderation: Moderation,
        inbox: Inbox,
        preferring: Preferring,
        prefer: PreferCommands,
        links: LinkCommands,
        backends: BackendCommands,
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
        self._inbox = InboxCommands(inbox=inbox, moderation=moderation)
        self._people = PeopleCommands(studio=studio, moderation=moderation, verbs=self._inbox.verbs)
        self._preferring = preferring
        self._prefer = prefer
        self._backends = backends
        self._pictures = PictureCommands(
            studio=studio, pictures=pictures, board=board, resolver=resolver, conversations=conversations
        )
        self._conversations = conversations
        self._clock = clock
        self._imagine = ImagineCommands(
            studio=studio, resolver=resolver, conversations=conversations, max_jobs=max_jobs
        )

        self._answers: Mapping[str, Answer] = {
            "upscale": self._pictures.upscale,
            "vary": self._pictures.vary,
            "cancel": self._cancel,
            "show": self._show,
            "queue": self._queue,
            "history": self._pictures.history,
            "info": self._info,
            "statement": self._people.statement,
            "privacy": self._people.privacy,
            "prefer": self._prefer.prefer,
            "backend": self._backends.backend,
            "link": links.link,
            "unlink": links.unlink,
            "mod": self._people.mod,
            "models": self._backends.models,
            "loras": self._backends.loras,
            "templates": self._templates,
        }

    async def handle(self, command: Command) -> Reply:
        """Answer a command; whatever goes wrong becomes a reply too."""
        command, locale = cleaned(command), ""
        try:
            actor = await self._studio.actor(
                command.identity,
                locale=command.place.locale,
                community=command.community,
                community_name=command.community_name,
                power=command.power,
                roles=command.roles,
            )
            chosen = await self._preferring.chosen(actor, command.place.chat)
            if locale := chosen.locale:
                actor = replace(actor, locale=locale)
                command = replace(command, place=replace(command.place, locale=locale))
            reply = await self._answer(actor, command, chosen)
        except AtelierError as error:
            log.info("refused", command=command.name, error=error.code, detail=error.detail)
            reply = error_reply(error)
        except Exception:
            log.exception("command_broke", command=command.name)
            reply = error_reply(AtelierError())
        return replace(reply, locale=locale)

    async def _answer(self, actor: Actor, command: Command, chosen: Chosen) -> Reply:
        if command.name in OUTCOMES:
            return await self._inbox.press(actor, command)
        if command.name == CHANGE:
            return await self._prefer.change(actor, command, chosen)
        if command.name == REPORT:
            return await self._inbox.report(actor, command)
        press = pressed(command)
        if press is not None:
            return await self._pictures.press(actor, command, press)
        name = find_command(command.name).name
        if name in _SLOTS:
            slots = frozenset(command.images) | _SLOTS[name]
            return await self._imagine.imagine(actor, command, chosen, slots=slots)
        if name == "settings":
            return await self._prefer.settings(actor, command, chosen)
        answer = self._answers.get(name)
        return self._help(actor, _first_word(command)) if answer is None else await answer(actor, command)

    async def _cancel(self, actor: Actor, command: Command) -> Reply:
        return await self._pictures.cancel(actor, _first_word(command))

    async def _show(self, actor: Actor, command: Command) -> Reply:
        return await self._pictures.show(actor, command, _first_word(command))

    async def _queue(self, actor: Actor, command: Command) -> Reply:
        return jobs_reply("queue", await self._studio.jobs(actor, active=True))

    async def _info(self, actor: Actor, command: Command) -> Reply:
        active = await self._studio.jobs(actor, active=True)
        balance, share = await self._studio.balance(actor), await self._moderation.allowance(actor)
        return info_reply(balance, active, share, now=self._clock.now())

    async def _templates(self, actor: Actor, command: Command) -> Reply:
        return templates_reply(self._studio.library.all())

    def _help(self, actor: Actor, about: str) -> Reply:
        """Every command that this person may give, or the verbs of one."""
        verbs = find_command(about).verbs if about else ()
        if verbs:
            return Reply(lines=tuple(text(verb.key) for verb in verbs if may_give(actor.power, verb)), private=True)
        return help_reply([command for command in COMMANDS if may_give(actor.power, command)], FLAGS)


def _first_word(command: Command) -> str:
    words = command.line.split() if isinstance(command.line, str) else command.line
    return words[0] if words else ""
