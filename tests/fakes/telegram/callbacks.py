"""Presses of buttons: each is a query that the bot answers once, in time."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.telegram import payloads
from tests.fakes.telegram.errors import QUERY_TOO_OLD, bad_request
from tests.fakes.telegram.log import Event
from tests.fakes.telegram.model import Message, User
from tests.fakes.telegram.world import World


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the person sees after a press: nothing, a passing notice, or an alert."""

    text: str = ""
    alert: bool = False
    url: str = ""


@dataclass(eq=False, kw_only=True)
class Press:
    """A button that somebody pressed."""

    id: str
    user: User
    message: Message
    data: str
    at: float
    answer: Answer | None = None
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def answered(self, within: float = 30.0) -> Answer:
        """Wait for the bot's answer; AssertionError if none comes within so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._answered.wait()
        except TimeoutError:
            raise AssertionError(f"the press of {self.data!r} was not answered within {within} s") from None
        assert self.answer
        return self.answer


class Presses:
    """All presses so far."""

    def __init__(self, world: World, lifetime: float) -> None:
        self.world = world
        self.lifetime = lifetime  # seconds in which a query takes an answer
        self.all: dict[str, Press] = {}

    def press(self, user: User, message: Message, data: str) -> Press:
        """Somebody presses a button; the bot is told, whether or not it sees the message itself."""
        now = self.world.clock.now()
        press = Press(id=str(secrets.randbelow(2**62)), user=user, message=message, data=data, at=now)
        self.all[press.id] = press
        shown = {"chat": payloads.chat(message.chat), "message_id": message.id, "date": 0}
        query: dict[str, Any] = {
            "id": press.id,
            "from": payloads.user(user),
            "chat_instance": str(hash(message.chat.id) & (2**62 - 1)),
            "message": shown if message.deleted else self.world.payload(message),
            "data": data,
        }
        self.world.updates.add("callback_query", query)
        self.world.note(Event.PRESSED, message, by_bot=False, detail=data, who=user.id)
        return press

    def answer(self, query_id: str, answer: Answer) -> None:
        """The bot answers; Refusal for a query that is unknown, answered or too old."""
        press = self.all.get(query_id)
        if not press or press.answer or self.world.clock.now() > press.at + self.lifetime:
            raise bad_request(QUERY_TOO_OLD)
        press.answer = answer
        press._answered.set()
        self.world.note(Event.ANSWERED, press.message, by_bot=True, detail=answer.text, who=press.user.id)

    @property
    def unanswered(self) -> list[Press]:
        """Presses that still show a spinner."""
        return [press for press in self.all.values() if not press.answer]
