"""The gateway: identify, resume with what was missed, close codes, compression, shards."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from tests.fakes.discord.server import TOKEN, FakeDiscord
from tests.wire.discord_server.conftest import Bot, Studio, started

GUILDS = 1


class Socket:
    """A gateway client by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, *, packed: bool) -> None:
        self._socket = socket
        self._inflate = zlib.decompressobj() if packed else None

    async def send(self, op: int, data: Any) -> None:
        """One frame."""
        await self._socket.send_str(json.dumps({"op": op, "d": data}))

    async def raw(self, text: str) -> None:
        """Something that is no frame."""
        await self._socket.send_str(text)

    async def read(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(30):
            message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            assert self._inflate is not None
            assert message.data.endswith(b"\x00\x00\xff\xff")
            return dict(json.loads(self._inflate.decompress(message.data)))
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return dict(json.loads(message.data))

    async def closed(self) -> int | None:
        """The code that it is closed with."""
        async with asyncio.timeout(30):
            while (await self._socket.receive()).type not in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                pass
        return self._socket.close_code

    async def close(self, code: int) -> None:
        """Say goodbye."""
        await self._socket.close(code=code)

    async def identify(self, **more: Any) -> None:
        """Say who one is."""
        await self.send(2, {"token": TOKEN, "intents": GUILDS, "properties": {}} | more)


@asynccontextmanager
async def connected(server: FakeDiscord, query: str = "v=10&encoding=json") -> AsyncIterator[Socket]:
    """A socket that has got its hello."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.gateway_url}?{query}") as socket:
        client = Socket(socket, packed="zlib" in query)
        if "v=10" in query:
            hello = await client.read()
            assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41250)
        yield client


@pytest.mark.parametrize("query", ["v=10&encoding=json", "v=10&encoding=json&compress=zlib-stream"])
async def test_ready_then_guilds(server: FakeDiscord, studio: Studio, query: str) -> None:
    async with connected(server, query) as client:
        await client.identify()
        ready = await client.read()
        assert (ready["t"], ready["s"]) == ("READY", 1)
        assert ready["d"]["guilds"] == [{"id": str(studio.guild.id), "unavailable": True}]
        created = await client.read()
        assert (created["t"], created["d"]["name"]) == ("GUILD_CREATE", "Studio")
        assert [channel["name"] for channel in created["d"]["channels"]] == ["art"]
        assert [member["user"]["username"] for member in created["d"]["members"]] == ["atelier"]
        await client.send(1, 2)
        assert (await client.read())["op"] == 11


@pytest.mark.parametrize(
    ("identify", "code"),
    [
        ({"token": "other"}, 4004),
        ({"shard": [2, 2]}, 4010),
        ({"intents": 1 << 40}, 4013),
        ({"intents": None}, 4013),
        ({"intents": 1 << 15}, 4014),
        ({"intents": 1 << 1}, 4014),
    ],
)
async def test_identifies_that_are_turned_away(server: FakeDiscord, identify: dict[str, Any], code: int) -> None:
    async with connected(server) as client:
        await client.identify(**identify)
        assert await client.closed() == code
    assert [end for end, _ in server.gateway.closes] == [code]


async def test_a_granted_intent_is_allowed(server: FakeDiscord) -> None:
    server.world.app.intents_granted = frozenset({"message_content"})
    async with connected(server) as client:
        await client.identify(intents=1 << 15)
        assert (await client.read())["t"] == "READY"


@pytest.mark.parametrize(("frame", "code"), [("{}", 4002), ('{"op": 99}', 4001), ('{"op": 3, "d": {}}', 4003)])
async def test_frames_that_are_none(server: FakeDiscord, frame: str, code: int) -> None:
    async with connected(server) as client:
        await client.raw(frame)
        assert await client.closed() == code


async def test_twice_is_once_too_often(server: FakeDiscord) -> None:
    async with connected(server) as client:
        await client.identify()
        await client.identify()
        assert await client.closed() == 4005


async def test_an_unknown_version_is_turned_away(server: FakeDiscord) -> None:
    async with connected(server, "v=7&encoding=json") as client:
        assert await client.closed() == 4012


async def test_too_many_frames(server: FakeDiscord) -> None:
    async with connected(server) as client:
        for _ in range(121):
            await client.send(1, None)
        assert await client.closed() == 4008


async def test_a_client_without_a_heart_is_closed(server: FakeDiscord) -> None:
    server.gateway.heartbeat_interval = 0.05
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.gateway_url}?v=10&encoding=json") as ws:
        client = Socket(ws, packed=False)
        assert await client.closed() == 4009


async def test_resuming_replays_what_was_missed(server: FakeDiscord, studio: Studio) -> None:
    async with connected(server) as client:
        await client.identify()
        session = (await client.read())["d"]["session_id"]
        await client.read()
        server.gateway.drop()
        await client.closed()
    server.world.channel(studio.guild, "missed")
    async with connected(server) as client:
        await client.send(6, {"token": TOKEN, "session_id": session, "seq": 2})
        missed, resumed = await client.read(), await client.read()
        assert (missed["t"], missed["d"]["name"], missed["s"]) == ("CHANNEL_CREATE", "missed", 3)
        assert resumed["t"] == "RESUMED"
    assert server.gateway.resumes == 1


async def test_sessions_that_cannot_be_resumed(server: FakeDiscord) -> None:
    async with connected(server) as client:
        await client.send(6, {"token": TOKEN, "session_id": "unknown", "seq": 2})
        assert await client.read() == {"op": 9, "d": False, "s": None, "t": None}
        await client.identify()
        session = (await client.read())["d"]["session_id"]
        await client.close(1000)  # gives the session up
    async with connected(server) as client:
        await client.send(6, {"token": TOKEN, "session_id": session, "seq": 1})
        assert (await client.read())["op"] == 9


async def test_a_sequence_of_the_future_is_wrong(server: FakeDiscord) -> None:
    async with connected(server) as client:
        await client.identify()
        session = (await client.read())["d"]["session_id"]
        server.gateway.drop()
    async with connected(server) as client:
        await client.send(6, {"token": TOKEN, "session_id": session, "seq": 99})
        assert await client.closed() == 4007


async def test_each_shard_has_its_guilds(server: FakeDiscord) -> None:
    guilds = [server.world.guild(f"guild {n}") for n in range(6)]
    seen: dict[int, set[str]] = {}
    for number in range(2):
        async with connected(server) as client:
            await client.identify(shard=[number, 2])
            ready = (await client.read())["d"]
            assert ready["shard"] == [number, 2]
            seen[number] = {guild["id"] for guild in ready["guilds"]}
    assert seen[0] | seen[1] == {str(guild.id) for guild in guilds}
    assert all((int(ident) >> 22) % 2 == number for number, idents in seen.items() for ident in idents)


async def test_content_is_for_those_who_may_read_it(server: FakeDiscord, studio: Studio) -> None:
    async with connected(server) as client:
        await client.identify(intents=(1 << 9) | (1 << 12))
        await client.read()
        await studio.ann.says(studio.art, "secret")
        await studio.ann.says(studio.art, f"<@{server.world.app.bot.id}> hello")
        await studio.ann.says(studio.ann.dm, "direct")
        said = [(await client.read())["d"]["content"] for _ in range(3)]
        assert said == ["", f"<@{server.world.app.bot.id}> hello", "direct"]


@pytest.mark.parametrize("trouble", ["drop", "reconnect", "resumable", "close"])
async def test_discord_py_resumes(server: FakeDiscord, studio: Studio, trouble: str) -> None:
    bot = Bot()
    async with started(bot, bot.up.wait):
        match trouble:
            case "drop":
                server.gateway.drop()
            case "reconnect":
                server.gateway.ask_to_reconnect()
            case "resumable":
                server.gateway.invalidate(resumable=True)
            case "close":
                await server.gateway.close(4000)
        server.world.channel(studio.guild, "missed")
        await server.until(lambda: any(c.name == "missed" for c in bot.get_all_channels()), within=15, what=trouble)
    assert (server.gateway.resumes, len(server.gateway.identifies)) == (1, 1)


async def test_discord_py_identifies_anew(server: FakeDiscord, studio: Studio) -> None:
    bot = Bot()
    async with started(bot, bot.up.wait):
        bot.up.clear()
        server.gateway.forget_sessions()
        server.gateway.drop()
        async with asyncio.timeout(20):
            await bot.up.wait()
    assert len(server.gateway.identifies) == 2


async def test_discord_py_hears_of_guilds_that_come_and_go(server: FakeDiscord, studio: Studio) -> None:
    joined: asyncio.Queue[str] = asyncio.Queue()
    bot = Bot()

    @bot.event
    async def on_guild_join(guild: discord.Guild) -> None:
        await joined.put(f"+{guild.name}")

    @bot.event
    async def on_guild_remove(guild: discord.Guild) -> None:
        await joined.put(f"-{guild.name}")

    async with started(bot, bot.up.wait), asyncio.timeout(30):
        elsewhere = server.world.guild("Elsewhere")
        assert await joined.get() == "+Elsewhere"
        server.world.outage(studio.guild)
        server.world.outage(studio.guild, over=True)
        server.world.kick_bot(elsewhere)
        assert await joined.get() == "-Elsewhere"
    assert server.violations == []


async def test_discord_py_in_shards(server: FakeDiscord, studio: Studio) -> None:
    up = asyncio.Event()
    server.gateway.advised_shards = 2
    bot = discord.AutoShardedClient(intents=discord.Intents(guilds=True), guild_ready_timeout=0.1)

    @bot.event
    async def on_ready() -> None:
        up.set()

    other = server.world.guild("Other")
    async with started(bot, up.wait):
        assert {guild.name for guild in bot.guilds} == {"Studio", "Other"}
        assert bot.shard_count == 2
        assert {s.shard for s in server.gateway.sessions.values()} == {(0, 2), (1, 2)}
    assert other.available


async def test_presence_is_recorded(server: FakeDiscord, studio: Studio) -> None:
    bot = Bot()
    async with started(bot, bot.up.wait):
        await bot.change_presence(activity=discord.Game("Jobs 4"))
        [shown] = await server.until(lambda: server.gateway.presences)
        assert shown.data["activities"][0]["name"] == "Jobs 4"
        for _ in range(5):
            await bot.change_presence(activity=discord.Game("Jobs 5"))
        await server.until(lambda: server.gateway.closes)
    assert [code for code, _ in server.gateway.closes] == [4008]
