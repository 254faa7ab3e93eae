"""The one message of a job: posted, edited into its result, and every way in which Discord may not take it."""

from dataclasses import replace

import pytest

from bot.discord import adapter
from bot.ladder import File, Form
from bot.replies import Button, Meter, Reply, Tone, text
from engine.errors import (
    ChatGone,
    DeliveryError,
    DeliveryUnanswered,
    FloodWait,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    RecipientBlocked,
)
from engine.model import Picture, Place
from tests.fakes.discord.permissions import P
from tests.fakes.discord.world import Kind
from tests.wire.discord.conftest import Stage
from tests.wire.scripted import picture

JOB = "abcdefghijklmnop"
CANCEL = ((Button(action="cancel", job_id=JOB),),)


def place(stage: Stage, **more: str) -> Place:
    return Place(platform="discord", chat=str(stage.art.id), locale="en", owner="Ann", **more)


def working(percent: int = 50, preview: bytes | None = None) -> Reply:
    line = text("job-running", percent=percent, bar="▓▓▓░░░", step=5, steps=10)
    return Reply(
        lines=(line,),
        tone=Tone.WORKING,
        job_id=JOB,
        meter=Meter(stage="sampling"),
        preview=preview,
        buttons=CANCEL,
    )


def result(
    *data: bytes, prompt: str = "a red *house* @everyone", spoiler: bool = False, mime: str = "image/png"
) -> Reply:
    line = text("job-result", prompt=f"{prompt} --ar 3:2", owner="Ann", seconds=1.5, endpoint="gpu", credits="0.3")
    name = "a.png" if mime == "image/png" else "a.txt"
    files = tuple(File(filename=name, mime=mime, form=Form.ORIGINAL, data=one) for one in data)
    pictures = tuple(Picture(blob="", filename=name, kind="images", mime=mime, size=len(one)) for one in data)
    return Reply(
        lines=(line,),
        tone=Tone.DONE,
        job_id=JOB,
        pictures=pictures,
        files=files,
        spoiler=spoiler,
        buttons=((Button(action="upscale", job_id=JOB, index=1), Button(action="reroll", job_id=JOB, bare=True)),),
    )


async def test_a_job_has_one_message_from_its_queue_to_its_pictures(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    where = place(stage, owner_id=str(ann.id))
    message_id = await stage.adapter.post(where, working(10), nonce="n1")
    (shown,) = ann.sees(stage.art)
    assert "10 %" in shown.text
    assert shown.control("Cancel")["custom_id"] == f"cancel:{JOB}:0"
    await stage.adapter.edit(where, message_id, working(20, preview=picture(kind="JPEG")))
    assert [item["media"]["url"] for item in shown.media()]
    await stage.adapter.edit(where, message_id, working(40))
    assert "40 %" in shown.text
    assert len(shown.pictures()) == 1, "the preview stays until there is another one"
    one, other = picture("red"), picture("blue")
    await stage.adapter.edit(where, message_id, result(one, other))
    assert ann.sees(stage.art) == [shown]
    assert shown.pictures() == [one, other]
    assert "**a red \\*house\\* \\@everyone** --ar 3:2" in shown.text
    assert ann.mention in shown.text
    assert {item["description"] for item in shown.media()} == {"a red *house* @everyone --ar 3:2"}
    assert JOB in shown.text
    assert not shown.pinged


async def test_the_same_nonce_is_the_same_message(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    first = await stage.adapter.post(place(stage), working(), nonce="n1")
    assert await stage.adapter.post(place(stage), working(), nonce="n1") == first
    assert await stage.adapter.post(place(stage), working(), nonce="n2") != first
    assert len(ann.sees(stage.art)) == 2


async def test_spoilers_and_files_that_are_no_pictures(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    await stage.adapter.post(place(stage), result(picture(), spoiler=True), nonce="n1")
    assert ann.latest(stage.art).media()[0]["spoiler"] is True
    await stage.adapter.post(place(stage), result(b"some words", mime="text/plain"), nonce="n2")
    assert [file.filename for file in ann.latest(stage.art).attachments] == [f"{JOB}-1.txt"]


async def test_what_does_not_fit_into_one_message_is_said(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    await stage.adapter.post(place(stage), result(*(picture() for _ in range(12))), nonce="n1")
    assert len(ann.latest(stage.art).pictures()) == 10
    assert "2 files more" in ann.latest(stage.art).text
    many = result(*(b"words" for _ in range(10)), mime="text/plain")
    rows = tuple((Button(action="upscale", job_id=JOB, index=number),) * 2 for number in range(1, 6))
    many = replace(many, buttons=rows)
    await stage.adapter.post(place(stage), many, nonce="n2")
    assert len(ann.latest(stage.art).attachments) == 10
    assert len(ann.latest(stage.art).controls()) == 3, "no button twice, and no more rows than there is room for"


async def test_only_a_ping_calls_and_only_its_owner(stage: Stage) -> None:
    ann, bob = (stage.server.world.member(stage.guild, name) for name in ("ann", "bob"))
    where = place(stage, owner_id=str(ann.id))
    message_id = await stage.adapter.post(where, result(picture(), prompt=f"{bob.mention} @here"), nonce="n1")
    assert not ann.latest(stage.art).pinged
    ready = Reply(lines=(text("job-ready", owner="Ann"),), tone=Tone.DONE, job_id=JOB, ping=True)
    await stage.adapter.post(replace(where, reply_to=message_id), ready, nonce="n2")
    ping = ann.latest(stage.art)
    assert ping.pinged == [ann.user]
    assert "your pictures are ready" in ping.text


async def test_a_ping_needs_no_permission_to_read_what_was_said(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    where = place(stage, owner_id=str(ann.id))
    message_id = await stage.adapter.post(where, working(), nonce="n1")
    stage.server.world.overwrite(stage.art, stage.server.world.app.bot, deny=P.READ_HISTORY)
    ready = Reply(lines=(text("job-ready", owner="Ann"),), tone=Tone.DONE, job_id=JOB, ping=True)
    await stage.adapter.post(replace(where, reply_to=message_id), ready, nonce="n2")
    assert ann.latest(stage.art).pinged == [ann.user]


async def test_threads_and_forum_posts_are_chats_like_others(stage: Stage) -> None:
    world = stage.server.world
    ann = world.member(stage.guild, "ann")
    forum = world.channel(stage.guild, "gallery", kind=Kind.FORUM)
    for thread in (world.thread(stage.art, "cats"), world.thread(forum, "dogs")):
        where = replace(place(stage), chat=str(thread.id))
        await stage.adapter.edit(where, await stage.adapter.post(where, working(), nonce="n1"), result(picture()))
        assert len(ann.latest(thread).pictures()) == 1


@pytest.mark.parametrize("denied", ["VIEW_CHANNEL", "SEND_MESSAGES", "ATTACH_FILES"])
async def test_the_permission_that_is_missing_is_named(stage: Stage, denied: str) -> None:
    world = stage.server.world
    world.overwrite(stage.art, stage.guild.everyone, deny=P[denied])
    await stage.server.until(lambda: True)
    with pytest.raises(DeliveryError) as error:
        await stage.adapter.post(place(stage), result(picture()), nonce="n1")
    if denied == "VIEW_CHANNEL":
        assert isinstance(error.value, ChatGone)
    else:
        assert isinstance(error.value, NotPermitted)
        assert error.value.fields == {"chat": "#art", "missing": denied.replace("_", " ").title()}


async def test_what_is_gone_is_gone(stage: Stage) -> None:
    world = stage.server.world
    ann = world.member(stage.guild, "ann")
    where = place(stage)
    message_id = await stage.adapter.post(where, working(), nonce="n1")
    stage.server.composer.delete(ann.latest(stage.art))
    with pytest.raises(MessageGone):
        await stage.adapter.edit(where, message_id, result(picture()))
    world.delete_channel(stage.art)
    with pytest.raises(ChatGone):
        await stage.adapter.post(where, working(), nonce="n2")
    with pytest.raises(ChatGone):
        await stage.adapter.post(replace(where, chat="../users"), working(), nonce="n3")
    with pytest.raises(MessageGone):
        await stage.adapter.edit(where, "no number", working())


async def test_a_message_of_an_hour_ago_is_given_up_once_it_takes_no_edits(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "OLD", 0.0)  # the server's clock is set forward, ours is not
    where = place(stage)
    message_id = await stage.adapter.post(where, working(), nonce="n1")
    stage.server.clock.advance(3_700)

    async def keep_editing() -> None:
        for percent in range(40):
            await stage.adapter.edit(where, message_id, working(percent))

    with pytest.raises(MessageGone):
        await keep_editing()


async def test_a_person_who_takes_no_messages_is_said_so(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    where = await stage.adapter.direct(place(stage, owner_id=str(ann.id)))
    assert where is not None
    assert where.kind == "direct"
    await stage.adapter.post(where, result(picture()), nonce="n1")
    assert len(ann.latest(ann.dm).pictures()) == 1
    ann.close_direct_messages()
    with pytest.raises(RecipientBlocked):
        await stage.adapter.post(where, result(picture()), nonce="n2")
    assert await stage.adapter.direct(place(stage)) is None


async def test_a_file_may_be_as_large_as_the_guild_allows(stage: Stage) -> None:
    where = place(stage)
    assert stage.adapter.upload_limit(where) == 10 * 2**20
    with pytest.raises(MessageTooLarge) as error:
        await stage.adapter.post(where, result(b"x" * (10 * 2**20 + 1), mime="text/plain"), nonce="n1")
    assert error.value.fields == {"size": "10 MiB", "limit": "10 MiB"}


async def test_a_429_holds_up_its_own_chat_alone(stage: Stage) -> None:
    other = stage.server.world.channel(stage.guild, "music")
    where = place(stage)
    stage.server.faults.limited(40.0, route=f"/channels/{stage.art.id}/messages")
    with pytest.raises(FloodWait) as error:
        await stage.adapter.post(where, working(), nonce="n1")
    assert error.value.retry_after == pytest.approx(40.0, abs=1.0)
    assert not error.value.everywhere
    await stage.adapter.post(replace(where, chat=str(other.id)), working(), nonce="n2")
    stage.server.faults.lift()


async def test_a_429_for_everybody_says_so(stage: Stage) -> None:
    stage.server.faults.limited(40.0, scope="global")
    with pytest.raises(FloodWait) as error:
        await stage.adapter.post(place(stage), working(), nonce="n1")
    assert error.value.everywhere
    stage.server.faults.lift()


async def test_an_answer_that_is_lost_is_no_answer(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    stage.server.faults.lost(method="POST")
    with pytest.raises(DeliveryUnanswered):
        await stage.adapter.post(place(stage), working(), nonce="n1")
    stage.server.faults.lift()
    await stage.adapter.post(place(stage), working(), nonce="n1")
    assert len(ann.sees(stage.art)) == 1
