"""How somebody is answered: a word in passing, a message where they are, or one in their own conversation with us.

What is for one person alone is never said in a group: a press is answered by a notice that only they see, anything
longer goes to their own conversation; whoever has not begun one is shown the way there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any

import structlog
from telegram import InlineKeyboardButton

from bot.actions import ACTIONS
from bot.adapter import Command
from bot.ladder import File
from bot.ladder import Form as LadderForm
from bot.questions import OpenQuestions
from bot.replies import Form, Reply, Text, Tone
from bot.targets import Target
from bot.telegram import ids
from bot.telegram.forms import Forms, is_worded, target_of
from bot.telegram.incoming import GROUP, PRIVATE
from bot.telegram.keyboards import action_rows, data_button, keyboard, link_button
from bot.telegram.query import Query
from bot.telegram.sender import MOST_ALBUM, Sender
from bot.telegram.shown import Composer, Media, Message, as_document, as_file, as_photo
from bot.telegram.words import MOST_CAPTION, MOST_NOTICE, Words, harmless, length
from engine.errors import DeliveryDelayed, DeliveryError, FloodWait, RecipientBlocked
from engine.model import Place

log = structlog.get_logger(__name__)

PATIENCE = 60.0  # seconds that an answer waits for its turn
MOST_WAITING = 20  # answers that wait in one chat; more are left unsaid
_ACCEPTED = frozenset({"accepted", "accepted-private"})
"""What the message of the job says by itself."""
_HINTS = frozenset({"passed-over"})
"""What need not be said where others read it, too."""
_IN_PLACE = frozenset({"which-picture"})
"""What is asked of one person, and is no secret."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A command, and where its answer belongs."""

    command: Command
    spot: Place  # where it was said or pressed; the command's own place may be another
    query: Query | None = None  # of a press
    message_id: str = ""  # of the message that was pressed
    origin: ids.Origin | None = None  # where it is about, if not there

    @property
    def in_group(self) -> bool:
        """Whether others read it too."""
        return self.spot.kind == GROUP

    @property
    def own(self) -> Place:
        """The person's own conversation with us."""
        if not self.in_group:
            return self.spot
        return replace(self.spot, chat=self.spot.owner_id, thread="", reply_to="", kind=PRIVATE)


class Answers:
    """Answers people."""

    def __init__(self, *, words: Words, composer: Composer, forms: Forms, sender: Sender, username: str) -> None:
        self._words = words
        self._composer = composer
        self._forms = forms
        self._sender = sender
        self._username = username
        self.questions: OpenQuestions[Command] = OpenQuestions()

    async def reply(self, asked: Asked, reply: Reply) -> None:
        """Give somebody the answer to a command."""
        locale = reply.locale or asked.spot.locale
        if reply.tone is Tone.ASK:
            await self._ask(asked, reply, locale)
        elif reply.form is not None:
            await self._open(asked, reply.form, locale)
        elif reply.jobs:
            await self._accepted(asked, reply, locale)
        elif asked.query is not None and reply.private and self._is_word(reply, locale):
            bad = reply.tone in (Tone.BAD_INPUT, Tone.REFUSED, Tone.FAILED)
            await asked.query.answer(self._words.notice(locale, reply.lines), alert=bad)
        else:
            await self._said(asked, reply, locale)

    async def note(self, asked: Asked, key: str, *, private: bool = True, **fields: str | int) -> None:
        """Answer with one of our own sentences."""
        await self.reply(asked, Reply(lines=(Text(key=key, fields=fields),), private=private))

    async def tell(self, asked: Asked, place: Place, message: Message) -> str:
        """Say something that was written already; gives the message's id, empty if it could not be said."""
        try:
            return await self._patiently(place, message)
        except RecipientBlocked:
            await self._show_the_way(asked, None, asked.spot.locale)
            return ""

    def _is_word(self, reply: Reply, locale: str) -> bool:
        short = len(self._words.notice(locale, reply.lines)) <= MOST_NOTICE
        return short and not reply.files and not reply.buttons

    # Jobs and questions

    async def _accepted(self, asked: Asked, reply: Reply, locale: str) -> None:
        """A job's own message says that it was accepted; what else there is to say comes beside it."""
        if asked.query is not None:
            await asked.query.answer(self._words.notice(locale, reply.lines[:1]))
        more = tuple(line for line in reply.lines if line.key not in _ACCEPTED)
        if more:
            await self._noted(asked, more, locale)

    async def _noted(self, asked: Asked, lines: Sequence[Text], locale: str) -> None:
        """Say how a request was understood: to the person alone if that can be, and hints not else."""
        try:
            await self._send_all(asked, asked.own, Reply(lines=tuple(lines), private=True), locale)
        except RecipientBlocked:
            more = tuple(line for line in lines if line.key not in _HINTS)
            if more:
                await self._send_all(asked, asked.spot, Reply(lines=more), locale)

    async def _ask(self, asked: Asked, reply: Reply, locale: str) -> None:
        if asked.query is not None:
            await asked.query.answer()
        key = self.questions.put(asked.command.identity.id, asked.command)
        names = ["yes", *(["edit"] if isinstance(asked.command.line, str) and asked.command.line else []), "no"]
        signs = {"yes": "✅", "edit": "✏️", "no": "✖️"}
        row = [
            data_button(f"{signs[name]} {self._words.say(locale, f'ask-{name}')}", f"ask:{key}:{name}")
            for name in names
        ]
        html = self._words.pages(locale, reply.lines)[-1]
        await self._patiently(asked.spot, Message(html=html, keyboard=keyboard([row])))

    # Forms

    async def _open(self, asked: Asked, form: Form, locale: str) -> None:
        """Open a form: a question in words where it is about a result that others see, a panel for one person alone."""
        state = ids.State(target=target_of(form), owner_id=asked.spot.owner_id, origin=self._about(asked))
        action = ACTIONS.get(form.action)
        if is_worded(form) and form.fields and not (asked.in_group and action is not None and action.private):
            await self.ask_words(asked, form, form.fields[0].name, replace(state, origin=asked.origin), locale)
            return
        if is_worded(form) and form.fields:
            question = self._forms.question(locale, form, form.fields[0], state, self._username)
            if question is not None:
                await self._privately(asked, question.message, reply_markup=question.markup)
            return
        panel = self._forms.panel(locale, form, state, self._username)
        if panel is not None:
            await self._privately(asked, panel)

    async def ask_words(self, asked: Asked, form: Form, name: str, state: ids.State, locale: str) -> None:
        """Ask for words, where the person is."""
        if asked.query is not None:
            await asked.query.answer()
        one = next((field for field in form.fields if field.name == name), None)
        calls = ""
        if asked.in_group:
            named = escape(harmless(asked.spot.owner), quote=False) or asked.spot.owner_id
            calls = f'<a href="tg://user?id={asked.spot.owner_id}">{named}</a>'
        if one is not None:
            question = self._forms.question(locale, form, one, state, self._username, calls=calls)
            if question is not None:
                await self._patiently(asked.spot, question.message, reply_markup=question.markup)

    def _about(self, asked: Asked) -> ids.Origin | None:
        """Where something is about that is told in the person's own conversation."""
        if asked.origin is not None or not asked.in_group:
            return asked.origin
        spot, name = asked.spot, asked.command.community_name
        return ids.Origin(chat=spot.chat, thread=spot.thread, message=spot.reply_to, name=name)

    # Messages

    async def _said(self, asked: Asked, reply: Reply, locale: str) -> None:
        here = not reply.private or any(line.key in _IN_PLACE for line in reply.lines)
        place = asked.spot if here else asked.own
        if asked.query is not None and (here or not asked.in_group):
            await asked.query.answer()
        if asked.query is not None and self._turns_page(asked, reply):
            message = Message(
                html=self._words.pages(locale, reply.lines)[0],
                keyboard=keyboard(action_rows(self._words, locale, reply.buttons)),
            )
            await self._sender.edit(place, asked.message_id, message, important=False)
            return
        try:
            await self._send_all(asked, place, reply, locale)
        except RecipientBlocked:
            await self._show_the_way(asked, reply, locale)
        if asked.query is not None:
            await asked.query.answer(self._words.say(locale, "told-privately"))

    def _turns_page(self, asked: Asked, reply: Reply) -> bool:
        """Whether a press turns the page of a list, which then shows the next one itself."""
        return asked.command.name == "older" and not asked.in_group and not reply.files

    async def _send_all(self, asked: Asked, place: Place, reply: Reply, locale: str) -> None:
        rows = action_rows(self._words, locale, reply.buttons)
        if reply.job_id and reply.files:
            owner = asked.spot.owner_id if place.kind == GROUP else ""
            await self._patiently(place, await self._composer.message(reply, locale, owner_id=owner))
            return
        pages = self._words.pages(locale, reply.lines) if reply.lines else []
        pages = self._with_origin(asked, place, pages)
        if reply.files:
            pages = await self._send_files(place, reply, pages, bare=not rows)
        for number, html in enumerate(pages, 1):
            last = keyboard(rows) if number == len(pages) else None
            await self._patiently(place, Message(html=html, keyboard=last))

    def _with_origin(self, asked: Asked, place: Place, pages: list[str]) -> list[str]:
        """Say under what we tell somebody alone where it is about: so its buttons know, too."""
        about = self._about(asked)
        if about is None or place.kind == GROUP or not pages:
            return pages
        named = escape(harmless(asked.command.community_name or about.name) or about.chat, quote=False)
        foot = f'<a href="{escape(about.address(self._username))}">📍 {named}</a>'
        return [*pages[:-1], f"{pages[-1]}\n{foot}"]

    async def _send_files(self, place: Place, reply: Reply, pages: Sequence[str], *, bare: bool) -> list[str]:
        """Send files, together where that can be; gives the texts that are still to be said.

        Pictures go as pictures where they are meant to be looked at, and as files where they are meant to be kept.
        """
        media = [await asyncio.to_thread(_media_of, reply, file) for file in reply.files]
        captioned = bare and len(pages) == 1 and length(pages[0]) <= MOST_CAPTION
        caption = pages[0] if captioned else ""
        for kinds in _albums(media):
            if len(kinds) == 1:
                await self._patiently(place, Message(html=caption, media=kinds[0]))
            else:
                await self._until(place, partial(self._sender.album, place, kinds, caption, patience=PATIENCE))
            caption = ""
        return [] if captioned else list(pages)

    async def _privately(self, asked: Asked, message: Message, **more: Any) -> None:
        """Send a message to the person alone."""
        try:
            await self._patiently(asked.own, message, **more)
        except RecipientBlocked:
            await self._show_the_way(asked, None, asked.spot.locale)
        if asked.query is not None:
            await asked.query.answer(self._words.say(asked.spot.locale, "told-privately") if asked.in_group else "")

    async def _show_the_way(self, asked: Asked, reply: Reply | None, locale: str) -> None:
        """Tell somebody whom we may not write to how to begin a conversation; that opens what they wanted."""
        payload = ""
        action = ACTIONS.get(asked.command.name)
        line = asked.command.line
        if action is not None and isinstance(line, tuple) and len(line) == 2 and line[1].isdigit():
            target = Target(action=action.name, job_id=line[0], index=int(line[1]))
            payload = ids.payload_of(target, asked.spot.chat)
        if asked.query is not None and not asked.query.is_answered:
            await asked.query.answer(url=f"https://t.me/{self._username}?start={payload}")
            return
        if reply is not None and reply.tone is Tone.BAD_INPUT:
            html = self._words.pages(locale, reply.lines)[0]
        else:
            html = self._words.html(locale, "begin-conversation")
        button: InlineKeyboardButton = link_button(self._words.say(locale, "begin"), self._username, payload)
        await self._patiently(asked.spot, Message(html=html, keyboard=keyboard([[button]])))

    # Waiting one's turn

    async def _patiently(self, place: Place, message: Message, **more: Any) -> str:
        found: list[str] = []

        async def once() -> None:
            sent = await self._sender.send(place, message, important=False, patience=PATIENCE, **more)
            found.append(sent)

        await self._until(place, once)
        return found[0] if found else ""

    async def _until(self, place: Place, work: Callable[[], Awaitable[None]]) -> None:
        """Say something once the chat takes it; what would wait too long is left unsaid. Raises DeliveryError."""
        if self._sender.pace.waiting(place.chat) >= MOST_WAITING:
            log.warning("answer_left_unsaid", chat=place.chat)
            return
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                await work()
            except (FloodWait, DeliveryDelayed) as error:
                wait = error.retry_after or 1.0
                if asyncio.get_running_loop().time() + wait > deadline:
                    log.warning("answer_left_unsaid", chat=place.chat, error=error.code)
                    return
                await asyncio.sleep(wait)
            except RecipientBlocked:
                raise
            except DeliveryError as error:
                log.info("answer_not_taken", chat=place.chat, error=error.code, detail=error.detail)
                return
            else:
                return


def _media_of(reply: Reply, file: File) -> Media:
    """Show a file in the way that its reply means: to be kept, to be looked at, or to be judged; blocks."""
    preview = not reply.pictures and file.form is LadderForm.JPEG
    if not reply.pictures and not preview:
        return as_document(file)
    if file.mime.startswith("image/") and file.mime != "image/gif":
        return as_photo(file, spoiler=reply.spoiler or preview)
    return as_file(file, spoiler=reply.spoiler)


def _albums(media: Sequence[Media]) -> list[list[Media]]:
    """Part files into albums of one kind, in order."""
    albums: list[list[Media]] = []
    for one in media:
        mixes = one.kind in ("photo", "document", "audio")
        if albums and mixes and albums[-1][0].kind == one.kind and len(albums[-1]) < MOST_ALBUM:
            albums[-1].append(one)
        else:
            albums.append([one])
    return albums
