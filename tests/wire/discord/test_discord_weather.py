"""Discord as it really is: connections that break, sessions that end, floods, outages, and tokens that are wrong."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from bot.discord import connection
from bot.replies import Reply, text
from engine.errors import DeliveryDelayed, DeliveryUnanswered, FloodWait, StartError
from tests.fakes.discord.server import TOKEN, FakeDiscord
from tests.wire.discord.conftest import Stage, adapter_for, staged, started
from tests.wire.discord.test_discord_delivery import place, result, working
from tests.wire.scripted import picture


async def heard(stage: Stage, name: str) -> None:
    """A member's command is answered."""
    ann = stage.server.world.member(stage.guild, name)
    await (await ann.slash(stage.art, "queue")).response()


@pytest.mark.parametrize("what", ["drop", "reconnect", "invalidate", "4000"])
async def test_it_comes_back_after_the_connection_is_lost(stage: Stage, what: str) -> None:
    gateway = stage.server.gateway
    await heard(stage, "ann")
    connected = len(gateway.identifies) + gateway.resumes
    match what:
        case "drop":
            gateway.drop()
        case "reconnect":
            gateway.ask_to_reconnect()
        case "invalidate":
            gateway.invalidate()
        case _:
            await gateway.close(4000)
    await stage.server.until(lambda: len(gateway.identifies) + gateway.resumes > connected, within=30.0)
    await asyncio.sleep(0.2)
    await heard(stage, "bob")


async def test_a_wrong_token_is_said_when_the_service_starts(server: FakeDiscord, tmp_path: Path) -> None:
    adapter = adapter_for(server, None, tmp_path, token="wrong")  # type: ignore[arg-type]
    with pytest.raises(StartError, match="ATELIER_DISCORD__TOKEN"):
        await adapter.start(lambda command: None)  # type: ignore[arg-type, return-value]
    await adapter.stop()


async def test_a_discord_that_is_away_at_the_start_is_waited_for(
    server: FakeDiscord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "START_WAIT", 0.1)
    monkeypatch.setattr(connection, "FIRST_RETRY", 0.1)
    fault = server.faults.cut(route="/users/@me", times=3)
    async with staged(server, tmp_path) as stage:
        with pytest.raises(DeliveryDelayed):
            await stage.adapter.post(place(stage), working(), nonce="n1")
        await server.until(lambda: server.gateway.identifies, within=30.0)
        assert fault.hits == 3
        await asyncio.sleep(0.2)
        await heard(stage, "ann")
        await stage.adapter.post(place(stage), working(), nonce="n1")


async def test_commands_that_cannot_be_told_keep_nobody_waiting(server: FakeDiscord, tmp_path: Path) -> None:
    server.faults.status(403, method="PUT", route="commands")
    async with staged(server, tmp_path) as stage:
        ann = server.world.member(stage.guild, "ann")
        assert ann.commands(stage.art) == {}
        await stage.adapter.post(place(stage), working(), nonce="n1")


async def test_a_short_429_is_waited_out(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    stage.server.faults.limited(0.3, route="/messages")
    await stage.adapter.post(place(stage), result(picture()), nonce="n1")
    assert len(ann.latest(stage.art).pictures()) == 1


async def test_an_outage_leaves_everything_as_it_was(stage: Stage) -> None:
    stage.server.faults.status(503, route="/messages", times=1)
    with pytest.raises(DeliveryUnanswered):
        await stage.adapter.post(place(stage), working(), nonce="n1")
    await stage.adapter.post(place(stage), working(), nonce="n1")


async def test_an_answer_that_no_longer_waits_for_its_call_lets_it_end(stage: Stage) -> None:
    """discord.py, cut off while it waits for everybody, would make everybody wait for ever."""
    stage.server.faults.limited(0.5, scope="global", route="/messages")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await stage.adapter.post(place(stage), working(), nonce="n1")
    async with asyncio.timeout(10):
        await stage.adapter.post(place(stage), working(), nonce="n2")


async def test_it_stops_asking_long_before_discord_shuts_it_out(stage: Stage) -> None:
    watch = stage.adapter._watch
    for _ in range(2_000):
        watch.note(403, {})
    with pytest.raises(FloodWait) as error:
        await stage.adapter.post(place(stage), working(), nonce="n1")
    assert error.value.everywhere
    assert 500 < (error.value.retry_after or 0) <= 600


async def test_an_acknowledgement_is_the_first_thing_that_happens(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    held = asyncio.Event()

    async def slow(command: object) -> Reply:
        await held.wait()
        return Reply(lines=(text("queue-empty"),), private=True)

    stage.handler.answer = slow
    asked = [await ann.slash(stage.art, "queue") for _ in range(50)]
    for one in asked:
        await one.ack()
    held.set()
    for one in asked:
        assert "no job" in (await one.response()).text


async def test_the_token_is_in_no_log(
    server: FakeDiscord, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    async with staged(server, tmp_path) as stage:
        ann = server.world.member(stage.guild, "ann")
        await (await ann.slash(stage.art, "imagine", prompt="a very secret prompt")).response()
        server.faults.limited(0.1, route="/messages")
        await stage.adapter.post(place(stage), working(), nonce="n1")
        stage.server.gateway.drop()
        await server.until(lambda: server.gateway.resumes, within=30.0)
    said = caplog.text + "".join(capsys.readouterr())
    assert "discord" in said
    assert TOKEN not in said
    assert "very secret" not in said


async def test_a_guild_that_invites_us_is_told_what_to_do_first(stage: Stage) -> None:
    world = stage.server.world
    client = stage.adapter._connection.client
    assert client is not None
    await client.wait_until_ready()  # before that discord.py takes every guild for one that was there
    guild = world.guild("New", owner="zoe", bot=False)
    lobby = world.channel(guild, "lobby")
    world.invite_bot(guild)
    zoe = next(user for user in world.users.values() if user.name == "zoe")
    await stage.server.until(lambda: world.direct(world.app.bot, zoe).messages or lobby.messages)


async def test_it_starts_again_where_it_was_stopped(server: FakeDiscord, tmp_path: Path) -> None:
    adapter = adapter_for(server, None, tmp_path)  # type: ignore[arg-type]
    for _ in range(2):
        async with started(adapter, lambda command: None):  # type: ignore[arg-type, return-value]
            pass


async def test_figures_stand_beside_its_name(stage: Stage) -> None:
    await stage.server.until(lambda: stage.server.gateway.presences, within=30.0)
    assert "Jobs 4 · GPUs 2" in str(stage.server.gateway.presences[-1])


async def test_shards_of_one_service_hear_their_guilds(server: FakeDiscord, tmp_path: Path) -> None:
    guilds = [server.world.guild(f"Guild {number}") for number in range(6)]
    channels = [server.world.channel(guild, "art") for guild in guilds]
    async with staged(server, tmp_path, shard_count=2) as stage:
        await server.until(lambda: len(server.gateway.identifies) == 2, within=30.0)
        await asyncio.sleep(0.2)
        for guild, channel in zip(guilds, channels, strict=True):
            ann = server.world.member(guild, "ann")
            await (await ann.slash(channel, "queue")).response()
            await stage.adapter.post(replace(place(stage), chat=str(channel.id)), working(), nonce=str(channel.id))
    assert len({(guild.id >> 22) % 2 for guild in guilds}) >= 1
