"""Private results: the public chat never sees a word, a step or a picture of them; where they cannot go is said."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapter import Command
from bot.private import Conversations
from bot.replies import Reply
from engine.errors import DeliveryUnanswered, FloodWait, NoConversation
from engine.model import DeliveryStatus, Place, Request
from tests.fakes.adapter import FakeAdapter
from tests.fakes.books import delivery_of
from tests.fakes.endpoint import FakeEndpoint, Hang
from tests.fakes.house import ADA, BOB, House, open_house, until

SECRET = "a heron nobody must know of"
CLUB: dict[str, object] = {"community": "club", "community_name": "Club"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        await house.studio.until_ready(5)
        yield house


async def private(house: House, **more: object) -> Reply:
    return await house.ask("imagine", f"{SECRET} --private", **{**CLUB, **more})  # type: ignore[arg-type]


def public(house: House) -> Sequence[Reply]:
    """Everything that was shown in the public chat."""
    return [sent.reply for sent in house.adapter.log if sent.place.chat == "chat"]


async def test_everything_of_a_private_job_goes_to_the_person(tmp_path: Path) -> None:
    endpoint = FakeEndpoint(slots=8)
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        await house.studio.until_ready(5)
        reply = await private(house)
        assert reply.private
        assert "accepted-private" in [line.key for line in reply.lines]
        (job_id,) = reply.jobs
        await until(lambda: endpoint.hanging and house.adapter.posts(job_id))
        endpoint.release()
        view = await house.ended(job_id)
        assert {sent.place.chat for sent in house.adapter.log if sent.reply.job_id == job_id} == {"direct:1"}
        assert len(house.adapter.results(job_id)) == 1
        assert house.adapter.results(job_id)[0].reply.pictures == view.pictures
        assert public(house) == []
        assert (view.job.place.chat, view.job.place.asked_in) == ("direct:1", "chat")


async def test_in_a_direct_message_it_stays_where_it_is(house: House) -> None:
    reply = await house.ask("imagine", f"{SECRET} --private")
    view = await house.ended(reply.jobs[0])
    assert (view.job.place.chat, view.job.place.asked_in) == ("chat", "")
    assert "accepted-private" not in [line.key for line in reply.lines]


async def test_many_private_jobs_are_all_private(house: House) -> None:
    reply = await house.ask("imagine", f"{{a, b}} {SECRET} --private --repeat 2", confirmed=True, **CLUB)
    assert len(reply.jobs) == 4
    for job_id in reply.jobs:
        assert (await house.ended(job_id)).job.place.chat == "direct:1"
    assert public(house) == []


async def test_a_platform_that_is_only_busy_is_asked_again(house: House) -> None:
    """A flood of others' must not tell somebody that they cannot be written to."""
    real, refusals = house.adapter.direct, [FloodWait(retry_after=0.01, everywhere=1), DeliveryUnanswered("500")]

    async def direct(place: Place) -> Place | None:
        if refusals:
            raise refusals.pop(0)
        return await real(place)

    house.adapter.direct = direct  # type: ignore[method-assign]
    reply = await private(house)
    assert (await house.ended(reply.jobs[0])).job.place.chat == "direct:1"


async def test_a_platform_that_stays_busy_is_told_apart_from_a_closed_door() -> None:
    adapter = FakeAdapter()

    async def direct(place: Place) -> Place | None:
        raise DeliveryUnanswered("500")

    adapter.direct = direct  # type: ignore[method-assign]
    place = Place(platform=adapter.platform, chat="chat", owner_id="1")
    asked = Command(name="imagine", identity=ADA, place=place, key="1", community="club")
    request = Request(request_key="1", template="txt2img", options={}, place=place, private=True)
    with pytest.raises(NoConversation) as refused:
        await Conversations([adapter], patience=0.05).placed(asked, request)
    assert refused.value.fields == {"busy": "yes"}


async def test_where_nobody_can_be_written_to_it_is_refused_and_costs_nothing(house: House) -> None:
    async def direct(place: Place) -> Place | None:
        return None

    house.adapter.direct = direct  # type: ignore[method-assign]
    reply = await private(house)
    assert [line.key for line in reply.lines] == ["error-no-conversation"]
    assert reply.private
    assert await house.books.backlog() == 0
    assert await house.books.jobs() == ()


async def test_a_platform_without_conversations_refuses_it(house: House) -> None:
    class Bare:
        platform = "fake"
        limits = FakeAdapter().limits

    house.commands._conversations._adapters = Conversations([Bare()])._adapters  # type: ignore[list-item]
    assert [line.key for line in (await private(house)).lines] == ["error-no-conversation"]


async def test_whoever_has_blocked_us_gets_the_credits_back_and_is_told_without_a_word_of_it(house: House) -> None:
    house.adapter.blocked.add("1")
    actor = await house.studio.actor(ADA, locale="en")
    before = await house.studio.balance(actor)
    reply = await private(house)
    view = await house.ended(reply.jobs[0])
    await until(lambda: public(house))
    (told,) = public(house)
    assert [line.key for line in told.lines] == ["private-unreachable"]
    assert told.lines[0].fields == {"owner": "Ada", "reason": "recipient-blocked"}
    assert (told.pictures, told.files, told.preview, told.ping) == ((), (), None, True)
    assert SECRET not in repr(told)
    assert (await delivery_of(house.deliveries, view.job.id)).status is DeliveryStatus.UNDELIVERABLE
    after = await house.studio.balance(actor)
    assert (after.available, after.held) == (before.available, 0)


async def test_what_can_reach_nobody_is_stopped_before_it_is_made(tmp_path: Path) -> None:
    endpoint = FakeEndpoint(slots=8)
    endpoint.script = [Hang()]
    async with open_house(tmp_path, endpoints=[endpoint]) as house:
        await house.studio.until_ready(5)
        house.adapter.blocked.add("1")
        reply = await private(house)
        view = await house.ended(reply.jobs[0])
        assert (view.job.status, view.job.reason) == ("cancelled", "recipient-blocked")
        await until(lambda: public(house))
        assert [line.key for line in public(house)[0].lines] == ["private-unreachable"]
        actor = await house.studio.actor(ADA, locale="en")
        assert (await house.studio.balance(actor)).held == 0
        assert view.job.charged == 0


async def test_nothing_private_is_shown_to_others_by_any_answer(house: House) -> None:
    job_id = (await private(house)).jobs[0]
    await house.ended(job_id)
    for name in ("queue", "history", "show"):
        reply = await house.ask(name, job_id if name == "show" else "", who=BOB, **CLUB)
        assert SECRET not in repr(reply), name
    own = await house.ask("show", job_id, **CLUB)
    assert own.private, "in the chat even its owner sees it alone"
    assert public(house) == []


async def test_show_of_an_undelivered_private_result_brings_it_to_the_conversation_only(house: House) -> None:
    house.adapter.blocked.add("1")
    job_id = (await private(house)).jobs[0]
    await house.ended(job_id)
    await until(lambda: public(house))
    house.adapter.blocked.clear()
    await house.ask("show", job_id, **CLUB)
    assert house.adapter.results(job_id) == []
    await house.ask("show", job_id, chat="direct:1")
    await until(lambda: house.adapter.results(job_id))
    assert house.adapter.results(job_id)[0].place.chat == "direct:1"
    assert len(public(house)) == 1


def test_a_place_without_a_chat_asked_in_is_the_same_as_before() -> None:
    place = Place(platform="fake", chat="c")
    assert replace(place, asked_in="", asked_thread="") == place
