"""Hostile members, places where we are no member, and what each of them gets."""

from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from bot.discord.attachments import Attachment, Attachments
from bot.discord.incoming import BORROWED
from bot.replies import Reply, Tone, text
from engine.errors import ChatGone, ImageRejected
from engine.model import Power
from tests.fakes.discord.messages import File
from tests.fakes.discord.permissions import P
from tests.fakes.discord.server import FakeDiscord
from tests.wire.discord.conftest import LIMITS, Stage, staged
from tests.wire.discord.test_discord_delivery import JOB, result, working
from tests.wire.discord.test_discord_presses import ACCEPTED
from tests.wire.scripted import picture

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def given(stage: Stage, file: File) -> str:
    """What a member is told who gives this file."""
    ann = stage.server.world.member(stage.guild, "ann")
    said = await (await ann.slash(stage.art, "img2img", image=file, prompt="as a drawing")).response()
    assert said.private_to is ann.user
    return said.text


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.svg", SVG, "no format that we read"),
        ("a.txt", b"hello", "no format that we read"),
        ("a.png", SVG, "no format that we read"),
        ("a.gif", b"GIF89a" + bytes(100), "no format that we read"),
        ("a.png", bytes(LIMITS.max_bytes + 1), "too heavy"),
        ("a.png", picture(size=(5000, 8)), "too large (5000x8)"),
        ("a.png", picture(size=(3000, 3000)), "too large (3000x3000)"),
    ],
)
async def test_files_that_cannot_be_used_are_refused_before_they_are_anywhere(
    stage: Stage, name: str, data: bytes, told: str
) -> None:
    assert told in (await given(stage, File(filename=name, data=data)))
    assert stage.handler.asked == []


async def test_nothing_but_the_cdn_is_ever_asked(server: FakeDiscord) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound(f"{server.cdn_base}/attachments/1/2/a.png")

    app = web.Application()
    app.router.add_get("/{anything:.*}", note)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    inside = runner.addresses[0][1]
    attachments = Attachments(cdn_base="http://cdn.discord.test", limits=LIMITS)
    urls = [
        f"http://127.0.0.1:{inside}/a.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "http://cdn.discord.test@127.0.0.1/a.png",
        "http://cdn.discord.test.evil.test/a.png",
        "https://cdn.discord.test/a.png",
        "http://[::1",
        "",
    ]
    for url in urls:
        given = Attachment(filename="a.png", size=10, url=url, content_type="image/png")
        with pytest.raises(ImageRejected):
            await attachments.fetch(given, name="image")
    assert asked == []
    mine = Attachments(cdn_base=f"http://127.0.0.1:{inside}", limits=LIMITS)
    sent_on = Attachment(filename="a.png", size=10, url=f"http://127.0.0.1:{inside}/a.png", content_type="image/png")
    with pytest.raises(ImageRejected):  # it sends on to elsewhere, and nobody follows
        await mine.fetch(sent_on, name="image")
    assert asked == ["/a.png"]
    await mine.close()
    await attachments.close()
    await runner.cleanup()


async def test_what_is_larger_than_it_says_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        try:
            for _ in range(1_000):
                await reply.write(b"\x89PNG\r\n\x1a\n" + bytes(2**16))
        except ConnectionError:
            pass
        return reply

    app = web.Application()
    app.router.add_get("/a.png", endless)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    attachments = Attachments(cdn_base=base, limits=LIMITS)
    small = Attachment(filename="a.png", size=10, url=f"{base}/a.png", content_type="image/png")
    with pytest.raises(ImageRejected) as error:
        await attachments.fetch(small, name="image")
    assert error.value.fields["reason"] == "bytes"
    await attachments.close()
    await runner.cleanup()


async def test_a_missing_permission_is_said_before_anything_is_paid_for(stage: Stage) -> None:
    world = stage.server.world
    ann = world.member(stage.guild, "ann")
    world.overwrite(stage.art, stage.guild.everyone, deny=P.ATTACH_FILES)
    said = await (await ann.slash(stage.art, "imagine", prompt="a cat")).response()
    assert "#art" in said.text.replace("\\", "")
    assert "Attach Files" in said.text
    assert stage.handler.asked == []
    await (await ann.slash(stage.art, "info")).response()
    assert len(stage.handler.asked) == 1


async def test_who_moderates_is_the_guilds_to_say_and_only_there(stage: Stage) -> None:
    world = stage.server.world
    bosses = world.role(stage.guild, "Bosses", P.MANAGE_GUILD)
    ann = world.member(stage.guild, "ann", roles=(bosses,))
    await (await ann.slash(stage.art, "mod queue")).response()
    command = stage.handler.asked.pop()
    assert (command.name, command.line, command.power) == ("mod", ("queue",), Power.MODERATOR)
    assert str(bosses.id) in command.roles
    bob = world.member(stage.guild, "bob")
    await (await ann.slash(stage.art, "mod ban", person=bob, time="7d", reason="being rude")).response()
    assert stage.handler.asked.pop().line == ("ban", f"discord:{bob.id}", "7d", "being rude")
    await (await bob.slash(stage.art, "queue")).response()
    assert stage.handler.asked.pop().power is Power.MEMBER
    await (await ann.slash(ann.dm, "queue")).response()
    command = stage.handler.asked.pop()
    assert (command.power, command.community, command.place.kind) == (Power.MEMBER, "", "direct")


async def test_age_gated_channels_are_known(stage: Stage) -> None:
    world = stage.server.world
    ann = world.member(stage.guild, "ann")
    late = world.channel(stage.guild, "late", age_gated=True)
    for channel, adult in ((late, True), (world.thread(late, "later"), True), (stage.art, False)):
        await (await ann.slash(channel, "queue")).response()
        assert stage.handler.asked.pop().adult is adult


async def borrowed(server: FakeDiscord, stage: Stage, *, jobs: int = 1):  # type: ignore[no-untyped-def]
    """Somebody who took us along to a guild that does not have us."""
    world = server.world
    elsewhere = world.guild("Elsewhere", bot=False)
    lobby = world.channel(elsewhere, "lobby")
    eve = world.member(elsewhere, "eve")
    eve.user.installed = True
    stage.handler.answer = lambda command: replace(ACCEPTED, jobs=("j",) * jobs)
    asked = await eve.slash(lobby, "imagine", prompt="a cat")
    await asked.ack()
    await server.until(lambda: stage.handler.asked)
    return eve, lobby, asked, stage.handler.asked[-1].place


async def test_where_we_are_no_member_the_answer_becomes_the_job(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        eve, lobby, asked, where = await borrowed(server, stage)
        assert where.kind == BORROWED
        assert stage.handler.asked[-1].community == ""
        message_id = await stage.adapter.post(where, working(10), nonce="n1")
        shown = await asked.response()
        assert shown.private_to is eve.user
        assert "15 minutes" in shown.text
        await stage.adapter.edit(where, message_id, working(50, preview=picture(kind="JPEG")))
        await stage.adapter.edit(where, message_id, result(picture()))
        assert len(shown.pictures()) == 1
        assert eve.sees(lobby) == [shown]


async def test_a_second_job_there_comes_beside_the_first(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        eve, lobby, _, where = await borrowed(server, stage, jobs=2)
        ids = {await stage.adapter.post(where, working(), nonce=nonce) for nonce in ("n1", "n2")}
        assert len(ids) == 2
        assert len(eve.sees(lobby)) == 2
        assert all(message.private_to is eve.user for message in eve.sees(lobby))


async def test_what_comes_after_the_15_minutes_goes_to_the_person(server: FakeDiscord, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        eve, _, _, where = await borrowed(server, stage)
        message_id = await stage.adapter.post(where, working(), nonce="n1")
        server.clock.advance(16 * 60)
        with pytest.raises(ChatGone):
            await stage.adapter.edit(where, message_id, result(picture()))
        own = await stage.adapter.direct(where)
        assert own is not None
        await stage.adapter.post(own, result(picture()), nonce="n2")
        assert len(eve.latest(eve.dm).pictures()) == 1


async def test_long_answers_are_cut_into_messages_and_nothing_of_them_is_lost(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    lines = tuple(text("name-line", name=f"model-{number} " + "x" * 90) for number in range(120))
    stage.handler.answer = lambda command: Reply(lines=lines, private=True)
    asked = await ann.slash(stage.art, "models")
    await asked.response()
    await stage.server.until(lambda: "model-119" in ann.latest(stage.art).text)
    shown = "".join(message.text for message in ann.sees(stage.art))
    assert all(f"model-{number} " in shown for number in range(120))
    assert all(message.private_to is ann.user for message in ann.sees(stage.art))


async def test_prompts_are_shown_letter_by_letter(stage: Stage) -> None:
    bob = stage.server.world.member(stage.guild, "bob")
    wicked = f"# big **bold** <@{bob.id}> @everyone [x](https://evil.test) \u202egnp.exe `code` ||spoiler||\n> quote"
    where = stage.handler
    await stage.adapter.post(
        replace((await _asked(stage)).place, owner_id=""), result(picture(), prompt=wicked), nonce="n1"
    )
    shown = bob.latest(stage.art)
    assert not shown.pinged
    assert not shown.pings_everyone
    for sign in (f"<@{bob.id}>", " [x](", "\u202e", " `code`", " ||spoiler", "\n> quote", "https://"):
        assert sign not in shown.text.replace("\\", "\0"), sign
    assert where is stage.handler
    assert JOB in shown.text


async def _asked(stage: Stage):  # type: ignore[no-untyped-def]
    ann = stage.server.world.member(stage.guild, "ann")
    await (await ann.slash(stage.art, "queue")).response()
    return stage.handler.asked.pop()


def test_tones_have_colours() -> None:
    from bot.discord.cards import COLOURS

    assert set(COLOURS) == set(Tone)
