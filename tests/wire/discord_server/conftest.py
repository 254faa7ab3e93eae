"""A loopback Discord, and discord.py pointed at it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import pytest
import yarl
from discord import app_commands
from PIL import Image

from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.messages import Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.pointing import pointed_at
from tests.fakes.discord.server import TOKEN, FakeDiscord
from tests.fakes.discord.world import Channel, Guild


def picture(colour: str = "red", size: tuple[int, int] = (64, 48)) -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


class Bot(discord.Client):
    """A small bot; `on` of a test adds commands to its tree before it starts."""

    def __init__(self, **options: Any) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        super().__init__(intents=intents, guild_ready_timeout=0.1, **options)
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


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer of the REST API."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> int:
        """Discord's code of an error."""
        return int(self.body["code"])

    def errors(self) -> dict[str, str]:
        """Where the form was wrong: the codes by "components.0.custom_id"."""

        def walk(node: Any, at: str) -> Iterator[tuple[str, str]]:
            for key, inner in node.items():
                if key == "_errors":
                    yield at, inner[0]["code"]
                else:
                    yield from walk(inner, f"{at}.{key}".lstrip("."))

        return dict(walk(self.body.get("errors", {}), "")) if isinstance(self.body, dict) else {}


class Rest:
    """Plain HTTP to the server, with the bot's token."""

    def __init__(self, server: FakeDiscord, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        files: Mapping[str, bytes] | None = None,
        token: str | None = TOKEN,
    ) -> Said:
        """One call; `files` by name makes it a form, as bots upload."""
        headers = {} if token is None else {"Authorization": f"Bot {token}"}
        data: Any = None
        if files is not None:
            data = aiohttp.FormData(quote_fields=False)
            data.add_field("payload_json", json.dumps(body or {}), content_type="application/json")
            for number, (name, content) in enumerate(files.items()):
                data.add_field(
                    f"files[{number}]", io.BytesIO(content), filename=name, content_type="application/octet-stream"
                )
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        url = yarl.URL(f"{self.server.api_base}{path}", encoded=True)
        async with self._session.request(method, url, data=data, headers=headers) as response:
            raw = await response.read()
            return Said(status=response.status, body=json.loads(raw) if raw else None, headers=response.headers)

    async def post(self, channel: Channel, body: Any = None, **more: Any) -> Said:
        """Create a message."""
        return await self("POST", f"/channels/{channel.id}/messages", body, **more)

    async def edit(self, message: Message, body: Any = None, **more: Any) -> Said:
        """Edit a message."""
        return await self("PATCH", f"/channels/{message.channel.id}/messages/{message.id}", body, **more)

    async def answer(self, asked: Interaction, kind: int, data: Any = None, **more: Any) -> Said:
        """Answer an interaction, with what was made of it in the answer."""
        body = {"type": kind} | ({} if data is None else {"data": data})
        return await self(
            "POST", f"/interactions/{asked.id}/{asked.token}/callback?with_response=1", body, token=None, **more
        )

    async def hook(self, method: str, asked: Interaction, tail: str = "", body: Any = None, **more: Any) -> Said:
        """Use an interaction's token."""
        path = f"/webhooks/{self.server.world.app.id}/{asked.token}{tail}"
        return await self(method, path, body, token=None, **more)

    async def register(self, *commands: dict[str, Any]) -> Said:
        """Overwrite the global commands."""
        return await self("PUT", f"/applications/{self.server.world.app.id}/commands", list(commands))


@pytest.fixture
async def rest(server: FakeDiscord) -> AsyncIterator[Rest]:
    """Calls that no library would make, or that are made by hand; without rate limits."""
    server.limits.enabled = False
    async with aiohttp.ClientSession() as session:
        yield Rest(server, session)


@dataclass(frozen=True, kw_only=True)
class Studio:
    """One guild with a channel and two members."""

    guild: Guild
    art: Channel
    ann: Person
    bob: Person


@pytest.fixture
def studio(server: FakeDiscord) -> Studio:
    """Made before the bot comes."""
    guild = server.world.guild("Studio")
    return Studio(
        guild=guild,
        art=server.world.channel(guild, "art"),
        ann=server.world.member(guild, "ann"),
        bob=server.world.member(guild, "bob", locale="zh-CN"),
    )
