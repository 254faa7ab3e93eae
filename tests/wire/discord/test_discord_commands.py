"""Slash commands, from a member's fingers to a Command and back to a private answer."""

import asyncio

from bot.adapter import Command
from bot.replies import Reply, Tone, text
from engine.model import Power
from tests.fakes.discord.interactions import Reply as Kind
from tests.fakes.discord.messages import File
from tests.wire.discord.conftest import Stage
from tests.wire.scripted import picture


async def test_a_slash_command_is_acknowledged_privately_and_answered_there(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann", locale="zh-CN")
    asked = await ann.slash(stage.art, "imagine", prompt="a {red, blue} house", aspect="3:2", seed="7", private=True)
    assert await asked.ack() is Kind.DEFERRED_MESSAGE
    answer = await asked.response()
    assert answer.private_to is ann.user
    (command,) = stage.handler.asked
    assert command.name == "imagine"
    assert command.line == "a {red, blue} house --ar 3:2 --seed 7 --private"
    assert (command.identity.platform, command.identity.id) == ("discord", str(ann.id))
    assert command.place.chat == str(stage.art.id)
    assert command.place.locale == "zh-CN"
    assert command.community == str(stage.guild.id)
    assert command.power is Power.MEMBER
    assert command.max_upload == 10 * 2**20


async def test_pictures_come_from_the_cdn_with_a_command(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    data = picture()
    asked = await ann.slash(stage.art, "img2img", image=File(filename="a.png", data=data), prompt="as a drawing")
    await asked.response()
    (command,) = stage.handler.asked
    assert dict(command.images) == {"image": data}


async def test_what_goes_wrong_is_said_and_harms_nobody_else(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")

    def broken(command: object) -> Reply:
        raise RuntimeError("broken")

    stage.handler.answer = broken
    said = await (await ann.slash(stage.art, "queue")).response()
    assert "Something went wrong" in said.text
    stage.handler.answer = lambda command: Reply(lines=(text("history-empty"),), tone=Tone.INFO, private=True)
    assert "nothing yet" in (await (await ann.slash(stage.art, "history")).response()).text


async def test_commands_that_wait_hold_up_nobody(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    ready = asyncio.Event()

    async def handle(command: Command) -> Reply:
        if command.name == "imagine":  # for an endpoint, or a platform
            await ready.wait()
        return Reply(lines=(text("history-empty"),), private=True)

    stage.handler.answer = handle
    waiting = [await ann.slash(stage.art, "imagine", prompt=f"house {number}") for number in range(20)]
    for asked in waiting:
        await asked.ack()
    assert "nothing yet" in (await (await ann.slash(stage.art, "history")).response()).text
    ready.set()
    for asked in waiting:
        await asked.response()
