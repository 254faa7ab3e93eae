"""Who may steer the queue: operators everything, moderators their own community, everybody what is theirs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session, select

from engine.errors import AtelierError, Forbidden, JobStarted, UnknownJob
from engine.model import Actor, Identity, Job, JobStatus, Place, Power, Request
from engine.studio import Access
from storage.proof import prove
from storage.tables import AuditRow
from tests.fakes.endpoint import FakeEndpoint, Hang
from tests.fakes.house import ADA, BOB, House, open_house, until

OPERATOR = Identity(platform="fake", id="9", name="Op")
EVE = Identity(platform="fake", id="3", name="Eve")
ACCESS = Access(operators=frozenset({"fake:9"}), open=True, allowed=frozenset())

Call = Callable[[House, Actor, str], Awaitable[object]]
CALLS: dict[str, Call] = {
    "move": lambda house, actor, job: house.studio.steering.move(actor, job),
    "move behind": lambda house, actor, job: house.studio.steering.move(actor, job, behind=job),
    "hold": lambda house, actor, job: house.studio.steering.hold(actor, job),
    "release": lambda house, actor, job: house.studio.steering.release(actor, job),
    "cancel": lambda house, actor, job: house.studio.cancel(actor, job),
    "edit": lambda house, actor, job: house.studio.edit(actor, job, request("another")),
    "pause": lambda house, actor, job: house.studio.steering.pause(actor, "mine now"),
    "resume": lambda house, actor, job: house.studio.steering.resume(actor),
}


def request(prompt: str, key: str = "key", **options: str | int | float | bool) -> Request:
    return Request(
        request_key=key,
        template="txt2img",
        options={"prompt": prompt, "model": "tiny.safetensors", "width": 512, "height": 512, "steps": 4, **options},
        place=Place(platform="fake", chat="chat"),
        text=prompt,
    )


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, access=ACCESS, running=False) as house:
        house.endpoints[0].come_up()
        await house.studio.until_ready(10)
        yield house
        assert await house.database.read(prove) == []


async def actor(house: House, who: Identity, community: str = "", power: Power = Power.MEMBER) -> Actor:
    found = await house.studio.actor(who, locale="en", community=community, community_name=community)
    return found if found.power is Power.OPERATOR else replace(found, power=power)


async def job_of(house: House, who: Identity, community: str, key: str) -> Job:
    reply = await house.ask("imagine", "a house", who=who, key=key, community=community)
    view = await house.books.job(reply.jobs[0])
    assert view is not None
    return view.job


async def audited(house: House) -> list[tuple[str, str, str | None]]:
    def read(session: Session) -> list[tuple[str, str, str | None]]:
        return [(row.actor, row.action, row.community_id) for row in session.exec(select(AuditRow))]

    return await house.database.read(read)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_moderator_of_a_group_of_their_own_touches_nothing_outside_it(house: House, call: Call):
    job = await job_of(house, ADA, "guild", "k")
    own = await job_of(house, EVE, "eves own group", "k2")
    before = await house.books.jobs()
    eve = await actor(house, EVE, "eves own group", Power.MODERATOR)
    with pytest.raises((Forbidden, UnknownJob)):
        await call(house, eve, job.id)
    with pytest.raises(AtelierError):
        await house.studio.steering.move(eve, own.id, behind=job.id)
    after = await house.books.jobs()
    assert {view.job.id: view.job for view in before} == {view.job.id: view.job for view in after}
    assert await house.books.paused() is None
    assert await audited(house) == []


async def test_clearing_reaches_as_far_as_power_does(house: House):
    jobs = {
        name: await job_of(house, who, community, name)
        for name, who, community in [
            ("ada here", ADA, "guild"),
            ("ada there", ADA, "other"),
            ("bob here", BOB, "guild"),
            ("bob alone", BOB, ""),
            ("eve", EVE, "eves own group"),
        ]
    }

    async def cleared(who: Actor, **how: str) -> set[str]:
        found = {job.id for job in await house.studio.steering.clear(who, **how)}
        return {name for name, job in jobs.items() if job.id in found}

    eve = await actor(house, EVE, "eves own group", Power.MODERATOR)
    ada, bob = await actor(house, ADA, "guild"), await actor(house, BOB)
    with pytest.raises(Forbidden):
        await cleared(ada)
    with pytest.raises(Forbidden):
        await cleared(ada, person_id=bob.person.id)
    assert await cleared(eve, person_id=bob.person.id) == set()
    assert await cleared(eve) == {"eve"}
    moderator = await actor(house, EVE, "guild", Power.MODERATOR)
    assert await cleared(moderator, person_id=ada.person.id) == {"ada here"}
    operator = await actor(house, OPERATOR)
    with pytest.raises(Forbidden):
        await cleared(operator)  # everybody everywhere is more than anybody means
    assert await cleared(operator, person_id=bob.person.id) == {"bob here", "bob alone"}
    assert await cleared(ada, person_id=ada.person.id) == {"ada there"}
    lines = await audited(house)
    assert [(who, action) for who, action, _ in lines] == [("fake:3", "clear")] * 3 + [("fake:9", "clear")]


async def test_moderators_steer_their_communitys_jobs_and_that_is_written_down(house: House):
    first, second = await job_of(house, ADA, "guild", "k1"), await job_of(house, BOB, "guild", "k2")
    moderator = await actor(house, EVE, "guild", Power.MODERATOR)
    await house.studio.steering.move(moderator, second.id)
    view = await house.books.job(first.id)
    assert view is not None
    assert view.position == 2
    await house.studio.steering.move(moderator, second.id, behind=first.id)
    assert (await house.studio.steering.hold(moderator, first.id)).status is JobStatus.HELD
    shown = await house.ask("show", first.id)
    assert [line.key for line in shown.lines][:2] == ["job-held", "why-held"]
    assert (await house.studio.steering.release(moderator, first.id)).status is JobStatus.QUEUED
    guild = moderator.community
    assert guild is not None
    assert await audited(house) == [("fake:3", action, guild.id) for action in ("move", "move", "hold", "release")]


async def test_an_owner_is_told_that_steering_is_not_for_them(house: House):
    job = await job_of(house, ADA, "guild", "k")
    with pytest.raises(Forbidden):
        await house.studio.steering.hold(await actor(house, ADA, "guild"), job.id)
    with pytest.raises(UnknownJob):
        await house.studio.steering.hold(await actor(house, BOB, "guild"), job.id)


async def test_a_waiting_job_is_edited_by_its_owner_and_nobody_else(house: House):
    job = await job_of(house, ADA, "guild", "k")
    model = str(job.options["model"])
    ada, moderator = await actor(house, ADA, "guild"), await actor(house, BOB, "guild", Power.MODERATOR)
    with pytest.raises(Forbidden):
        await house.studio.edit(moderator, job.id, request("another", model=model))
    after = await house.studio.edit(ada, job.id, request("another", model=model, steps=8))
    assert (after.id, after.text, after.options["steps"], after.place) == (job.id, "another", 8, job.place)
    assert after.quote != job.quote


async def test_what_has_started_is_not_changed(tmp_path: Path):
    endpoint = FakeEndpoint()
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint], access=ACCESS) as house:
        job = await job_of(house, ADA, "guild", "k")
        await until(lambda: endpoint.hanging)
        operator, ada = await actor(house, OPERATOR), await actor(house, ADA, "guild")
        for call in ("move", "hold", "release"):
            with pytest.raises(JobStarted):
                await CALLS[call](house, operator, job.id)
        with pytest.raises(JobStarted):
            await house.studio.edit(ada, job.id, request("late", model=str(job.options["model"])))
        endpoint.release()
        assert (await house.ended(job.id)).job.status == "done"
