"""The adapter on a loopback Discord: with a handle that a test scripts, or with a whole house behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from bot.adapter import Handle
from bot.completions import Completions
from bot.discord.adapter import DiscordAdapter, Options
from bot.discord.attachments import Attachments
from bot.discord.words import Words
from bot.replies_guide import guide_reply
from bot.template_commands import TemplateCommand
from bot.texts import Texts
from config.settings import config_dir
from engine.images import ImageLimits
from engine.studio import Studio
from tests.fakes.discord.pointing import pointed_at
from tests.fakes.discord.server import TOKEN, FakeDiscord
from tests.fakes.discord.world import Channel, Guild
from tests.fakes.house import House, open_house
from tests.wire.scripted import Handler

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2048 * 2048, max_side=4096)
WORDS = Words(Texts.load(config_dir() / "locales"))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A bot on a loopback Discord."""

    server: FakeDiscord
    adapter: DiscordAdapter
    handler: Handler
    guild: Guild
    art: Channel
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Home(Stage):
    """The same with a whole house behind it."""

    house: House


@pytest.fixture
async def server() -> AsyncIterator[FakeDiscord]:
    """Running, and strict: at the end nothing of ours was refused by Discord's document, or over a bucket."""
    async with FakeDiscord() as running:
        with pointed_at(running):
            yield running
        assert [str(violation) for violation in running.violations] == []
        assert running.limits.overruns == []


async def _census() -> tuple[int, int]:
    return 4, 2


def adapter_for(
    server: FakeDiscord, studio: Studio, folder: Path, *, templates: tuple[TemplateCommand, ...] = (), **more: object
) -> DiscordAdapter:
    """The adapter as `compose` builds it."""
    options = Options(token=TOKEN, api_base=server.api_base, kept=folder / "commands", locale="en", brief=0.0)
    return DiscordAdapter(
        options=replace(options, **more),  # type: ignore[arg-type]
        words=WORDS,
        attachments=Attachments(cdn_base=server.cdn_base, limits=LIMITS),
        completions=Completions(studio),
        templates=templates,
        census=_census,
        guide=lambda guild: guide_reply(f"discord:{guild}", served=False),
    )


class NoStudio:
    """Offers nothing: for tests in which nothing is completed."""

    def choices(self, node: str, name: str) -> tuple[str, ...]:
        return ()


@asynccontextmanager
async def started(adapter: DiscordAdapter, handle: Handle) -> AsyncIterator[None]:
    """The adapter, connected for a while."""
    await adapter.start(handle)
    try:
        yield
    finally:
        await adapter.stop()
        await asyncio.sleep(0.05)  # discord.py's closed connections


def set_scene(server: FakeDiscord) -> tuple[Guild, Channel]:
    """A guild with a channel; the ones that are there, if they are."""
    world = server.world
    for channel in world.channels.values():
        if channel.name == "art" and channel.guild is not None:
            return channel.guild, channel
    guild = world.guild("Studio")
    return guild, world.channel(guild, "art")


@asynccontextmanager
async def staged(
    server: FakeDiscord, folder: Path, *, templates: tuple[TemplateCommand, ...] = (), **options: object
) -> AsyncIterator[Stage]:
    """The bot with a scripted handle; again on the same server, it is a restart."""
    guild, art = set_scene(server)
    handler = Handler()
    adapter = adapter_for(server, cast(Studio, NoStudio()), folder, templates=templates, **options)
    async with started(adapter, handler):
        yield Stage(server=server, adapter=adapter, handler=handler, guild=guild, art=art, folder=folder)


@asynccontextmanager
async def housed(
    server: FakeDiscord, folder: Path, *, templates: tuple[TemplateCommand, ...] = (), **house: object
) -> AsyncIterator[Home]:
    """The bot with a whole house behind it; again on the same folder, it is a restart."""
    guild, art = set_scene(server)
    built: list[DiscordAdapter] = []

    def build(studio: Studio) -> DiscordAdapter:
        built.append(adapter_for(server, studio, folder, templates=templates))
        return built[0]

    async with (
        open_house(folder, build=build, **house) as home,  # type: ignore[arg-type]
        started(built[0], home.commands.handle),
    ):
        yield Home(server=server, adapter=built[0], handler=Handler(), guild=guild, art=art, folder=folder, house=home)


@pytest.fixture
async def stage(server: FakeDiscord, tmp_path: Path) -> AsyncIterator[Stage]:
    """A bot with a scripted handle."""
    async with staged(server, tmp_path) as one:
        yield one


@pytest.fixture
async def home(server: FakeDiscord, tmp_path: Path) -> AsyncIterator[Home]:
    """A bot with a whole house behind it."""
    async with housed(server, tmp_path) as one:
        yield one
