"""The one message of each job, on a platform that fails in every way it can."""

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image

from bot.delivery_budget import Rate
from bot.replies import Tone
from engine.errors import ChatGone, DeliveryDelayed, ExecutionFailed
from engine.images import picture_size
from engine.marking import SOURCE_TYPE
from engine.model import DeliveryStatus, JobStatus, Outcome, OutputFile
from storage.proof import prove
from tests.fakes.adapter import FakeAdapter, Fault
from tests.fakes.endpoint import FakeEndpoint, Hang
from tests.fakes.house import ADA, BOB, House, open_house, until


async def ask(house: House, line: str = "a house", **more: str) -> str:
    return (await house.ask("imagine", line, **more)).jobs[0]  # type: ignore[arg-type]


async def tallies(house: House) -> dict[str, int]:
    return dict(await house.deliveries.tallies())


def keys(house: House, job_id: str) -> list[str]:
    """What the result says."""
    return [line.key for line in house.adapter.results(job_id)[-1].reply.lines]


async def test_the_one_message_is_posted_edited_and_becomes_the_result(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = await ask(house)
        await until(
            lambda: any(sent.reply.meter and sent.reply.meter.stage == "sampling" for sent in house.adapter.log)
        )
        endpoint.release()
        await house.ended(job_id)
        assert [sent.what for sent in house.adapter.log].count("post") == 1
        assert len(house.adapter.messages(job_id)) == 1
        assert house.adapter.log[-1].reply.tone == "done"
        assert [file.form for file in house.adapter.log[-1].reply.files] == ["original"]


async def test_a_result_that_is_delayed_comes_later_and_once(tmp_path: Path):
    adapter = FakeAdapter()
    adapter.failures = [DeliveryDelayed("429", retry_after=0.05), DeliveryDelayed("502", retry_after=0.05)]
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = await ask(house)
        view = await house.ended(job_id)
        assert view.job.status == "done"
        assert len(adapter.results(job_id)) == 1


async def test_what_was_due_when_the_process_died_is_delivered_by_the_next(tmp_path: Path):
    adapter = FakeAdapter()
    adapter.failures = [DeliveryDelayed("down", retry_after=0.2)]
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = await ask(house)
        await until(lambda: not adapter.failures)
        assert not adapter.results(job_id)
    async with open_house(tmp_path, adapter=adapter) as house:
        await house.ended(job_id)
        assert len(adapter.results(job_id)) == 1
        assert len(adapter.messages(job_id)) == 1


async def test_progress_keeps_to_the_chats_distance_and_results_do_not_wait(tmp_path: Path):
    adapter = FakeAdapter(progress_interval=3600.0)
    async with open_house(tmp_path, adapter=adapter) as house:
        reply = await house.ask("imagine", "a {red, blue} house --n 4")
        for job_id in reply.jobs:
            await house.ended(job_id)
            assert len(adapter.results(job_id)) == 1
        assert sum(sent.what == "edit" and sent.reply.tone == "working" for sent in adapter.log) <= 1


async def test_a_busy_crowd_never_goes_over_the_platforms_budgets(tmp_path: Path):
    adapter = FakeAdapter(chat=(Rate(count=4, seconds=0.5),), everywhere=(Rate(count=6, seconds=0.5),))
    async with open_house(tmp_path, adapter=adapter) as house:
        jobs = [await ask(house, "a house --n 2", chat=f"chat {number % 3}") for number in range(9)]
        for job_id in jobs:
            await house.ended(job_id)
            assert len(adapter.results(job_id)) == 1
            assert len(adapter.messages(job_id)) == 1
        assert adapter.over_budget == 0


async def test_a_chat_that_answers_nothing_stalls_no_other(tmp_path: Path):
    async with open_house(tmp_path) as house:
        house.adapter.hang("slow")
        slow = await ask(house, chat="slow")
        quick = await ask(house, chat="quick")
        await house.ended(quick)
        assert (await house.job(slow)).job.status is not JobStatus.DONE
        house.adapter.release("slow")
        await house.ended(slow)
        assert len(house.adapter.messages(slow)) == 1


@pytest.mark.parametrize("fault", [Fault.FLOOD, Fault.FLOOD_EVERYWHERE])
async def test_a_flood_wait_is_kept_to_and_costs_no_try(tmp_path: Path, fault: Fault):
    adapter = FakeAdapter(retry_after=0.3)
    faults = [fault] * 3
    adapter.faults = lambda what, place, reply: faults.pop() if reply.tone.final and faults else None
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = await ask(house)
        other = await ask(house, chat="other")
        await house.ended(job_id)
        await house.ended(other)
        assert adapter.over_budget == 0
        assert not faults
        steps = await house.deliveries.of_jobs([job_id, other])
        assert {delivery.tries for delivery in steps} == {1}


async def test_a_flooded_chat_makes_only_itself_wait(tmp_path: Path):
    adapter = FakeAdapter(retry_after=3600.0)
    adapter.faults = lambda what, place, reply: Fault.FLOOD if place.chat == "flooded" else None
    async with open_house(tmp_path, adapter=adapter) as house:
        flooded = await ask(house, chat="flooded")
        await house.ended(await ask(house, chat="other"))
        assert not (await house.job(flooded)).job.status.ended
    adapter.faults = lambda what, place, reply: None
    async with open_house(tmp_path, adapter=FakeAdapter()) as house:  # the wait was the old process's
        assert (await house.ended(flooded)).job.status is JobStatus.DONE


# Interrupted sends


async def test_a_platform_that_honours_nonces_shows_nothing_twice(tmp_path: Path):
    adapter = FakeAdapter()
    dropped = [Fault.DROPPED_REPLY] * 3
    adapter.faults = lambda what, place, reply: dropped.pop() if dropped else None
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        assert len(adapter.posts(job_id)) == 1
        assert await tallies(house) == {}
        (shown,) = [message.reply for message in adapter.kept.values() if message.reply.job_id == job_id]
        assert shown.tone is Tone.DONE, "the same nonce gives back the message as it was"
        assert shown.pictures


async def test_elsewhere_a_duplicate_is_preferred_to_a_loss_and_counted(tmp_path: Path):
    adapter = FakeAdapter(honours_nonce=False)
    dropped = [Fault.DROPPED_REPLY]
    adapter.faults = lambda what, place, reply: dropped.pop() if what == "post" and dropped else None
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        assert len(adapter.posts(job_id)) == 2
        assert await tallies(house) == {"repeated": 1}
        assert len({sent.message_id for sent in adapter.results(job_id)}) == 1


async def test_a_post_that_was_refused_for_sure_is_no_duplicate(tmp_path: Path):
    adapter = FakeAdapter(honours_nonce=False)
    floods = [Fault.FLOOD] * 2
    adapter.faults = lambda what, place, reply: floods.pop() if what == "post" and floods else None
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        assert len(adapter.posts(job_id)) == 1
        assert await tallies(house) == {}


async def test_a_known_message_makes_every_interrupted_send_an_edit(tmp_path: Path):
    adapter = FakeAdapter(honours_nonce=False)
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, adapter=adapter, endpoints=[endpoint]) as house:
        job_id = await ask(house)
        await until(lambda: endpoint.hanging and adapter.posts(job_id))
        dropped = [Fault.DROPPED_REPLY]
        adapter.faults = lambda what, place, reply: dropped.pop() if reply.tone.final and dropped else None
        endpoint.release()
        await house.ended(job_id)
        assert len(adapter.messages(job_id)) == 1
        assert len(adapter.results(job_id)) == 2  # the same edit twice
        assert await tallies(house) == {}


# Places that are gone


async def test_a_chat_that_is_gone_sends_the_result_to_the_person_and_says_why(tmp_path: Path):
    async with open_house(tmp_path) as house:
        house.adapter.deleted_chats.add("chat")
        job_id = await ask(house)
        view = await house.ended(job_id)
        (result,) = house.adapter.results(job_id)
        assert result.place.chat == "direct:1"
        assert [line.fields for line in result.reply.lines if line.key == "job-elsewhere"] == [{"reason": "chat-gone"}]
        assert (view.job.status, view.job.charged > 0) == (JobStatus.DONE, True)
        assert await tallies(house) == {"moved": 1}
        assert await house.database.read(prove) == []


async def test_a_lost_permission_in_mid_job_does_the_same(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = await ask(house)
        await until(lambda: endpoint.hanging and house.adapter.posts(job_id))
        house.adapter.forbidden_chats.add("chat")
        endpoint.release()
        await house.ended(job_id)
        assert house.adapter.results(job_id)[-1].place.chat == "direct:1"


async def test_a_person_who_blocked_us_too_is_refunded_and_nothing_loops(tmp_path: Path):
    async with open_house(tmp_path) as house:
        house.adapter.deleted_chats.add("chat")
        house.adapter.blocked.add("1")
        before = await house.studio.balance(await house.studio.actor(ADA, locale="en"))
        job_id = await ask(house)
        view = await house.ended(job_id)
        after = await house.studio.balance(await house.studio.actor(ADA, locale="en"))
        assert after.available == before.available
        assert (view.job.reason, view.job.charged) == ("recipient-blocked", 0)
        assert not house.adapter.results(job_id)
        assert (await tallies(house))["undeliverable"] == 1
        assert await house.database.read(prove) == []


async def test_a_message_that_was_deleted_is_posted_anew_at_the_end(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = await ask(house)
        await until(lambda: endpoint.hanging and house.adapter.posts(job_id))
        house.adapter.delete_message(house.adapter.posts(job_id)[0].message_id)
        endpoint.release()
        await house.ended(job_id)
        assert [sent.what for sent in house.adapter.results(job_id)] == ["post"]
        assert len(house.adapter.posts(job_id)) == 2


async def test_an_old_message_gets_no_progress_but_the_result(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    adapter = FakeAdapter(progress_age=0.0)
    async with open_house(tmp_path, endpoints=[endpoint], adapter=adapter) as house:
        job_id = await ask(house)
        await until(lambda: endpoint.hanging and adapter.posts(job_id))
        endpoint.release()
        await house.ended(job_id)
        assert [(sent.what, sent.reply.tone) for sent in adapter.log] == [("post", "working"), ("edit", "done")]


# Showing again


async def test_show_brings_an_undeliverable_result_to_where_it_is_asked_for(tmp_path: Path):
    async with open_house(tmp_path) as house:
        house.adapter.deleted_chats.add("chat")
        house.adapter.blocked.add("1")
        job_id = await ask(house)
        await house.ended(job_id)
        await house.ask("show", job_id, chat="new chat")
        await until(lambda: house.adapter.results(job_id))
        assert house.adapter.results(job_id)[0].place.chat == "new chat"
        await until(lambda: len(house.adapter.log) and house.adapter.results(job_id))
        assert (await house.job(job_id)).job.charged == 0  # it stays refunded
        assert await house.database.read(prove) == []


async def test_show_mends_a_message_that_is_gone_and_leaves_one_that_is_there(tmp_path: Path):
    async with open_house(tmp_path) as house:
        job_id = await ask(house)
        charged = (await house.ended(job_id)).job.charged
        (first,) = house.adapter.messages(job_id)
        await house.ask("show", job_id, chat="elsewhere")
        await until(lambda: len(house.adapter.results(job_id)) == 2)
        assert house.adapter.messages(job_id) == {first}
        house.adapter.deleted_chats.add("chat")
        await until_delivered(house, job_id)
        await house.ask("show", job_id, chat="elsewhere")
        await until(lambda: len(house.adapter.results(job_id)) == 3)
        assert house.adapter.results(job_id)[-1].place.chat == "elsewhere"
        assert "job-elsewhere" not in keys(house, job_id)
        await until_delivered(house, job_id)
        house.adapter.deleted_chats.add("elsewhere")
        house.adapter.blocked.add("1")
        await house.ask("show", job_id, chat="elsewhere")
        async with asyncio.timeout(20):
            while await status(house, job_id) is not DeliveryStatus.UNDELIVERABLE:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (await house.job(job_id)).job.charged == charged  # who was served once is not refunded for asking again
        assert await house.database.read(prove) == []


async def test_show_repairs_nothing_for_somebody_who_may_not_see_it(tmp_path: Path):
    async with open_house(tmp_path) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        assert (await house.ask("show", job_id, who=BOB, chat="bobs")).lines[0].key == "error-unknown-job"
        assert await tallies(house) == {}


async def status(house: House, job_id: str) -> DeliveryStatus:
    (delivery,) = await house.deliveries.of_jobs([job_id])
    return delivery.status


async def until_delivered(house: House, job_id: str) -> None:
    async with asyncio.timeout(20):
        while await status(house, job_id) is not DeliveryStatus.DELIVERED:  # noqa: ASYNC110 (as an outsider looks)
            await asyncio.sleep(0.01)


# What is sent


def noise() -> bytes:
    buffer = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((128, 128), 90) for _ in range(3)]).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


async def test_a_picture_that_is_too_large_goes_down_the_ladder_and_the_person_is_told(tmp_path: Path):
    file = OutputFile(node_id="9", kind="images", filename="a_00001_.png", mime="image/png", data=noise())
    endpoint = FakeEndpoint()
    endpoint.script = [Outcome(files=(file,), seconds=1.0)]
    adapter = FakeAdapter(max_upload=len(file.data) // 2)
    async with open_house(tmp_path, endpoints=[endpoint], adapter=adapter) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        (uploaded,) = adapter.results(job_id)[0].reply.files
        assert uploaded.form == "jpeg"
        assert picture_size(uploaded.data) == (128, 128)
        assert SOURCE_TYPE.encode() in uploaded.data
        assert "job-smaller" in keys(house, job_id)


async def test_a_result_that_fits_in_no_form_is_refunded(tmp_path: Path):
    async with open_house(tmp_path, adapter=FakeAdapter(max_upload=10)) as house:
        view = await house.ended(await ask(house))
        assert (view.job.reason, view.job.charged) == ("message-too-large", 0)
        assert await house.database.read(prove) == []


async def test_a_long_wait_ends_in_one_ping(tmp_path: Path):
    adapter = FakeAdapter(pings=True)
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint], adapter=adapter, ping_after=0.001) as house:
        job_id = await ask(house)
        await until(lambda: endpoint.hanging and adapter.posts(job_id))
        endpoint.release()
        await house.ended(job_id)
        await until(lambda: any(sent.reply.ping for sent in adapter.log))
        (ping,) = [sent for sent in adapter.log if sent.reply.ping]
        assert (ping.what, ping.place.reply_to) == ("post", adapter.results(job_id)[0].message_id)


async def test_a_failed_job_tells_why_in_its_one_message(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [ExecutionFailed("boom", endpoint="fake", node="VAE", reason="x")]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        assert keys(house, job_id) == ["job-failed"]


async def test_places_in_the_queue_are_those_that_the_job_itself_tells(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        await ask(house)
        await until(lambda: endpoint.hanging)
        waiting = [await ask(house, "a house --n 2", who=who) for who in (ADA, BOB, ADA)]  # type: ignore[arg-type]
        positions = await house.deliveries.positions()
        assert positions == {job_id: (await house.job(job_id)).position for job_id in waiting}
        assert sorted(positions.values()) == [1, 2, 3]


async def test_a_log_file_outlives_the_platforms_process(tmp_path: Path):
    log = tmp_path / "log.jsonl"
    async with open_house(tmp_path, adapter=FakeAdapter(log_file=log)) as house:
        job_id = await ask(house)
        await house.ended(job_id)
        (message,) = house.adapter.messages(job_id)
    again = FakeAdapter(log_file=log)
    assert again.kept[message].reply.tone == "done"
    assert len(log.read_text().splitlines()) == len(house.adapter.log)


async def test_what_nobody_can_reach_ends(tmp_path: Path):
    adapter = FakeAdapter()
    adapter.failures = [ChatGone("deleted", chat="chat")] * 5
    async with open_house(tmp_path, adapter=adapter) as house:
        view = await house.ended(await ask(house))
        assert view.job.charged == 0
        assert len(adapter.failures) == 3  # the chat, then the person
