import asyncio
from pathlib import Path

import pytest

from engine.errors import EndpointLost, ExecutionFailed, OutOfMemory
from storage.proof import prove
from tests.fakes.adapter import FakeAdapter
from tests.fakes.endpoint import FakeEndpoint, Hang
from tests.fakes.house import BOB, House, open_house, until


async def one_job(house: House, line: str = "a house") -> str:
    reply = await house.ask("imagine", line)
    assert len(reply.jobs) == 1
    return reply.jobs[0]


async def test_a_lost_endpoint_is_tried_again_and_paid_once(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [EndpointLost("gone", endpoint="fake"), OutOfMemory("full", endpoint="fake")]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        view = await house.ended(await one_job(house))
        assert (view.job.status, len(view.pictures), len(endpoint.runs)) == ("done", 1, 3)
        assert len({attempt.prompt_id for attempt in endpoint.runs}) == 3
        assert await house.database.read(prove) == []


async def test_a_failure_that_is_final_refunds_and_says_so(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [ExecutionFailed("boom", endpoint="fake", node="KSampler", reason="NaN")]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = await one_job(house)
        view = await house.ended(job_id)
        assert (view.job.status, view.job.charged, len(endpoint.runs)) == ("failed", 0, 1)
        (result,) = house.adapter.results(job_id)
        assert result.reply.tone == "failed"
        assert [(line.key, line.fields) for line in result.reply.lines] == [
            ("job-failed", {"reason": "execution-failed"})
        ]


async def test_an_out_of_memory_that_never_ends_ends_the_job(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [OutOfMemory("full", endpoint="fake") for _ in range(10)]
    async with open_house(tmp_path, endpoints=[endpoint], max_tries=3) as house:
        view = await house.ended(await one_job(house))
        assert (view.job.status, len(endpoint.runs)) == ("failed", 3)


async def test_half_a_job_is_delivered_and_only_that_half_paid(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [ExecutionFailed("boom", endpoint="fake", node="VAE", reason="x")]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        view = await house.ended(await one_job(house, "a house --n 2"))
        assert (view.job.status, len(view.pictures)) == ("done", 1)
        assert 0 < view.job.charged <= view.job.quote // 2
        assert await house.database.read(prove) == []


async def test_work_goes_where_there_is_room(tmp_path: Path):
    endpoints = [FakeEndpoint("one", slots=2), FakeEndpoint("two", slots=1)]
    for endpoint in endpoints:
        endpoint.script = [Hang()] * 4
    async with open_house(tmp_path, endpoints=endpoints) as house:
        await one_job(house, "a house --n 4")
        await until(lambda: [len(endpoint.runs) for endpoint in endpoints] == [2, 1])
        assert house.dispatcher.running == 3
        for endpoint in endpoints:
            endpoint.script = []
            endpoint.release()


async def test_what_an_endpoint_cannot_run_waits_for_one_that_can(tmp_path: Path):
    able, unable = FakeEndpoint("able"), FakeEndpoint("unable", object_info={"CheckpointLoaderSimple": {}})
    async with open_house(tmp_path, endpoints=[unable, able]) as house:
        view = await house.ended(await one_job(house, "a house --n 3"))
        assert {task.endpoint for task in view.tasks} == {"able"}
        assert not unable.runs


async def test_cancel_interrupts_and_returns_the_hold(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        job_id = await one_job(house, "a house --n 2")
        await until(lambda: endpoint.hanging)
        await house.ask("cancel", job_id)
        view = await house.ended(job_id)
        assert (view.job.status, view.job.charged) == ("cancelled", 0)
        assert [attempt.job_id for attempt in endpoint.interrupts] == [job_id]
        assert [sent.reply.tone for sent in house.adapter.results(job_id)] == ["cancelled"]
        other = await house.ended((await house.ask("imagine", "a boat", who=BOB)).jobs[0])
        assert other.job.status == "done"


@pytest.mark.parametrize("known", [True, False], ids=["still runs there", "was forgotten"])
async def test_a_restart_asks_before_it_sends_again(tmp_path: Path, known: bool):
    endpoint, adapter = FakeEndpoint(), FakeAdapter()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint], adapter=adapter) as house:
        job_id = await one_job(house)
        await until(lambda: endpoint.hanging)
        running = endpoint.hanging
        # The endpoint of this test outlives the bot, as one on another machine does.
        endpoint.go_down = lambda: None  # type: ignore[method-assign]
    if not known:
        endpoint.release()
        endpoint.forget()
    async with open_house(tmp_path, endpoints=[endpoint], adapter=adapter) as house:
        if known:
            await until(lambda: endpoint.follows)
            endpoint.release(running[0])
        view = await house.ended(job_id)
        assert (view.job.status, len(view.pictures)) == ("done", 1)
        assert len(endpoint.runs) == (1 if known else 2)
        assert len(adapter.results(job_id)) == 1
        assert len(adapter.messages(job_id)) == 1
        assert await house.database.read(prove) == []


async def test_jobs_of_others_are_left_alone_when_only_some_are_served(tmp_path: Path):
    endpoint = FakeEndpoint()
    async with open_house(tmp_path, endpoints=[endpoint], running=False, only_jobs=set()) as house:
        first, second = await one_job(house, "a house"), await one_job(house, "a boat")
        house.only_jobs.add(second)
        loop = asyncio.create_task(house.dispatcher.run())
        try:
            await until(lambda: endpoint.runs)
            await asyncio.sleep(0.1)
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
        assert [attempt.job_id for attempt in endpoint.runs] == [second]
        assert (await house.job(first)).job.status == "queued"
