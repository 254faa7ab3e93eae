"""How updates come in: polls, webhooks, what is told again, second pollers, wrong tokens; and who is listened to."""

import asyncio
import io
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from PIL import Image

from bot.adapter import Command
from bot.replies import Reply, text
from bot.telegram import updates
from engine.errors import StartError
from engine.model import Power
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.scripted import Handler, picture
from tests.wire.telegram.conftest import PATIENT, Stage, adapter_for, met, staged, started
from tests.wire.telegram_server.support import noise

SECRET = "a-secret-of-sixteen"


async def test_what_was_not_done_comes_again_under_the_same_key(server: FakeTelegram, tmp_path: Path) -> None:
    hung = asyncio.Event()

    async def hang(command: Command) -> Reply:
        await hung.wait()
        return Reply(lines=())

    ann = await met(server)
    async with staged(server, tmp_path) as stage:
        stage.handler.answer = hang
        await ann.says(ann.private, "a red house")
        key = (await stage.asked()).key
    async with staged(server, tmp_path) as stage:
        assert (await stage.asked()).key == key
        assert len(stage.handler.asked) == 1


async def test_nothing_waits_for_what_takes_long(stage: Stage) -> None:
    hung = asyncio.Event()

    async def answer(command: Command) -> Reply:
        if command.line == "slow":
            await hung.wait()
        return Reply(lines=(text("quote-ask"),), private=True)

    stage.handler.answer = answer
    bob = await met(stage.server, "Bob")
    await stage.ann.says(stage.ann.private, "slow")
    await stage.asked()
    await bob.says(bob.private, "fast")
    await bob.waits(bob.private, "Go on")
    assert any(update.content.get("text") == "slow" for update in stage.server.updates.pending)
    hung.set()
    await stage.server.until(lambda: not stage.server.updates.pending)


async def test_a_persons_messages_keep_their_order(stage: Stage) -> None:
    async def answer(command: Command) -> Reply:
        await asyncio.sleep(0.1 if command.line == "0" else 0)
        return Reply(lines=())

    stage.handler.answer = answer
    for number in range(5):
        await stage.ann.says(stage.ann.private, str(number))
    await stage.asked(5)
    assert [command.line for command in stage.handler.asked] == ["0", "1", "2", "3", "4"]


async def test_an_album_is_one_command(stage: Stage) -> None:
    await stage.ann.sends_album(
        stage.ann.private, [picture("red"), picture("white")], caption="/inpaint a tree", documents=True
    )
    command = await stage.asked()
    assert command.name == "inpaint"
    assert command.images == {"image": picture("red"), "mask": picture("white")}
    await stage.ann.says(stage.ann.private, "next")
    await stage.asked(2)
    assert len(stage.handler.asked) == 2


async def test_a_second_poller_is_told_what_to_do(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    async with aiohttp.ClientSession() as session:
        await stage.server.until(lambda: stage.server.updates.is_polled)
        url = f"{stage.server.base_url}{stage.server.token}/getUpdates"
        other = asyncio.create_task(session.post(url, json={"timeout": 30}))
        await stage.server.until(lambda: stage.server.updates.conflicts)
        await asyncio.sleep(0.05)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
    out = capsys.readouterr()
    assert "telegram_second_poller" in out.out + out.err
    assert stage.server.token not in out.out + out.err


async def test_a_wrong_token_is_said_at_the_start(server: FakeTelegram, tmp_path: Path) -> None:
    adapter = adapter_for(server, tmp_path, token="700000001:AAwrong-token_that-nobody-knows-here")
    with pytest.raises(StartError, match="ATELIER_TELEGRAM__TOKEN"):
        await adapter.start(Handler())
    await adapter.stop()


async def test_polls_go_on_after_every_fault(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "FIRST_RETRY", 0.05)
    stage.server.faults.fail("getUpdates", status=502)
    stage.server.faults.drop("getUpdates")
    stage.server.faults.flood("getUpdates", retry_after=1)
    stage.server.updates.drop_poll()
    await stage.ann.says(stage.ann.private, "a house")
    await stage.asked()
    assert stage.handler.asked[-1].line == "a house"


async def test_a_webhook_takes_what_has_the_secret_and_each_update_once(server: FakeTelegram, tmp_path: Path) -> None:
    ann, handler = await met(server), Handler()
    runner, url = await listening()
    adapter = adapter_for(server, tmp_path, webhook_url=url, webhook_secret=SECRET)
    runner.app.router.add_post("/telegram", adapter.webhook)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(url.split(":")[2].partition("/")[0])).start()
    try:
        async with started(adapter, handler):
            await ann.says(ann.private, "a house")
            await server.until(lambda: handler.asked, within=PATIENT)
            await server.until(lambda: not server.updates.pending)
            again = server.updates.confirmed[-1]
            await server.webhook.redeliver(again)
            await server.until(lambda: len(handler.asked) == 2)
            assert handler.asked[0].key == handler.asked[1].key
            async with aiohttp.ClientSession() as session:
                for headers in ({}, {updates.SECRET_HEADER: "wrong"}):
                    async with session.post(url, json=again.payload(), headers=headers) as reply:
                        assert reply.status == 403
                headers = {updates.SECRET_HEADER: SECRET}
                async with session.post(url, data=b"{", headers=headers) as reply:
                    assert reply.status == 400
                for odd in ({}, [], {"update_id": "x"}, {"update_id": 1, "message": {"a": 1}}):
                    async with session.post(url, json=odd, headers=headers) as reply:
                        assert reply.status in (200, 400)
            assert len(handler.asked) == 2
    finally:
        await runner.cleanup()


async def listening() -> tuple[web.AppRunner, str]:
    """A door on a free port, not yet open."""
    probe = web.AppRunner(web.Application())
    await probe.setup()
    await web.TCPSite(probe, "127.0.0.1", 0).start()
    port = probe.addresses[0][1]
    await probe.cleanup()
    return web.AppRunner(web.Application(), shutdown_timeout=0.1), f"http://127.0.0.1:{port}/telegram"


async def test_menus_are_told_once_and_by_scope(server: FakeTelegram, tmp_path: Path) -> None:
    boss = await met(server, "Boss")
    async with staged(server, tmp_path, operators=(boss.id,)) as stage:
        mod = await met(server, "Mod", language="zh-hans")
        group = server.world.supergroup("Lab", stage.ann, mod)
        server.world.promote(group, mod)
        assert "imagine" in stage.ann.menu()
        assert "mod" not in stage.ann.menu(group)
        assert "backend" not in stage.ann.menu()
        assert "mod" in mod.menu(group)
        assert "backend" in boss.menu()
        assert mod.menu()["imagine"] != stage.ann.menu()["imagine"]
    told = sum(call.method == "setMyCommands" for call in server.log)
    async with staged(server, tmp_path, operators=(boss.id,)):
        pass
    assert sum(call.method == "setMyCommands" for call in server.log) == told


async def test_power_comes_from_telegram_alone(stage: Stage) -> None:
    world = stage.server.world
    mod, ghost = await met(stage.server, "Mod"), await met(stage.server, "Ghost")
    group = world.supergroup("Lab", stage.ann, mod, ghost)
    world.promote(group, mod)
    await stage.ann.says(group, "/mod queue")
    assert (await stage.asked()).power is Power.MEMBER
    await mod.says(group, "/mod queue")
    assert (await stage.asked(2)).power is Power.MODERATOR
    asked = sum(call.method == "getChatMember" for call in stage.server.log)
    await mod.says(group, "/mod queue")
    await stage.asked(3)
    assert sum(call.method == "getChatMember" for call in stage.server.log) == asked
    world.promote(group, ghost, anonymous=True)
    channel = world.channel("News", mod, owner="Mod", group=group)
    said = await ghost.says(group, "/mod clear")
    await mod.waits(group, "anonymous", after=said)
    said = await mod.says(group, "/mod clear", speaks_as=channel)
    await mod.waits(group, "anonymous", after=said)
    await mod.posts(channel, "/imagine a house")
    await mod.forwards(await mod.says(group, "/mod queue"), group)
    await stage.asked(4)
    await asyncio.sleep(0.2)
    assert len(stage.handler.asked) == 4


async def test_files_are_judged_before_and_after_they_come(stage: Stage) -> None:
    chat, large = stage.ann.private, io.BytesIO()
    Image.frombytes("RGB", (700, 700), noise(700 * 700 * 3)).save(large, "PNG")
    for data, name, says in (
        (large.getvalue(), "large.png", "MiB"),
        (b"<svg/>", "a.svg", "PNG"),
        (noise(1000), "noise.png", "PNG"),
    ):
        asked = await stage.ann.sends_document(chat, data, name, caption="a house")
        await stage.ann.waits(chat, says, after=asked)
    photo = await stage.ann.sends_photo(chat, picture(), caption="a house")
    await stage.asked()
    assert photo.media is not None
    lost = await stage.ann.sends_photo(chat, picture("blue"), caption="a boat")
    stage.server.files.lose(lost.media)  # type: ignore[arg-type]
    assert len(stage.handler.asked) <= 2


async def test_replies_point_commands_at_jobs_and_people(stage: Stage) -> None:
    bob = await met(stage.server, "Bob")
    group = stage.server.world.supergroup("Lab", stage.ann, bob)
    said = await bob.says(group, "hello")
    await stage.ann.replies(said, "/mod grant 5")
    assert (await stage.asked()).line == f"grant telegram:{bob.id} 5"
    await stage.ann.replies(said, "/mod ban telegram:77 1d spam")
    assert (await stage.asked(2)).line == "ban telegram:77 1d spam"
    await stage.ann.replies(said, "/cancel")
    assert (await stage.asked(3)).line == ""


async def test_odd_messages_get_a_word_or_nothing(stage: Stage) -> None:
    chat, group = stage.ann.private, stage.server.world.supergroup("Lab", stage.ann)
    asked = await stage.ann.sends_document(chat, noise(100), "a.mp3", kind="audio")
    await stage.ann.waits(chat, "only read words", after=asked)
    asked = await stage.ann.says(chat, "/start")
    await stage.ann.waits(chat, "image studio", after=asked)
    for words in ("/start job-zzz", "/start do_delete_abcdefghijklmnop_0", "/start ' OR 1=1"[:20]):
        if all(sign.isalnum() or sign in "/ _-" for sign in words):
            asked = await stage.ann.says(chat, words)
            await stage.ann.waits(chat, "image studio", after=asked)
    await stage.ann.says(group, "/unknown")
    await stage.ann.says(group, "@atelier_bot")
    await stage.ann.waits(stage.ann.private, "Say what you want")
    await stage.ann.says(chat, "a house\n--ar 3:2")
    assert (await stage.asked()).line == "a house --ar 3:2"
