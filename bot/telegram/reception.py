"""Messages become commands: read, with their pictures fetched, and answered. Presses are in `presses`."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from telegram import Bot, ChatMemberUpdated, Message
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError

from bot.adapter import Command, Handle
from bot.downloads import Downloads
from bot.replies import Reply, error_reply, text
from bot.telegram import errors, ids
from bot.telegram.answers import Answers, Asked
from bot.telegram.forms import Forms
from bot.telegram.incoming import GROUP, command_of, is_group, is_nobody, key_of, place_of
from bot.telegram.keyboards import keyboard, look_button
from bot.telegram.live import Live
from bot.telegram.members import Members
from bot.telegram.reading import Me, Meant, Sent, filled_values, read
from bot.telegram.sender import Sender
from bot.telegram.shown import Message as Shown
from bot.telegram.words import Words
from engine.errors import AtelierError, ImageRejected
from engine.model import Place, Power

log = structlog.get_logger(__name__)
MOST_DOWNLOAD = "20 MB"
QUEUE = "queue"
LINE = "line"
"""The action of a question that asks for a command's line anew; its job is the question's key."""
_INSIDE = (ChatMemberStatus.MEMBER, ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.RESTRICTED)


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What is needed to take something in."""

    bot: Bot
    me: Me
    handle: Handle
    words: Words
    forms: Forms
    answers: Answers
    sender: Sender
    members: Members
    downloads: Downloads
    live: Live
    locale: str  # of people whose client names none

    async def standing(self, chat: str, user: int) -> Power:
        """Somebody's power in a group; nobody's, if they are not in it."""
        return await self.members.standing(self.bot, int(chat), user)

    async def about(self, command: Command, origin: ids.Origin | None, *, there: bool = False) -> Command:
        """Give a command as if it were said where it is about, if the person is there; `there`: with its result."""
        if origin is None or command.community:
            return command
        power = await self.standing(origin.chat, int(command.identity.id))
        if power is Power.NOBODY:
            return command
        place = command.place
        if there:
            place = replace(place, chat=origin.chat, thread=origin.thread, reply_to=origin.message, kind=GROUP)
        return replace(command, community=origin.chat, power=power, place=place)

    async def queue(self, asked: Asked) -> tuple[Shown, bool]:
        """Write somebody's queue as it is now, and say whether it will move."""
        reply = await self.handle(asked.command)
        locale = reply.locale or asked.spot.locale
        html = self.words.pages(locale, reply.lines)[0]
        row = [look_button(self.words, locale, ids.Look(name=QUEUE))]
        return Shown(html=html, keyboard=keyboard([row])), len(reply.lines) > 1


class Reception:
    """Takes messages in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._answering: set[asyncio.Task[None]] = set()

    async def close(self, seconds: float) -> None:
        """Let answers under way end, for so long."""
        if self._answering:
            _, late = await asyncio.wait(self._answering, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def spawn(self, answer: Coroutine[Any, Any, None]) -> None:
        """Answer somebody while others are listened to; a command that was accepted does not hang on its answer."""
        task = asyncio.create_task(self._guarded(answer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _guarded(self, answer: Coroutine[Any, Any, None]) -> None:
        try:
            await answer
        except AtelierError as error:
            log.info("not_answered", error=error.code)
        except Exception:
            log.exception("answer_broke")

    async def joined(self, change: ChatMemberUpdated, greeting: Reply) -> None:
        """Greet a group that has just taken us in."""
        before, after = change.old_chat_member.status, change.new_chat_member.status
        if is_group(change.chat) and before not in _INSIDE and after in _INSIDE:
            self._desk.sender.name(str(change.chat.id), change.chat.title or "")
            place = Place(
                platform="telegram",
                chat=str(change.chat.id),
                locale=change.from_user.language_code or self._desk.locale,
                kind=GROUP,
            )
            html = self._desk.words.pages(place.locale, greeting.lines)[0]
            self.spawn(self._said(place, Shown(html=html)))

    async def _said(self, place: Place, message: Shown) -> None:
        await self._desk.sender.send(place, message, important=False)

    async def received(self, messages: Sequence[Message]) -> None:
        """Take a message, or the messages of an album; returns once what it asks for is accepted or refused."""
        desk, first = self._desk, messages[0]
        chat = str(first.chat.id)
        desk.sender.name(chat, first.chat.title or "")
        if first.migrate_to_chat_id:
            await desk.sender.follow(chat, str(first.migrate_to_chat_id))
            return
        if first.migrate_from_chat_id:
            await desk.sender.follow(str(first.migrate_from_chat_id), chat)
            return
        meant = read(messages, desk.me)
        user = first.from_user
        if meant is None or user is None:
            return
        spot = place_of(first, user, desk.locale)
        command = command_of(first, user, name=meant.name, key=key_of(first), locale=desk.locale, power=Power.MEMBER)
        asked = Asked(command=command, spot=spot)
        if is_nobody(first):
            self.spawn(desk.answers.note(asked, "nobody", private=False))
            return
        if command.community:
            power = await desk.standing(chat, user.id)
            asked = replace(asked, command=replace(command, power=Power.MEMBER if power is Power.NOBODY else power))
        await self._meant(asked, meant)

    async def _meant(self, asked: Asked, meant: Meant) -> None:
        desk = self._desk
        if meant.state is not None:
            await self._answered(asked, meant.state, str(meant.line))
        elif meant.note == "welcome":
            self.spawn(desk.answers.note(asked, "welcome", private=False))
        elif meant.note:
            self.spawn(desk.answers.note(asked, meant.note, private=asked.in_group))
        elif meant.name == QUEUE:
            command = replace(asked.command, line=meant.line)
            self.spawn(self._show_queue(replace(asked, command=command)))
        else:
            command = await desk.about(asked.command, meant.origin)
            command = replace(command, line=meant.line, values=meant.values)
            asked = replace(asked, command=command, origin=meant.origin)
            reply = await self._given(asked, meant.pictures)
            if meant.unused:
                reply = replace(reply, lines=(*reply.lines, text("album-unused", count=meant.unused)))
            self.spawn(desk.answers.reply(asked, reply))

    async def _given(self, asked: Asked, pictures: Mapping[str, Sent]) -> Reply:
        try:
            images = {slot: await self._fetched(sent, slot) for slot, sent in pictures.items()}
        except AtelierError as error:
            return error_reply(error)
        return await self._desk.handle(replace(asked.command, images=images))

    async def _fetched(self, sent: Sent, slot: str) -> bytes:
        """Fetch a picture, judged by what Telegram says of it first. Raises ImageRejected."""
        self._desk.downloads.judge(sent.file, slot)
        try:
            file = await self._desk.bot.get_file(sent.file_id)
        except TelegramError as error:
            if errors.says(error, "file is too big"):
                raise ImageRejected(name=slot, reason="bytes", limit=MOST_DOWNLOAD) from error
            log.info("file_not_found", error=type(error).__name__)
            raise ImageRejected(type(error).__name__, name=slot, reason="not-fetched", limit="") from error
        return await self._desk.downloads.fetch(replace(sent.file, url=file.file_path or ""), name=slot)

    async def _show_queue(self, asked: Asked) -> None:
        message, moves = await self._desk.queue(asked)
        place = asked.own
        message_id = await self._desk.answers.tell(asked, place, message)
        if message_id and moves:
            self._desk.live.watch(asked, place, message_id, message.html)

    # Words that answer a question of ours

    async def _answered(self, asked: Asked, state: ids.State, words: str) -> None:
        desk = self._desk
        if state.owner_id != asked.spot.owner_id:
            return
        if state.target.action == LINE:
            question = desk.answers.questions.take(state.target.job_id, state.owner_id)
            if question is None:
                self.spawn(desk.answers.note(asked, "ask-expired"))
                return
            command = replace(question, line=words, key=asked.command.key, place=asked.command.place)
            asked = replace(asked, command=command)
        elif state.panel:
            await self._into_panel(asked, state, words)
            return
        else:
            command = replace(asked.command, name=state.target.action, line=state.target.line)
            command = await desk.about(command, state.origin, there=True)
            values = {**state.values, **filled_values((state.asks,), words)}
            asked = replace(asked, command=replace(command, values=values), origin=state.origin)
        reply = await desk.handle(asked.command)
        self.spawn(desk.answers.reply(asked, reply))

    async def _into_panel(self, asked: Asked, state: ids.State, words: str) -> None:
        """Put what was answered into the panel that asked for it."""
        desk = self._desk
        command = replace(asked.command, name=state.target.action, line=state.target.line)
        command = await desk.about(command, state.origin, there=True)
        reply = await desk.handle(command)
        filled = replace(state, values={**state.values, state.asks: " ".join(words.split())}, asks="", panel=0)
        locale = reply.locale or asked.spot.locale
        panel = None if reply.form is None else desk.forms.panel(locale, reply.form, filled, desk.me.username)
        if panel is None:
            self.spawn(desk.answers.note(asked, "form-full"))
        else:
            self.spawn(desk.sender.edit(asked.spot, str(state.panel), panel, important=False))
