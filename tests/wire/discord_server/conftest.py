"""A loopback Discord, and discord.py pointed at it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import discord
import pytest
from discord import app_commands

from tests.fakes.discord.pointing import pointed_at
from tests.fakes.discord.server import TOKEN, FakeDiscord


class Bot(discord.Client):
    """A small bot; `on` of a test adds commands to its tree before it starts."""

    def __init__(self, **options: object) -> None:
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True), **options)  # type: ignore[arg-type]
        self.tree = app_commands.CommandTree(self)
        self.up = asyncio.Event()
        self.failures: list[BaseException] = []

        @self.tree.error
        async def failed(_: discord.Interaction, error: app_commands.AppCommandError) -> None:
            self.failures.append(error)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_ready(self) -> None:
        self.up.set()


@pytest.fixture
async def server() -> AsyncIterator[FakeDiscord]:
    """Running, with every answer of ours held against Discord's document."""
    async with FakeDiscord() as running:
        running.check_answers = True
        with pointed_at(running):
            yield running
        assert [str(violation) for violation in running.own_violations] == []


@asynccontextmanager
async def started(bot: discord.Client, up: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """The bot, connected, for a while."""
    task = asyncio.create_task(bot.start(TOKEN))
    ready = asyncio.ensure_future(up())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=15)
    try:
        if task.done():
            task.result()
        assert ready.done(), "the bot did not become ready"
        yield
    finally:
        ready.cancel()
        await bot.close()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.05)  # discord.py's closed connections
