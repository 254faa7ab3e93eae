from pathlib import Path

from engine.errors import ChatGone, DeliveryDelayed
from storage.proof import prove
from tests.fakes.adapter import FakeAdapter
from tests.fakes.endpoint import FakeEndpoint, Hang
from tests.fakes.house import ADA, open_house, until


async def test_the_one_message_is_posted_edited_and_becomes_the_result(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = (await house.ask("imagine", "a house")).jobs[0]
        await until(
            lambda: any(sent.reply.meter and sent.reply.meter.stage == "sampling" for sent in house.adapter.log)
        )
        endpoint.release()
        await house.ended(job_id)
        assert [sent.what for sent in house.adapter.log].count("post") == 1
        assert len(house.adapter.messages(job_id)) == 1
        assert house.adapter.log[-1].reply.tone == "done"
        assert not any(sent.reply.tone == "working" for sent in house.adapter.log[-1:])


async def test_a_result_that_is_delayed_comes_later_and_once(tmp_path: Path):
    adapter = FakeAdapter()
    adapter.failures = [DeliveryDelayed("429", retry_after=0.05), DeliveryDelayed("502", retry_after=0.05)]
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = (await house.ask("imagine", "a house")).jobs[0]
        view = await house.ended(job_id)
        assert view.job.status == "done"
        assert len(adapter.results(job_id)) == 1


async def test_a_chat_that_is_gone_ends_in_a_refund_not_in_a_loop(tmp_path: Path):
    adapter = FakeAdapter()
    adapter.failures = [ChatGone("deleted", chat="chat")] * 5
    async with open_house(tmp_path, adapter=adapter) as house:
        before = await house.studio.balance(await house.studio.actor(ADA, locale="en"))
        job_id = (await house.ask("imagine", "a house")).jobs[0]
        await house.ended(job_id)
        after = await house.studio.balance(await house.studio.actor(ADA, locale="en"))
        assert after.available == before.available
        assert len(adapter.failures) == 4
        assert await house.database.read(prove) == []


async def test_what_was_due_when_the_process_died_is_delivered_by_the_next(tmp_path: Path):
    adapter = FakeAdapter()
    adapter.failures = [DeliveryDelayed("down", retry_after=0.2)]
    async with open_house(tmp_path, adapter=adapter) as house:
        job_id = (await house.ask("imagine", "a house")).jobs[0]
        await until(lambda: not adapter.failures)
        assert not adapter.results(job_id)
    async with open_house(tmp_path, adapter=adapter) as house:
        await house.ended(job_id)
        assert len(adapter.results(job_id)) == 1
        assert len(adapter.messages(job_id)) == 1


async def test_progress_keeps_to_the_chats_budget_and_results_do_not_wait(tmp_path: Path):
    adapter = FakeAdapter(progress_interval=3600)
    async with open_house(tmp_path, adapter=adapter) as house:
        reply = await house.ask("imagine", "a {red, blue} house --n 4")
        for job_id in reply.jobs:
            await house.ended(job_id)
            assert len(adapter.results(job_id)) == 1
        assert sum(sent.what == "edit" and sent.reply.tone == "working" for sent in adapter.log) <= 1
