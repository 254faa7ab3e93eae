"""The real service beside a loopback Discord, and how results are told there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.e2e.processes import Service, Workplace
from tests.fakes.discord.messages import Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.server import TOKEN, FakeDiscord

LONG = 60.0  # seconds before a wait is a hang


@dataclass(frozen=True, kw_only=True)
class OnDiscord:
    """A Discord, the machine that the service runs on, and the service's operator."""

    server: FakeDiscord
    place: Workplace
    boss: Person

    @asynccontextmanager
    async def service(self, *, killed: bool = False) -> AsyncIterator[Service]:
        """The service, running, for a while; `killed` says how it ends."""
        running = self.place.serve(
            ATELIER_DISCORD__TOKEN=TOKEN,
            ATELIER_DISCORD__API_BASE=self.server.api_base,
            ATELIER_DISCORD__CDN_BASE=self.server.cdn_base,
            ATELIER_ACCESS="open",
            ATELIER_OPERATORS=f"discord:{self.boss.id}",
        )
        connected = len(self.server.gateway.identifies)
        service = await asyncio.to_thread(running.__enter__)
        try:
            await self.server.until(lambda: len(self.server.gateway.identifies) > connected, within=LONG)
            await asyncio.to_thread(service.until_ready)
            yield service
        finally:
            (service.process.kill if killed else service.process.terminate)()
            await asyncio.to_thread(service.process.wait)
            await asyncio.to_thread(running.__exit__, None, None, None)


def done(message: Message) -> bool:
    """Whether a message shows a result, and not a preview."""
    return any(str(part.get("custom_id", "")).startswith("reroll:") for part in message.controls())


def job_of(message: Message) -> str:
    """The job that a message's buttons name."""
    return str(message.controls()[0]["custom_id"]).split(":")[1]
