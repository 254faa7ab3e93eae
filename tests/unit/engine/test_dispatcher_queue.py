"""What the dispatcher makes of the queue's rules: elsewhere, fewer at once, in order of checkpoints, not at all."""

from pathlib import Path

import pytest

from engine import dispatcher
from engine.errors import EndpointLost, OutOfMemory
from engine.model import Identity, Power
from engine.studio import Access
from storage.policy import Policy
from storage.proof import prove
from tests.fakes.endpoint import FakeEndpoint, Hang
from tests.fakes.house import ADA, House, open_house, until

OPERATOR = Identity(platform="fake", id="9", name="Op")
ACCESS = Access(operators=frozenset({"fake:9"}), open=True, allowed=frozenset())


async def one_job(house: House, line: str = "a house") -> str:
    reply = await house.ask("imagine", line)
    assert len(reply.jobs) == 1
    return reply.jobs[0]


@pytest.mark.parametrize("error", [EndpointLost("gone", endpoint="one"), OutOfMemory("full", endpoint="one")])
async def test_what_failed_on_one_endpoint_runs_on_another(tmp_path: Path, error: EndpointLost | OutOfMemory):
    one, two = FakeEndpoint("one"), FakeEndpoint("two")
    one.script = [error] * 20
    async with open_house(tmp_path, endpoints=[one, two]) as house:
        views = [await house.ended(await one_job(house)) for _ in range(3)]
        assert {(view.job.status, view.tasks[0].endpoint) for view in views} == {("done", "two")}
        assert len(one.runs) <= 3
        assert await house.database.read(prove) == []


async def test_an_endpoint_without_a_neighbour_is_tried_again(tmp_path: Path):
    one, two = FakeEndpoint("one"), FakeEndpoint("two")
    one.script = [OutOfMemory("full", endpoint="one")]
    async with open_house(tmp_path, endpoints=[one, two]) as house:
        two.go_down()
        view = await house.ended(await one_job(house))
        assert (view.job.status, len(one.runs), len(two.runs)) == ("done", 2, 0)


async def test_an_endpoint_that_ran_out_of_memory_gets_fewer_at_once(tmp_path: Path):
    endpoint = FakeEndpoint(slots=4)
    endpoint.script = [Hang(), Hang(), Hang(), OutOfMemory("full", endpoint="fake"), *[Hang()] * 20]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        await one_job(house, "a house --n 4")
        await one_job(house, "a boat --n 4")
        await until(lambda: len(endpoint.runs) == 4 and house.dispatcher.running == 3)
        endpoint.release(endpoint.hanging[0])
        await until(lambda: house.dispatcher.running == 2)
        assert len(endpoint.runs) == 4  # two at once is all it gets now
        endpoint.release(endpoint.hanging[0])
        await until(lambda: len(endpoint.runs) == 5)
        assert len(endpoint.hanging) == 2
        endpoint.script = []
        endpoint.release()


async def test_what_was_learnt_of_an_endpoint_is_there_after_a_restart(tmp_path: Path):
    async with open_house(tmp_path) as house:
        view = await house.ended(await one_job(house))
        (learnt,) = await house.books.learnt()
        assert (learnt.endpoint, learnt.kind) == ("fake", view.kind)
        assert learnt.mgs_per_second > 0


async def test_a_paused_studio_says_so_and_goes_on_when_it_is_resumed(tmp_path: Path):
    endpoint = FakeEndpoint()
    async with open_house(tmp_path, endpoints=[endpoint], access=ACCESS) as house:
        operator = await house.studio.actor(OPERATOR, locale="en")
        await house.studio.steering.pause(operator, "new cables")
        job_id = await one_job(house)
        shown = await house.ask("show", job_id)
        assert [line.key for line in shown.lines] == ["job-paused", "why-paused"]
        assert shown.lines[1].fields == {"reason": "new cables"}
        assert not endpoint.runs
        await house.studio.steering.resume(operator)
        assert (await house.ended(job_id)).job.status == "done"


async def test_a_job_that_waited_too_long_ends_and_its_person_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dispatcher, "TEND_EVERY", 0.05)
    policy = Policy(grant=600_000, max_queued_jobs=100, max_wait_seconds=0.3)
    async with open_house(tmp_path, access=ACCESS, policy=policy) as house:
        operator = await house.studio.actor(OPERATOR, locale="en")
        assert operator.power is Power.OPERATOR
        await house.studio.steering.pause(operator)
        job_id = await one_job(house)
        view = await house.ended(job_id)
        assert (view.job.status, view.job.reason, view.job.charged) == ("failed", "expired", 0)
        (result,) = house.adapter.results(job_id)
        assert [(line.key, line.fields) for line in result.reply.lines] == [("job-failed", {"reason": "expired"})]
        actor = await house.studio.actor(ADA, locale="en")
        assert (await house.studio.balance(actor)).held == 0
