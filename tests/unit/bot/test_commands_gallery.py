"""Pictures that there are: info, files, history, favourites, deletion, and who sees what of them."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from bot.actions import ACTIONS, ALWAYS
from bot.replies import Tone
from engine.errors import BlobMissing
from engine.model import PictureRef, Power
from engine.policies import CommunityPolicy
from tests.fakes.books import delivery_of
from tests.fakes.house import BOB, House, open_house, until
from tests.fakes.presses import CLUB, Painter, after, keys, last_run, made, names, picture, press

OF_JOBS = [
    name
    for name, action in ACTIONS.items()
    if action.template or action.slot or name in ALWAYS | {"album", "show", "cancel"}
]
"""Actions that look a job up and show or use something of it."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, endpoints=[Painter(slots=8)]) as house:
        await house.studio.until_ready(5)
        yield house


# Looking


async def test_info_tells_everything_to_that_person_alone(house: House) -> None:
    parent = await made(house, "a red house --size 96x64 --seed 7 --no rain --n 2")
    view = await after(house, await press(house, "vary-subtle", parent.job.id, 2))
    reply = await press(house, "info", view.job.id)
    assert reply.private
    fields = {line.key: line.fields for line in reply.lines}
    assert fields["picture-title"]["template"] == "vary"
    assert fields["picture-prompt"]["prompt"] == "a red house"
    assert fields["picture-negative"]["negative"] == "rain"
    assert fields["picture-seed"]["seed"] == str(view.tasks[0].seed)
    assert fields["picture-parent"] == {"job": parent.job.id, "number": 2}
    assert (fields["picture-size"]["width"], fields["picture-size"]["height"]) == (96, 64)
    assert fields["picture-cost"]["endpoint"] == "fake"
    options = str(fields["picture-options"]["options"])
    for flag in ("--size 96x64", "--steps 20", "--cfg 5", "--sampler euler", "--scheduler normal", "--strength 0.35"):
        assert flag in options
    assert names(reply) == [["favourite1", "use-as-input1", "report1"], ["show"]]
    whole = await press(house, "info", parent.job.id)
    assert keys(whole).count("picture-seed") == 2
    assert names(whole) == [["info1", "info2"]]


async def test_originals_are_files_and_an_album_is_pictures(house: House) -> None:
    view = await made(house, "a red house --n 3 --spoiler")
    files = await press(house, "originals", view.job.id)
    assert (files.private, len(files.files), files.pictures) == (True, 3, ())
    album = await press(house, "album", view.job.id)
    assert (len(album.files), album.pictures, album.spoiler) == (3, view.pictures, True)
    small = await press(house, "originals", view.job.id, max_upload=10)
    assert small.files == ()
    assert keys(small)[1] == "job-smaller"


async def test_show_has_pictures_and_buttons(house: House) -> None:
    view = await made(house)
    reply = await house.ask("show", view.job.id)
    assert (reply.tone, reply.private, len(reply.files)) == (Tone.DONE, False, 1)
    assert names(reply)[0][0] == "upscale"
    assert (await press(house, "show", view.job.id)).private


async def test_history_is_read_page_by_page(house: House) -> None:
    made_jobs = [(await made(house, f"house {number}")).job.id for number in range(12)]
    first = await house.ask("history")
    assert keys(first) == ["history-title", *["job-line"] * 10]
    assert [line.fields["job"] for line in first.lines[1:]] == made_jobs[:1:-1]
    ((older,),) = first.buttons
    second = await press(house, older.action, older.job_id, older.index)
    assert [line.fields["job"] for line in second.lines[1:]] == [made_jobs[1], made_jobs[0]]
    assert second.buttons == ()
    typed = await house.ask("history", f"before {made_jobs[2]}")
    assert [line.fields["job"] for line in typed.lines[1:]] == [made_jobs[1], made_jobs[0]]


async def test_favourites_are_kept_listed_and_let_go(house: House) -> None:
    view = await made(house, "a red house --n 2")
    assert keys(await house.ask("history", "favourites")) == ["favourites-empty"]
    kept = await press(house, "favourite", view.job.id, 2)
    assert (keys(kept), names(kept)) == (["favourite-kept"], [["unfavourite2"]])
    assert keys(await press(house, "favourite", view.job.id, 2)) == ["favourite-kept"]
    listed = await house.ask("history", ("on",))  # type: ignore[arg-type]
    assert [(line.fields["job"], line.fields["number"]) for line in listed.lines[1:]] == [(view.job.id, 2)]
    assert keys(await press(house, "unfavourite", view.job.id, 2)) == ["favourite-let-go"]
    assert keys(await house.ask("history", "favourites")) == ["favourites-empty"]


# Ending


async def test_deleting_asks_and_then_every_trace_is_gone(house: House) -> None:
    view = await made(house, "a red house --n 2")
    blobs = [picture.blob for picture in view.pictures]
    asked = await press(house, "delete", view.job.id)
    assert (asked.tone, keys(asked)) == (Tone.ASK, ["delete-ask", "quote-ask"])
    done = await press(house, "delete", view.job.id, confirmed=True)
    assert keys(done) == ["deleted"]
    await until(lambda: len(house.adapter.results(view.job.id)) == 2)
    shown = house.adapter.results(view.job.id)[-1]
    assert (shown.what, keys(shown.reply), shown.reply.files, shown.reply.buttons) == ("edit", ["job-deleted"], (), ())
    assert len(house.adapter.messages(view.job.id)) == 1
    for blob in blobs:
        with pytest.raises(BlobMissing):
            await house.blobs.get(blob)
    for action in ("vary-strong", "reroll", "info", "show", "remix", "favourite", "originals", "delete"):
        reply = await press(house, action, view.job.id, 1)
        assert keys(reply) == ["error-picture-unavailable"], action
        assert reply.lines[0].fields["why"] == "deleted"
    assert keys(await house.ask("history")) == ["history-empty"]


async def test_a_message_that_is_gone_is_not_posted_anew_to_say_that_it_was_deleted(house: House) -> None:
    view = await made(house)
    (message,) = house.adapter.messages(view.job.id)
    house.adapter.delete_message(message)
    await press(house, "delete", view.job.id, confirmed=True)

    async def delivered() -> bool:
        return (await delivery_of(house.deliveries, view.job.id)).status == "delivered"

    await _until(delivered)
    assert len(house.adapter.posts(view.job.id)) == 1


async def _until(condition) -> None:  # type: ignore[no-untyped-def]
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 (a test looks from outside)
            await asyncio.sleep(0.01)


async def test_a_picture_that_another_job_starts_from_stays(house: House) -> None:
    parent = await made(house)
    varied = await after(house, await press(house, "vary-strong", parent.job.id))
    await press(house, "delete", parent.job.id, confirmed=True)
    assert await house.blobs.get(parent.pictures[0].blob)
    again = await after(house, await press(house, "reroll", varied.job.id))
    assert again.job.status == "done"


async def test_delete_and_cancel_are_the_owners_and_the_moderators(house: House) -> None:
    view = await made(house, **CLUB)
    for action in ("delete", "cancel"):
        reply = await press(house, action, view.job.id, who=BOB, **CLUB)
        assert keys(reply) == ["error-forbidden"], action
    elsewhere = await press(house, "delete", view.job.id, who=BOB, community="other", power=Power.MODERATOR)
    assert keys(elsewhere) == ["error-unknown-job"]
    late = await press(house, "cancel", view.job.id, **CLUB)
    assert keys(late) == ["cancel-too-late"]
    done = await press(house, "delete", view.job.id, who=BOB, power=Power.MODERATOR, confirmed=True, **CLUB)
    assert keys(done) == ["deleted"]
    await until(lambda: len(house.adapter.results(view.job.id)) == 2)
    assert house.adapter.results(view.job.id)[-1].reply.lines[0].fields == {"by": "moderator"}
    actor = await house.studio.actor(BOB, locale="en", community="club", power=Power.MODERATOR)
    assert [line.action for line in await house.moderation.audit(actor)] == ["delete"]


async def test_a_job_on_its_way_is_cancelled_and_cannot_be_used_yet(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        await house.studio.until_ready(5)
        reply = await house.ask("imagine", "a red house")
        (job,) = reply.jobs
        for action in ("upscale", "originals", "favourite"):
            refused = await press(house, action, job, 1)
            assert refused.lines[0].fields["why"] == "running", action
        assert (await press(house, "delete", job)).lines[0].fields["why"] == "running"
        assert keys(await press(house, "cancel", job)) == ["cancelled"]
        assert (await house.job(job)).job.reason == "cancelled by owner"


async def test_pictures_that_are_too_old_say_so(house: House) -> None:
    view = await made(house)
    await house.blobs.delete(view.pictures[0].blob)
    reply = await press(house, "vary-strong", view.job.id)
    assert (keys(reply), reply.lines[0].fields["why"]) == (["error-picture-unavailable"], "old")


async def test_a_job_that_nobody_knows_says_so(house: House) -> None:
    assert len(OF_JOBS) >= 19
    for action in OF_JOBS:
        reply = await press(house, action, "aaaaaaaaaaaaaaaa", 1)
        assert keys(reply) == ["error-unknown-job"], action


# Who sees what


async def test_whoever_sees_a_picture_varies_it_on_their_own_credits(house: House) -> None:
    view = await made(house, **CLUB)
    bob = await house.studio.actor(BOB, locale="en", community="club")
    before = await house.studio.balance(bob)
    varied = await after(house, await press(house, "vary-strong", view.job.id, who=BOB, **CLUB))
    assert varied.job.person_id == bob.person.id
    assert (await house.studio.balance(bob)).available == before.available - varied.job.charged
    assert keys(await press(house, "favourite", view.job.id, 1, who=BOB, **CLUB)) == ["favourite-kept"]
    assert keys(await press(house, "vary-strong", view.job.id, who=BOB)) == ["error-unknown-job"], "not in the club"


async def test_a_private_jobs_pictures_are_the_owners_alone(house: House) -> None:
    view = await made(house, "a red house --private", **CLUB)
    for action in OF_JOBS:
        for power in (Power.MEMBER, Power.MODERATOR):
            reply = await press(house, action, view.job.id, 1, who=BOB, power=power, **CLUB)
            assert keys(reply) == ["error-unknown-job"], action
    own = await press(house, "vary-strong", view.job.id, **CLUB)
    varied = await house.ended(own.jobs[0])
    assert varied.job.private, "what is made of it is private, too"
    assert varied.job.place.chat == "direct:1"
    shown = await house.ask("show", view.job.id, **CLUB)
    assert shown.private


# /upscale and /vary


async def test_upscale_takes_a_picture_and_a_scale(house: House) -> None:
    images = {"image": picture(96, 64)}
    view = await after(house, await house.ask("upscale", images=images))
    assert (view.pictures[0].width, view.pictures[0].height) == (192, 128)
    view = await after(house, await house.ask("upscale", "1.5x", images=images))
    assert (view.pictures[0].width, view.pictures[0].height) == (144, 96)
    assert view.job.parent is None
    wrong = await house.ask("upscale", "9", images=images)
    assert wrong.lines[0].fields == {"flag": "scale", "value": "9", "expected": "1.25–4", "nearest": "4"}
    assert keys(await house.ask("upscale", "much", images=images)) == ["error-bad-value"]
    assert keys(await house.ask("upscale")) == ["error-missing-input"]


async def test_vary_takes_a_job_or_a_picture_and_a_strength(house: House) -> None:
    view = await after(house, await house.ask("vary", "0.5", images={"image": picture(96, 64)}))
    assert last_run(house)["Sampler"]["denoise"] == 0.5
    four = await made(house, "a red house --n 4")
    asked = await house.ask("vary", four.job.id)
    assert names(asked) == [["vary-strong1", "vary-strong2", "vary-strong3", "vary-strong4"]]
    view = await after(house, await house.ask("vary", (f"{four.job.id}#2", "0.25")))  # type: ignore[arg-type]
    assert view.job.parent == PictureRef(job_id=four.job.id, number=2)
    assert last_run(house)["Sampler"]["denoise"] == 0.25


# A community's caps


async def test_caps_hold_for_what_is_made_of_pictures(house: House) -> None:
    parent = await made(house, "a red house --size 96x64 --steps 9 --n 4", **CLUB)
    moderator = await house.studio.actor(BOB, locale="en", community="club", power=Power.MODERATOR)
    await house.moderation.set_policy(moderator, {"caps.steps": "5", "caps.size": "96x80", "caps.n": "2"})
    reply = await press(house, "vary-strong", parent.job.id, 1, **CLUB)
    assert [line.fields for line in reply.lines if line.key == "limited"] == [
        {"flag": "steps", "value": "5"},
        {"flag": "n", "value": "2"},
    ]
    view = await after(house, reply)
    assert (view.job.count, view.job.options["steps"]) == (2, 5)
    for action in ("upscale", "pan-left"):
        refused = await press(house, action, parent.job.id, 1, **CLUB)
        assert refused.lines[0].fields["reason"] == "pixels", action
    again = await after(house, await press(house, "reroll", parent.job.id, **CLUB))
    assert (again.job.count, again.job.options["steps"]) == (2, 5)


# Files without their workflow


async def test_a_community_can_keep_workflows_out_of_what_is_sent(house: House) -> None:
    with_it = await made(house, "a red house", **CLUB)
    assert b"a red house" in house.adapter.results(with_it.job.id)[0].reply.files[0].data
    moderator = await house.studio.actor(BOB, locale="en", community="club", power=Power.MODERATOR)
    await house.moderation.set_policy(moderator, {"workflow_in_png": "off"})
    assert CommunityPolicy().workflow_in_png
    without = await made(house, "a red house", **CLUB)
    sent = [house.adapter.results(without.job.id)[0].reply.files[0].data]
    for action in ("originals", "album", "show"):
        sent.append((await press(house, action, without.job.id, **CLUB)).files[0].data)
    for data in sent:
        assert b"a red house" not in data
        with Image.open(io.BytesIO(data)) as image:
            assert {"prompt", "workflow"}.isdisjoint(image.info)
