"""What goes wrong on demand, as discord.py meets it."""

import asyncio

import aiohttp
import discord
import pytest

from tests.fakes.discord.server import FakeDiscord
from tests.wire.discord_server.conftest import Bot, Rest, Studio, started


async def test_statuses_are_answered_and_not_carried_out(rest: Rest, studio: Studio) -> None:
    fault = rest.server.faults.status(503, method="POST", route="/messages", times=2)
    said = [(await rest.post(studio.art, {"content": "a"})).status for _ in range(3)]
    assert (said, fault.hits, len(studio.art.messages)) == ([503, 503, 200], 2, 1)
    assert [call.fault for call in rest.server.log] == ["status", "status", ""]
    assert rest.server.refused() == []


async def test_an_error_of_the_server_itself_is_heard_of(rest: Rest, studio: Studio) -> None:
    channels = studio.art.messages
    studio.art.messages = None  # type: ignore[assignment]
    said = await rest("GET", f"/channels/{studio.art.id}/messages")
    studio.art.messages = channels
    [crash] = rest.server.crashes
    assert (said.status, "AttributeError" in crash) == (500, True)
    rest.server.crashes.clear()  # or leaving the server raises it


async def test_leaving_a_server_that_broke_raises() -> None:
    with pytest.raises(RuntimeError, match="the loopback Discord broke"):
        async with FakeDiscord() as server:
            server.crashes.append("why")


async def test_an_answer_is_lost(rest: Rest, studio: Studio) -> None:
    rest.server.faults.lost(method="POST", route="/messages")
    body = {"content": "a", "nonce": "n", "enforce_nonce": True}
    with pytest.raises(aiohttp.ClientError):
        await rest.post(studio.art, body)
    assert len(studio.art.messages) == 1
    assert (await rest.post(studio.art, body)).status == 200
    assert len(studio.art.messages) == 1
    assert [call.status for call in rest.server.log] == [0, 200]


async def test_a_connection_is_cut(rest: Rest, studio: Studio) -> None:
    rest.server.faults.cut(method="POST")
    with pytest.raises(aiohttp.ClientError):
        await rest.post(studio.art, {"content": "a"})
    assert studio.art.messages == {}


async def test_answers_and_acts_that_take_their_time(rest: Rest, studio: Studio) -> None:
    rest.server.faults.slow(1.0, method="POST")
    call = asyncio.create_task(rest.post(studio.art, {"content": "a"}))
    await rest.server.until(lambda: studio.art.messages)
    assert not call.done()
    await call
    late = rest.server.faults.late(1.0, method="POST")
    call = asyncio.create_task(rest.post(studio.art, {"content": "b"}))
    await rest.server.until(lambda: late.hits)
    assert len(studio.art.messages) == 1
    await call
    assert len(studio.art.messages) == 2


async def test_after_some_have_gone_well(rest: Rest, studio: Studio) -> None:
    rest.server.faults.status(500, method="POST", after=2)
    said = [(await rest.post(studio.art, {"content": "a"})).status for _ in range(4)]
    assert said == [200, 200, 500, 200]


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
async def test_discord_py_waits_as_long_as_it_is_told(server: FakeDiscord, studio: Studio, scope: str) -> None:
    bot = Bot()
    async with started(bot, bot.up.wait):
        fault = server.faults.limited(0.1, method="POST", route="/messages", times=2, scope=scope)
        await bot.get_partial_messageable(studio.art.id).send("a")
    assert (fault.hits, len(studio.art.messages)) == (2, 1)
    assert server.limits.invalid == (0 if scope == "shared" else 2)


async def test_discord_py_meets_a_refusal(server: FakeDiscord, studio: Studio) -> None:
    bot = Bot()
    async with started(bot, bot.up.wait):
        server.faults.status(403, method="POST", route="/messages")
        with pytest.raises(discord.Forbidden):
            await bot.get_partial_messageable(studio.art.id).send("a")


async def test_an_event_comes_twice(server: FakeDiscord, studio: Studio) -> None:
    bot, seen = Bot(), []

    @bot.tree.command(description="d")
    async def draw(interaction: discord.Interaction) -> None:
        seen.append(interaction.id)
        try:
            await interaction.response.send_message("a")
        except discord.HTTPException as error:
            seen.append(error.code)

    async with started(bot, bot.up.wait):
        asked = await studio.ann.slash(studio.art, "draw")
        await asked.response()
        server.redeliver(asked)
        await server.until(lambda: len(server.log) and server.log[-1].code)
    assert seen == [asked.id, asked.id, 40060]
    assert len(studio.ann.sees(studio.art)) == 1


async def test_downloads_fail(rest: Rest, studio: Studio) -> None:
    said = await rest.post(studio.art, {"content": "a"}, files={"a.txt": b"hello"})
    rest.server.cdn.down = 1
    url = said.body["attachments"][0]["url"]
    for status in (503, 200):
        async with rest._session.get(url) as response:
            assert response.status == status
    assert len(rest.server.cdn.reads) == 2
