"""The one message of a job on Telegram: floods, outages, chats that are gone, moved or closed."""

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bot.ladder import File, Form
from bot.replies import Button, Reply, Tone, text
from bot.telegram.shown import MOST_PHOTO
from engine.errors import (
    ChatGone,
    DeliveryUnanswered,
    FloodWait,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    RecipientBlocked,
)
from engine.model import Identity, Place
from tests.fakes.telegram.model import Chat, Message
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.scripted import picture
from tests.wire.telegram.conftest import PATIENT, Home, Stage, housed, met, staged
from tests.wire.telegram.test_telegram_house import drawn
from tests.wire.telegram_server.support import noise

JOB = "abcdefghijklmnop"
WORKING = Reply(
    lines=(text("job-loading"),),
    tone=Tone.WORKING,
    job_id=JOB,
    buttons=((Button(action="cancel", job_id=JOB),),),
)


def place(chat: Chat, **more: str) -> Place:
    """Where Ann's job goes."""
    return Place(
        platform="telegram",
        chat=str(chat.id),
        owner="Ann",
        owner_id="1",
        kind="private" if chat.id > 0 else "group",
        **more,
    )


def result(*data: bytes, prompt: str = "a red house", mime: str = "image/png") -> Reply:
    """A job's end."""
    files = tuple(
        File(filename=f"a_{number}.{mime.partition('/')[2]}", mime=mime, form=Form.ORIGINAL, data=one)
        for number, one in enumerate(data)
    )
    line = text("job-result", prompt=prompt, owner="Ann", seconds=1.5, endpoint="gpu", credits="0.3")
    rows = ((Button(action="reroll", job_id=JOB), Button(action="info", job_id=JOB)),)
    return Reply(lines=(line,), tone=Tone.DONE, job_id=JOB, files=files, buttons=rows)


def shown(stage: Stage, chat: Chat, message_id: str) -> Message:
    """A message as it is."""
    return chat.messages[int(message_id)]


async def test_a_status_becomes_a_photo_and_twice_is_harmless(stage: Stage) -> None:
    chat = stage.ann.private
    number = await stage.adapter.post(place(chat), WORKING, "n1")
    message = shown(stage, chat, number)
    assert message.silent
    await stage.adapter.edit(place(chat), number, result(picture()))
    await stage.adapter.edit(place(chat), number, result(picture()))
    assert message.media is not None
    assert message.buttons == [["🔄 Again", "📋 Info"]]
    assert JOB in message.text


async def test_long_prompts_are_cut_in_captions_and_nothing_in_them_calls_anybody(stage: Stage) -> None:
    group = stage.server.world.supergroup("Lab", stage.ann)
    prompt = "<b>@bob</b> &amp; #art /gen t.me/evil https://evil.example/x " + "🎈 long " * 400 + "--seed 5"
    number = await stage.adapter.post(place(group), result(picture(), prompt=prompt), "n1")
    message = shown(stage, group, number)
    assert len(message.text.encode("utf-16-le")) // 2 <= 1024
    assert {entity["type"] for entity in message.entities} <= {"bold", "code", "text_mention", "text_link"}
    assert "<b>" in message.text


async def test_large_and_odd_pictures_go_down_the_ladder(stage: Stage) -> None:
    chat = stage.ann.private
    wide = picture("red", (4000, 100))
    number = await stage.adapter.post(place(chat), result(wide), "n1")
    assert shown(stage, chat, number).media.kind == "document"  # type: ignore[union-attr]
    buffer = io.BytesIO()
    Image.frombytes("RGB", (2000, 2000), noise(2000 * 2000 * 3)).save(buffer, "PNG")
    assert len(buffer.getvalue()) > MOST_PHOTO
    number = await stage.adapter.post(place(chat), result(buffer.getvalue()), "n2")
    message = shown(stage, chat, number)
    assert message.media is not None
    assert message.media.kind == "photo"
    assert message.media.uploaded[:3] == b"\xff\xd8\xff"
    number = await stage.adapter.post(place(chat), result(b"not a gif", mime="application/zip"), "n3")
    assert shown(stage, chat, number).media.kind == "document"  # type: ignore[union-attr]


async def test_a_preview_stays_until_the_result_takes_its_place(stage: Stage) -> None:
    chat = stage.ann.private
    number = await stage.adapter.post(place(chat), WORKING, "n1")
    message = shown(stage, chat, number)
    await stage.adapter.edit(place(chat), number, replace(WORKING, preview=picture("blue", (32, 32), "JPEG")))
    before = message.picture
    running = replace(WORKING, lines=(text("job-running", percent=50, bar="▓▓▓░░░", step=5, steps=10),))
    await stage.adapter.edit(place(chat), number, running)
    assert message.picture == before
    assert message.text.startswith("🎨 50 %")
    assert message.buttons == [["✖️ Cancel"]]
    await stage.adapter.edit(place(chat), number, result(picture()))
    assert message.picture != before
    cancelled = Reply(lines=(text("job-cancelled", job=JOB),), tone=Tone.CANCELLED, job_id=JOB)
    number = await stage.adapter.post(place(chat), replace(WORKING, preview=picture("red", (32, 32), "JPEG")), "n2")
    await stage.adapter.edit(place(chat), number, cancelled)
    assert shown(stage, chat, number).text.startswith("🚫")


async def test_a_failure_after_a_picture_covers_it(stage: Stage) -> None:
    chat = stage.ann.private
    number = await stage.adapter.post(place(chat), result(picture()), "n1")
    hidden = Reply(lines=(text("job-failed", reason="unsafe"),), tone=Tone.FAILED, job_id=JOB)
    await stage.adapter.edit(place(chat), number, hidden)
    message = shown(stage, chat, number)
    assert message.media is not None
    assert message.text.startswith("❌")
    assert message.buttons == []


async def test_the_same_after_a_restart_that_forgot_what_it_shows(server: FakeTelegram, tmp_path: Path) -> None:
    async with staged(server, tmp_path) as stage:
        number = await stage.adapter.post(place(stage.ann.private), result(picture()), "n1")
        before = shown(stage, stage.ann.private, number).picture
    async with staged(server, tmp_path) as stage:
        deleted = Reply(lines=(text("job-deleted", by="moderator"),), tone=Tone.CANCELLED, job_id=JOB)
        await stage.adapter.edit(place(stage.ann.private), number, deleted)
        message = shown(stage, stage.ann.private, number)
        assert message.picture != before
        assert "moderator" in message.text


async def test_every_refusal_is_an_error_of_ours(stage: Stage) -> None:
    world, ann = stage.server.world, stage.ann
    group = world.supergroup("Lab", ann)
    forum = world.supergroup("Forum", ann, forum=True)
    closed, gone = world.topic(forum, "Closed"), world.topic(forum, "Gone")
    world.close_topic(forum, closed)
    world.delete_topic(forum, gone)
    number = await stage.adapter.post(place(group), WORKING, "n1")
    with pytest.raises(MessageGone):
        await stage.adapter.edit(place(group), "9999", WORKING)
    with pytest.raises(NotPermitted):
        await stage.adapter.post(place(forum, thread=str(closed.id)), WORKING, "n2")
    with pytest.raises(ChatGone):
        await stage.adapter.post(place(forum, thread=str(gone.id)), WORKING, "n3")
    group.muted = frozenset({"text messages"})
    with pytest.raises(NotPermitted) as refused:
        await stage.adapter.post(place(group), WORKING, "n4")
    assert refused.value.fields["missing"] == "text messages"
    assert refused.value.fields["chat"] == "Lab"
    world.kick_bot(group)
    with pytest.raises(ChatGone):
        await stage.adapter.edit(place(group), number, WORKING)
    await ann.blocks()
    with pytest.raises(RecipientBlocked):
        await stage.adapter.post(place(ann.private), WORKING, "n5")
    with pytest.raises(RecipientBlocked):
        await stage.adapter.direct(replace(place(group), owner_id=str(ann.id)))
    with pytest.raises(ChatGone):
        await stage.adapter.post(replace(place(group), chat="-100"), WORKING, "n6")
    with pytest.raises(ChatGone):
        await stage.adapter.post(replace(place(group), chat="nowhere"), WORKING, "n7")


async def test_floods_hold_one_chat_and_outages_are_unanswered(stage: Stage) -> None:
    bob = await met(stage.server, "Bob")
    stage.server.faults.flood(retry_after=30, chat=stage.ann.private)
    with pytest.raises(FloodWait) as wait:
        await stage.adapter.post(place(stage.ann.private), WORKING, "n1")
    assert wait.value.retry_after == 30
    assert not wait.value.everywhere
    await stage.adapter.post(place(bob.private), WORKING, "n2")
    with pytest.raises(FloodWait):  # of our own: Telegram is not asked again
        await stage.adapter.post(place(stage.ann.private), WORKING, "n3")
    for fault in (stage.server.faults.fail, stage.server.faults.drop, stage.server.faults.lose_answer):
        fault("sendMessage")
        with pytest.raises(DeliveryUnanswered):
            await stage.adapter.post(place(bob.private), WORKING, "n4")


async def test_uploads_over_the_limit_are_too_large(stage: Stage) -> None:
    with pytest.raises(MessageTooLarge):
        await stage.adapter.post(place(stage.ann.private), result(noise(50 * 2**20 + 1), mime="application/zip"), "n1")


async def test_a_group_that_becomes_a_supergroup_is_followed(stage: Stage) -> None:
    group = stage.server.world.group("Lab", stage.ann)
    number = await stage.adapter.post(place(group), WORKING, "n1")
    new = stage.server.world.migrate(group)
    await stage.server.until(lambda: (str(group.id), str(new.id)) in stage.moves)
    posted = await stage.adapter.post(place(group), WORKING, "n2")
    assert new.messages[int(posted)].by_bot
    with pytest.raises(MessageGone):
        await stage.adapter.edit(place(group), number, result(picture()))


async def test_results_reach_their_people_through_bad_weather(home: Home) -> None:
    """Everything that goes wrong once: each result is there in the end, and once."""
    chat, server = home.ann.private, home.server
    server.faults.flood("edit*", retry_after=1, times=2)
    server.faults.fail("editMessageMedia", status=502, times=1)
    server.faults.drop("editMessageMedia", times=1)
    server.faults.lose_answer("editMessageMedia", times=1)
    result_ = await drawn(home.ann, chat, "a red house", within=60.0)
    assert [m for m in home.ann.sees() if m.by_bot] == [result_]


async def test_a_blocked_person_and_a_group_without_us(home: Home) -> None:
    group = home.server.world.supergroup("Lab", home.ann)
    await home.ann.says(group, "/gen a red house --private")
    await home.ann.waits(home.ann.private, lambda m: m.media, within=PATIENT)
    assert not any(m.media for m in group.messages.values())
    home.server.faults.slow("sendMessage", seconds=0.5)
    await home.ann.says(group, "/gen a blue house")
    home.server.world.kick_bot(group)
    result_ = await home.ann.waits(home.ann.private, lambda m: m.media and "blue" in m.text, within=60.0)
    assert "could not be posted" in result_.text


async def test_a_moved_group_keeps_its_community_and_its_results(server: FakeTelegram, tmp_path: Path) -> None:
    from storage.moves import SqlMoves

    async with housed(server, tmp_path) as home:
        group = server.world.group("Lab", home.ann)
        await drawn(home.ann, group, "/gen a red house")
        before = await home.house.books.community("telegram", str(group.id), "")
        new = server.world.migrate(group)
        moves = SqlMoves(home.house.database)
        await server.until(lambda: home.moves)
        assert await moves.moved("telegram", str(group.id), str(new.id))
        assert not await moves.moved("telegram", str(group.id), str(new.id))
        after = await home.house.books.community("telegram", str(new.id), "")
        assert after.id == before.id
        await drawn(home.ann, new, "/gen a blue house")
        ann = await home.house.books.person(Identity(platform="telegram", id=str(home.ann.id)))
        assert len(await home.house.books.jobs(person_id=ann.id, community_id=before.id)) == 2


async def test_twenty_people_at_once_stay_within_every_limit(home: Home) -> None:
    people = [await met(home.server, f"Person {number}") for number in range(20)]
    groups = [home.server.world.supergroup(f"Group {number}", *people) for number in range(2)]
    asked = [who.says(groups[number % 2], f"/gen a house {number}") for number, who in enumerate(people)]
    await asyncio.gather(*asked)

    def results() -> int:
        return sum(m.media is not None and bool(m.buttons) for group in groups for m in group.messages.values())

    await home.server.until(lambda: results() == 20, within=60.0)
    jobs = [m for group in groups for m in group.messages.values() if m.by_bot and m.buttons]
    assert len(jobs) == 20
