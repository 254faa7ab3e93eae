"""The real service beside a loopback Telegram: people say something, press something, and wait for what comes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.e2e.processes import Service, Workplace
from tests.fakes.telegram.model import Chat, Message
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram

LONG = 120.0  # seconds before a wait is a hang
QUICK = "--steps 4"


@dataclass(frozen=True, kw_only=True)
class OnTelegram:
    """A Telegram, the machine that the service runs on, and the service's operator."""

    server: FakeTelegram
    place: Workplace
    boss: Person

    @asynccontextmanager
    async def service(self, **more: str) -> AsyncIterator[Service]:
        """The service, running, for a while."""
        running = self.place.serve(
            ATELIER_TELEGRAM__TOKEN=self.server.token,
            ATELIER_TELEGRAM__API_BASE=self.server.base_url.removesuffix("/bot"),
            ATELIER_TELEGRAM__FILE_BASE=self.server.base_file_url.removesuffix("/bot"),
            ATELIER_ACCESS="open",
            ATELIER_OPERATORS=f"telegram:{self.boss.id}",
            **more,
        )
        service = await asyncio.to_thread(running.__enter__)
        try:
            await asyncio.to_thread(service.until_ready)
            yield service
        finally:
            service.process.terminate()
            await asyncio.to_thread(service.process.wait)
            await asyncio.to_thread(running.__exit__, None, None, None)

    async def result(self, who: Person, chat: Chat, words: str, *, after: Message | None = None) -> Message:
        """Wait for a result whose caption has these words."""
        try:
            return await who.waits(
                chat, lambda m: m.media and is_result(m) and words in m.text, after=after, within=LONG
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.place.log('serve')[-3000:]}") from None

    async def imagine(self, who: Person, chat: Chat, words: str, **more: int) -> Message:
        """Say something, and wait for its pictures."""
        asked = await who.says(chat, f"{words} {QUICK}", **more)
        return await self.result(who, chat, "", after=asked)

    async def press(self, who: Person, message: Message, button: str, words: str = "") -> Message:
        """Press a button, and wait for the pictures that come of it."""
        last = max(message.chat.messages.values(), key=lambda one: one.id)
        await (await who.presses(message, button)).answered(LONG)
        return await self.result(who, message.chat, words, after=last)

    async def says(
        self,
        who: Person,
        chat: Chat,
        words: str,
        answer: str | Callable[[Message], bool],
        *,
        where: Chat | None = None,
    ) -> Message:
        """Say something, and wait for an answer with these words or that this holds for."""
        where = where or chat
        seen = who.sees(where)
        await who.says(chat, words)
        return await who.waits(where, answer, after=seen[-1] if seen else None, within=LONG)


def is_result(message: Message) -> bool:
    """Whether a message shows a result, and no preview."""
    return "reroll:" in str(message.keyboard)


def has_button(words: str) -> Callable[[Message], bool]:
    """Whether a message has a button with these words."""
    return lambda message: any(words in label for row in message.buttons for label in row)
