"""Presses: a result's buttons, answers to questions, panels, and lists that are looked at anew."""

import asyncio
from dataclasses import replace

import structlog
from telegram import CallbackQuery, Message

from bot.actions import ACTIONS
from bot.adapter import Command
from bot.replies import FieldKind, Form, FormField, Reply
from bot.targets import Answered, Target
from bot.telegram import ids
from bot.telegram.answers import Asked
from bot.telegram.forms import chosen
from bot.telegram.incoming import PLATFORM, Seen, command_of, place_of
from bot.telegram.query import Query
from bot.telegram.reading import origin_of, state_of
from bot.telegram.reception import LINE, QUEUE, Desk, Reception
from bot.telegram.shown import Message as Shown
from engine.model import Power

log = structlog.get_logger(__name__)
GRACE = 1.0  # seconds in which the answer to a press may say more than that it was heard


class Presses:
    """Takes presses in."""

    def __init__(self, desk: Desk, reception: Reception) -> None:
        self._desk = desk
        self._reception = reception

    async def pressed(self, pressed: CallbackQuery) -> None:
        """Take a press; returns once what it asks for is accepted or refused."""
        query, message = Query(pressed), pressed.message
        if message is None:
            await query.answer()
            return
        asked = await self._asked(pressed, query, message)
        state = state_of(message, self._desk.me) if isinstance(message, Message) else None
        match ids.read(pressed.data or ""):
            case Target() as target:
                await self._act(asked, target)
            case Answered() as answered:
                await self._answered(asked, answered)
            case ids.Look(name=name) if name == QUEUE:
                self._reception.spawn(self._look(asked))
            case ids.Picked() | ids.Chosen() | ids.Typing() | ids.Done() as press if state is not None:
                await self._panel(asked, state, press)
            case _:
                await self._word(asked, "press-unknown")

    async def _asked(self, pressed: CallbackQuery, query: Query, message: Seen) -> Asked:
        desk, user = self._desk, pressed.from_user
        command = command_of(
            message, user, name="", key=f"{PLATFORM}:press:{pressed.id}", locale=desk.locale, power=Power.MEMBER
        )
        origin = origin_of(message, desk.me) if isinstance(message, Message) and not command.community else None
        if command.community:
            power = await desk.standing(command.community, user.id)
            command = replace(command, power=Power.MEMBER if power is Power.NOBODY else power)
            desk.sender.name(command.community, command.community_name)
        return Asked(
            command=command,
            spot=place_of(message, user, desk.locale),
            query=query,
            message_id=str(message.message_id),
            origin=origin,
        )

    async def _act(self, asked: Asked, target: Target) -> None:
        """Do what a result's button names."""
        if target.action not in ACTIONS:
            await self._word(asked, "press-unknown")
            return
        command = replace(asked.command, name=target.action, line=target.line)
        command = await self._desk.about(command, asked.origin)
        await self._give(replace(asked, command=command))

    async def _give(self, asked: Asked) -> None:
        """Give a command; if its answer takes longer than a moment, the press is answered before."""
        given = asyncio.ensure_future(self._desk.handle(asked.command))
        await asyncio.wait({given}, timeout=GRACE)
        if not given.done() and asked.query is not None:
            await asked.query.answer()
        reply = await given
        self._reception.spawn(self._reply(asked, reply))

    async def _reply(self, asked: Asked, reply: Reply) -> None:
        try:
            await self._desk.answers.reply(asked, reply)
        finally:
            if asked.query is not None:
                await asked.query.answer()

    async def _word(self, asked: Asked, key: str) -> None:
        if asked.query is not None:
            await asked.query.answer(self._desk.words.say(asked.spot.locale, key), alert=True)

    async def _look(self, asked: Asked) -> None:
        """Show a list anew, in its place."""
        asked = replace(asked, command=replace(asked.command, name=QUEUE))
        message, moves = await self._desk.queue(asked)
        if asked.query is not None:
            await asked.query.answer()
        await self._desk.sender.edit(asked.spot, asked.message_id, message, important=False)
        if moves:
            self._desk.live.watch(asked, asked.spot, asked.message_id, message.html)

    # Questions

    async def _answered(self, asked: Asked, press: Answered) -> None:
        desk, person = self._desk, asked.command.identity.id
        questions = desk.answers.questions
        question = (questions.peek if press.answer == "edit" else questions.take)(press.key, person)
        if question is None:
            await self._word(asked, "ask-expired")
        elif press.answer == "no":
            if asked.query is not None:
                await asked.query.answer(desk.words.say(asked.spot.locale, "ask-cancelled"))
            self._reception.spawn(self._taken_away(asked))
        elif press.answer == "edit":
            line = question.line if isinstance(question.line, str) else " ".join(question.line)
            fields = (FormField(name="prompt", kind=FieldKind.LONG, value=line),)
            form = Form(action=LINE, job_id=press.key, fields=fields)
            target = Target(action=LINE, job_id=press.key)
            state = ids.State(target=target, owner_id=asked.spot.owner_id)
            self._reception.spawn(desk.answers.ask_words(asked, form, "prompt", state, asked.spot.locale))
        else:
            self._reception.spawn(self._taken_away(asked))
            await self._give(replace(asked, command=replace(question, confirmed=True)))

    async def _taken_away(self, asked: Asked) -> None:
        """A question that was answered needs not be seen any more."""
        await self._desk.sender.delete(asked.spot, asked.message_id)

    # Panels

    async def _panel(
        self, asked: Asked, state: ids.State, press: ids.Picked | ids.Chosen | ids.Typing | ids.Done
    ) -> None:
        desk = self._desk
        if state.owner_id != asked.spot.owner_id:
            await self._word(asked, "panel-not-yours")
            return
        asked = replace(asked, origin=state.origin)
        command = replace(asked.command, name=state.target.action, line=state.target.line)
        command = await desk.about(command, state.origin, there=True)
        if isinstance(press, ids.Done) and press.what != "back":
            await self._ended(asked, command, state, press.what)
            return
        reply = await desk.handle(command)
        locale = reply.locale or asked.spot.locale
        if reply.form is None:
            self._reception.spawn(self._reply(asked, reply))
            return
        if isinstance(press, ids.Typing):
            await self._ask(asked, reply.form, state, press, locale)
            return
        message = self._turned(reply.form, state, press, locale)
        if message is None:
            await self._word(asked, "press-unknown")
        else:
            self._reception.spawn(self._shown(asked, message))

    def _turned(
        self, form: Form, state: ids.State, press: ids.Picked | ids.Chosen | ids.Done, locale: str
    ) -> Shown | None:
        """The panel as it looks after a press."""
        username = self._desk.me.username
        match press:
            case ids.Picked():
                return self._desk.forms.choices(locale, form, state, username, press)
            case ids.Chosen():
                after = chosen(form, state, press)
                return None if after is None else self._desk.forms.panel(locale, form, after, username)
            case _:
                return self._desk.forms.panel(locale, form, state, username)

    async def _ask(self, asked: Asked, form: Form, state: ids.State, press: ids.Typing, locale: str) -> None:
        if press.number >= len(form.fields):
            await self._word(asked, "press-unknown")
            return
        name = form.fields[press.number].name
        asking = replace(state, panel=int(asked.message_id))
        self._reception.spawn(self._desk.answers.ask_words(asked, form, name, asking, locale))

    async def _shown(self, asked: Asked, message: Shown) -> None:
        if asked.query is not None:
            await asked.query.answer()
        await self._desk.sender.edit(asked.spot, asked.message_id, message, important=False)

    async def _ended(self, asked: Asked, command: Command, state: ids.State, what: str) -> None:
        """Make what a panel says, or leave it; either way it is not needed any more."""
        self._reception.spawn(self._taken_away(asked))
        if what == "close":
            await self._word(asked, "panel-closed")
        else:
            await self._give(replace(asked, command=replace(command, values=state.values)))
